"""The loop closes: what is minted is bought by somebody else and burned."""

import json
from collections.abc import Callable

import httpx
import psutil
import pytest
from websockets.sync.client import connect

from tests.journeys.grid import Grid, eventually

pytestmark = [pytest.mark.xdist_group("journeys"), pytest.mark.timeout(240)]


def test_after_the_first_mint_a_neighbour_buys_and_what_was_bought_is_burned(
    grid: Callable[..., Grid],
) -> None:
    up = grid("--speed", "10")
    market = f"ws{up.service.removeprefix('http')}/ws/market"
    with connect(market, max_queue=None, open_timeout=60) as socket:
        welcome = json.loads(socket.recv(timeout=60))
        assert welcome["type"] == "welcome"
        heard = []
        while "trade" not in {message["type"] for message in heard}:
            heard.append(json.loads(socket.recv(timeout=120)))
    trade = heard[-1]["payload"]
    assert trade["status"] == "Completed"
    assert trade["sell_order_id"].startswith("auto_sell_")
    assert {"price", "depth", "trade"} <= {message["type"] for message in heard}
    seqs = [message["seq"] for message in heard]
    assert seqs == sorted(seqs)

    burns = eventually("burns", lambda: up.get("/api/v1/ledger/burns?limit=100"))["burns"]
    [burn] = [burn for burn in burns if burn.get("trade_id") == trade["trade_id"]]
    assert burn["reason"] == "trade_settlement"
    assert burn["tokens"] == pytest.approx(trade["kwh_amount"] * 1_000)

    # Supply, mints and burns agree at one moment.
    def agreed() -> bool:
        mints, burned, supply = (
            up.get(f"/api/v1/{path}") for path in ("ledger/mints", "ledger/burns", "tokens/supply")
        )
        return (
            None not in (mints, burned, supply)
            and supply["total_minted"] == mints["total_tokens"]
            and supply["total_burned"] == burned["total_burned"] > 0
            and supply["circulating_supply"]
            == pytest.approx(supply["total_minted"] - supply["total_burned"], abs=1e-6)
        )

    eventually("supply, mints and burns agree", agreed)
    assert "3 simulated" in up.greeting
    up.stop()


def test_without_neighbours_nobody_is_there(grid: Callable[..., Grid]) -> None:
    up = grid("--speed", "10", "--neighbours", "0")
    assert up.pid_of("neighbours") is None
    assert not (up.data / "neighbours.json").exists()
    assert "simulated" not in up.greeting
    up.stop()


def test_neighbours_come_back_when_they_or_the_service_were_killed(grid: Callable[..., Grid]) -> None:
    up = grid("--speed", "15")
    for program in ("neighbours", "cloud"):
        pid = eventually(f"{program} runs", lambda program=program: up.pid_of(program))
        psutil.Process(pid).kill()
        eventually(f"another {program}", lambda program=program, pid=pid: (up.pid_of(program) or pid) != pid)
    before = (eventually("trades", lambda: up.get("/api/v1/ledger/transactions?limit=1")))["total"]
    eventually(
        "trades go on",
        lambda: (up.get("/api/v1/ledger/transactions?limit=1") or {"total": 0})["total"] > before,
    )
    assert httpx.get(f"{up.service}/health", timeout=60).status_code == 200
    up.stop()
