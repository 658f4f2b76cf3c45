"""Who may place and cancel, and what a repeat, a crash or a bad neighbour in the line does to them."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cloud.identity.model import Role
from cloud.kit.idempotency import NO_KEY
from cloud.kit.store.errors import StoreUnavailable
from cloud.ledger.model import Asset
from cloud.market.model import Side, Wish

XLM = Asset.XLM
ROOT = Path(__file__).resolve().parents[3]


async def calls(trader, headers) -> list[int]:
    """The statuses of placing and of cancelling an own order with these headers."""
    order = await trader.placed("buy", 0.1, 1.0)
    body = {"type": "buy", "kwh_amount": 0.1, "token_price": 1.0}
    placed = await trader.client.post("/api/v1/market/order/create", json=body, headers=headers)
    cancelled = await trader.client.post(
        "/api/v1/market/order/cancel", json={"order_id": order["id"]}, headers=headers
    )
    return [placed.status_code, cancelled.status_code]


async def test_a_stranger_neither_places_nor_cancels(ana):
    assert await calls(ana, {}) == [401, 401]
    assert await calls(ana, {"Authorization": "Bearer x"}) == [401, 401]
    assert await calls(ana, {"Authorization": "Basic YTpi"}) == [401, 401]


async def test_an_expired_token_neither_places_nor_cancels(ana, trader, clock):
    clock.advance(901)
    fresh = await trader(1)

    assert await calls(fresh, ana.headers) == [401, 401]


async def test_a_token_of_before_the_logout_neither_places_nor_cancels(ana, trader):
    old = dict(ana.headers)
    await ana.client.post("/api/v1/auth/logout", headers=old)
    fresh = await trader(1)

    assert await calls(fresh, old) == [401, 401]


async def test_somebody_elses_order_stays_where_it_is(ana, ben, parts):
    order = await ana.placed("buy", 0.1, 1.0)

    assert (await ben.cancel(order["id"])).status_code == 403

    assert [found.id for found in await parts.services.market.open_orders()] == [order["id"]]


async def test_an_admin_cancels_nobodys_order(ana, ben, parts):
    order = await ana.placed("buy", 0.1, 1.0)
    await parts.services.identity.grant(ben.person.wallet_address, "admin")

    assert (await ben.cancel(order["id"])).status_code == 403


async def test_a_recipient_sells_as_a_donor_from_then_on(ana, parts):
    await ana.placed("sell", 0.1, 1.0)

    async with parts.store.read() as tx:
        assert (await parts.services.identity.person(tx, ana.person.id)).role is Role.DONOR


@pytest.mark.parametrize("order_id", ["", "x" * 201, None, 7])
async def test_an_order_id_that_cannot_be_one_is_named(ana, order_id):
    answer = await ana.client.post(
        "/api/v1/market/order/cancel", json={"order_id": order_id}, headers=ana.headers
    )

    assert answer.status_code == 400
    assert "order_id" in answer.json()["error"]


async def test_a_repeat_under_its_key_places_once(ana):
    key = {"Idempotency-Key": "k1"}
    first = await ana.create("buy", 0.5, 5.0, **key)
    again = await ana.create("buy", 0.5, 5.0, **key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert await ana.holds(XLM, "/orders") == 2.5
    assert (await ana.create("buy", 0.6, 5.0, **key)).status_code == 422


async def test_repeats_at_the_same_moment_place_once(ana):
    answers = await asyncio.gather(
        *(ana.create("buy", 0.5, 5.0, **{"Idempotency-Key": "k"}) for _ in range(9))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await ana.holds(XLM, "/orders") == 2.5


async def test_a_repeated_cancel_is_answered_like_the_first(ana):
    order = await ana.placed("buy", 0.5, 5.0)
    key = {"Idempotency-Key": "c1"}

    answers = [await ana.cancel(order["id"], **key) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


async def test_a_refused_order_is_tried_afresh_under_its_key(ana):
    key = {"Idempotency-Key": "k"}
    await ana.placed("buy", 1000, 9.9999)
    assert (await ana.create("buy", 1, 5.0, **key)).status_code == 400
    await ana.cancel((await ana.client.get("/api/v1/market/orders", headers=ana.headers)).json()[0]["id"])

    assert (await ana.create("buy", 1, 5.0, **key)).status_code == 201


class Broken:
    """Fails when the order is matched already."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def kept(self, _tx, _into):
        return None

    async def keep(self, _tx, _result):
        raise self.error


