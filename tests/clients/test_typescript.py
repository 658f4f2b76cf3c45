"""The TypeScript client's own tests, built and run by Node."""

import subprocess
from pathlib import Path

import pytest


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("npm")
def test_the_typescript_client_passes_its_tests(typescript_client: Path) -> None:
    found = subprocess.run(
        ["npm", "run", "test:built"], check=False, cwd=typescript_client, capture_output=True, text=True
    )

    assert found.returncode == 0, found.stdout[-20_000:] + found.stderr[-5_000:]
    assert "fail 0" in found.stdout
