"""Who gives what to whom: converters between the cells and one shared busbar. Pure.

Each sender's converter draws `transfer_current_a` from its cell; the power reaches the receivers less the
losses, in equal shares, each held to what its own converter takes. What the receivers do not take, the
senders do not give: their currents fall together. With only senders or only receivers nothing flows.

    sum of receivers' power = efficiency * sum of senders' power        (at the cells' terminals)
"""

import math
from collections.abc import Sequence

from msgspec import Struct


class Link(Struct, frozen=True, kw_only=True):
    """One node as the busbar sees it."""

    inner_v: float
    """Terminal voltage at no current."""
    r0_ohm: float
    sends: bool = False
    """Its discharge contact is closed and its cell has charge."""
    receives: bool = False
    """Its charge contact is closed and its cell has room."""


def link_currents_a(
    links: Sequence[Link], *, transfer_current_a: float, receive_current_a_max: float, efficiency: float
) -> list[float]:
    """Current of each link in order, positive while discharging into the busbar."""
    given_w = [
        (link.inner_v - transfer_current_a * link.r0_ohm) * transfer_current_a if link.sends else 0.0
        for link in links
    ]
    room_w = [
        (link.inner_v + receive_current_a_max * link.r0_ohm) * receive_current_a_max if link.receives else 0.0
        for link in links
    ]
    receivers = sum(link.receives for link in links)
    offered_w = max(sum(given_w), 0.0) * efficiency
    if not receivers or offered_w <= 0:
        return [0.0] * len(links)
    taken_w = [min(offered_w / receivers, room) for room in room_w]
    share = sum(taken_w) / offered_w
    currents = []
    for link, give_w, take_w in zip(links, given_w, taken_w, strict=True):
        if link.sends:
            currents.append(discharge_current_a(link, give_w * share))
        elif link.receives:
            currents.append(-charge_current_a(link, take_w))
        else:
            currents.append(0.0)
    return currents


def discharge_current_a(link: Link, power_w: float) -> float:
    """The smaller current that gives this power at the terminals: (E - I R) I = P."""
    if power_w <= 0:
        return 0.0
    root = math.sqrt(max(link.inner_v**2 - 4 * link.r0_ohm * power_w, 0.0))
    return 2 * power_w / (link.inner_v + root)


def charge_current_a(link: Link, power_w: float) -> float:
    """The current that takes this power at the terminals, positive: (E + I R) I = P."""
    if power_w <= 0:
        return 0.0
    root = math.sqrt(link.inner_v**2 + 4 * link.r0_ohm * power_w)
    return 2 * power_w / (link.inner_v + root)
