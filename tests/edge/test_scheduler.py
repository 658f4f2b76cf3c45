"""The plan in the running agent: it speaks for pairs, never holds up balance or the cycle, and says why."""

import threading
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from edge import scheduler as scheduler_module
from edge.config import PlanConfig, TransferConfig
from edge.loop import Agent
from edge.page import view
from edge.planner.forecast import Outlook, Source
from edge.planner.model import Plan, PlanSlot
from edge.planner.site import SitePlan
from hardware.bench import Bench, BenchSettings
from shared.clock import to_micros
from shared.messages import Action, ForecastSlot, GridForecast, Hold, NodeState
from tests.edge.agents import SETTINGS, an_agent, fast_clock
from tests.edge.eventually import eventually
from tests.edge.test_agent import _running, _states

CHARGE, DISCHARGE = Action.CHARGE, Action.DISCHARGE
OFF = PlanConfig(enabled=False)
SLOT = timedelta(minutes=15)


def _slot_start(agent: Agent):
    now = agent.clock.now()
    return now - timedelta(microseconds=to_micros(now) % 900_000_000)


def _forecast(agent: Agent, *, price: float = 5.0, age_s: float = 0.0) -> GridForecast:
    start = _slot_start(agent)
    slots = tuple(ForecastSlot(start=start + n * SLOT, price_xlm_per_kwh=price + n % 7) for n in range(96))
    return GridForecast(made_at=agent.clock.now() - timedelta(seconds=age_s), slots=slots)


def _site_plan(agent: Agent, **wishes: Action) -> SitePlan:
    """Each node does the same at full power for some slots from now on."""
    start = _slot_start(agent)

    def plan(uid: str, action: Action) -> Plan:
        slots = tuple(
            PlanSlot(
                index=n,
                start=start + n * SLOT,
                buy=5.0,
                sell=5.0,
                action=action,
                energy_kwh=1.0 if action is DISCHARGE else -1.0,
                soc=0.5,
                cost=0.0,
                idle_costs=0.0,
                reason="as told",
            )
            for n in range(96)
        )
        return Plan(
            uid=uid, slot_minutes=15, power_kw_max=4.0, slots=slots, cost=0.0, idle_cost=0.0, soc_end=0.5
        )

    return SitePlan(
        made_at=agent.clock.now(),
        outlook=Outlook(source=Source.CLOUD, age_s=0.0, prices=(), first_slot_share=1.0, reason="test"),
        plans={uid: plan(uid, action) for uid, action in wishes.items()},
        left_out={},
        cost=0.0,
        idle_cost=0.0,
        gap=0.0,
    )


async def test_a_plan_for_a_pair_goes_before_balance_and_is_shown(tmp_path: Path) -> None:
    agent = an_agent(tmp_path, fast_clock(), plan=OFF)
    agent.scheduler.plan = _site_plan(agent, NODE_C=DISCHARGE, NODE_E=CHARGE)
    async with _running(agent):
        await eventually(lambda: _states(agent).get("NODE_C") is NodeState.SUPPLYING)

        assert _states(agent)["NODE_E"] is NodeState.RECEIVING
        assert agent.state is not None
        assert agent.state.decided_by == "plan"
        by = {node.uid: node for node in agent.state.nodes}
        assert by["NODE_C"].reason == "plan: as told; with NODE_E"
        # The others are balanced as ever: 82 % gives to 38 %.
        assert (by["NODE_A"].state, by["NODE_D"].state) == (NodeState.SUPPLYING, NodeState.RECEIVING)
        shown = view.state(agent)["plan"]
        assert shown["nodes"]["NODE_C"] == {
            "planned": True,
            "why": "as told; with NODE_E",
            "asks": "discharge",
            "peer_uid": "NODE_E",
        }


