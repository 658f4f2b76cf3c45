"""Authorization codes: who gets one, who may exchange it, and for how long."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from cloud.identity.model import Person
from cloud.identity.oauth.service import AuthorizationRefused
from shared.clock import ManualClock
from tests.cloud.identity.oauth.conftest import CALLBACK, CHALLENGE, VERIFIER, App, World, query, s256

PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_the_vector_of_rfc_7636_is_what_these_tests_compute() -> None:
    assert s256(VERIFIER) == CHALLENGE


async def test_a_code_gives_tokens_that_act_for_the_person(
    world: World, ana: Person, app_on_a_server: App
) -> None:
    code = await world.code(ana, app_on_a_server, scope="read_profile", state="xyz")

    answer = await world.exchange(app_on_a_server, code)

    got = answer.json()
    assert answer.status_code == 200
    assert got | {"access_token": "", "refresh_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": "",
        "scope": "read_profile",
    }
    bearer = {"Authorization": f"Bearer {got['access_token']}"}
    assert (await world.client.get("/v1/user/me", headers=bearer)).json()["data"]["id"] == f"usr_{ana.id}"
    change = await world.client.patch("/v1/user/me", headers=bearer, json={"name": "Eve"})
    assert (change.status_code, change.json()["error"]["code"]) == (403, "INSUFFICIENT_PERMISSIONS")


async def test_a_code_used_twice_is_refused_and_ends_what_it_gave(
    world: World, ana: Person, app_on_a_server: App
) -> None:
    code = await world.code(ana, app_on_a_server)
    first = (await world.exchange(app_on_a_server, code)).json()
    assert await world.me(first["access_token"]) == 200

    second = await world.exchange(app_on_a_server, code)

    assert error_of(second) == (400, "invalid_grant")
    assert await world.me(first["access_token"]) == 401
    assert error_of(await world.refresh(app_on_a_server, first["refresh_token"])) == (400, "invalid_grant")


async def test_a_stranger_who_repeats_a_code_ends_nothing(
    world: World, ana: Person, developer: Person, app_on_a_server: App
) -> None:
    strange = await world.app(developer)
    code = await world.code(ana, app_on_a_server)
    first = (await world.exchange(app_on_a_server, code)).json()

    assert error_of(await world.exchange(strange, code)) == (400, "invalid_grant")
    assert error_of(await world.exchange(app_on_a_server._replace(secret="tl_secret_x"), code))[0] == 401
    assert await world.me(first["access_token"]) == 200


@pytest.mark.parametrize("seconds, status", [(299.9, 200), (300, 400)])
async def test_a_code_lives_five_minutes(
    world: World, ana: Person, app_on_a_server: App, clock: ManualClock, seconds: float, status: int
) -> None:
    code = await world.code(ana, app_on_a_server)
    clock.advance(seconds)

    assert (await world.exchange(app_on_a_server, code)).status_code == status


async def test_a_code_is_bound_to_its_client_and_redirect_uri(
    world: World, ana: Person, developer: Person, app_on_a_server: App
) -> None:
    code = await world.code(ana, app_on_a_server)
    other = await world.app(developer)

    assert error_of(await world.exchange(other, code)) == (400, "invalid_grant")
    for wrong in (CALLBACK + "/", CALLBACK.upper(), ""):
        answer = await world.exchange(app_on_a_server, code, redirect_uri=wrong)
        assert error_of(answer) == (400, "invalid_grant")
    assert (await world.exchange(app_on_a_server, code)).status_code == 200


@pytest.mark.parametrize("verifier", ["", "x" * 43, VERIFIER[:-1] + "K", CHALLENGE, "short"])
async def test_a_wrong_verifier_gets_nothing(
    world: World, ana: Person, app_on_a_phone: App, verifier: str
) -> None:
    code = await world.code(ana, app_on_a_phone, **PKCE)

    answer = await world.exchange(app_on_a_phone, code, code_verifier=verifier)

    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_grant", "invalid_request"}
    assert "access_token" not in answer.text


async def test_a_verifier_where_no_challenge_was_sent_is_refused(
    world: World, ana: Person, app_on_a_server: App
) -> None:
    code = await world.code(ana, app_on_a_server)

    answer = await world.exchange(app_on_a_server, code, code_verifier=VERIFIER)

    assert error_of(answer) == (400, "invalid_request")


@pytest.mark.parametrize(
    "parameters, error",
    [
        ({}, "invalid_request"),
        ({"code_challenge": CHALLENGE}, "invalid_request"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
        ({**PKCE, "scope": "read_everything"}, "invalid_scope"),
        ({**PKCE, "scope": "admin"}, "invalid_scope"),
        ({**PKCE, "scope": "make_investments"}, "invalid_scope"),
        ({**PKCE, "response_type": "token"}, "unsupported_response_type"),
    ],
)
async def test_a_request_that_does_not_hold_is_told_to_the_application(
    world: World, app_on_a_phone: App, parameters: dict[str, str], error: str
) -> None:
    with pytest.raises(AuthorizationRefused) as refusal:
        await world.oauth.wish(query(app_on_a_phone, state="s 1", **parameters))

    assert refusal.value.location is not None
    assert refusal.value.location.startswith(CALLBACK + "?")
    said = parse_qs(urlsplit(refusal.value.location).query)
    assert said["error"] == [error]
    assert said["state"] == ["s 1"]
    assert said["iss"] == ["http://127.0.0.1:8080"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "?x=1"},
        {"redirect_uri": "https://diary.example/callbac%6b"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": 'https://evil.example/"é'},
        {"redirect_uri": 'https://evil.example/"'},
        {"redirect_uri": ""},
        {"client_id": "client_unknown"},
        {"client_id": ""},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    world: World, app_on_a_server: App, parameters: dict[str, str]
) -> None:
    with pytest.raises(AuthorizationRefused) as refusal:
        await world.oauth.wish(query(app_on_a_server, **parameters))

    assert refusal.value.location is None


async def test_a_parameter_that_comes_twice_is_refused(world: World, app_on_a_server: App) -> None:
    with pytest.raises(AuthorizationRefused) as refusal:
        await world.oauth.wish(query(app_on_a_server) + "&redirect_uri=https%3A%2F%2Fevil.example")

    assert refusal.value.location is None


async def test_consent_never_gives_admin_and_no_more_than_the_application_registered(
    world: World, developer: Person, app_on_a_server: App
) -> None:
    await world.parts.services.identity.grant("dev@example.com", "admin")
    code = await world.code(developer, app_on_a_server, scope="admin read_profile make_investments")

    got = (await world.exchange(app_on_a_server, code)).json()

    assert got["scope"] == "read_profile"


async def test_what_a_person_allowed_can_be_seen_and_withdrawn(
    world: World, ana: Person, developer: Person, app_on_a_server: App
) -> None:
    got = await world.tokens(ana, app_on_a_server)
    again = await world.tokens(ana, app_on_a_server)
    others = await world.tokens(developer, app_on_a_server)

    assert [row.client_id for row in await world.oauth.allowed_by(ana)] == [app_on_a_server.client_id]
    await world.oauth.withdraw(ana, app_on_a_server.client_id)

    assert await world.oauth.allowed_by(ana) == []
    assert await world.me(got["access_token"]) == await world.me(again["access_token"]) == 401
    assert await world.me(others["access_token"]) == 200
