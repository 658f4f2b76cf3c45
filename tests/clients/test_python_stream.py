"""The stream: what is said on a connection, and over several."""

from typing import Any

import httpx
import pytest

from terra_lumina import (
    ConnectionFailedError,
    NotFoundError,
    OAuthApp,
    StreamClosedError,
    Token,
    UnexpectedAnswerError,
)
from tests.clients.conftest import Either, Waits
from tests.clients.stand_in import Fault, StandIn

AUTH = {"type": "auth", "token": "access-0"}
PORTFOLIO = {"type": "subscribe", "channel": "portfolio"}
PING = {"type": "ping"}
PONG = {"type": "pong"}
PROJECT = {"type": "subscribe", "channel": "project", "project_id": "prj_sunrise_solar"}


def portfolio(seq: int, total_value: float = 5430.25) -> dict[str, Any]:
    data = {"total_value": total_value, "total_return": 430.25, "return_percentage": 8.6}
    return {"type": "portfolio_update", "seq": seq, "data": data}


def subscribed(after: int) -> dict[str, Any]:
    return {"type": "subscribed", "channel": "portfolio", "after": after}


def project(seq: int) -> dict[str, Any]:
    return {"type": "project_update", "seq": seq, "data": {"project_id": "prj_sunrise_solar"}}


def test_a_stream_authenticates_then_subscribes(done: Either, stand_in: StandIn) -> None:
    said = [{"type": "authenticated"}, subscribed(3), subscribed(3), PONG, portfolio(4), project(6)]
    stand_in.told.append((4, said, 1000))
    api = done.client(stand_in.base_url, access_token="access-0")

    first, second = done.take(api.stream(portfolio=True, projects=["prj_sunrise_solar"]), 2)

    assert stand_in.heard == [[AUTH, PORTFOLIO, PROJECT, PING]]
    assert (first.type, first.seq, first.data["total_value"]) == ("portfolio_update", 4, 5430.25)
    assert (second.type, second.seq, second.data) == (
        "project_update",
        6,
        {"project_id": "prj_sunrise_solar"},
    )


def test_what_channels_missed_is_told_in_one_order_and_once(
    done: Either, stand_in: StandIn, waits: Waits
) -> None:
    stand_in.told.append((4, [PONG, portfolio(4), portfolio(6)], 1012))
    missed = [portfolio(9), project(7), portfolio(6), project(8), PONG, project(10)]
    stand_in.told.append((4, missed, 1000))
    api = done.client(stand_in.base_url, access_token="access-0")

    updates = done.take(api.stream(portfolio=True, projects=["prj_sunrise_solar"]), 6)

    assert [update.seq for update in updates] == [4, 6, 7, 8, 9, 10]
    assert stand_in.heard[1] == [AUTH, PORTFOLIO | {"after": 6}, PROJECT | {"after": 6}, PING]
    assert waits == [0.5]


def test_a_connection_lost_before_the_first_update_goes_on_from_where_it_subscribed(
    done: Either, stand_in: StandIn
) -> None:
    stand_in.told.append((3, [subscribed(41), PONG], 1001))
    stand_in.told.append((3, [subscribed(41), portfolio(42), PONG], 1000))

    done.take(done.client(stand_in.base_url, access_token="access-0").stream(portfolio=True), 1)

    assert stand_in.heard[1][1] == PORTFOLIO | {"after": 41}


def test_a_stream_begins_where_an_earlier_one_ended(done: Either, stand_in: StandIn) -> None:
    stand_in.told.append((3, [portfolio(43), PONG], 1000))
    updates = done.client(stand_in.base_url, access_token="access-0").stream(portfolio=True, after=42)

    assert done.take(updates, 1)[0].seq == 43
    assert stand_in.heard[0][1] == PORTFOLIO | {"after": 42}


def test_who_missed_too_much_is_told_to_read_the_state_anew(done: Either, stand_in: StandIn) -> None:
    reset = {"type": "reset", "after": 9000}
    stand_in.told.append((4, [reset, reset, PONG, portfolio(9001)], 1000))
    api = done.client(stand_in.base_url, access_token="access-0")

    updates = done.take(api.stream(portfolio=True, projects=["prj_sunrise_solar"], after=1), 2)

    assert [(update.type, update.seq) for update in updates] == [("reset", 9000), ("portfolio_update", 9001)]


def test_pauses_grow_while_nothing_is_heard(done: Either, stand_in: StandIn, waits: Waits) -> None:
    stand_in.told.extend([(3, [], 1013), (3, [], 1011), (3, [], 1001)])
    stand_in.told.append((3, [PONG, portfolio(1)], 1000))
    stand_in.told.append((3, [PONG, portfolio(2)], 1000))

    done.take(done.client(stand_in.base_url, access_token="access-0").stream(portfolio=True), 2)

    assert waits == [0.5, 1, 2, 0.5]


