"""What several nodes that share a link are to solve together."""

import math
from collections.abc import Sequence

from msgspec import Struct

from edge.planner.model import PlanNode, PriceSlot
from edge.planner.problem import Bounds, Problem


class LinkTask(Struct, frozen=True, kw_only=True):
    """Problems, bounds and nodes go together; `limit_kwh` is per slot, at the meters."""

    nodes: Sequence[PlanNode]
    prices: Sequence[PriceSlot]
    problems: list[Problem]
    bounds: list[Bounds]
    limit_kwh: list[float]
    net: bool
    """Whether nodes that move opposite ways offset each other."""
    end_value: float
    slot_minutes: int


def used(task: LinkTask, energies: Sequence[Sequence[float]], t: int) -> float:
    """What these energies take of the limit in slot t."""
    return math.fsum(own[t] if task.net else abs(own[t]) for own in energies)


def excess(task: LinkTask, t: int, load_kwh: float) -> float:
    """By how much it passes the limit, with its sign; 0 within."""
    limit = task.limit_kwh[t]
    return max(0.0, load_kwh - limit) if load_kwh >= 0.0 else min(0.0, load_kwh + limit)


def meter_energies(problem: Problem, levels: Sequence[float]) -> list[float]:
    """At the meter, positive while discharging."""
    efficiency, keep = problem.efficiency, problem.keep
    changes = (levels[t + 1] - levels[t] * keep for t in range(len(levels) - 1))
    return [meter_energy(change, efficiency) for change in changes]


def stored_change(energy_kwh: float, efficiency: float) -> float:
    """Of an energy at the meter."""
    return -energy_kwh / efficiency if energy_kwh > 0.0 else -energy_kwh * efficiency


def meter_energy(change_kwh: float, efficiency: float) -> float:
    """Of a change of the stored energy."""
    return -change_kwh / efficiency if change_kwh > 0.0 else -change_kwh * efficiency
