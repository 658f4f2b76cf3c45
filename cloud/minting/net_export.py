"""Energy that goes there and back is minted once: a node mints only what it gave beyond its best so far.

    net = sent - received by transfer
    a transfer out mints max(0, net - high water), and the high water rises to net; the rest is circular

A node that was charged from elsewhere (sun, grid) exports it all; one that only passes on what it got by
transfer mints nothing, in whatever order and portions.
"""

from typing import NamedTuple

from msgspec import Struct, structs


class Flow(Struct, frozen=True, kw_only=True):
    """One node's account of transferred energy, in mWh, scaled."""

    sent_mwh: int = 0
    received_mwh: int = 0
    high_water_mwh: int = 0
    """The highest net so far; never below 0."""

    @property
    def net_mwh(self) -> int:
        return self.sent_mwh - self.received_mwh


class Sent(NamedTuple):
    """What a transfer out amounts to."""

    flow: Flow
    net_mwh: int
    """Above the high-water mark: new energy for the grid."""
    circular_mwh: int


def send(flow: Flow, energy_mwh: int) -> Sent:
    """The sender's flow after a transfer."""
    sent = structs.replace(flow, sent_mwh=flow.sent_mwh + energy_mwh)
    net_mwh = max(0, sent.net_mwh - flow.high_water_mwh)
    return Sent(
        flow=structs.replace(sent, high_water_mwh=flow.high_water_mwh + net_mwh),
        net_mwh=net_mwh,
        circular_mwh=energy_mwh - net_mwh,
    )


def receive(flow: Flow, *, sent_mwh: int, received_mwh: int) -> Flow:
    """The receiver's flow after a transfer.

    At least half of what was sent counts as received: a meter that hides more than such losses must not
    turn what it hides into new energy.
    """
    return structs.replace(flow, received_mwh=flow.received_mwh + max(received_mwh, (sent_mwh + 1) // 2))
