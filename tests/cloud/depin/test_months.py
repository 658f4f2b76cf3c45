"""The monthly reward: whole months of UTC, above 90 %, once, whoever comes first: job or heartbeat."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from apscheduler.triggers.cron import CronTrigger

from cloud import app as service
from cloud.app import Parts
from cloud.depin.service import Depin
from shared.clock import ManualClock
from tests.cloud.depin.conftest import Site, Wallet
from tests.cloud.devices.conftest import Agent

LT = 10_000_000
MONTH_S = 31 * 86_400
"""January."""


@pytest.fixture
async def node(site: Site, ana: Wallet, agent: Agent) -> Agent:
    """Registered as January begins."""
    await site.register(agent, ana)
    return agent


async def months_paid(parts: Parts) -> list[str]:
    return [
        reward["month"]
        for event in await parts.events.after(0, types=["depin_reward"], limit=100_000)
        for reward in json.loads(event.payload)["rewards"]
        if reward["reason"] == "monthly"
    ]


async def credit(parts: Parts, agent: Agent, uptime_s: int, until_s: int) -> None:
    """As if heartbeats had come: what a month of them would leave."""
    async with parts.store.write() as tx:
        await tx.execute(
            "UPDATE depin_nodes SET uptime_us = :uptime, counted_until_us = registered_at_us + :until"
            " WHERE device_id = :device_id",
            {"uptime": uptime_s * 10**6, "until": until_s * 10**6, "device_id": agent.device_id},
        )


@pytest.mark.parametrize("uptime_s, paid", [(MONTH_S * 9 // 10, []), (MONTH_S * 9 // 10 + 1, ["2026-01"])])
async def test_a_month_above_ninety_percent_earns_fifty(
    site: Site, parts: Parts, depin: Depin, ana: Wallet, node: Agent, clock: ManualClock, uptime_s, paid
) -> None:
    await credit(parts, node, uptime_s, MONTH_S - 600)
    clock.advance(MONTH_S)

    await depin.pay_months()
    await depin.pay_months()

    assert await months_paid(parts) == paid
    assert await site.lt(ana.account) == (100 + 50 * len(paid)) * LT


async def test_before_the_month_is_over_nothing_is_paid(
    parts: Parts, depin: Depin, node: Agent, clock: ManualClock
) -> None:
    await credit(parts, node, MONTH_S - 600, MONTH_S - 600)
    clock.advance(MONTH_S - 1)

    await depin.pay_months()

    assert await months_paid(parts) == []


async def test_a_node_that_came_after_the_month_began_waits_for_the_next(
    site: Site, parts: Parts, depin: Depin, ana: Wallet, agent: Agent, clock: ManualClock
) -> None:
    clock.advance(0.000001)
    await site.register(agent, ana)
    await credit(parts, agent, MONTH_S - 1, MONTH_S - 1)
    clock.advance(MONTH_S)
    await depin.pay_months()
    assert await months_paid(parts) == []

    await credit(parts, agent, MONTH_S + 28 * 86_400 - 1, MONTH_S + 28 * 86_400 - 1)
    clock.advance(28 * 86_400)
    await depin.pay_months()

    assert await months_paid(parts) == ["2026-02"]


async def test_the_first_heartbeat_of_a_month_settles_the_one_before_without_counting_for_it(
    site: Site, parts: Parts, node: Agent, clock: ManualClock
) -> None:
    await credit(parts, node, MONTH_S * 9 // 10, MONTH_S - 600)
    clock.advance(MONTH_S)

    body = (await site.beat(node)).json()

    assert "monthly" not in [reward["reason"] for reward in body["rewards"]]
    assert body["uptime_credited_seconds"] == 600
    await parts.services.depin.pay_months()
    assert await months_paid(parts) == []


async def test_months_that_ended_while_the_service_was_down_are_caught_up_with(
    parts: Parts, depin: Depin, node: Agent, clock: ManualClock
) -> None:
    await credit(parts, node, MONTH_S - 600, MONTH_S - 600)
    clock.advance(MONTH_S + 28 * 86_400 + 5 * 86_400)  # 2026-03-06

    await depin.pay_months()

    # At the end of February uptime was 31 of 59 days.
    assert await months_paid(parts) == ["2026-01"]
    async with parts.store.read() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM depin_months") == 2


async def test_many_nodes_are_all_paid(
    site: Site, parts: Parts, depin: Depin, ana: Wallet, another, clock: ManualClock, monkeypatch
) -> None:
    monkeypatch.setattr("cloud.depin.service.NODES_AT_ONCE", 2)
    for number in range(5):
        agent = await another(number)
        await site.register(agent, ana)
        await credit(parts, agent, MONTH_S - 600, MONTH_S - 600)
    clock.advance(MONTH_S)

    await asyncio.gather(depin.pay_months(), depin.pay_months())

    assert await months_paid(parts) == ["2026-01"] * 5
    assert await site.lt(ana.account) == 5 * 150 * LT


async def test_the_job_comes_round_as_the_month_begins(parts: Parts) -> None:
    [job] = [job for job in service._jobs(parts.services) if job.name == "depin months"]
    assert isinstance(job.trigger, CronTrigger)

    at = datetime(2026, 1, 15, tzinfo=UTC)
    assert job.trigger.get_next_fire_time(None, at) == datetime(2026, 2, 1, tzinfo=UTC)
