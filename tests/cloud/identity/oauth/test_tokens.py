"""Refresh, client credentials, revocation, introspection, and how clients prove themselves."""

import asyncio
import base64
import logging

import httpx
import pytest

from cloud.identity.model import Person
from cloud.identity.oauth.applications import Applications
from cloud.identity.scopes import Scope
from shared.clock import ManualClock
from tests.cloud.identity.oauth.conftest import CALLBACK, SCOPES, App, World
from tests.cloud.identity.oauth.test_code import error_of

DAY_S = 86_400


async def test_an_access_token_lives_one_hour(
    world: World, ana: Person, app_on_a_server: App, clock: ManualClock
) -> None:
    token = (await world.tokens(ana, app_on_a_server))["access_token"]

    clock.advance(3_599)
    assert await world.me(token) == 200
    clock.advance(1)
    assert await world.me(token) == 401


async def test_a_refresh_token_is_good_once_and_its_second_use_ends_the_family(
    world: World, ana: Person, app_on_a_phone: App
) -> None:
    first = await world.tokens(ana, app_on_a_phone)
    second = (await world.refresh(app_on_a_phone, first["refresh_token"])).json()
    third = (await world.refresh(app_on_a_phone, second["refresh_token"])).json()
    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    assert await world.me(third["access_token"]) == 200

    again = await world.refresh(app_on_a_phone, first["refresh_token"])

    assert error_of(again) == (400, "invalid_grant")
    for got in (first, second, third):
        assert await world.me(got["access_token"]) == 401
    assert error_of(await world.refresh(app_on_a_phone, third["refresh_token"])) == (400, "invalid_grant")


