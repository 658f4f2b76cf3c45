"""The day plan against HiGHS on the same days in the same run: times, ratios, worst difference of cost.

The time of a plan is that of the whole of `make_plan`: solved, gone through again, every slot explained; that
of `solve` and of HiGHS is that of solving alone, the ratio being between these two.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from edge.planner.model import PlanNode, PriceSlot
from edge.planner.problem import make_problem, recovery_bounds, slot_energy_kwh
from edge.planner.schedule import make_plan, solve
from edge.planner.shared_limit import make_plans
from tests.edge.planner.days import day_ahead_prices, random_node, random_prices
from tests.edge.planner.judge import cheapest, programme

Day = tuple[PlanNode, list[PriceSlot]]


def one_node(name: str, days: list[Day], *, whole: bool, limit_ms: float | None) -> bool:
    """Print a line; false when a figure is not what the project promises."""
    plan_ms, solve_ms, judge_ms, worst = [], [], [], 0.0
    for node, prices in days:
        begun = time.perf_counter()
        plan = make_plan(node, prices)
        plan_ms.append((time.perf_counter() - begun) * 1e3)
        most = [slot_energy_kwh(node, 15)] * len(prices)
        bounds = recovery_bounds([node], [most], 15)[0]
        begun = time.perf_counter()
        solve(make_problem(node, prices, 15, 0.0, bounds, most, most))
        solve_ms.append((time.perf_counter() - begun) * 1e3)
        solver = programme([node], prices, whole=whole).solver()
        begun = time.perf_counter()
        solver.run()
        judge_ms.append((time.perf_counter() - begun) * 1e3)
        worst = max(worst, abs(plan.cost - solver.getInfo().objective_function_value))
        if plan.refused is not None:
            worst = float("inf")
    ours, theirs = statistics.median(plan_ms), statistics.median(judge_ms)
    solved = statistics.median(solve_ms)
    good = worst <= 1e-6 and (limit_ms is None or ours <= limit_ms)
    print(
        f"{name:<34} {len(days):>4} days  plan {ours:7.2f} ms"
        f" (worst {max(plan_ms):6.1f})"
        f"  solve {solved:6.2f} ms  {'MILP' if whole else 'LP'} {theirs:8.2f} ms"
        f"  ratio {solved / theirs:5.2f}"
        f"  worst difference {worst:.1e}  {'ok' if good else 'NOT AS PROMISED'}"
    )
    return good


def shared(name: str, draw: random.Random, make_prices: Callable[[], list[PriceSlot]]) -> None:
    """Five nodes behind one link of two fifths of their power."""
    seconds, gaps, true_gaps = [], [], []
    for _ in range(5):
        nodes = [
            random_node(
                draw, capacity_kwh=draw.choice((5.0, 10.0, 20.0)), power_kw_max=draw.uniform(2.0, 6.0)
            )
            for _ in range(5)
        ]
        prices = make_prices()
        limit_kw = 0.4 * sum(node.power_kw_max for node in nodes)
        begun = time.perf_counter()
        found = make_plans(nodes, prices, limit_kw=limit_kw)
        seconds.append(time.perf_counter() - begun)
        best = cheapest(nodes, prices, limit_kwh=limit_kw / 4)
        gaps.append(found.gap / abs(found.bound))
        true_gaps.append((found.cost - best) / abs(best))
    print(
        f"{name:<34}    5 days  plan {statistics.median(seconds) * 1e3:7.0f} ms  stated gap"
        f" {max(gaps):.2%} at worst, {max(true_gaps):.2%} above the LP"
    )


def main() -> int:
    """0 when every promise is kept."""
    draw = random.Random(2026)
    good = [
        one_node(
            "96 slots, random",
            [(random_node(draw), random_prices(draw)) for _ in range(200)],
            whole=False,
            limit_ms=2.0,
        ),
        one_node(
            "96 slots, recorded shape",
            [(random_node(draw), day_ahead_prices(draw, sun=0.1)) for _ in range(200)],
            whole=False,
            limit_ms=2.0,
        ),
        one_node(
            "576 slots, random",
            [(random_node(draw), random_prices(draw, slots=576)) for _ in range(20)],
            whole=False,
            limit_ms=None,
        ),
        one_node(
            "96 slots, negative prices",
            [(random_node(draw), random_prices(draw, low=-0.2)) for _ in range(100)],
            whole=True,
            limit_ms=50.0,
        ),
        one_node(
            "96 slots, recorded shape, negative",
            [(random_node(draw), day_ahead_prices(draw, sun=0.35)) for _ in range(100)],
            whole=True,
            limit_ms=50.0,
        ),
        one_node(
            "96 slots, switching cost",
            [
                (
                    msgspec.structs.replace(
                        random_node(draw, capacity_kwh=10.0, power_kw_max=4.0), switch_cost=0.01
                    ),
                    day_ahead_prices(draw, sun=draw.choice((0.1, 0.35))),
                )
                for _ in range(10)
            ],
            whole=True,
            limit_ms=50.0,
        ),
    ]
    shared("5 nodes, 1 link, random", draw, lambda: random_prices(draw))
    shared("5 nodes, 1 link, recorded shape", draw, lambda: day_ahead_prices(draw, sun=0.15))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
