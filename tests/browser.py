"""Chromium for tests of pages: one process for a module, of which nothing is kept from test to test."""

import os
import shutil
from typing import Any

import pytest

CHROMIUM = "/usr/bin/chromium"
LAUNCH: dict[str, Any] = {
    "executable_path": CHROMIUM,
    "args": ["--no-sandbox", "--disable-gpu", "--in-process-gpu", "--disable-background-networking"],
}


def skip_without_chromium() -> None:
    if shutil.which(CHROMIUM) is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is missing")
        pytest.skip("chromium is missing (apt-get install chromium)")
