"""Nobody sees another's sandbox, the live service is none of them, and no credential works on both sides."""

from typing import Any

import httpx

from cloud.app import Parts
from cloud.identity.api_keys.key import Mode
from cloud.identity.scopes import Scope
from tests.cloud.databases import dump
from tests.cloud.sandbox.conftest import Developer, Developers, key_of, signed_up

UNKNOWN = "e30.eyJpc3MiOiAieC9zYW5kYm94ZXMvc2JfMDEyMzQ1Njc4OWFiY2RlZmdoamttbnBxcnMifQ.c"
"""Says that it is of the sandbox sb_0123456789abcdefghjkmnpqrs, which is not there."""


async def status(client: httpx.AsyncClient, path: str, **headers: str) -> int:
    return (await client.get(path, headers=headers)).status_code


async def application(parts: Parts, who: Developer) -> Any:
    sandbox = await who.sandbox(parts)
    return await sandbox.services.applications.register(
        sandbox.person,
        name="Diary",
        is_confidential=True,
        redirect_uris=["https://diary.example.com/back"],
        scopes=frozenset({Scope.READ_PROJECTS}),
    )


async def token_of(client: httpx.AsyncClient, made: Any, base: str = "/sandbox/v1") -> httpx.Response:
    form = {
        "grant_type": "client_credentials",
        "client_id": made.application.client_id,
        "client_secret": made.secret,
    }
    return await client.post(f"{base}/oauth/token", data=form)


async def test_two_developers_see_nothing_of_each_other(developers: Developers) -> None:
    ana, ben = await developers("ana"), await developers("ben")
    await ana.verify()
    made = await ana.invest()
    await ana.post("/projects/prj_sunrise_solar/updates", {"title": "Ana was here", "content": "…"})
    await ana.move(advance_days=400)

    assert (await ben.get("/investments"))["data"] == []
    assert (await ben.call("GET", f"/investments/{made['id']}")).status_code == 404
    assert (await ben.get("/projects/prj_sunrise_solar/updates"))["data"] == []
    assert (await ben.get("/clock"))["data"]["now"] == "2026-01-01T00:00:00Z"
    assert (await ben.get("/user/me/kyc"))["data"]["status"] == "not_started"
    names = {(await who.get("/sandbox"))["data"]["name"] for who in (ana, ben)}
    assert len(names) == 2


async def test_nothing_of_a_sandbox_reaches_the_live_database(parts: Parts, ana: Developer) -> None:
    await ana.get("/sandbox")
    before = await dump(parts.store)
    await ana.verify()
    await ana.invest()
    await ana.move(advance_days=400)
    await ana.post("/webhooks", {"url": "http://127.0.0.1:9/x", "events": ["investment.created"]})
    assert await dump(parts.store) == before

    await ana.post("/reset", status=200)

    after = await dump(parts.store)
    assert {name for name in after if after[name] != before[name]} == {"sandboxes"}


async def test_live_credentials_do_not_work_in_the_sandbox_and_test_ones_not_outside(
    parts: Parts, client: httpx.AsyncClient, ana: Developer
) -> None:
    s = parts.services
    live_key = (await s.api_keys.create(ana.person, name="l", scopes=frozenset({Scope.READ_PROJECTS}))).text
    async with parts.store.write() as tx:
        signed_in = s.identity.access_token(await s.identity.open_sign_in(tx, ana.person))
    live_app = await s.applications.register(
        ana.person,
        name="Diary",
        is_confidential=True,
        redirect_uris=["https://diary.example.com/back"],
        scopes=frozenset({Scope.READ_PROJECTS}),
    )
    live_token = (await token_of(client, live_app, "/v1")).json()["access_token"]
    name = await ana.name(parts)
    for base in ("/sandbox/v1", f"/sandboxes/{name}/v1"):
        assert await status(client, f"{base}/projects", **{"X-API-Key": live_key}) == 401
        assert await status(client, f"{base}/projects", Authorization=f"Bearer {signed_in}") == 401
        assert await status(client, f"{base}/projects", Authorization=f"Bearer {live_token}") == 401
        assert (await token_of(client, live_app, base)).status_code == 401

    test_app = await application(parts, ana)
    test_token = (await token_of(client, test_app)).json()["access_token"]
    assert await status(client, "/sandbox/v1/projects", Authorization=f"Bearer {test_token}") == 200
    assert await status(client, f"/sandboxes/{name}/v1/projects", Authorization=f"Bearer {test_token}") == 200
    assert await status(client, "/v1/projects", Authorization=f"Bearer {test_token}") == 401
    assert await status(client, "/v1/projects", **{"X-API-Key": ana.key}) == 401
    assert (await token_of(client, test_app, "/v1")).status_code == 401


