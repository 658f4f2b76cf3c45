"""From schedules that nearly keep the limit of a link to good ones that do."""

import math
from collections.abc import Sequence

from edge.planner.link import LinkTask, meter_energies, meter_energy, stored_change
from edge.planner.problem import Problem, Solution, make_problem
from edge.planner.schedule import meter_schedule, solve
from edge.planner.simulate import TOLERANCE_KWH
from shared.messages import Action

PASSES = 4
GAIN_WANTED = 1e-5
"""Share of the cost that a pass over all nodes must gain for another to follow."""

Found = list[tuple[Problem, Solution]]


def cut_down(task: LinkTask, wanted: Sequence[Sequence[float]]) -> list[list[float]]:
    """Energies as near to the wanted ones as windows and the limit allow, slot by slot.

    What must move to get back into a window goes first; the rest is scaled down alike.
    """
    levels = [problem.start_kwh for problem in task.problems]
    result: list[list[float]] = [[] for _ in task.nodes]
    for t in range(len(task.prices)):
        musts, extras = [], []
        for n, problem in enumerate(task.problems):
            rest = levels[n] * problem.keep
            low, high = problem.low[t + 1], problem.high[t + 1]
            must = meter_energy(min(max(rest, low), high) - rest, problem.efficiency)
            energy = min(max(wanted[n][t], -problem.charge_kwh_max[t]), problem.discharge_kwh_max[t])
            goal = min(max(rest + stored_change(energy, problem.efficiency), low), high)
            energy = meter_energy(goal - rest, problem.efficiency)
            musts.append(must)
            extras.append(energy - must if energy * must >= 0.0 and abs(energy) > abs(must) else 0.0)
        shares = _extra_shares(task, t, musts, extras)
        for n, problem in enumerate(task.problems):
            energy = musts[n] + extras[n] * shares[extras[n] > 0.0]
            result[n].append(energy)
            after = levels[n] * problem.keep + stored_change(energy, problem.efficiency)
            levels[n] = min(max(after, problem.low[t + 1]), problem.high[t + 1])
    return result


def _extra_shares(task: LinkTask, t: int, musts: list[float], extras: list[float]) -> tuple[float, float]:
    """By how much what is not a must shrinks: of charging, of discharging."""
    limit = task.limit_kwh[t]
    charge = -math.fsum(x for x in extras if x < 0.0)
    discharge = math.fsum(x for x in extras if x > 0.0)
    if not task.net:
        room = max(0.0, limit - math.fsum(map(abs, musts)))
        share = 1.0 if charge + discharge <= room else room / (charge + discharge)
        return share, share
    whole = math.fsum(musts) + discharge - charge
    if whole > limit:
        return 1.0, max(0.0, 1.0 - (whole - limit) / discharge) if discharge > 0.0 else 1.0
    if whole < -limit:
        return max(0.0, 1.0 - (-limit - whole) / charge) if charge > 0.0 else 1.0, 1.0
    return 1.0, 1.0


def improve(task: LinkTask, energies: list[list[float]]) -> tuple[Found, float]:
    """Plan node after node in the room that the others leave, until nobody gains; cost of all."""
    found: list[tuple[Problem, Solution] | None] = [None] * len(task.nodes)
    before = math.inf
    for _ in range(PASSES):
        for n, node in enumerate(task.nodes):
            room = _room(task, energies, n)
            if room is None:
                own = task.problems[n]
                found[n] = found[n] or (own, _as_solution(own, energies[n]))
                continue
            problem = make_problem(
                node, task.prices, task.slot_minutes, task.end_value, task.bounds[n], *room
            )
            solution = solve(problem)
            found[n] = problem, solution
            energies[n] = meter_energies(problem, solution.levels)
        cost = math.fsum(_cost(pair) for pair in found if pair is not None)
        if before - cost <= GAIN_WANTED * abs(cost):
            break
        before = cost
    return [pair for pair in found if pair is not None], cost


def _room(task: LinkTask, energies: list[list[float]], n: int) -> tuple[list[float], list[float]] | None:
    """What node n may charge and discharge per slot; None where it must go on offsetting the others."""
    charges, discharges = [], []
    own = task.problems[n]
    for t, limit in enumerate(task.limit_kwh):
        others = math.fsum(
            (other[t] if task.net else abs(other[t])) for m, other in enumerate(energies) if m != n
        )
        up, down = (limit + others, limit - others) if task.net else (limit - others, limit - others)
        if task.net and min(up, down) < -TOLERANCE_KWH / 10:
            return None
        charges.append(min(own.charge_kwh_max[t], max(0.0, up)))
        discharges.append(min(own.discharge_kwh_max[t], max(0.0, down)))
    return charges, discharges


def _as_solution(problem: Problem, energies: list[float]) -> Solution:
    levels = [problem.start_kwh]
    for energy in energies:
        levels.append(levels[-1] * problem.keep + stored_change(energy, problem.efficiency))
    actions = [
        Action.DISCHARGE if energy > 0.0 else Action.CHARGE if energy < 0.0 else Action.IDLE
        for energy in energies
    ]
    return Solution(levels=levels, actions=actions, idle_costs=[None] * len(energies))


def _cost(pair: tuple[Problem, Solution]) -> float:
    problem, solution = pair
    total, relay = -problem.end_value * solution.levels[-1], problem.relay
    for t, (action, energy) in enumerate(meter_schedule(problem, solution)):
        total -= energy * (problem.sell[t] if energy > 0.0 else problem.buy[t])
        if action is not Action.IDLE and action is not relay:
            total += problem.switch_cost
        relay = action
    return total
