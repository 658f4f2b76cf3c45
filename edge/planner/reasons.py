"""Why a plan does what it does in each slot, in one sentence that a node's owner can check."""

from collections.abc import Sequence
from datetime import UTC, tzinfo

from msgspec import Struct

from edge.planner.model import PlanNode, PriceSlot
from shared.messages import Action

NEGLIGIBLE = 1e-9


class Ahead(Struct, frozen=True, kw_only=True, gc=False):
    """What comes next in the plan, as indexes of slots; None where nothing does."""

    charge: int | None
    discharge: int | None
    peak: int | None
    """The dearest slot of the next stretch of discharging."""


class Story(Struct, frozen=True, kw_only=True):
    """All that a sentence needs to know."""

    node: PlanNode
    prices: Sequence[PriceSlot]
    energies: Sequence[float]
    """kWh at the meter, positive while discharging."""
    actions: Sequence[Action]
    socs: Sequence[float]
    """Fraction before each slot, and after the last."""
    idle_costs: Sequence[float | None]
    end_value: float
    zone: tzinfo = UTC


def explain(story: Story) -> list[str]:
    """One sentence per slot."""
    ahead = _ahead(story)
    node = story.node
    if node.capacity_kwh <= 0.0 or node.power_kw_max <= 0.0:
        nothing = "no capacity" if node.capacity_kwh <= 0.0 else "no power"
        return [f"hold: the node has {nothing} to plan with"] * len(story.prices)
    sentences, cheapest_since = [], 0
    for t, energy in enumerate(story.energies):
        if energy < 0.0:
            sentences.append(_charge(story, t, ahead[t], cheapest_since))
        elif energy > 0.0:
            sentences.append(_discharge(story, t, ahead[t]))
            cheapest_since = t + 1
        else:
            sentences.append(_hold(story, t, ahead[t]))
    return sentences


def clock(story_prices: Sequence[PriceSlot], index: int, zone: tzinfo) -> str:
    """`18:00`, or `slot 72` where slots are only numbered."""
    start = story_prices[index].start
    if start is None:
        return f"slot {index}"
    if zone is not UTC:
        start = start.astimezone(zone)
    return f"{start.hour:02d}:{start.minute:02d}"


def _ahead(story: Story) -> list[Ahead]:
    found: list[Ahead] = []
    charge = discharge = peak = None
    prices = story.prices
    for t in range(len(prices) - 1, -1, -1):
        found.append(Ahead(charge=charge, discharge=discharge, peak=peak))
        energy = story.energies[t]
        if energy < 0.0:
            charge = t
        elif energy > 0.0:
            if peak is None or (charge is not None and charge < peak) or prices[t].sell >= prices[peak].sell:
                peak = t
            discharge = t
    found.reverse()
    return found


def _saves(idle_cost: float | None) -> str:
    if idle_cost is None:
        return ""
    return f", saves {idle_cost:.3g}" if idle_cost > NEGLIGIBLE else ", another slot would do as well"


def _charge(story: Story, t: int, ahead: Ahead, since: int) -> str:
    node, buy = story.node, story.prices[t].buy
    saves = _saves(story.idle_costs[t])
    if story.socs[t] < node.soc_min - NEGLIGIBLE:
        return (
            f"charge: at {story.socs[t]:.1%} it is below its window from {node.soc_min:.1%}, "
            "so it goes back as fast as it may"
        )
    if buy < 0.0:
        return f"charge: taking energy pays {-buy:.4g} per kWh{saves}"
    if ahead.discharge is not None and ahead.peak is not None:
        peak = clock(story.prices, ahead.peak, story.zone)
        if buy <= min(slot.buy for slot in story.prices[since : ahead.discharge]):
            return f"charge: cheapest {_length(story)} before the {peak} peak{saves}"
        sell = story.prices[ahead.peak].sell
        return f"charge: {buy:.4g} per kWh is cheap enough for the {peak} peak at {sell:.4g}{saves}"
    if story.end_value:
        return f"charge: {buy:.4g} per kWh, a kWh stored at the end is worth {story.end_value:.4g}{saves}"
    return f"charge: {buy:.4g} per kWh makes up for what idling loses{saves}"


def _length(story: Story) -> str:
    if len(story.prices) > 1 and story.prices[0].start is not None and story.prices[1].start is not None:
        minutes = round((story.prices[1].start - story.prices[0].start).total_seconds() / 60)
        return f"{minutes} min"
    return "slot"


def _discharge(story: Story, t: int, ahead: Ahead) -> str:
    node, sell = story.node, story.prices[t].sell
    saves = _saves(story.idle_costs[t])
    if story.socs[t] > node.soc_max + NEGLIGIBLE:
        return (
            f"discharge: at {story.socs[t]:.1%} it is above its window to {node.soc_max:.1%}, "
            "so it goes back as fast as it may"
        )
    if ahead.charge is None:
        until, rest = "of what is left of the day", story.prices[t + 1 :]
    else:
        until = f"before it charges again at {clock(story.prices, ahead.charge, story.zone)}"
        rest = story.prices[t + 1 : ahead.charge]
        if sell <= 0.0:
            paid = story.prices[ahead.charge].buy
            return f"discharge: makes room, for it can charge at {paid:.4g} per kWh later{saves}"
    best = "the best price" if all(sell >= slot.sell for slot in rest) else "among the best prices"
    return f"discharge: {sell:.4g} per kWh is {best} {until}{saves}"


def _hold(story: Story, t: int, ahead: Ahead) -> str:
    node, soc = story.node, story.socs[t]
    if story.actions[t] is not Action.IDLE:
        return (
            f"hold with the {story.actions[t]} relay closed: "
            f"closing it again would cost {node.switch_cost:.4g}"
        )
    full = soc >= node.soc_max - NEGLIGIBLE
    charges_first = ahead.charge is not None and (ahead.discharge is None or ahead.charge < ahead.discharge)
    if charges_first and ahead.charge is not None:
        when, buy = clock(story.prices, ahead.charge, story.zone), story.prices[ahead.charge].buy
        if buy < 0.0:
            return f"hold: waits for {when}, when taking energy pays {-buy:.4g} per kWh"
        return f"hold: waits for {when}, when a kWh costs {buy:.4g}"
    if ahead.discharge is not None and ahead.peak is not None:
        when, sell = clock(story.prices, ahead.peak, story.zone), story.prices[ahead.peak].sell
        return f"hold: {'full' if full else 'keeps its energy'} until the {when} peak at {sell:.4g}"
    if soc <= node.soc_min + NEGLIGIBLE:
        return "hold: empty, and no price ahead pays for the losses"
    return "hold: no price ahead pays for moving energy"
