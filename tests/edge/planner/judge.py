"""The independent judge: the same day as a linear or mixed-integer programme, solved by HiGHS."""

from collections.abc import Sequence

import highspy
import numpy as np

from edge.planner.model import PlanNode, PriceSlot

INF = highspy.kHighsInf


class Programme:
    """Rows and columns as they come."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.low: list[float] = []
        self.high: list[float] = []
        self.whole: list[bool] = []
        self.rows: list[tuple[float, float, list[tuple[int, float]]]] = []

    def column(self, low: float, high: float, cost: float = 0.0, *, whole: bool = False) -> int:
        self.low.append(low)
        self.high.append(high)
        self.cost.append(cost)
        self.whole.append(whole)
        return len(self.cost) - 1

    def row(self, low: float, high: float, terms: list[tuple[int, float]]) -> None:
        self.rows.append((low, high, terms))

    def solver(self) -> highspy.Highs:
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self.cost), len(self.rows)
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = map(np.array, (self.cost, self.low, self.high))
        lp.row_lower_ = np.array([row[0] for row in self.rows])
        lp.row_upper_ = np.array([row[1] for row in self.rows])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.cumsum([0, *(len(row[2]) for row in self.rows)])
        lp.a_matrix_.index_ = np.array([column for row in self.rows for column, _ in row[2]])
        lp.a_matrix_.value_ = np.array([value for row in self.rows for _, value in row[2]])
        if any(self.whole):
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            lp.integrality_ = [kinds[whole] for whole in self.whole]
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("threads", 1)
        for name, value in (
            ("mip_rel_gap", 0.0),
            ("mip_abs_gap", 1e-9),
            ("mip_feasibility_tolerance", 1e-10),
            ("primal_feasibility_tolerance", 1e-10),
            ("dual_feasibility_tolerance", 1e-10),
        ):
            solver.setOptionValue(name, value)
        solver.passModel(lp)
        return solver


def programme(
    nodes: Sequence[PlanNode],
    prices: Sequence[PriceSlot],
    *,
    end_value: float = 0.0,
    whole: bool = False,
    limit_kwh: float | None = None,
    net: bool = False,
) -> Programme:
    """Slots of 15 min, starts inside the window. `whole`: one direction per slot, and switching."""
    found = Programme()
    meters: list[list[tuple[int, float]]] = [[] for _ in prices]
    for node in nodes:
        most = node.power_kw_max * 0.25
        kept = (1 - node.idle_loss_per_hour) ** 0.25
        before: int | None = None
        relays: tuple[int, int] | None = None
        for t, price in enumerate(prices):
            charge = found.column(0, most, price.buy)
            discharge = found.column(0, most, -price.sell)
            last = t == len(prices) - 1
            stored = found.column(
                node.soc_min * node.capacity_kwh,
                node.soc_max * node.capacity_kwh,
                -end_value if last else 0.0,
            )
            terms = [(stored, 1.0), (charge, -node.efficiency), (discharge, 1 / node.efficiency)]
            if before is None:
                start = node.soc * node.capacity_kwh * kept
                found.row(start, start, terms)
            else:
                found.row(0.0, 0.0, [*terms, (before, -kept)])
            before = stored
            meters[t] += [(charge, -1.0 if net else 1.0), (discharge, 1.0)]
            if whole:
                on = found.column(0, 1, whole=True), found.column(0, 1, whole=True)
                found.row(-INF, 0.0, [(charge, 1.0), (on[0], -most)])
                found.row(-INF, 0.0, [(discharge, 1.0), (on[1], -most)])
                found.row(-INF, 1.0, [(on[0], 1.0), (on[1], 1.0)])
                if node.switch_cost:
                    for side in (0, 1):
                        begun = found.column(0, 1, node.switch_cost)
                        held = [] if relays is None else [(relays[side], -1.0)]
                        found.row(-INF, 0.0, [(on[side], 1.0), *held, (begun, -1.0)])
                relays = on
    if limit_kwh is not None:
        for terms in meters:
            found.row(-limit_kwh if net else -INF, limit_kwh, terms)
    return found


def cheapest(
    nodes: Sequence[PlanNode],
    prices: Sequence[PriceSlot],
    *,
    end_value: float = 0.0,
    whole: bool = False,
    limit_kwh: float | None = None,
    net: bool = False,
) -> float:
    """The cost that HiGHS proves to be the least."""
    found = programme(nodes, prices, end_value=end_value, whole=whole, limit_kwh=limit_kwh, net=net)
    solver = found.solver()
    solver.run()
    assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return float(solver.getInfo().objective_function_value)
