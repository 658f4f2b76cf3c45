import pytest

from cloud.kit.events import EventLog
from cloud.kit.store import Store
from cloud.ledger.service import Ledger
from shared.clock import ManualClock
from tests.cloud.investing import World


@pytest.fixture(params=[False, True], ids=["provider-near", "provider-far"])
def world(
    store: Store, clock: ManualClock, events: EventLog, ledger: Ledger, request: pytest.FixtureRequest
) -> World:
    """On both ways to invest: in one use case, and with the provider asked after its commit."""
    world = World(store, clock, events, ledger)
    world.provider.is_far = request.param
    return world
