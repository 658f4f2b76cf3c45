"""Names and quarters."""

import base64
import json
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.sandbox.names import base_path, client_prefix, name_in_client_id, name_in_token, split_path
from cloud.sandbox.quarters import Quarter, quarter_of, quarterly_minor
from shared.clock import to_micros
from shared.ids import new_id

NAME = "sb_01kdvdna000yrnxnfhew4kf2ep"


def token(payload: object) -> str:
    text = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return f"e30.{text}.c2ln"


def test_a_path_names_a_sandbox(clock) -> None:
    assert split_path(f"/{NAME}/v1/projects/") == (NAME, "/v1/projects/")
    name = new_id("sb", clock)
    assert split_path(f"/{name}/") == (name, "/")
    assert base_path(NAME) == f"/sandboxes/{NAME}"


@pytest.mark.parametrize(
    "path", ["", "/", f"/{NAME}", f"{NAME}/", "/sb_short/v1", f"/x{NAME}/", f"/{NAME}x/v1"]
)
def test_other_paths_name_none(path: str) -> None:
    assert split_path(path) is None


def test_a_client_id_names_its_sandbox(clock) -> None:
    assert name_in_client_id(new_id(client_prefix(NAME), clock)) == NAME
    assert name_in_client_id(new_id("client", clock)) is None
    assert name_in_client_id("") is None
    assert name_in_client_id(f"client_{NAME}_") is None


def test_a_token_names_its_sandbox_by_its_issuer() -> None:
    assert name_in_token(token({"iss": f"https://host/sandboxes/{NAME}"})) == NAME
    assert name_in_token(token({"iss": "https://host"})) is None
    assert name_in_token(token({"iss": f"https://host/sandboxes/{NAME}/v1"})) is None
    assert name_in_token(token({"sub": "usr_1"})) is None


@given(st.text() | st.binary().map(lambda raw: f"a.{base64.urlsafe_b64encode(raw).decode()}.b"))
def test_whatever_else_is_sent_as_a_token_names_none(text: str) -> None:
    assert name_in_token(text) is None


def test_deep_nesting_names_none() -> None:
    deep = base64.urlsafe_b64encode(b'{"iss":' + b"[" * 100_000).decode()
    assert name_in_token(f"a.{deep}.b") is None


def test_quarters_follow_each_other() -> None:
    first = quarter_of(to_micros_of("2026-11-22"))
    assert first == Quarter(2026, 4)
    assert first.last_day == date(2026, 12, 31)
    assert first.ends_us == to_micros_of("2027-01-01")
    assert first.next == Quarter(2027, 1)
    assert first.next.last_day == date(2027, 3, 31)
    assert Quarter(2028, 1).next == Quarter(2028, 2)


@given(st.dates(min_value=date(2000, 1, 1), max_value=date(2125, 1, 1)))
def test_every_moment_lies_in_one_quarter(day: date) -> None:
    at_us = to_micros_of(day.isoformat())
    found = quarter_of(at_us)
    assert found.number == {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 2, 7: 3, 8: 3, 9: 3}.get(day.month, 4)
    assert at_us < found.ends_us
    assert quarter_of(found.ends_us - 1) == found
    assert quarter_of(found.ends_us) == found.next


@pytest.mark.parametrize(
    "raised_minor, percent, expected",
    [
        (1_000_000, "10.5", 26_250),  # 10,000.00 → 262.50
        (100, "1", 0),  # 1.00 → 0.0025
        (1_000, "0.6", 2),  # 10.00 → 0.015, half to even
        (1_000, "1", 2),  # 0.025, half to even
        (0, "10", 0),
    ],
)
def test_a_quarter_brings_a_quarter_of_the_year_s_return(
    raised_minor: int, percent: str, expected: int
) -> None:
    assert quarterly_minor(raised_minor, Decimal(percent)) == expected


def to_micros_of(day: str) -> int:
    return to_micros(datetime.fromisoformat(f"{day}T00:00:00+00:00"))
