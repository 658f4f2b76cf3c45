"""The investment platform over HTTP: how long readers and investors wait at 500 requests a second.

    python benchmarks/http_platform.py [--seconds N] [--projects N]

The service runs as an operator would run it (one process, SQLite, durable commits), with limits switched off,
among thousands of projects. One process of this program calls it over kept-alive connections.
- Reads (the list of projects, a search, one project, the portfolio) as fast as 32 callers can, against a
  bare Litestar application that returns the same bytes as constants; then 500 a second whose times are
  counted from when each was due, so that a stall counts for every request it held up.
- Both together, 500 requests a second, one in five an investment.
- Investments alone, by 64 verified people in 300 projects, first as fast as 32 callers can; each is answered
  when its payment has succeeded and it is booked, on disk.

The interpreter counts: Debian's own Python does all of this in two thirds of the time that one built without
profile-guided optimization takes.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
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
    post,
    service_started,
    started,
    waited,
    waits_of,
)
from cloud.app import Parts, opened
from cloud.kit.idempotency import NO_KEY
from cloud.projects.model import Description
from cloud.settings import Settings
from lumengrid.processes import free_port
from shared.clock import SystemClock

PEOPLE = 64
OPEN = 300
"""Projects that take investments; most of the catalogue is funded or not open yet."""
RATE_PER_S = 500
READ_P99_MS, INVEST_P99_MS = 25, 50
INVEST_EVERY = 5
NAMES = [
    f"{first} {kind} {place}"
    for first, kind, place in itertools.product(
        ("Sunrise", "Harbour", "Cedar", "Silver", "North", "Old"),
        ("Solar Farm", "Wind Park", "Hydro Station", "Storage", "Nuclear Plant"),
        ("Nevada", "Kent", "Elbtal", "Kerala", "Lapland", "Jutland", "Galicia"),
    )
]
TECHNOLOGIES = ("solar", "wind", "hydro", "storage", "nuclear")

BARE = """
import sys
from pathlib import Path
import uvicorn
from litestar import Litestar, Request, Response, get
folder = Path(sys.argv[2])
bodies = [(folder / f"{n}.json").read_bytes() for n in range(int(sys.argv[3]))]
@get("/{n:int}")
async def constant(n: int) -> Response[bytes]:
    return Response(bodies[n], media_type="application/json")
uvicorn.run(Litestar([constant], logging_config=None, openapi_config=None),
            port=int(sys.argv[1]), log_config=None, access_log=False)
"""


def description(number: int) -> Description:
    """One of thousands, open to whoever invests."""
    name = NAMES[number % len(NAMES)]
    technology = TECHNOLOGIES[number % len(NAMES) // 7 % 5]
    told: dict[str, Any] = {
        "name": f"{name} {number}",
        "description": f"{name}, built for its neighbours; number {number} of many.",
        "technology": technology,
        "capacity_mw": 5 + number % 60,
        "location": {"country": ("US", "UK", "DE", "IN", "DK")[number % 5]},
        "stage": ("planning", "construction", "operating")[number % 3],
        "financial": {
            "currency": "USD",
            "target_amount": 50_000_000,
            "min_investment": 10,
            "max_investment": 100_000,
            "total_cost": 65_000_000,
            "token_supply": 25_000_000,
            "expected_return_annual": 5 + number % 90 / 10,
            "exit_timeline_years": 10,
            "funding_deadline": (datetime.now(UTC) + timedelta(days=300)).isoformat(),
        },
        "technical": {"expected_generation_mwh_annual": 12_000},
        "impact": {"co2_avoided_tons_annual": 8_500, "homes_powered": 1_200},
    }
    return msgspec.json.decode(msgspec.json.encode(told), type=Description)


def address(number: int) -> str:
    return f"prj_bench_{number}"


async def seed(folder: Path, projects: int) -> list[str]:
    """Projects, and verified people's access tokens."""
    settings = Settings(data_dir=folder, rate_limit_per_minute=0)
    async with opened(settings, SystemClock()) as parts:
        for number in range(projects):
            await parts.services.projects.create(description(number), project_id=address(number), once=NO_KEY)
        return [await _person(parts) for _ in range(PEOPLE)]


async def _person(parts: Parts) -> str:
    identity = parts.services.identity
    async with parts.store.write() as tx:
        person = await identity.add(tx, None)
        await identity.set_kyc(tx, person, "verified", verified_at_us=parts.clock.now_us())
        claims = await identity.open_sign_in(tx, person)
    return identity.access_token(claims)


