"""One routing tree for all sandboxes: the platform's own routes, over services that each request brings.

    /sandbox/v1/projects           the credential says whose sandbox it is
    /sandboxes/sb_…/v1/projects    the address says it, for browsers and OAuth clients

The live application mounts the tree at both addresses. `Entrance` finds the sandbox and puts it into the
connection's state; what a handler asks for by name is that sandbox's. Making a tree takes a tenth of a second
and megabytes, so a process has one, made when it is first needed (docs/decisions/0013).
"""

import asyncio
from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, Router, asgi
from litestar.di import NamedDependency, Provide
from litestar.handlers import ASGIRouteHandler
from litestar.types import Message, Receive, Scope, Send
from msgspec import Struct, structs

from cloud.api import terra_lumina
from cloud.api.rate_limit import COUNTS_ITSELF, LimitHeaders
from cloud.api.terra_lumina import PREFIX
from cloud.errors import NotFound
from cloud.kit.http import Given, JsonBody, JsonResponse, give_in_turn
from cloud.kit.served import PARTS
from cloud.sandbox import control_routes
from cloud.sandbox.entrance import LIVE, NAME, VISIT, Entrance, live_of
from cloud.sandbox.names import MOUNT, NAMED_MOUNT, base_path, split_path
from cloud.sandbox.sandbox import Sandbox
from cloud.services import Services
from cloud.web import consent_routes, sandbox_routes
from cloud.web.routes import DEPENDENCIES as PAGE_DEPENDENCIES
from cloud.web.routes import render_error as render_error_page
from cloud.web.visitor import Browsers, Visitor
from shared.clock import Clock

_FOUND_OUT = frozenset({"route_handler", "path_template", "path_params"})
"""By the live application about a connection; it is none of the tree's business."""

_trees: dict[int, Litestar] = {}
"""By the largest body they take: the one thing that is the same for every request."""


class _Outside(Struct, frozen=True):
    clock: Clock


@asgi(MOUNT, is_mount=True, copy_scope=True, opt=COUNTS_ITSELF)
async def by_credential(scope: Scope, receive: Receive, send: Send) -> None:
    """The platform, below one address for all."""
    await _serve(_inside(scope, f"{PREFIX}{scope['path']}", below=MOUNT.removesuffix(PREFIX)), receive, send)


@asgi(NAMED_MOUNT, is_mount=True, copy_scope=True, opt=COUNTS_ITSELF)
async def by_name(scope: Scope, receive: Receive, send: Send) -> None:
    """The platform and its pages, below an address for each."""
    found = split_path(scope["path"])
    if found is None:
        raise NotFound("no such sandbox")
    name, path = found
    inside = _inside(scope, path, below=base_path(name))
    inside["state"][NAME] = name
    await _serve(inside, receive, send)


MOUNTS: list[ASGIRouteHandler] = [by_credential, by_name]
"""For the live application, whose `state.parts` has `services` and `sandboxes`."""


def _inside(scope: Scope, path: str, *, below: str) -> Scope:
    """The connection as the tree shall see it. Whoever is in no sandbox finds no services at all."""
    live = scope["litestar_app"].state.parts
    kept: Any = {name: value for name, value in scope.items() if name not in _FOUND_OUT}
    inside: Scope = kept | {
        "path": below + path,
        "root_path": below,
        "state": {LIVE: live, PARTS: _Outside(live.clock)},
    }
    return inside


async def _serve(scope: Scope, receive: Receive, send: Send) -> None:
    body_bytes_max: int = live_of(scope).settings.body_bytes_max
    if body_bytes_max not in _trees:
        _trees[body_bytes_max] = await asyncio.to_thread(routing_tree, body_bytes_max)
    await _trees[body_bytes_max](scope, receive, send)


def routing_tree(body_bytes_max: int) -> Litestar:
    tree = Litestar(
        route_handlers=[
            *terra_lumina.routes(control_routes.ROUTES),
            Router(
                path="/",
                route_handlers=[*consent_routes.ROUTES, *sandbox_routes.ROUTES],
                dependencies=PAGE_DEPENDENCIES | {"visitor": Provide(_visitor)},
                exception_handlers={Exception: render_error_page},
            ),
        ],
        dependencies={name: _own(_service(name)) for name in Services.__struct_fields__}
        | {
            "sandboxes": _own(lambda state: state[LIVE].sandboxes),
            "sandbox": _own(lambda state: state[PARTS]),
            "visit": _own(lambda state: state[VISIT]),
        },
        exception_handlers={Exception: terra_lumina.render_error},
        dto=JsonBody,
        return_dto=None,
        response_class=JsonResponse,
        middleware=[Entrance()],
        before_send=[_add_headers],
        request_max_body_size=body_bytes_max,
        openapi_config=None,
        debug=False,
        logging_config=None,
    )
    give_in_turn(tree)
    return tree


def _service(name: str) -> Callable[[Any], object]:
    return lambda state: getattr(state[PARTS].services, name)


def _own(read: Callable[[Any], object]) -> Given:
    """What the connection brought."""

    def given(scope: Scope) -> object:
        return read(scope["state"])

    return Given(given, sync_to_thread=False)


async def _add_headers(message: Message, scope: Scope) -> None:
    """As on the live service, by whose clock calls are counted."""
    clock = live_of(scope).clock
    await LimitHeaders(clock).add(message, scope)
    await terra_lumina.AnswerHeaders(clock).add(message, scope)


async def _visitor(
    request: Request[Any, Any, Any], browsers: NamedDependency[Browsers], sandbox: NamedDependency[Sandbox]
) -> Visitor:
    """The developer, signed in at the portal, is the sandbox's person; nobody else is anybody here."""
    found = await browsers.visitor(request)
    is_developer = found.person is not None and found.person.id == sandbox.row.person_id
    return structs.replace(found, person=sandbox.person if is_developer else None)
