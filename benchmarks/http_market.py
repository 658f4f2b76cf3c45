"""The market over HTTP: orders a second, and how long readers wait at 1,000 requests a second.

    python benchmarks/http_market.py [--seconds N] [--orders N]

The service runs as an operator would run it (one process, SQLite, durable commits), with limits switched off.
One process of this program calls it over kept-alive connections.
- Reads: `/market/price` and `/market/orders` (some 200 open orders) as fast as 32 callers can, against a bare
  Litestar application that returns the same bytes as constants; then 1,000 a second whose times are counted
  from when each was due, so that a stall counts for every request it held up.
- Orders: 64 people place buy and sell orders around one price, most of which trade at once; each is answered
  when its fills, holds and burns are on disk.
The processor time that the service takes for one, all its threads together, and this program beside it, tell
whether somebody else used the machine meanwhile, and who is the bottleneck.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._http_load import (
    CALLERS,
    HOST,
    Connection,
    Server,
    at_rate,
    flat_out,
    get,
    median,
    post,
    service_started,
    started,
)
from cloud.app import Parts, opened
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.settings import Settings
from lumengrid.processes import free_port
from shared.clock import SystemClock
from shared.money import TOKEN_UNITS

PEOPLE = 64
RESTING = 200
RATE_PER_S = 1_000
TARGET_P99_MS = 25
TARGET_ORDERS_PER_S = 1_000
TARGET_RATIO = 0.5
SEED_TOKENS = 1_000_000


BARE = """
import sys
from pathlib import Path
import uvicorn
from litestar import Litestar, Response, get
folder = Path(sys.argv[2])
price, orders = (folder / "price.json").read_bytes(), (folder / "orders.json").read_bytes()
@get("/api/v1/market/price")
async def market_price() -> Response[bytes]:
    return Response(price, media_type="application/json")
@get("/api/v1/market/orders")
async def market_orders() -> Response[bytes]:
    return Response(orders, media_type="application/json")
uvicorn.run(Litestar([market_price, market_orders], logging_config=None, openapi_config=None),
            port=int(sys.argv[1]), log_config=None, access_log=False)
"""


async def seed(folder: Path) -> list[str]:
    """People with XLM and LT in the service's database; their access tokens."""
    settings = Settings(data_dir=folder, rate_limit_per_minute=0)
    async with opened(settings, SystemClock()) as parts:
        return [await _person(parts) for _ in range(PEOPLE)]


async def _person(parts: Parts) -> str:
    identity = parts.services.identity
    units = SEED_TOKENS * TOKEN_UNITS
    async with parts.store.write() as tx:
        person = await identity.add(tx, None)
        for source, asset in ((SystemAccount.FAUCET, Asset.XLM), (SystemAccount.MINT_REWARD, Asset.LT)):
            postings = (Posting(source, asset, -units), Posting(person.account, asset, units))
            await parts.services.ledger.post(tx, Entry(kind=EntryKind.FAUCET, postings=postings))
        claims = await identity.open_sign_in(tx, person)
    return identity.access_token(claims)


def orders_of(tokens: list[str]) -> list[bytes]:
    """Buys and sells of a few lots within a few ticks of 5 XLM/kWh: half of them meet one that rests."""
    found = []
    for number in range(len(tokens) * 50):
        side = ("buy", "sell")[number % 2]
        body = {
            "type": side,
            "kwh_amount": (number * 7 % 5 + 1) / 1_000,
            "token_price": round(5 + (number * 13 % 7 - 3) / 10_000, 4),
        }
        found.append(post("/api/v1/market/order/create", tokens[number % len(tokens)], body))
    return found


async def reads(ours: Server, bare: Server, token: str, seconds: float) -> None:
    for path in ("/api/v1/market/price", "/api/v1/market/orders"):
        request = [get(path, token)]
        await flat_out(*ours, request, CALLERS, 500)
        pairs = [
            [await flat_out(*server, request, CALLERS, 4_000) for server in (ours, bare)] for _ in range(3)
        ]
        here, there = (median(list(runs)) for runs in zip(*pairs, strict=True))
        waits = await at_rate(ours.port, request, RATE_PER_S, seconds)
        print(
            f"GET {path:24} {here.per_s:8,.0f} /s  bare Litestar {there.per_s:8,.0f} /s"
            f"  ratio {here.per_s / there.per_s:.2f}"
            f" (target {TARGET_RATIO}; by processor time {there.service_ms / here.service_ms:.2f})"
        )
        print(waits.against(TARGET_P99_MS, rate=RATE_PER_S))


async def run(folder: Path, seconds: float, orders: int) -> None:
    tokens = await seed(folder / "data")
    port, bare_port = free_port(HOST), free_port(HOST)
    ours = service_started(folder, port)
    running = [ours.process]
    try:
        resting = [
            post(
                "/api/v1/market/order/create",
                tokens[0],
                {"type": "buy", "kwh_amount": 0.01, "token_price": round(1 + n / 1_000, 4)},
            )
            for n in range(RESTING)
        ]
        await flat_out(*ours, resting, 8, RESTING)
        connection = await Connection.open(port)
        for name in ("price", "orders"):
            status, body = await connection.send(get(f"/api/v1/market/{name}", tokens[0]))
            assert status == 200, body
            (folder / f"{name}.json").write_bytes(body)
        connection.close()
        (folder / "bare.py").write_text(BARE)
        command = [sys.executable, str(folder / "bare.py"), str(bare_port), str(folder)]
        running.append(started(command, bare_port, {}, folder / "bare.log"))
        await reads(ours, Server(running[-1], bare_port), tokens[0], seconds)
        running.pop().terminate()
        await flat_out(*ours, orders_of(tokens), 64, orders // 10)
        placed = median([await flat_out(*ours, orders_of(tokens), 64, orders) for _ in range(3)])
        print(
            f"POST order/create          {placed.per_s:8,.0f} complete orders/s, 64 callers"
            f" (target {TARGET_ORDERS_PER_S:,})"
            f" {'reached' if placed.per_s >= TARGET_ORDERS_PER_S else 'MISSED'}\n"
            f"    processor time an order: service {placed.service_ms:.2f} ms,"
            f" caller {placed.caller_ms:.2f} ms"
        )
    finally:
        for process in running:
            process.terminate()
            process.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--orders", type=int, default=5_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(run(Path(folder), arguments.seconds, arguments.orders))


if __name__ == "__main__":
    main()
