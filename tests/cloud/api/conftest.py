"""Callers from several addresses, devices that sign, and settings a test chooses."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from cloud.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Five calls and three sign-ins a minute, or with what `parametrize("settings", …)` says."""
    few = {"rate_limit_per_minute": 5, "sign_ins_per_minute": 3}
    return Settings(data_dir=tmp_path / "cloud", **(few | getattr(request, "param", {})))


@pytest.fixture
def caller(app: Litestar) -> Callable[[str], httpx.AsyncClient]:
    """A client at an address."""

    def make(address: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 50_000))
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")

    return make
