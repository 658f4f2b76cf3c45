import pytest

from tests.cloud.payments.world import World


@pytest.fixture
async def world(store, signing_key):
    """Payments over Stripe's stand-in."""
    async with World.over(store, signing_key) as world:
        yield world
