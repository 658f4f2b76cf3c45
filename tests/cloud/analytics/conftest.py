"""Traders of the market, seen from above."""

from tests.cloud.market.conftest import ana, ben, cem, trader  # noqa: F401  fixtures
