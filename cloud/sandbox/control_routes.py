"""What a sandbox has beside the platform's own API: its clock, a new beginning, and the click of a person."""

from typing import Annotated, Any, Literal

from litestar import get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from msgspec import Meta, Struct

from cloud.errors import InvalidFields
from cloud.identity.principal import Principal
from cloud.identity.scope_guard import PUBLIC, principal_of
from cloud.kit.envelope import Data
from cloud.kit.served import parts_of
from cloud.projects.description_check import moment_us
from cloud.sandbox.errors import NothingToDecide, NotOfASandbox
from cloud.sandbox.sandbox import Sandbox, Visit
from cloud.sandbox.service import Sandboxes
from shared.clock import rfc3339
from shared.units import MICROS_PER_SECOND

RESET = "/v1/reset"
SECONDS_PER_DAY = 24 * 3_600
SECONDS_MAX = 100 * 366 * SECONDS_PER_DAY


class ClockMove(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of them."""

    to: Annotated[str, Meta(max_length=40, description="A moment, 2031-01-01T00:00:00Z.")] | None = None
    advance_days: Annotated[int, Meta(ge=0, le=SECONDS_MAX // SECONDS_PER_DAY)] | None = None
    advance_seconds: Annotated[int, Meta(ge=0, le=SECONDS_MAX)] | None = None


class ShownClock(Struct, frozen=True, kw_only=True):
    now: str
    reached: bool
    """False: so much was due in between that the same move has to be asked for again, by `to`."""


class ShownSandbox(Struct, frozen=True, kw_only=True):
    name: str
    now: str
    """By its own clock."""
    created_at: str
    begun_at: str
    """When it was last reset."""
    resets: int
    bytes_used: int
    bytes_max: int


class KycDecision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    decision: Literal["verify", "reject"]


class DecidedKyc(Struct, frozen=True, kw_only=True):
    status: str


async def check_known(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Litestar's guard: any credential of the sandbox, whatever its scopes.

    Raises:
        Unauthenticated: none, or one that does not work here.
    """
    if await principal_of(connection, parts_of(connection).services.access) is None:
        raise NotOfASandbox


@get("/v1/sandbox", status_code=200, opt=PUBLIC, guards=[check_known])
async def show_sandbox(
    sandbox: NamedDependency[Sandbox],
    sandboxes: NamedDependency[Sandboxes],
) -> Data[ShownSandbox]:
    """Which sandbox the credential is for, and how it stands."""
    return await _shown(sandboxes, sandbox.row.name)


@post("/v1/reset", status_code=200, opt=PUBLIC, guards=[check_known])
async def reset_sandbox(
    visit: NamedDependency[Visit],
    sandboxes: NamedDependency[Sandboxes],
) -> Data[ShownSandbox]:
    """Begin anew: projects as in the catalogue, the clock at the real time. Keys and applications stay."""
    name = visit.sandbox.row.name
    visit.end()
    await sandboxes.reset(name)
    return await _shown(sandboxes, name)


@get("/v1/clock", status_code=200, opt=PUBLIC, guards=[check_known])
async def show_clock(
    sandbox: NamedDependency[Sandbox],
) -> Data[ShownClock]:
    """The sandbox's time."""
    return Data(data=ShownClock(now=rfc3339(sandbox.clock.now_us()), reached=True))


@post("/v1/clock", status_code=200, opt=PUBLIC, guards=[check_known])
async def move_clock(
    data: JSONBody[ClockMove],
    sandbox: NamedDependency[Sandbox],
    sandboxes: NamedDependency[Sandboxes],
) -> Data[ShownClock]:
    """Let time pass: all that is due until then happens, in order, each thing at its own time."""
    moved = await sandboxes.move(sandbox, _target_us(data, sandbox.clock.now_us()))
    return Data(data=ShownClock(now=rfc3339(moved.now_us), reached=moved.is_there))


@post("/v1/kyc", status_code=200, opt=PUBLIC, guards=[check_known])
async def decide_kyc(
    data: JSONBody[KycDecision], principal: NamedDependency[Principal], sandbox: NamedDependency[Sandbox]
) -> Data[DecidedKyc]:
    """What a person would click on the hosted page that waits for them."""
    services = sandbox.services
    check = (await services.kyc.standing(principal.person)).check
    if check is None or check.run_id is None or services.sandbox_kyc is None:
        raise NothingToDecide
    await services.sandbox_kyc.decide(check.run_id, is_verified=data.decision == "verify")
    await services.kyc.look(check.run_id)
    return Data(data=DecidedKyc(status=(await services.kyc.standing(principal.person)).status.value))


def _target_us(wish: ClockMove, now_us: int) -> int:
    """Raises InvalidFields: not exactly one, or no moment."""
    given = [name for name in wish.__struct_fields__ if getattr(wish, name) is not None]
    if len(given) != 1:
        problem = "Give one of to, advance_days, advance_seconds"
        raise InvalidFields({name: [problem] for name in given or ["to"]})
    if wish.to is not None:
        try:
            return moment_us(wish.to)
        except ValueError:
            problem = "Must be a moment with its zone such as 2031-01-01T00:00:00Z"
            raise InvalidFields({"to": [problem]}) from None
    seconds = wish.advance_seconds or (wish.advance_days or 0) * SECONDS_PER_DAY
    return now_us + seconds * MICROS_PER_SECOND


async def _shown(sandboxes: Sandboxes, name: str) -> Data[ShownSandbox]:
    state = await sandboxes.state(name)
    return Data(
        data=ShownSandbox(
            name=state.row.name,
            now=rfc3339(state.now_us),
            created_at=rfc3339(state.row.created_at_us),
            begun_at=rfc3339(state.row.begun_at_us),
            resets=state.row.generation - 1,
            bytes_used=state.bytes_used,
            bytes_max=state.bytes_max,
        )
    )


ROUTES: list[BaseRouteHandler] = [show_sandbox, reset_sandbox, show_clock, move_clock, decide_kyc]
