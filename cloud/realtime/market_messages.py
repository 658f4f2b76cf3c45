"""What is said on the market socket, both ways: JSON objects, each with its `type`."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct

from cloud.errors import BadRequest
from cloud.kit.events import Event
from cloud.kit.http import encode_json
from cloud.market.model import Depth, Level, TradeNews, show_lots, show_price_ticks
from shared.clock import rfc3339

SEQ_DIGITS_MAX = 18


class Resume(Struct, frozen=True, forbid_unknown_fields=True, tag="resume"):
    """A client asks for the events above a `seq`."""

    after: Annotated[int, Meta(ge=0, lt=10**SEQ_DIGITS_MAX)]


class Ping(Struct, frozen=True, forbid_unknown_fields=True, tag="ping"):
    """A client asks for a `pong`."""


Request: TypeAlias = Resume | Ping


class LevelShown(Struct, frozen=True):
    """What is open at a price now; 0 kWh: nothing any more."""

    token_price: Decimal
    kwh_amount: Decimal
    orders: int


class DepthShown(Struct, frozen=True):
    """Best first."""

    bids: Sequence[LevelShown]
    asks: Sequence[LevelShown]


class MarketState(Struct, frozen=True, kw_only=True):
    """What a client must know before ticks make sense."""

    price: Mapping[str, Any]
    """As `GET /api/v1/market/price` answers it."""
    best_bid: Decimal | None
    """None: nobody bids; likewise for the ask."""
    best_ask: Decimal | None
    depth: DepthShown
    trades: Sequence[TradeNews]
    """The last completed ones, oldest first."""


def resume_of(after: str) -> Resume:
    """The `after` of a URL.

    Raises:
        BadRequest: no event has such a `seq`.
    """
    if not (after.isascii() and after.isdigit() and len(after) <= SEQ_DIGITS_MAX):
        raise BadRequest("after: must be the seq of an event")
    return Resume(int(after))


def request_of(said: bytes) -> Request:
    """A client's message.

    Raises:
        BadRequest: it is none.
    """
    try:
        request: Request = msgspec.json.decode(said, type=Request)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadRequest(
            f'not understood: {error}; known are {{"type": "resume", "after": <seq>}} and {{"type": "ping"}}'
        ) from None
    return request


def message(type_: str, *, seq: int, at_us: int, payload: object) -> bytes:
    """One for the client; `seq` is the event up to which it knows everything after this message."""
    return encode_json({"type": type_, "seq": seq, "timestamp": rfc3339(at_us), "payload": payload})


def event_message(event: Event) -> bytes:
    return message(event.type, seq=event.id, at_us=event.at_us, payload=event.raw)


def error_message(error: BadRequest) -> bytes:
    return encode_json({"type": "error", "message": error.message})


def market_state(price: Mapping[str, Any], depth: Depth, trades: Sequence[TradeNews]) -> MarketState:
    shown = depth_shown(depth)
    return MarketState(
        price=price,
        best_bid=shown.bids[0].token_price if shown.bids else None,
        best_ask=shown.asks[0].token_price if shown.asks else None,
        depth=shown,
        trades=trades,
    )


def depth_shown(depth: Depth) -> DepthShown:
    return DepthShown(
        bids=[_shown(level) for level in depth.bids], asks=[_shown(level) for level in depth.asks]
    )


def depth_change(before: Depth, now: Depth) -> DepthShown:
    """The levels that differ. A price that left the list, empty or pushed out of it, is shown with 0 kWh."""
    return DepthShown(bids=_changed(before.bids, now.bids), asks=_changed(before.asks, now.asks))


def _changed(before: Sequence[Level], now: Sequence[Level]) -> list[LevelShown]:
    known = set(before)
    here = {level.price_ticks for level in now}
    gone = [Level(level.price_ticks, 0, 0) for level in before if level.price_ticks not in here]
    return [_shown(level) for level in (*now, *gone) if level not in known]


def _shown(level: Level) -> LevelShown:
    return LevelShown(show_price_ticks(level.price_ticks), show_lots(level.lots), level.orders)
