"""Neighbours at the real service: they sign up, trade, wait while it is away, and are known as simulated."""

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random

import aiohttp
import pytest
import uvicorn
from aiohttp import web

from cloud.app import Parts
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.settings import Settings
from lumengrid.neighbour_rule import Pocket
from lumengrid.neighbours import Neighbour, load_wallets
from lumengrid.processes import free_port
from shared.clock import ManualClock
from tests.cloud.applications import application

UNITS = 10_000_000


@asynccontextmanager
async def serving(data_dir: Path, port: int, clock: ManualClock) -> AsyncIterator[Parts]:
    async with application(Settings(data_dir=data_dir, port=port), clock) as app:
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
        life = asyncio.create_task(server.serve())
        while not server.started and not life.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        try:
            yield app.state.parts
        finally:
            server.should_exit = True
            await life


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def neighbour(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Neighbour]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        [wallet] = load_wallets(tmp_path / "neighbours.json", count=1, seed=1)
        yield Neighbour(
            service_url=f"http://127.0.0.1:{free_port()}",
            session=session,
            wallet=wallet,
            draw=Random(1),
            clock=clock,
        )


def port_of(neighbour: Neighbour) -> int:
    return int(neighbour._service_url.rpartition(":")[2])


async def offer(parts: Parts, lots: int, price_ticks: int) -> None:
    """A mint of somebody else, for sale."""
    services = parts.services
    async with parts.store.write() as tx:
        account = await services.ledger.open_account(tx)
        postings = (
            Posting(SystemAccount.MINT_ENERGY, Asset.LT, -lots * UNITS),
            Posting(account, Asset.LT, lots * UNITS),
        )
        await services.ledger.post(tx, Entry(kind=EntryKind.MINT, postings=postings))
        await services.market.deliver(
            tx,
            order_id="auto_sell_1",
            account=account,
            owner_person_id=None,
            lots=lots,
            price_ticks=price_ticks,
        )


async def test_a_neighbour_signs_up_says_what_it_is_and_buys_a_little(
    tmp_path: Path, clock: ManualClock, neighbour: Neighbour
) -> None:
    me = neighbour._wallet.public_key
    async with serving(tmp_path / "cloud", port_of(neighbour), clock) as parts:
        await offer(parts, 1_000, 30_000)
        for _ in range(5):
            clock.advance(await neighbour.turn())
        [node] = await parts.services.network.nodes(after="", limit=10)
        assert (node.user_id, node.location) == (me, "simulated neighbour")
        trades = await parts.services.market.completed_trades()
        assert trades
        assert {trade.price_ticks for trade in trades} == {30_000}
        assert all(20 <= trade.lots <= 150 for trade in trades)
        spent = sum(Decimal(trade.lots * trade.price_ticks) / 10_000_000 for trade in trades)
        assert neighbour._pocket.xlm <= 25 - spent + Decimal("0.5")


async def test_bids_below_the_price_rest_and_are_taken_back_when_they_are_stale(
    tmp_path: Path, clock: ManualClock, neighbour: Neighbour
) -> None:
    async with serving(tmp_path / "cloud", port_of(neighbour), clock) as parts:
        market = parts.services.market
        for _ in range(4):
            clock.advance(await neighbour.turn())
        price = (await parts.services.pricing.current()).price_xlm_per_kwh
        bids = await market.open_orders()
        assert 1 <= len(bids) <= 2
        assert all(bid.type == "buy" and bid.token_price < price for bid in bids)
        clock.advance(601)
        expected = neighbour._pocket.later(clock.now())
        await neighbour.turn()
        left = {bid.id for bid in await market.open_orders()}
        assert bids[0].id not in left
        came_back = bids[0].kwh_amount * bids[0].token_price
        assert neighbour._pocket.xlm == expected.less(-came_back).xlm == expected.xlm + came_back


async def test_pocket_money_comes_in_while_nothing_is_bought(
    tmp_path: Path, clock: ManualClock, neighbour: Neighbour
) -> None:
    async with serving(tmp_path / "cloud", port_of(neighbour), clock):
        neighbour._pocket = Pocket(xlm=Decimal(0), at=clock.now())
        clock.advance(1_800)
        await neighbour.turn()
        assert Decimal(1) < neighbour._pocket.xlm <= 2


async def test_while_the_service_is_away_it_waits_longer_each_time_and_then_goes_on(
    tmp_path: Path, clock: ManualClock, neighbour: Neighbour
) -> None:
    waits = [await neighbour.turn() for _ in range(8)]
    assert 2 <= waits[0] <= 4
    assert waits[0] < waits[2] < waits[4]
    assert 30 <= waits[-1] <= 60
    async with serving(tmp_path / "cloud", port_of(neighbour), clock) as parts:
        assert 5 <= await neighbour.turn() <= 120
        assert await parts.services.network.nodes(after="", limit=10)
    assert 2 <= await neighbour.turn() <= 4


@pytest.mark.parametrize(
    "status, comes_again_in_s",
    [(429, (2, 4)), (500, (2, 4)), (503, (2, 4)), (400, (5, 120)), (403, (5, 120))],
)
async def test_it_backs_off_from_trouble_and_takes_a_no_for_an_answer(
    neighbour: Neighbour, status: int, comes_again_in_s: tuple[float, float]
) -> None:
    async def answer(_request: web.BaseRequest) -> web.Response:
        return web.json_response({"error": "not now"}, status=status)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port_of(neighbour)).start()
    try:
        assert comes_again_in_s[0] <= await neighbour.turn() <= comes_again_in_s[1]
    finally:
        await runner.cleanup()


async def test_it_signs_in_again_when_its_token_is_over(
    tmp_path: Path, clock: ManualClock, neighbour: Neighbour
) -> None:
    async with serving(tmp_path / "cloud", port_of(neighbour), clock):
        await neighbour.turn()
        before = neighbour._token
        clock.advance(15 * 60 + 1)
        assert await neighbour.turn() == 0
        assert neighbour._token is None
        await neighbour.turn()
        assert neighbour._token not in {None, before}


def test_wallets_are_kept_and_follow_from_the_seed(tmp_path: Path) -> None:
    path = tmp_path / "data" / "neighbours.json"
    first = [wallet.public_key for wallet in load_wallets(path, count=2, seed=1)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    more = [wallet.public_key for wallet in load_wallets(path, count=3, seed=1)]
    assert more[:2] == first
    assert [wallet.public_key for wallet in load_wallets(path, count=1, seed=1)] == first[:1]
    assert [wallet.public_key for wallet in load_wallets(path, count=3, seed=99)] == more
    again = [wallet.public_key for wallet in load_wallets(tmp_path / "other.json", count=2, seed=1)]
    assert again == first
    others = [wallet.public_key for wallet in load_wallets(tmp_path / "third.json", count=2, seed=2)]
    assert set(others).isdisjoint(first)
    assert len(set(more)) == 3
