"""A plan as text: one line for each stretch of slots with the same action, then what it saves."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any


def plan_table(plan: Mapping[str, Any]) -> str:
    """`plan` is the document of `edge.planner.files.plan_files`."""
    schedule: Sequence[Mapping[str, Any]] = plan["schedule"]
    lines = [f"{'slots':>9}  {'action':<9} {'kWh':>8} {'SoC':>6} {'cost':>9}  reason"]
    lines += _stretches(schedule)
    lines.append("")
    lines.append(
        f"cost {plan['cost']:.4f}, doing nothing {plan['cost_of_doing_nothing']:.4f}, "
        f"saves {plan['saving']:.4f}; SoC at the end {_share(plan['soc_end'])}"
    )
    if plan["refused"]:
        lines.append(f"refused: {plan['refused']}")
    return "\n".join(lines)


def _stretches(schedule: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for (action, reason), group in groupby(schedule, key=lambda slot: (slot["action"], slot["reason"])):
        slots = list(group)
        first, last = slots[0]["slot"], slots[-1]["slot"]
        span = f"{first}" if first == last else f"{first}-{last}"
        energy_kwh = sum(slot["energy_kwh"] for slot in slots)
        cost = sum(slot["cost"] for slot in slots)
        yield (
            f"{span:>9}  {action:<9} {energy_kwh:>8.3f} {_share(slots[-1]['soc']):>6} {cost:>9.4f}  {reason}"
        )


def _share(soc: float) -> str:
    return f"{100 * soc:.1f}%"