async def test_a_plan_that_safety_refuses_is_recorded_once_and_then_balance_goes_on(tmp_path: Path) -> None:
    clock = fast_clock()
    settings = BenchSettings(houses=False, soc_percent=(82.0, 66.0, 52.0, 38.0, 12.0))
    agent = an_agent(tmp_path, clock, Bench.five(clock, settings=settings), plan=OFF)
    agent.scheduler.plan = _site_plan(agent, NODE_E=DISCHARGE, NODE_A=CHARGE)
    async with _running(agent):
        await eventually(lambda: any(event.kind == "veto" for event in agent.events))
        turns = agent.turns
        await eventually(
            lambda: agent.turns > turns + 60 and _states(agent).get("NODE_E") is NodeState.RECEIVING
        )

        assert _states(agent)["NODE_A"] is NodeState.SUPPLYING
        vetoes = [event for event in agent.events if event.kind == "veto"]
        assert {event.node_uid for event in vetoes} == {"NODE_A", "NODE_E"}
        assert any("no discharge at or below 20 %" in event.reason for event in vetoes)


async def test_it_plans_from_the_forecast_and_again_when_a_new_one_comes(tmp_path: Path) -> None:
    agent = an_agent(tmp_path, fast_clock())
    async with _running(agent):
        await eventually(lambda: agent.scheduler.plans_made >= 1)
        shown = view.state(agent)["plan"]
        assert (shown["source"], shown["slots"]) == ("hold", [])
        assert "no forecast has come yet" in shown["reason"]

        agent.connection.prices.forecast = _forecast(agent)
        await eventually(lambda: view.state(agent)["plan"]["source"] == "cloud")

        shown = view.state(agent)["plan"]
        assert shown["problem"] is None
        assert len(shown["slots"]) == 96
        assert set(shown["slots"][0]) == {"start", "buy", "sell", "power_w", "soc_percent"}
        assert set(shown["slots"][0]["power_w"]) == {f"NODE_{letter}" for letter in "ABCDE"}
        assert shown["cost"] <= shown["idle_cost"]
        assert all(node["why"] for node in shown["nodes"].values())
        msgspec.json.encode(shown)


async def test_balance_works_whatever_the_forecast_is(tmp_path: Path) -> None:
    agent = an_agent(tmp_path, fast_clock())
    agent.connection.prices.forecast = _forecast(agent, price=-3.0)
    async with _running(agent):
        await eventually(lambda: agent.scheduler.plans_made >= 1)

        def two_pairs() -> bool:
            states = list(_states(agent).values())
            return states.count(NodeState.SUPPLYING) == states.count(NodeState.RECEIVING) == 2

        await eventually(two_pairs)


async def test_the_forecast_outlives_a_restart_and_is_used_with_its_age(tmp_path: Path) -> None:
    clock = fast_clock()
    first = an_agent(tmp_path, clock)
    first.connection.prices.forecast = _forecast(first, age_s=7200.0)
    async with _running(first):
        await eventually(lambda: first.scheduler.plans_made >= 1 and first.turns > 3)

    second = an_agent(tmp_path, clock)
    async with _running(second):
        await eventually(lambda: view.state(second)["plan"]["source"] == "last")
        shown = view.state(second)["plan"]
        assert shown["age_s"] >= 7200


async def test_an_unusable_forecast_does_not_push_out_the_last_usable_one(tmp_path: Path) -> None:
    agent = an_agent(tmp_path, fast_clock())
    good = _forecast(agent)
    async with _running(agent):
        agent.connection.prices.forecast = good
        await eventually(lambda: agent.scheduler.usable_forecast is good)
        agent.connection.prices.forecast = msgspec.structs.replace(_forecast(agent, price=float("nan")))
        made = agent.scheduler.plans_made
        await eventually(lambda: agent.scheduler.plans_made > made)

        assert agent.scheduler.plan is not None
        assert agent.scheduler.plan.outlook.source is Source.CLOUD
        assert agent.scheduler.usable_forecast is good


