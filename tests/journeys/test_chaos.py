"""Agent, broker and service are killed at random moments while energy flows; then the books are audited.

`make chaos` kills thirty times, `make test` each of them once: `CHAOS_KILLS` and `CHAOS_SEED` choose.
"""

import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.journeys.grid import Grid, eventually

pytestmark = [pytest.mark.xdist_group("journeys"), pytest.mark.chaos, pytest.mark.timeout(1800)]

KILLS = int(os.environ.get("CHAOS_KILLS", "3"))
SEED = int(os.environ.get("CHAOS_SEED", "20260101"))


def reports_in_journal(data: Path) -> dict[str, bool]:
    """Every report the agent ever journalled: id, and whether the cloud acknowledged it."""
    with closing(sqlite3.connect(f"file:{data / 'edge' / 'journal.sqlite'}?mode=ro", uri=True)) as journal:
        rows = journal.execute("SELECT report_id, acknowledged FROM energy").fetchall()
    return {report_id: bool(acknowledged) for report_id, acknowledged in rows}


def test_every_report_is_minted_exactly_once_whoever_is_killed(grid: Callable[..., Grid]) -> None:
    dice = random.Random(SEED)
    up = grid("--speed", "10")
    eventually("the first mint", lambda: (up.get("/api/v1/ledger/mints") or {}).get("mints"))

    killed = Counter[str]()
    each = ["edge", "broker", "cloud"]
    for victim in (*dice.sample(each, 3), *dice.choices(each, k=KILLS))[:KILLS]:
        pid = eventually(f"{victim} runs", lambda victim=victim: up.pid_of(victim))
        time.sleep(dice.uniform(0.1, 2.5))  # the random moment itself
        os.kill(pid, signal.SIGKILL)
        killed[victim] += 1
        eventually(
            f"{victim} runs again", lambda victim=victim, pid=pid: up.pid_of(victim) not in {None, pid}
        )
    up.stop()

    before = reports_in_journal(up.data)
    up.start()
    eventually(
        "every report is acknowledged",
        lambda: all(reports_in_journal(up.data)[report_id] for report_id in before),
    )
    up.stop()

    assert len(before) > 0
    audit(up.data, set(before))
    print(f"{sum(killed.values())} kills {dict(killed)}: {len(before)} reports, each minted once")


def audit(data: Path, report_ids: set[str]) -> None:
    """Read the service's database with nothing of its code."""
    with closing(sqlite3.connect(f"file:{data / 'cloud' / 'lumengrid.sqlite'}?mode=ro", uri=True)) as books:
        minted = Counter(row[0] for row in books.execute("SELECT report_id FROM mints"))
        leaves = [json.loads(row[0]) for row in books.execute("SELECT document FROM entries ORDER BY id")]
        balances = {
            (account, asset): balance
            for account, asset, balance in books.execute("SELECT account, asset, amount FROM balances")
        }

    assert {report_id: minted[report_id] for report_id in report_ids} == dict.fromkeys(report_ids, 1)
    in_ledger = Counter(leaf["facts"]["report_id"] for leaf in leaves if leaf["kind"] == "mint")
    assert in_ledger == minted

    derived: Counter[tuple[str, str]] = Counter()
    for leaf in leaves:
        per_asset: Counter[str] = Counter()
        for posting in leaf["postings"]:
            derived[posting["account"], posting["asset"]] += posting["amount"]
            per_asset[posting["asset"]] += posting["amount"]
        assert not any(per_asset.values()), leaf
    assert {key: value for key, value in derived.items() if value} == {
        key: value for key, value in balances.items() if value
    }
    assert [leaf["index"] for leaf in leaves] == list(range(len(leaves)))
