"""Requests that nobody wrote, made from the documents of the API: none is answered in a way they do not tell.

schemathesis makes them: good and bad ones of every operation, with and without a credential for everything.
A short campaign runs with all tests, the long one in `make chaos`.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from cloud.kit.store.database_url import SQLITE
from tests.cloud.web.person import PASSWORD

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
SHORT, LONG = 1, int(os.environ.get("CHAOS_CASES", "40"))
"""Cases for each operation, beside those that each boundary of a schema asks for."""


@pytest.fixture(scope="module")
def token(base_url: str, grant_admin) -> str:
    """Of an administrator: every scope."""
    person = {"email": "everything@example.com", "password": PASSWORD, "user_type": "consumer"}
    httpx.post(f"{base_url}/api/v1/auth/register", json=person | {"name": "A"}, timeout=60).raise_for_status()
    grant_admin(person["email"])
    answer = httpx.post(f"{base_url}/api/v1/auth/login", json=person, timeout=60).raise_for_status()
    return str(answer.json()["access_token"])


def campaign(url: str, cases: int, token: str | None, folder: Path, *, phases: str) -> int:
    """How many requests were made; fails with schemathesis's own report."""
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", url]
    command += ["--checks", ",".join(CHECKS), "--phases", phases, "--max-examples", str(cases)]
    command += ["--no-shrink", "--suppress-health-check", "all", "--warnings", "off", "--seed", "5"]
    command += ["--request-timeout", "60", "--exclude-path", "/iot/events"]  # a stream has no end
    command += [] if token is None else ["--header", f"Authorization: Bearer {token}"]
    environ = {**os.environ, "COLUMNS": "160"}
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environ)
    assert ran.returncode == 0, ran.stdout[-8_000:] + ran.stderr[-2_000:]
    found = re.search(r"(\d+) generated", ran.stdout)
    assert found is not None, ran.stdout
    return int(found[1])


@pytest.mark.timeout(600)
def test_no_short_campaign_finds_an_answer_that_is_not_documented(
    base_url: str, database_url: str, token: str, tmp_path: Path
) -> None:
    """By an administrator on SQLite, by a stranger on PostgreSQL; the long ones are by both on both."""
    credential = token if database_url == SQLITE else None
    made = campaign(f"{base_url}/v1/openapi.json", SHORT, credential, tmp_path, phases="examples,fuzzing")
    assert made >= 38


if "CHAOS_CASES" in os.environ:  # a test that only skips would fail where everything must run

    @pytest.mark.chaos
    @pytest.mark.timeout(1_800)
    @pytest.mark.parametrize("path", ["/v1/openapi.json", "/api/openapi.json", "/iot/openapi.json"])
    @pytest.mark.parametrize("is_known", [False, True], ids=["a stranger", "an administrator"])
    def test_no_long_campaign_finds_an_answer_that_is_not_documented(
        base_url: str, token: str, tmp_path: Path, path: str, is_known: bool
    ) -> None:
        made = campaign(
            base_url + path, LONG, token if is_known else None, tmp_path, phases="examples,coverage,fuzzing"
        )
        assert made >= (2_000 if path == "/v1/openapi.json" else 300)