def investment(token: str, number: int, projects: int) -> bytes:
    body = {
        "project_id": address(number * 7 % min(OPEN, projects)),
        "amount": 10 + number % 90,
        "currency": "USD",
        "payment_source": "pm_card_visa",
    }
    key = f"Idempotency-Key: bench-{number}-{time.time_ns()}\r\n"
    return post("/v1/investments", token, body, more=key)


READS = (
    "/v1/projects?limit=20",
    "/v1/projects/search?q=solar+neva&limit=20",
    f"/v1/projects/{address(7)}",
    "/v1/portfolio",
)


def investments(tokens: list[str], total: int, projects: int) -> list[bytes]:
    return [investment(tokens[number % PEOPLE], number, projects) for number in range(total)]


async def mixed(port: int, tokens: list[str], projects: int, seconds: float) -> None:
    """Everything at once, as on a busy day."""
    total = int(RATE_PER_S * seconds)
    requests = investments(tokens, total, projects)
    for number in range(total):
        if number % INVEST_EVERY:
            requests[number] = get(READS[number % len(READS)], tokens[number % PEOPLE])
    waits = await waited(port, requests, RATE_PER_S, seconds)
    print(f"Reads and investments together, one request in {INVEST_EVERY} an investment")
    reads = [wait for number, wait in enumerate(waits) if number % INVEST_EVERY]
    print("  reads:", waits_of(reads).against(READ_P99_MS, rate=RATE_PER_S).lstrip())
    print("  investments:", waits_of(waits[::INVEST_EVERY]).against(INVEST_P99_MS, rate=RATE_PER_S).lstrip())


async def bodies(port: int, token: str, folder: Path) -> None:
    """What the reads answer, for the bare application to say."""
    connection = await Connection.open(port)
    for number, path in enumerate(READS):
        status, body = await connection.send(get(path, token))
        if status != 200:
            raise RuntimeError(f"{path}: {status} {body.decode()}")
        (folder / f"{number}.json").write_bytes(body)
    connection.close()


async def read(service: Server, plain: Server, number: int, tokens: list[str], seconds: float) -> None:
    path = READS[number]
    ours = [get(path, token) for token in tokens]
    bare = [get(f"/{number}")]
    await flat_out(*service, ours, CALLERS, 200)
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(3):
        rates["ours"].append((await flat_out(*service, ours, CALLERS, 1_000)).per_s)
        rates["bare"].append((await flat_out(*plain, bare, CALLERS, 4_000)).per_s)
    mine, constant = statistics.median(rates["ours"]), statistics.median(rates["bare"])
    print(f"GET {path:42} {mine:7,.0f} /s  bare Litestar {constant:7,.0f} /s  ratio {mine / constant:.2f}")
    waits = await at_rate(service.port, ours, RATE_PER_S, seconds)
    print(waits.against(READ_P99_MS, rate=RATE_PER_S))


async def run(folder: Path, seconds: float, projects: int) -> None:
    tokens = await seed(folder / "data", projects)
    port, bare_port = free_port(HOST), free_port(HOST)
    service = service_started(folder, port)
    running = [service.process]
    try:
        first = [investment(token, number, projects) for number, token in enumerate(tokens)]
        await flat_out(*service, first, 8, len(first))
        await bodies(port, tokens[0], folder)
        (folder / "bare.py").write_text(BARE)
        command = [sys.executable, str(folder / "bare.py"), str(bare_port), str(folder), str(len(READS))]
        running.append(started(command, bare_port, {}, folder / "bare.log"))
        for number in range(len(READS)):
            await read(service, Server(running[-1], bare_port), number, tokens, seconds)
        running.pop().terminate()
        await mixed(port, tokens, projects, seconds)
        print(f"POST /v1/investments alone, {PEOPLE} people, {projects:,} projects")
        total = int(RATE_PER_S * seconds)
        flat = await flat_out(*service, investments(tokens, total, projects), CALLERS, total)
        print(f"    {flat.per_s:,.0f} /s; {flat.service_ms:.2f} ms of the service's processor time for each")
        waits = await at_rate(port, investments(tokens, total, projects), RATE_PER_S, seconds)
        print(waits.against(INVEST_P99_MS, rate=RATE_PER_S))
    finally:
        for process in running:
            process.terminate()
            process.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--projects", type=int, default=3_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(run(Path(folder), arguments.seconds, arguments.projects))


if __name__ == "__main__":
    main()