def test_a_token_that_ended_is_renewed_once(done: Either, stand_in: StandIn) -> None:
    stand_in.told.extend([(3, [], 4401), (3, [PONG, portfolio(1)], 4401), (3, [], 4401)])
    app = OAuthApp(client_id="app_1", redirect_uri="https://yourapp.com/callback")
    token = Token(access_token="access-0", refresh_token="refresh-0", expires_at=1e12)
    updates = done.client(stand_in.base_url, app=app, token=token).stream(portfolio=True)

    done.take(updates, 1)

    assert [heard[0]["token"] for heard in stand_in.heard] == ["access-0", "access-1"]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """So many requests find no network."""
    left = [None, None]

    def failing(request: Any) -> Any:
        def sent(*given: Any, **named: Any) -> Any:
            if left:
                left.pop()
                raise httpx.ConnectError("no network")
            return request(*given, **named)

        return sent

    for kind in (httpx.Client, httpx.AsyncClient):
        monkeypatch.setattr(kind, "request", failing(kind.request))
    return left


@pytest.mark.parametrize("expires_at", [0, 1e12], ids=["by its time", "by the service's word"])
def test_a_stream_outlives_an_outage_in_which_its_token_ends(
    done: Either, stand_in: StandIn, waits: Waits, offline: list[None], expires_at: float
) -> None:
    stand_in.told.extend([(3, [], 4401)] if expires_at else [])
    stand_in.told.append((3, [PONG, portfolio(1)], 1000))
    app = OAuthApp(client_id="app_1", redirect_uri="https://yourapp.com/callback")
    token = Token(access_token="access-0", refresh_token="refresh-0", expires_at=expires_at)
    updates = done.client(stand_in.base_url, app=app, token=token).stream(portfolio=True)

    assert done.take(updates, 1)[0].seq == 1

    assert (offline, stand_in.tokens_given) == ([], 1)
    assert stand_in.heard[-1][0]["token"] == "access-1"
    assert waits[-2:] == ([1, 2] if expires_at else [0.5, 1])


def test_a_renewal_that_may_have_happened_ends_the_stream(done: Either, stand_in: StandIn) -> None:
    """Sent again it could end the whole consent."""
    stand_in.faults.append(Fault(None))
    app = OAuthApp(client_id="app_1", redirect_uri="https://yourapp.com/callback")
    token = Token(access_token="access-0", refresh_token="refresh-0", expires_at=0)

    with pytest.raises(ConnectionFailedError):
        done.take(done.client(stand_in.base_url, app=app, token=token).stream(portfolio=True), 1)


def test_a_new_token_that_is_refused_ends_the_stream(done: Either, stand_in: StandIn) -> None:
    stand_in.told.extend([(3, [], 4401), (3, [], 4401)])
    app = OAuthApp(client_id="app_1", redirect_uri="https://yourapp.com/callback")
    token = Token(access_token="access-0", refresh_token="refresh-0", expires_at=1e12)

    with pytest.raises(StreamClosedError):
        done.take(done.client(stand_in.base_url, app=app, token=token).stream(portfolio=True), 1)
    assert stand_in.tokens_given == 1


def test_a_key_does_not_open_a_stream(done: Either, stand_in: StandIn) -> None:
    with pytest.raises(ValueError, match="access_token"):
        done.take(done.client(stand_in.base_url).stream(portfolio=True), 1)


@pytest.mark.parametrize("code", [1008, 1009, 4401])
def test_a_stream_that_is_refused_ends(done: Either, stand_in: StandIn, waits: Waits, code: int) -> None:
    stand_in.told.append((3, [], code))

    with pytest.raises(StreamClosedError) as raised:
        done.take(done.client(stand_in.base_url, access_token="access-0").stream(portfolio=True), 1)

    assert (raised.value.code, raised.value.reason) == (code, "as told")
    assert waits == []


@pytest.mark.parametrize("said", ["[]", "nonsense", {"type": "error", "message": "no such project"}])
def test_what_is_no_update_is_said_to_be_none(done: Either, stand_in: StandIn, said: Any) -> None:
    stand_in.told.append((3, [said], 1000))

    with pytest.raises(UnexpectedAnswerError):
        done.take(done.client(stand_in.base_url, access_token="access-0").stream(portfolio=True), 1)


def test_a_stream_of_nothing_is_refused(done: Either, stand_in: StandIn) -> None:
    with pytest.raises(ValueError, match="subscribe"):
        done.client(stand_in.base_url, access_token="access-0").stream()


def test_a_project_that_does_not_exist_is_not_found(done: Either, stand_in: StandIn) -> None:
    said = {"type": "error", "code": "RESOURCE_NOT_FOUND", "message": "project prj_a: unknown"}
    stand_in.told.append((3, [said], 1000))

    with pytest.raises(NotFoundError, match="prj_a"):
        done.take(done.client(stand_in.base_url, access_token="access-0").stream(projects=["prj_a"]), 1)
