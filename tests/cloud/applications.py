"""One routing tree for many tests: to read every handler costs Litestar more than most tests take.

An application whose test is over is given to the next test, with that one's services in place of its own.
What `create_app` makes of them, and nothing else, is exchanged; tests/cloud/test_applications.py holds that
nothing of the test before is left.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.types import Empty
from litestar.utils import ensure_async_callable

import cloud.app
from cloud.kit.http import Given, give_in_turn
from cloud.kit.store.database_url import FILE, SQLITE
from cloud.settings import Settings
from shared.clock import Clock
from tests.cloud.databases import migrated_file

EXCHANGED = frozenset({"dependencies", "middleware", "before_send", "lifespan"})
SAME_FOR_ALL = frozenset(
    {
        "route_handlers",
        "exception_handlers",
        "dto",
        "return_dto",
        "response_class",
        "openapi_config",
        "debug",
        "logging_config",
    }
)
"""What `create_app` says about every application alike."""


class Offered:
    """What a `Given` is made of: a routing tree that is passed on needs no look at its signature."""

    def __init__(self, dependency: Callable[[], object], *, sync_to_thread: bool) -> None:
        self.dependency = dependency
        self._sync_to_thread = sync_to_thread

    def given(self) -> Given:
        return Given(self.dependency, sync_to_thread=self._sync_to_thread)


_free: defaultdict[Hashable, list[Litestar]] = defaultdict(list)
"""Those whose test is over, by what cannot be exchanged."""


@asynccontextmanager
async def application(
    settings: Settings, clock: Clock, more_routes: Sequence[BaseRouteHandler] = ()
) -> AsyncIterator[Litestar]:
    """What `create_app` answers, over a migrated store; nobody else has it before the block is left."""
    kept: Hashable = None
    new: list[Litestar] = []

    def litestar(**given: Any) -> Litestar:
        nonlocal kept
        others = (one for one in given.items() if one[0] not in EXCHANGED | SAME_FOR_ALL)
        kept = (*sorted(others), *more_routes)
        if _free[kept]:
            return _exchanged(_free[kept].pop(), given)
        given["dependencies"] = {
            name: one.given() if isinstance(one, Offered) else one
            for name, one in given["dependencies"].items()
        }
        made = Litestar(**given)
        for route in more_routes:
            made.register(route)
        new.append(made)
        return made

    file = settings.data_dir / FILE
    if settings.database_url == SQLITE and not file.exists():
        migrated_file(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloud.app, "Litestar", litestar)
        patch.setattr(cloud.app, "Given", Offered)
        patch.setattr(cloud.app, "give_in_turn", lambda app: app in new and give_in_turn(app))
        app = cloud.app.create_app(settings, clock)
    routes = len(app.routes)
    yield app
    app.state = State()
    if len(app.routes) == routes:  # a test may have added one
        _free[kept].append(app)


def _exchanged(app: Litestar, given: dict[str, Any]) -> Litestar:
    assert set(app.dependencies) == set(given["dependencies"])
    for name, new in given["dependencies"].items():
        _provide(app.dependencies[name], new)
    for old, new in zip(app.middleware, given["middleware"], strict=True):
        assert type(old) is type(new)
        vars(old).clear()
        vars(old).update(vars(new))
    app.before_send = [ensure_async_callable(hook) for hook in given["before_send"]]
    app._lifespan_managers[: len(given["lifespan"])] = given["lifespan"]
    return app


def _provide(old: Provide, new: Provide | Offered) -> None:
    """Where it is not the very same for all: the handlers' plans point at `old`."""
    if old is new:
        return
    assert (
        old.dependency.__code__ is new.dependency.__code__
    )  # so that what was read from its signature holds
    old.dependency, old.value = new.dependency, Empty
