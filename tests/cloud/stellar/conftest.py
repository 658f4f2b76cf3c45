import pytest

from tests.cloud.stellar.world import World


@pytest.fixture
async def world(tmp_path):
    """A funded service on a test network of its own."""
    async with World.opened(tmp_path) as world:
        yield world
