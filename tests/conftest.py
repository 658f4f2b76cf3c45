"""With CI=true a test that skips for want of a program is a failure: the machine is to have everything.

Tests on recordings may skip anywhere, for a clone comes without them; this kernel's own limits too.
"""

import gc
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from lumengrid import processes

TOGETHER = (
    "tests/contract/",
    *(f"tests/journeys/test_{name}" for name in ("chaos", "energy", "killed", "neighbours", "without")),
    "tests/clients/test_live.py",
    "tests/clients/test_typescript.py",
    *(f"tests/cloud/web/test_{name}" for name in ("api_pages", "browser", "e2ee_browser", "sandbox_")),
    "tests/edge/page/test_browser",
    "tests/systemd/test_mosquitto.py",
)
"""Beginnings of names: such tests of a folder share a service, a browser, a build, a broker, or the cores."""
MAY_SKIP = ("recorded cells", "kernel")
MEMORY = Path("/dev/shm")
MEMORY_BYTES_MIN = 4 * 1024**3


# How long an example takes is the machine's affair, and a run's result is the change's, not a draw's. New
# examples are drawn with EXAMPLES=new.
settings.register_profile(
    "same", settings.default, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("new", settings.get_profile("same"), derandomize=False)
settings.load_profile(os.environ.get("EXAMPLES", "same"))


class OneByOne(LoadScopeScheduling):  # type: ignore[misc]
    """Each test goes to whichever worker is free, but those of a folder in `TOGETHER` to one, and first.

    `xdist_group` alone does not do it: pytest 9.2 passes by the name that it gives to a test.
    """

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """And forget it: what is asked after each test is what of all that was given is still to come."""
        super().mark_test_complete(node, item_index, duration)
        given = self.assigned_work[node]
        scope = self._split_scope(self.registered_collections[node][item_index])
        if all(given[scope].values()):
            del given[scope]

    def _split_scope(self, nodeid: str) -> str:
        folder = nodeid.partition("::")[0].rpartition("/")[0]
        return folder if nodeid.startswith(TOGETHER) else nodeid


def pytest_configure(config: pytest.Config) -> None:
    _ports_of_its_own(config)
    _folders_in_memory()


def _ports_of_its_own(config: pytest.Config) -> None:
    """Between finding a free port and listening there another worker may not find the same one."""
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        number, of = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
        processes.PORTS = processes.PORTS[number % of :: of]


def _folders_in_memory() -> None:
    """Folders of tests are in memory where there is room: thousands of stores wait for no disk.

    No test tells the difference: what it kills is a process, never the machine. `TMPDIR` chooses otherwise.
    """
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    programs_may_run = not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    if programs_may_run and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return OneByOne(config, log)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collector need not look through it after each few tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(word in reason for word in MAY_SKIP):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} skipped under CI=true: {reason}"
    return report