async def test_without_a_forecast_the_default_tariff_serves(tmp_path: Path) -> None:
    tariff = ",".join(str(n) for n in range(1, 25))
    agent = an_agent(tmp_path, fast_clock(), plan=PlanConfig(default_tariff=tariff))
    async with _running(agent):
        await eventually(lambda: agent.scheduler.plan is not None)
        shown = view.state(agent)["plan"]
        assert (shown["source"], len(shown["slots"])) == ("tariff", 96)
        assert "default tariff: no forecast has come yet" in shown["reason"]


async def test_planning_that_fails_holds_with_the_reason_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object, **_more: object) -> SitePlan:
        raise ZeroDivisionError("a number no one expected")

    monkeypatch.setattr(scheduler_module, "make_site_plan", fails)
    agent = an_agent(tmp_path, fast_clock())
    async with _running(agent):
        await eventually(lambda: agent.scheduler.failures >= 1 and agent.turns > 10)

        shown = view.state(agent)["plan"]
        assert shown["source"] == "hold"
        assert shown["problem"] == "hold: planning failed (a number no one expected)"
        assert NodeState.SUPPLYING in _states(agent).values()


async def test_planning_that_takes_long_holds_up_no_turn_and_no_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, begun = threading.Event(), threading.Event()

    def slow(*_args: object, **_more: object) -> SitePlan:
        begun.set()
        free.wait(600)  # longer than anybody below waits
        raise ValueError("too late")

    monkeypatch.setattr(scheduler_module, "make_site_plan", slow)
    agent = an_agent(tmp_path, fast_clock(20))
    try:
        async with _running(agent):
            await eventually(begun.is_set)
            turns = agent.turns
            await eventually(lambda: agent.turns >= turns + 20)
            assert agent.scheduler.plan is None
        assert not free.is_set()
    finally:
        free.set()


async def test_it_does_not_plan_while_the_time_is_not_known(tmp_path: Path) -> None:
    clock = fast_clock()
    agent = an_agent(tmp_path, clock, Bench.five(clock, settings=SETTINGS))
    agent.is_synced = lambda: False
    agent.connection.prices.forecast = _forecast(agent)
    async with _running(agent):
        await eventually(lambda: agent.scheduler.plans_made >= 1)
        assert "the clock is not known to be right" in view.state(agent)["plan"]["reason"]


async def test_relays_that_have_used_up_their_day_begin_nothing_also_after_a_restart(tmp_path: Path) -> None:
    clock = fast_clock()
    few = TransferConfig(closings_per_day=2, dwell_s=0.0)
    first = an_agent(tmp_path, clock, transfer=few)
    async with _running(first):
        for _ in range(2):
            await eventually(lambda: _states(first).get("NODE_A") is NodeState.SUPPLYING)
            first.on_hold(Hold(node_uid="NODE_A", action="idle"))
            await eventually(lambda: _states(first)["NODE_A"] is NodeState.IDLE)
            first.on_hold(Hold(node_uid="NODE_A", action="release"))
        await eventually(lambda: "as often as its day allows" in _reason(first, "NODE_A"))

    second = an_agent(tmp_path, clock, transfer=few)
    async with _running(second):
        await eventually(lambda: second.turns > 5)
        assert "the discharge relay has closed as often as its day allows" in _reason(second, "NODE_A")
        # A person may still have it.
        second.on_hold(Hold(node_uid="NODE_A", action="discharge"))
        await eventually(lambda: _states(second)["NODE_A"] is NodeState.SUPPLYING)


def _reason(agent: Agent, uid: str) -> str:
    assert agent.state is not None
    return next(node.reason for node in agent.state.nodes if node.uid == uid)


async def test_a_charge_far_from_the_plan_asks_for_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler_module, "DEVIATION_POINTS", 0.1)
    monkeypatch.setattr(scheduler_module, "DEVIATION_PAUSE_S", 5.0)
    # Every hour costs the same, so the plan holds while balance moves A: 1 A is 0.64 points a minute.
    agent = an_agent(tmp_path, fast_clock(), plan=PlanConfig(default_tariff="0.3"))
    async with _running(agent):
        await eventually(lambda: agent.scheduler.plans_made >= 4)