async def test_of_fifty_refreshes_at_once_one_succeeds(
    world: World, ana: Person, app_on_a_phone: App
) -> None:
    first = await world.tokens(ana, app_on_a_phone)

    answers = await asyncio.gather(
        *(world.refresh(app_on_a_phone, first["refresh_token"]) for _ in range(50))
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49


async def test_another_client_s_refresh_token_is_refused_and_stays_good(
    world: World, ana: Person, developer: Person, app_on_a_server: App
) -> None:
    other = await world.app(developer, is_confidential=False)
    first = await world.tokens(ana, app_on_a_server)
    second = (await world.refresh(app_on_a_server, first["refresh_token"])).json()

    for stolen in (first["refresh_token"], second["refresh_token"]):
        assert error_of(await world.refresh(other, stolen)) == (400, "invalid_grant")
    assert await world.me(second["access_token"]) == 200


@pytest.mark.parametrize("days, status", [(29.99, 200), (30, 400)])
async def test_a_refresh_token_lives_thirty_days(
    world: World, ana: Person, app_on_a_server: App, clock: ManualClock, days: float, status: int
) -> None:
    first = await world.tokens(ana, app_on_a_server)
    clock.advance(days * DAY_S)

    assert (await world.refresh(app_on_a_server, first["refresh_token"])).status_code == status


async def test_a_refresh_may_ask_for_less_and_never_for_more(
    world: World, ana: Person, app_on_a_server: App
) -> None:
    code = await world.code(ana, app_on_a_server, scope="read_profile read_portfolio")
    first = (await world.exchange(app_on_a_server, code)).json()

    less = (await world.refresh(app_on_a_server, first["refresh_token"], scope="read_profile")).json()
    more = await world.refresh(app_on_a_server, less["refresh_token"], scope="read_profile write_profile")
    whole = (await world.refresh(app_on_a_server, less["refresh_token"])).json()

    assert less["scope"] == "read_profile"
    assert error_of(more) == (400, "invalid_scope")
    assert whole["scope"] == "read_profile read_portfolio"


async def test_a_token_with_less_does_less_than_what_was_allowed(
    world: World, ana: Person, app_on_a_server: App
) -> None:
    first = await world.tokens(ana, app_on_a_server)
    less = (await world.refresh(app_on_a_server, first["refresh_token"], scope="read_profile")).json()

    async def change(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return (await world.client.patch("/v1/user/me", headers=headers, json={"name": "Eve"})).status_code

    assert [await change(first["access_token"]), await change(less["access_token"])] == [200, 403]


async def test_client_credentials_act_as_the_owner_with_what_was_registered(
    world: World, developer: Person, app_on_a_server: App
) -> None:
    answer = await world.token(
        grant_type="client_credentials", scope="read_profile admin claim_returns", **app_on_a_server.proof()
    )

    got = answer.json()
    assert (answer.status_code, got["scope"]) == (200, "read_profile")
    assert "refresh_token" not in got
    bearer = {"Authorization": f"Bearer {got['access_token']}"}
    me = (await world.client.get("/v1/user/me", headers=bearer)).json()
    assert me["data"]["id"] == f"usr_{developer.id}"
    assert await world.oauth.allowed_by(developer) == []


async def test_an_admin_s_application_is_no_admin(
    world: World, developer: Person, app_on_a_server: App
) -> None:
    await world.parts.services.identity.grant("dev@example.com", "admin")

    whole = await world.token(grant_type="client_credentials", **app_on_a_server.proof())
    only = await world.token(grant_type="client_credentials", scope="admin", **app_on_a_server.proof())

    assert whole.json()["scope"] == "read_profile write_profile read_portfolio"
    assert error_of(only) == (400, "invalid_scope")


async def test_a_public_client_has_no_credentials_to_act_by(world: World, app_on_a_phone: App) -> None:
    answer = await world.token(grant_type="client_credentials", **app_on_a_phone.proof())

    assert error_of(answer) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    "proof",
    [
        {"client_secret": "tl_secret_wrong"},
        {"client_secret": ""},
        {"client_id": "client_unknown", "client_secret": "tl_secret_wrong"},
        {"client_id": ""},
    ],
)
async def test_a_client_that_does_not_prove_itself_learns_nothing(
    world: World, app_on_a_server: App, proof: dict[str, str]
) -> None:
    body = {"grant_type": "client_credentials"} | app_on_a_server.proof() | proof
    answer = await world.token(**body)

    assert error_of(answer) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert answer.json()["error_description"] == "The client is unknown or did not prove itself."


async def test_a_public_client_that_sends_a_secret_is_refused(world: World, app_on_a_phone: App) -> None:
    answer = await world.token(
        grant_type="refresh_token", refresh_token="x", client_secret="y", **app_on_a_phone.proof()
    )

    assert error_of(answer) == (401, "invalid_client")


@pytest.mark.parametrize(
    "content, media_type, error",
    [
        (b'{"grant_type": 5}', "application/json", "invalid_request"),
        (b'["grant_type"]', "application/json", "invalid_request"),
        (b"{", "application/json", "invalid_request"),
        (b"[" * 100_000, "application/json", "invalid_request"),
        (b"grant_type=refresh_token&grant_type=x", "application/x-www-form-urlencoded", "invalid_request"),
        (b"grant_type=\xff", "application/x-www-form-urlencoded", "invalid_request"),
        (b"grant_type=%FF", "application/x-www-form-urlencoded", "invalid_request"),
        (b"a=b&" * 40, "application/x-www-form-urlencoded", "invalid_request"),
        (b"grant_type=%C3%A9", "application/x-www-form-urlencoded", "invalid_request"),
        (b"grant_type=password", "application/x-www-form-urlencoded", "unsupported_grant_type"),
        (b"", "application/x-www-form-urlencoded", "unsupported_grant_type"),
        (b"grant_type=client_credentials", "text/plain", "invalid_request"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_in_the_words_of_oauth(
    client: httpx.AsyncClient, content: bytes, media_type: str, error: str
) -> None:
    answer = await client.post("/v1/oauth/token", content=content, headers={"Content-Type": media_type})

    assert error_of(answer) == (400, error)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("header", ["Bearer x", "Basic !", "Basic YQ==", "Basic /w==", "Basic Og=="])
async def test_a_header_that_proves_nothing_is_refused(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.post(
        "/v1/oauth/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": header},
    )

    assert error_of(answer) == (401, "invalid_client")


async def test_a_client_proves_itself_one_way_at_a_time(world: World, app_on_a_server: App) -> None:
    basic = base64.b64encode(f"{app_on_a_server.client_id}:{app_on_a_server.secret}".encode()).decode()

    async def ask(body: dict[str, str]) -> httpx.Response:
        return await world.client.post(
            "/v1/oauth/token",
            data={"grant_type": "client_credentials", **body},
            headers={"Authorization": f"Basic {basic}"},
        )

    assert (await ask({})).status_code == 200
    assert (await ask({"client_id": app_on_a_server.client_id})).status_code == 200
    assert error_of(await ask({"client_id": "another"})) == (400, "invalid_request")
    assert error_of(await ask(app_on_a_server.proof())) == (400, "invalid_request")


async def test_after_a_rotation_both_secrets_work_for_a_day(
    world: World, developer: Person, app_on_a_server: App, clock: ManualClock
) -> None:
    applications: Applications = world.parts.services.applications
    made = await applications.rotate_secret(developer, app_on_a_server.client_id)
    new = app_on_a_server._replace(secret=made.secret)

    async def works(app: App) -> bool:
        answer = await world.token(grant_type="client_credentials", **app.proof())
        return answer.status_code == 200

    assert new.secret != app_on_a_server.secret
    assert [await works(app_on_a_server), await works(new)] == [True, True]
    clock.advance(DAY_S / 2)
    await applications.rotate_secret(developer, app_on_a_server.client_id)
    clock.advance(DAY_S / 2)
    # The second rotation gave the first secret no more time.
    assert [await works(app_on_a_server), await works(new)] == [False, True]
    clock.advance(DAY_S / 2)
    assert not await works(new)


async def test_a_revoked_application_ends_with_all_its_tokens(
    world: World, ana: Person, developer: Person, app_on_a_server: App
) -> None:
    got = await world.tokens(ana, app_on_a_server)

    await world.parts.services.applications.revoke(developer, app_on_a_server.client_id)

    assert await world.me(got["access_token"]) == 401
    assert error_of(await world.refresh(app_on_a_server, got["refresh_token"])) == (401, "invalid_client")


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_revoking_either_token_ends_both(
    world: World, ana: Person, app_on_a_phone: App, which: str
) -> None:
    got = await world.tokens(ana, app_on_a_phone)

    answer = await world.client.post("/v1/oauth/revoke", data={"token": got[which], **app_on_a_phone.proof()})

    assert (answer.status_code, answer.json()) == (200, {})
    assert await world.me(got["access_token"]) == 401
    assert (await world.refresh(app_on_a_phone, got["refresh_token"])).status_code == 400


async def test_revoking_what_is_unknown_succeeds_and_what_is_another_s_fails(
    world: World, ana: Person, developer: Person, app_on_a_server: App
) -> None:
    other = await world.app(developer)
    got = await world.tokens(ana, app_on_a_server)

    async def revoke(app: App, **body: str) -> httpx.Response:
        return await world.client.post("/v1/oauth/revoke", data={**app.proof(), **body})

    assert (await revoke(other, token="nothing")).status_code == 200
    assert error_of(await revoke(other)) == (400, "invalid_request")
    assert error_of(await revoke(other, token=got["access_token"])) == (400, "invalid_grant")
    assert error_of(await revoke(other._replace(secret="x"), token="x")) == (401, "invalid_client")
    assert await world.me(got["access_token"]) == 200


async def test_a_client_introspects_its_own_tokens_only(
    world: World, ana: Person, developer: Person, app_on_a_server: App, app_on_a_phone: App
) -> None:
    other = await world.app(developer)
    got = await world.tokens(ana, app_on_a_server)

    async def introspect(app: App, token: str) -> httpx.Response:
        return await world.client.post("/v1/oauth/introspect", data={"token": token, **app.proof()})

    # 2026-01-01T00:00:00Z is 1767225600.
    assert (await introspect(app_on_a_server, got["access_token"])).json() == {
        "active": True,
        "client_id": app_on_a_server.client_id,
        "sub": f"usr_{ana.id}",
        "iss": "http://127.0.0.1:8080",
        "token_type": "Bearer",
        "scope": "read_profile write_profile read_portfolio",
        "iat": 1767225600,
        "exp": 1767229200,
    }
    refresh = (await introspect(app_on_a_server, got["refresh_token"])).json()
    assert (refresh["active"], refresh["exp"]) == (True, 1767225600 + 30 * DAY_S)
    for app, token in ((other, got["access_token"]), (other, got["refresh_token"]), (other, "x")):
        assert (await introspect(app, token)).json() == {"active": False}
    assert error_of(await introspect(app_on_a_phone, "x")) == (400, "invalid_request")
    await world.refresh(app_on_a_server, got["refresh_token"])
    assert (await introspect(app_on_a_server, got["refresh_token"])).json() == {"active": False}


async def test_the_metadata_tells_where_everything_is(client: httpx.AsyncClient) -> None:
    told = (await client.get("/.well-known/oauth-authorization-server")).json()

    assert told["issuer"] == "http://127.0.0.1:8080"
    assert told["token_endpoint"] == "http://127.0.0.1:8080/v1/oauth/token"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert "admin" not in told["scopes_supported"]
    assert set(told["grant_types_supported"]) == {
        "authorization_code",
        "refresh_token",
        "client_credentials",
    }


async def test_nothing_secret_is_logged_or_stored_as_it_is(
    world: World, ana: Person, app_on_a_server: App, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    code = await world.code(ana, app_on_a_server)
    first = (await world.exchange(app_on_a_server, code)).json()
    second = (await world.refresh(app_on_a_server, first["refresh_token"])).json()
    await world.refresh(app_on_a_server, first["refresh_token"])
    key = await world.parts.services.api_keys.create(ana, name="k", scopes=frozenset({Scope.READ_PROFILE}))
    session = await world.parts.services.sessions.open(ana.id)
    secrets = [code, app_on_a_server.secret, key.text, session]
    secrets += [got[name] for got in (first, second) for name in ("access_token", "refresh_token")]

    assert all(secret not in caplog.text for secret in secrets)
    kept = b"".join(path.read_bytes() for path in world.parts.settings.data_dir.iterdir() if path.is_file())
    assert all(secret.encode() not in kept for secret in secrets)


async def test_ended_grants_are_forgotten_and_living_ones_are_not(
    world: World, ana: Person, app_on_a_server: App, clock: ManualClock
) -> None:
    await world.code(ana, app_on_a_server)  # never exchanged
    got = await world.tokens(ana, app_on_a_server)
    clock.advance(3_600)

    assert await world.oauth.forget_ended() == 1
    assert (await world.refresh(app_on_a_server, got["refresh_token"])).status_code == 200
    clock.advance(30 * DAY_S)
    assert await world.oauth.forget_ended() == 1


@pytest.mark.parametrize("scopes", [frozenset(), SCOPES | {Scope.ADMIN}])
async def test_an_application_without_scope_or_with_admin_is_not_registered(
    world: World, developer: Person, scopes: frozenset[Scope]
) -> None:
    from cloud.errors import InvalidFields

    with pytest.raises(InvalidFields) as refusal:
        await world.app(developer, scopes=scopes)

    assert set(refusal.value.details) == {"scopes"}


async def test_another_s_application_is_not_found(world: World, ana: Person, app_on_a_server: App) -> None:
    from cloud.errors import NotFound

    applications: Applications = world.parts.services.applications
    change = {"name": "x", "redirect_uris": [CALLBACK], "scopes": SCOPES}
    for act in (
        applications.application(ana, app_on_a_server.client_id),
        applications.rotate_secret(ana, app_on_a_server.client_id),
        applications.revoke(ana, app_on_a_server.client_id),
        applications.change(ana, app_on_a_server.client_id, **change),
    ):
        with pytest.raises(NotFound):
            await act
    assert (await world.token(grant_type="client_credentials", **app_on_a_server.proof())).status_code == 200
