"""What is told of the depth, and what is understood of a client."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import BadRequest
from cloud.market.model import Depth, Level
from cloud.realtime.market_messages import (
    DepthShown,
    LevelShown,
    Ping,
    Resume,
    depth_change,
    depth_shown,
    request_of,
    resume_of,
)

LEVELS = st.dictionaries(st.integers(1, 8), st.tuples(st.integers(1, 9), st.integers(1, 3)), max_size=6)


def depth_of(bids: dict[int, tuple[int, int]], asks: dict[int, tuple[int, int]]) -> Depth:
    return Depth(
        bids=[Level(price, *bids[price]) for price in sorted(bids, reverse=True)],
        asks=[Level(price, *asks[price]) for price in sorted(asks)],
    )


def applied(shown: DepthShown, change: DepthShown) -> DepthShown:
    """What a client makes of a change, as the document tells it to."""

    def side(levels, changes, *, reverse: bool):
        known = {level.token_price: level for level in levels} | {new.token_price: new for new in changes}
        left = [level for level in known.values() if level.kwh_amount > 0]
        return sorted(left, key=lambda level: level.token_price, reverse=reverse)

    return DepthShown(
        bids=side(shown.bids, change.bids, reverse=True), asks=side(shown.asks, change.asks, reverse=False)
    )


@given(LEVELS, LEVELS, LEVELS, LEVELS)
def test_a_change_makes_the_old_depth_the_new_one_and_tells_no_level_in_vain(b1, a1, b2, a2) -> None:
    before, now = depth_of(b1, a1), depth_of(b2, a2)
    change = depth_change(before, now)
    assert applied(depth_shown(before), change) == depth_shown(now)
    assert len(change.bids) == len({p for p in b1.keys() | b2.keys() if b1.get(p) != b2.get(p)})
    assert len(change.asks) == len({p for p in a1.keys() | a2.keys() if a1.get(p) != a2.get(p)})


def test_levels_are_shown_in_kilowatt_hours_and_xlm() -> None:
    shown = depth_shown(Depth(bids=[Level(41_250, 1_500, 2)], asks=[]))
    assert shown.bids == [LevelShown(Decimal("4.1250"), Decimal("1.500"), 2)]


def test_a_request_is_understood() -> None:
    assert request_of(b'{"type": "resume", "after": 7}') == Resume(7)
    assert request_of(b'{"type": "ping"}') == Ping()
    assert resume_of("7") == Resume(7)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "hello",
        "[]",
        "1",
        "{}",
        '{"type": "buy"}',
        '{"type": "resume"}',
        '{"type": "resume", "after": -1}',
        '{"type": "resume", "after": "7"}',
        '{"type": "resume", "after": 1.5}',
        '{"type": "resume", "after": 1000000000000000000}',
        '{"type": "ping", "more": 1}',
        "[" * 4_000,
        '{"a":' + "[" * 4_000,
    ],
)
def test_anything_else_is_refused_and_what_is_known_is_named(said: str) -> None:
    with pytest.raises(BadRequest, match=r"known are .*resume.*ping"):
        request_of(said.encode())


@pytest.mark.parametrize("after", ["", "x", "-1", "1.5", "٣", "1 ", "1" * 19])
def test_an_after_that_is_no_seq_is_refused(after: str) -> None:
    with pytest.raises(BadRequest, match="after"):
        resume_of(after)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadRequest):
        request_of(json.dumps({"type": "ping"}).encode() + b"\xff")
