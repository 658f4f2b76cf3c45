"""Where those stand who buy and sell, as far apart as the price wants to know.

A person trades from the sites of their devices, or with none from where they say they are; a device that
nobody claimed from its own.
"""

from collections import defaultdict

from cloud.devices.service import Devices
from cloud.identity.service import Identity
from cloud.kit.store import ReadTx
from cloud.market.model import Side
from cloud.market.service import Market
from cloud.pricing.distance import distance_km
from shared.clock import Clock
from shared.coordinates import Coordinates

KEPT_S_PER_PARTY = 0.001
"""Looking up a party takes some 10 us, so this keeps the work to a hundredth of the time, however many."""

Party = tuple[int | None, str]
"""Owner, and account where there is none."""


class TradingSites:
    """The distance in force; kept the longer, the more parties there are."""

    def __init__(self, *, clock: Clock, market: Market, devices: Devices, identity: Identity) -> None:
        self._clock = clock
        self._market = market
        self._devices = devices
        self._identity = identity
        self._distance_km: float | None = None
        self._kept_until_s = float("-inf")

    async def distance_km(self, tx: ReadTx) -> float | None:
        """Between the centroids of open sellers' and open buyers' sites; None: unknown."""
        if self._clock.monotonic() >= self._kept_until_s:
            parties = await self._market.open_parties(tx)
            found = await self._sites(tx, {_party(p.owner_person_id, p.account) for p in parties})
            sites: dict[Side, list[Coordinates]] = {side: [] for side in Side}
            for party in parties:
                sites[party.side] += found.get(_party(party.owner_person_id, party.account), ())
            self._distance_km = distance_km(sites[Side.SELL], sites[Side.BUY])
            self._kept_until_s = self._clock.monotonic() + KEPT_S_PER_PARTY * len(parties)
        return self._distance_km

    async def _sites(self, tx: ReadTx, parties: set[Party]) -> dict[Party, list[Coordinates]]:
        owners = sorted({owner for owner, _ in parties if owner is not None})
        accounts = sorted({account for owner, account in parties if owner is None})
        sites: dict[Party, list[Coordinates]] = defaultdict(list)
        for site in await self._devices.sites(tx, owners=owners, accounts=accounts):
            sites[_party(site.owner_person_id, site.account)].append(site.coordinates)
        elsewhere = [owner for owner in owners if (owner, "") not in sites]
        for owner, coordinates in (await self._identity.coordinates_of(tx, elsewhere)).items():
            sites[owner, ""].append(coordinates)
        return sites


def _party(owner_person_id: int | None, account: str) -> Party:
    """One for all accounts and devices of a person."""
    return (owner_person_id, "" if owner_person_id is not None else account)
