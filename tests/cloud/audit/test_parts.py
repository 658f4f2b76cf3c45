"""The pieces of the verifier, each against a slow and obvious twin."""

import hashlib
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.audit.energy import _Intervals
from cloud.audit.log import Log
from tests.cloud.audit.forgery import tree_root

span = st.tuples(st.integers(0, 60), st.integers(-2, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.integers(0, 70))
@settings(max_examples=71)
def test_the_growing_log_has_the_root_of_rfc_9162(size):
    log = Log()
    leaves = [hashlib.sha256(bytes([number])).digest() for number in range(size)]
    for leaf in leaves:
        log.append(leaf)

    assert log.size == size
    assert log.root() == tree_root(leaves)


@given(st.lists(span, max_size=20), st.lists(span, max_size=5))
def test_overlaps_are_found_as_if_every_interval_were_looked_at(known, asked):
    """An interval that ends before it starts is asked for where times of arrival leave some slack."""
    intervals = _Intervals()
    for start, end in known:
        intervals.add(start, end)

    for start, end in asked:
        expected = any(other_end > start and other_start < end for other_start, other_end in known)
        assert intervals.overlap(start, end) is expected


def test_the_verifier_runs_on_the_base_installation():
    """Neither the web framework nor a database nor the chain's library is imported, or needed."""
    script = """
import sys
for name in ("litestar", "uvicorn", "sqlite3", "asyncpg", "stellar_sdk", "joserfc", "apscheduler", "httpx",
             "amqtt", "rich", "prometheus_client", "aiohttp"):
    sys.modules[name] = None
from lumengrid.cli import main
try:
    main(["ledger", "verify", "no-such-file.jsonl"])
except SystemExit as end:
    sys.exit(end.code)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 2, done.stderr
    assert "no-such-file.jsonl: No such file" in done.stderr