async def together(ana, ben, error: Exception):
    """Ben's order between two of Ana's, all in one batch, and Ben's breaks."""
    market = ana.parts.services.market
    wish = Wish(side=Side.BUY, lots=1_000, price_ticks=10_000)
    keys = [(ana, NO_KEY), (ben, Broken(error)), (ana, NO_KEY)]
    return await asyncio.gather(
        *(market.place(trader.person, wish, once) for trader, once in keys), return_exceptions=True
    )


async def test_one_bad_command_hurts_nobody_else_in_its_batch(ana, ben):
    first, bad, last = await together(ana, ben, RuntimeError("nobody foresaw this"))

    assert isinstance(bad, RuntimeError)
    assert first.id != last.id
    assert (await ana.holds(XLM, "/orders"), await ben.holds(XLM, "/orders")) == (2, 0)
    assert await ben.holds(XLM) == 10_000


async def test_what_the_store_does_not_take_is_not_tried_again(ana, ben):
    answers = await together(ana, ben, StoreUnavailable("disk full"))

    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
    assert (await ana.holds(XLM), await ben.holds(XLM)) == (10_000, 10_000)
    assert (await ana.placed("buy", 1, 1))["status"] == "Created"


async def test_who_gave_up_waiting_has_no_order(ana, parts):
    market = parts.services.market
    wish = Wish(side=Side.BUY, lots=1_000, price_ticks=10_000)
    async with parts.store.write():
        first = asyncio.create_task(market.place(ana.person, wish, NO_KEY))
        await asyncio.sleep(0)
        second = asyncio.create_task(market.place(ana.person, wish, NO_KEY))
        for _ in range(5):
            await asyncio.sleep(0)
        second.cancel()
    await first

    assert await ana.holds(XLM, "/orders") == 1


async def test_many_orders_share_a_commit(ana, ben, parts):
    market = parts.services.market
    wish = Wish(side=Side.BUY, lots=1, price_ticks=1)
    await asyncio.gather(*(market.place(ana.person, wish, NO_KEY) for _ in range(100)))

    assert len({found.id for found in await market.open_orders()}) == 100
    assert market._sequencer.batches <= 10


CRASH = """
    import asyncio, os, signal, sys
    from pathlib import Path
    from cloud.app import MIGRATIONS, build
    from cloud.kit.idempotency import Call, Once
    from cloud.market.model import Side, Wish
    from cloud.settings import Settings
    from shared.clock import SystemClock

    async def main(folder, dies):
        parts = build(Settings(data_dir=Path(folder)), SystemClock())
        await parts.store.migrate(MIGRATIONS)
        async with parts.store.write() as tx:
            known = await tx.fetch_value("SELECT COUNT(*) FROM people")
            people = parts.services.identity
            person = await (people.person(tx, 1) if known else people.add(tx, None))
            if not known:
                await people.welcome(tx, person.account)
        market = parts.services.market
        if dies:
            run = market._sequencer._run
            async def run_and_die(commands):
                await run(commands)
                os.kill(os.getpid(), signal.SIGKILL)
            market._sequencer._run = run_and_die
        once = Once(Call(person.account, "POST /create", "key", "same body", SystemClock().now_us()))
        answer = await market.place(person, Wish(side=Side.BUY, lots=500, price_ticks=50_000), once)
        orders = await market.open_orders()
        print(answer.id == orders[0].id, len(orders))
        await parts.store.close()

    asyncio.run(main(sys.argv[1], sys.argv[2] == "dies"))
"""


def test_a_crash_between_commit_and_answer_leaves_one_order_for_the_repeat(tmp_path):
    """The process is killed when the order is durable and nobody was told."""

    def run(how: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(CRASH), str(tmp_path), how],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("dies").returncode == -signal.SIGKILL
    again = run("lives")

    assert again.stdout == "True 1\n", again.stderr
