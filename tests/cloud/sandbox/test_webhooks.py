"""Webhooks of a sandbox are sent while its clock is moved, at the times of its schedule."""

import asyncio
from collections.abc import AsyncIterator
from itertools import groupby, pairwise

import pytest
from aiohttp import web

from cloud.sandbox import sandbox
from cloud.webhooks.schedule import DELAYS_S, JITTER
from tests.cloud.sandbox.conftest import Developer
from tests.cloud.webhooks.receiver import Came, Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


async def test_events_of_years_arrive_in_order_before_the_move_is_answered(
    ana: Developer, receiver: Receiver
) -> None:
    await ana.verify()
    made = await ana.post("/webhooks", {"url": receiver.url, "events": ["distribution.available"]})
    await ana.invest("1000.00")

    await ana.move(to="2031-01-01T00:00:00Z")

    told = [came.event["data"]["distribution_id"][:12] for came in receiver.came]
    # At least once: an answer that came too late for a busy machine is asked for again.
    assert [name for name, _ in groupby(told)] == [
        f"dist_q{quarter}_{year}" for year in range(2026, 2031) for quarter in range(1, 5)
    ]
    assert receiver.came[0].event["created_at"] == "2026-04-01T00:00:00Z"
    assert made["secret"].startswith("whsec_")
    sent = receiver.came[-1]
    assert int(sent.headers["webhook-timestamp"]) == 1_924_992_000  # 2031-01-01


async def test_a_receiver_that_fails_is_tried_again_at_the_times_of_the_schedule(
    ana: Developer, receiver: Receiver
) -> None:
    await ana.verify()
    await ana.post("/webhooks", {"url": receiver.url, "events": ["investment.created"]})
    receiver.status = 500
    await ana.invest("1000.00")

    await ana.move(advance_days=5)

    tries = [int(came.headers["webhook-timestamp"]) for came in receiver.came]
    assert len(tries) == 1 + len(DELAYS_S)
    gaps = [after - before for before, after in pairwise(tries)]
    for gap, delay in zip(gaps, DELAYS_S, strict=True):
        assert abs(gap - delay) <= delay * JITTER + 2


class Hanging:
    """A reply that comes when `goes_on` is set."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()

    async def __call__(self, _: Came) -> web.StreamResponse:
        await self.goes_on.wait()
        return web.Response()


async def test_a_receiver_that_hangs_ends_a_move_where_it_is_and_the_move_can_be_repeated(
    ana: Developer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ana.verify()
    await ana.post("/webhooks", {"url": receiver.url, "events": ["distribution.available"]})
    await ana.invest("1000.00")
    receiver.reply = hanging = Hanging()
    monkeypatch.setattr(sandbox, "MOVE_S_MAX", 0.05)

    moved = await ana.move(to="2027-01-01T00:00:00Z")

    assert moved == {"now": "2026-04-01T00:00:00Z", "reached": False}
    hanging.goes_on.set()
    monkeypatch.setattr(sandbox, "MOVE_S_MAX", 40)
    assert (await ana.move(to="2027-01-01T00:00:00Z"))["reached"]
    assert len({came.id for came in receiver.came}) == 4


async def test_a_reset_does_not_wait_for_a_receiver_that_hangs(ana: Developer, receiver: Receiver) -> None:
    await ana.verify()
    await ana.post("/webhooks", {"url": receiver.url, "events": ["distribution.available"]})
    await ana.invest("1000.00")
    receiver.reply = Hanging()
    moving = asyncio.ensure_future(ana.move(to="2027-01-01T00:00:00Z"))
    await receiver.wait_for(1)

    await ana.post("/reset", status=200)

    assert (await moving) == {"now": "2026-04-01T00:00:00Z", "reached": False}


async def test_no_address_within_is_sent_to(ana: Developer) -> None:
    for url in ("http://10.0.0.1/x", "https://169.254.169.254/latest", "http://192.168.1.1/"):
        refused = await ana.call("POST", "/webhooks", json={"url": url, "events": ["investment.created"]})
        assert refused.status_code == 422
