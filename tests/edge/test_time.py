"""The wall clock is unknown, steps a year either way, or comes late: nothing lost, nothing twice, no jump."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from edge.agent import build
from edge.loop import Agent
from hardware.bench import Bench
from shared.messages import EnergyReport, NodeState, Stream
from tests.edge.agents import SETTINGS, FastClock, an_agent, config
from tests.edge.eventually import eventually
from tests.edge.test_agent import _reports, _running, _states

YEAR_S = 365 * 86_400


class SteppingClock(FastClock):
    """A fast clock whose wall time can be set."""

    def set_wall(self, moment: datetime) -> None:
        self.step_wall((moment - self.now()).total_seconds())


class Switch:
    """Whether the time is known."""

    def __init__(self, *, on: bool) -> None:
        self.on = on

    def __call__(self) -> bool:
        return self.on


def _agent(folder: Path, clock: SteppingClock, synced: Switch, bench: Bench | None = None) -> Agent:
    return an_agent(folder, clock, bench, is_synced=synced)


def _apart(reports: list[EnergyReport]) -> None:
    """No report twice, and none of a sender over another of it."""
    assert len({report.report_id for report in reports}) == len(reports)
    for sender in {report.sender_uid for report in reports}:
        own = sorted((r for r in reports if r.sender_uid == sender), key=lambda r: r.started_at)
        for before, after in itertools.pairwise(own):
            assert before.ended_at <= after.started_at


async def test_reports_and_telemetry_from_before_the_time_was_known_are_dated_once_it_is(
    tmp_path: Path,
) -> None:
    clock, synced = SteppingClock(), Switch(on=False)
    truth = clock.now()
    clock.set_wall(datetime(1970, 1, 2, tzinfo=UTC))
    first = _agent(tmp_path, clock, synced)
    async with _running(first):
        await eventually(lambda: first.turn is not None and len(first.turn.held) >= 2)
        assert await first.worker.call(lambda journal: journal.reports(9)) == ()

    # The agent starts again, and still nobody knows the time.
    second = _agent(tmp_path, clock, synced)
    async with _running(second):
        await eventually(lambda: second.turns > 3)
        assert second.turn is not None
        waiting = {held.report.report_id for held in second.turn.held}
        assert first.turn is not None
        assert {held.report.report_id for held in first.turn.held} <= waiting
        assert await second.worker.call(lambda journal: journal.reports(9)) == ()
        assert not await second.worker.call(
            lambda journal: journal.telemetry_after(Stream.BACKLOG, 0, 99)[0].synced
        )

        elapsed_s = (clock.now() - datetime(1970, 1, 2, tzinfo=UTC)).total_seconds()
        clock.set_wall(truth + timedelta(seconds=elapsed_s))
        synced.on = True
        reports = await _reports(second, len(waiting))

        assert waiting <= {report.report_id for report in reports}
        for report in reports:
            assert report.synced
            assert truth - timedelta(seconds=5) <= report.started_at < report.ended_at <= clock.now()
        _apart(reports)
        assert not second.turn.held
        records = await second.worker.call(lambda journal: journal.telemetry_after(Stream.BACKLOG, 0, 99))
        assert {record.boot_id for record in records} == {first.boot_id, second.boot_id}
        assert all(record.synced and record.utc >= truth - timedelta(seconds=5) for record in records)
        kept = await second.worker.call(lambda journal: journal.keys("held/"))
        assert kept == ()


async def test_what_was_reported_adds_up_to_the_totals_over_steps_of_a_year(tmp_path: Path) -> None:
    clock, synced = SteppingClock(), Switch(on=True)
    bench = Bench.five(clock, settings=SETTINGS)
    agent = _agent(tmp_path, clock, synced, bench)
    async with _running(agent):
        for step_s in (YEAR_S, -2 * YEAR_S, YEAR_S):
            made = len(await _reports(agent, 1))
            before = {node.uid: node for node in agent.state.nodes} if agent.state else {}
            switched = agent._switched_at()
            clock.step_wall(step_s)
            turns = agent.turns
            await eventually(lambda turns=turns: agent.turns >= turns + 3)
            assert agent.state is not None
            for node in agent.state.nodes:
                assert abs(node.soc_percent - before[node.uid].soc_percent) < 1.0
                assert node.state is before[node.uid].state
            assert agent._switched_at() == switched, "no relay moves because a clock did"
            await _reports(agent, made + 4)
        assert NodeState.SUPPLYING in _states(agent).values()

    journal = build(config(tmp_path), clock=clock, bench=Bench.five(clock), is_synced=synced).worker.journal
    reports = [msgspec.json.decode(r.report, type=EnergyReport) for r in journal.reports(999)]
    _apart(reports)
    assert agent.turn is not None
    for uid in ("NODE_A", "NODE_B"):
        reported = sum(report.energy_mwh for report in reports if report.sender_uid == uid)
        total = agent._cycle._meter.sent_mwh(uid)
        assert 0 <= total - reported <= 1
    journal.close()
