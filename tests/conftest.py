"""With CI=true a test that skips for want of a program is a failure: the machine is to have everything.

Tests on recordings may skip anywhere, for a clone comes without them; this kernel's own limits too.
"""

import os
from collections.abc import Generator

import pytest

MAY_SKIP = ("recorded cells", "kernel")


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