async def test_another_sandbox_s_credentials_do_not_work_even_where_the_address_names_the_sandbox(
    parts: Parts, client: httpx.AsyncClient, developers: Developers
) -> None:
    ana, ben = await developers("ana"), await developers("ben")
    token = (await token_of(client, await application(parts, ben))).json()["access_token"]
    await ana.get("/projects")
    base = f"/sandboxes/{await ana.name(parts)}/v1"

    assert await status(client, f"{base}/projects", **{"X-API-Key": ana.key}) == 200
    assert await status(client, f"{base}/projects", **{"X-API-Key": ben.key}) == 401
    assert await status(client, f"{base}/projects", Authorization=f"Bearer {token}") == 401
    assert await status(client, f"{base}/projects") == 401
    for control in ("reset", "clock", "kyc"):
        assert (await client.post(f"{base}/{control}", json={"advance_days": 1})).status_code == 401


async def test_a_key_does_what_its_scopes_say(
    parts: Parts, client: httpx.AsyncClient, ana: Developer
) -> None:
    key = await key_of(parts, ana.person, frozenset({Scope.READ_PROJECTS}))
    reader = Developer(client, ana.person, key)

    await reader.get("/projects")
    for path in ("/user/me", "/investments"):
        refused = await reader.call("GET", path)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "INSUFFICIENT_PERMISSIONS")


async def test_a_revoked_key_opens_nothing(parts: Parts, ana: Developer) -> None:
    await ana.get("/projects")
    [row] = await parts.services.api_keys.keys_of(ana.person)
    await parts.services.api_keys.revoke(ana.person, row.id)

    assert (await ana.call("GET", "/projects")).status_code == 401


BAD_CREDENTIALS: list[dict[str, str]] = [
    {},
    {"Authorization": "Basic YTpi"},
    {"Authorization": "Bearer nonsense"},
    {"Authorization": "Bearer a.b.c"},
    {"Authorization": f"Bearer {UNKNOWN}"},
    {"X-API-Key": "tl_test_nonsense"},
    {"X-API-Key": ""},
]


async def test_whoever_brings_nothing_good_is_refused_in_the_document_s_shape(
    client: httpx.AsyncClient,
) -> None:
    for headers in BAD_CREDENTIALS:
        refused = await client.get("/sandbox/v1/projects", headers=headers)

        assert refused.status_code == 401, headers
        assert refused.json()["error"]["code"] == "AUTHENTICATION_REQUIRED"
        assert refused.headers["x-request-id"] == refused.json()["error"]["request_id"]
        assert refused.headers["www-authenticate"] == "Bearer"


async def test_a_sandbox_s_own_person_is_no_administrator_outside(parts: Parts, ana: Developer) -> None:
    me = (await ana.get("/user/me"))["data"]
    assert me["email"] == "investor@example.com"
    ben = await signed_up(parts)
    made = await parts.services.api_keys.create(
        ben, name="t", scopes=frozenset({Scope.ADMIN}), mode=Mode.TEST
    )
    assert Scope.ADMIN in (await parts.services.api_keys.principal(made.text, mode=Mode.TEST)).scopes
    assert not (await parts.services.api_keys.principal(made.text, mode=Mode.TEST)).person.is_admin


async def test_other_addresses_are_not_there(client: httpx.AsyncClient) -> None:
    for path in ("/sandboxes", "/sandboxes/x/v1/projects", "/sandbox/v2", "/sandbox"):
        assert (await client.get(path)).status_code == 404, path


async def test_an_unknown_path_of_a_sandbox_is_not_there(ana: Developer) -> None:
    for path in ("/nothing", "", "/projects/prj_none"):
        assert (await ana.call("GET", path)).status_code == 404
    assert (await ana.call("DELETE", "/projects")).status_code == 405
