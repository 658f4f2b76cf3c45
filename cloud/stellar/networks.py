"""The networks by name: what their signatures are bound to, and where they are reached."""

from typing import Literal

from msgspec import Struct

NetworkName = Literal["offline", "testnet", "public"]


class StellarNetwork(Struct, frozen=True):
    """A Stellar network."""

    name: NetworkName
    passphrase: str
    horizon_url: str | None
    """None: nothing is ever sent."""


NETWORKS: dict[str, StellarNetwork] = {
    network.name: network
    for network in (
        StellarNetwork("offline", "Lumengrid Offline Network", None),
        StellarNetwork("testnet", "Test SDF Network ; September 2015", "https://horizon-testnet.stellar.org"),
        StellarNetwork(
            "public", "Public Global Stellar Network ; September 2015", "https://horizon.stellar.org"
        ),
    )
}
