"""The investment platform over HTTP: error bodies, request ids, limits by tier, and who may do what."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from cloud.app import Parts
from cloud.identity.scopes import Scope, scopes_of
from cloud.kit.rate_limit import CountersLost, MemoryCounters
from shared.clock import ManualClock

Caller = Callable[[str], httpx.AsyncClient]

ME = "/v1/user/me"
ANA = {"email": "ana@example.com", "password": "securepass123", "name": "Ana", "user_type": "consumer"}
LIMITED = pytest.mark.parametrize("settings", [{"sign_ins_per_minute": 0}], indirect=True)
UNLIMITED = pytest.mark.parametrize(
    "settings", [{"rate_limit_per_minute": 0, "sign_ins_per_minute": 0}], indirect=True
)

# The scope column of the endpoint table, as far as the routes exist.
DOCUMENTED = {
    ("POST", "/v1/oauth/token"): None,
    ("GET", "/v1/user/me"): "read_profile",
    ("PATCH", "/v1/user/me"): "write_profile",
    ("GET", "/v1/user/me/kyc"): "read_profile",
    ("POST", "/v1/user/me/kyc"): "write_profile",
    ("GET", "/v1/projects"): "read_projects",
    ("GET", "/v1/projects/search"): "read_projects",
    ("GET", "/v1/projects/{project_id}"): "read_projects",
    ("GET", "/v1/projects/{project_id}/updates"): "read_projects",
    ("GET", "/v1/investments"): "read_portfolio",
    ("POST", "/v1/investments"): "make_investments",
    ("GET", "/v1/investments/{investment_id}"): "read_portfolio",
    ("GET", "/v1/portfolio"): "read_portfolio",
    ("GET", "/v1/portfolio/performance"): "read_portfolio",
    ("GET", "/v1/distributions"): "read_returns",
    ("POST", "/v1/distributions/{distribution_id}/claim"): "claim_returns",
    ("GET", "/v1/openapi.json"): None,
}


async def bearer(client: httpx.AsyncClient, body: dict[str, str] = ANA) -> dict[str, str]:
    answer = await client.post("/api/v1/auth/register", json=body)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def standing(answer: httpx.Response) -> tuple[int, int, int]:
    return tuple(int(answer.headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))  # type: ignore[return-value]


@UNLIMITED
@pytest.mark.parametrize(
    "method, path, status, code",
    [
        ("GET", "/v1/nothing", 404, "RESOURCE_NOT_FOUND"),
        ("POST", "/v1/user/me/nothing", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/v1/", 404, "RESOURCE_NOT_FOUND"),
        ("DELETE", ME, 405, "INVALID_REQUEST"),
        ("GET", "/v1/oauth/token", 405, "INVALID_REQUEST"),
        ("GET", ME, 401, "AUTHENTICATION_REQUIRED"),
        ("PATCH", ME, 401, "AUTHENTICATION_REQUIRED"),
    ],
)
async def test_every_refusal_has_the_documented_envelope_and_the_headers(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert set(answer.json()) == {"error"}
    assert set(error) == {"code", "message", "details", "request_id"}
    assert answer.headers["X-Request-Id"] == error["request_id"]
    assert re.fullmatch(r"req_[0-9a-z]{26}", error["request_id"])
    assert all(f"X-RateLimit-{name}" in answer.headers for name in ("Limit", "Remaining", "Reset"))


@UNLIMITED
async def test_a_body_is_judged_field_by_field(client: httpx.AsyncClient) -> None:
    headers = await bearer(client)
    wrong = await client.patch(ME, headers=headers, json={"name": 5, "age": 1})
    rule = await client.patch(ME, headers=headers, json={"preferences": {"currency": "euro"}})
    broken = await client.patch(ME, headers=headers, content=b"{")

    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "VALIDATION_ERROR")
    assert set(wrong.json()["error"]["details"]) == {"name", "age"}
    assert rule.json()["error"]["details"] == {"currency": "Not an ISO 4217 code such as INR"}
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "INVALID_REQUEST")


@UNLIMITED
@pytest.mark.parametrize(
    "sent, is_kept",
    [
        ("abc-123_x.Y", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("a b", False),
        ("a<script>", False),
        ("é", False),
    ],
)
async def test_a_sane_request_id_is_kept_and_any_other_replaced(
    client: httpx.AsyncClient, sent: str, is_kept: bool
) -> None:
    answer = await client.get("/v1/nothing", headers={"X-Request-Id": sent.encode()})

    assert (answer.headers["X-Request-Id"] == sent) == is_kept
    assert answer.json()["error"]["request_id"] == answer.headers["X-Request-Id"]


@UNLIMITED
async def test_an_error_nobody_foresaw_tells_nothing(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cloud.identity.email_sign_in import EmailSignIn

    async def broken(self: EmailSignIn, person: object) -> None:
        raise RuntimeError("the secret is 42")

    headers = await bearer(client)
    monkeypatch.setattr(EmailSignIn, "profile", broken)
    answer = await client.get(ME, headers=headers)

    assert (answer.status_code, answer.json()["error"]["message"]) == (500, "internal error")
    assert "42" not in answer.text
    assert "X-Request-Id" in answer.headers


@UNLIMITED
async def test_the_user_is_shown_and_changed_as_documented(client: httpx.AsyncClient) -> None:
    headers = await bearer(client)

    shown = await client.get(ME, headers=headers)
    changed = await client.patch(
        ME, headers=headers, json={"name": "Jane Smith", "preferences": {"currency": "EUR"}}
    )
    sms = await client.patch(ME, headers=headers, json={"preferences": {"notifications": {"sms": True}}})

    assert shown.json() == {
        "data": {
            "id": "usr_1",
            "email": "ana@example.com",
            "name": "Ana",
            "kyc_status": shown.json()["data"]["kyc_status"],
            "kyc_verified_at": None,
            "created_at": "2026-01-01T00:00:00Z",
            "preferences": {"currency": "INR", "notifications": {"email": True, "sms": False}},
        }
    }
    assert changed.json() == {
        "data": {"id": "usr_1", "name": "Jane Smith", "preferences": {"currency": "EUR"}}
    }
    assert sms.json()["data"] == {
        "id": "usr_1",
        "preferences": {"notifications": {"email": True, "sms": True}},
    }
    # One profile, however it is asked for.
    other = (await client.get("/api/v1/users/me", headers=headers)).json()
    assert (other["name"], other["currency"]) == ("Jane Smith", "EUR")


@UNLIMITED
async def test_a_read_that_was_not_changed_is_spared(client: httpx.AsyncClient) -> None:
    headers = await bearer(client)
    tag = (await client.get(ME, headers=headers)).headers["ETag"]

    same = await client.get(ME, headers={**headers, "If-None-Match": tag})
    await client.patch(ME, headers=headers, json={"name": "Eve"})
    other = await client.get(ME, headers={**headers, "If-None-Match": tag})
    nobody = await client.get(ME, headers={"If-None-Match": tag})

    assert (same.status_code, same.content) == (304, b"")
    assert "X-Request-Id" in same.headers
    assert (other.status_code, nobody.status_code) == (200, 401)


@LIMITED
async def test_anonymous_callers_are_free_by_address(caller: Caller, clock: ManualClock) -> None:
    client = caller("192.0.2.1")

    burst = [await client.get("/v1/nothing") for _ in range(21)]

    assert [answer.status_code for answer in burst] == [404] * 20 + [429]
    # 2026-01-01T00:00:00Z and an hour: 1767225600 + 3600.
    assert standing(burst[0]) == (100, 99, 1767229200)
    assert burst[20].json() == {
        "error": {
            "code": "RATE_LIMIT_EXCEEDED",
            "message": "Rate limit exceeded. Please try again in 1 seconds.",
            "retry_after": 1,
        }
    }
    assert burst[20].headers["Retry-After"] == "1"
    assert standing(burst[20])[:2] == (100, 80)
    assert (await caller("192.0.2.2").get("/v1/nothing")).status_code == 404
    for _ in range(4):
        clock.advance(1)
        assert {(await client.get("/v1/nothing")).status_code for _ in range(20)} == {404}
    clock.advance(1)
    over = await client.get("/v1/nothing")
    assert over.status_code == 429
    # The first call was 5 s ago.
    assert over.json()["error"]["retry_after"] == int(over.headers["Retry-After"]) == 3_595
    assert standing(over)[:2] == (100, 0)
    clock.advance(3_595)
    assert (await client.get("/v1/nothing")).status_code == 404


@LIMITED
@pytest.mark.parametrize(
    "tier, hourly, burst", [("free", 100, 20), ("basic", 1_000, 100), ("pro", 10_000, 500)]
)
async def test_people_have_the_calls_of_their_tier_by_whatever_credential(
    caller: Caller, parts: Parts, tier: str, hourly: int, burst: int
) -> None:
    home, away = caller("192.0.2.1"), caller("192.0.2.2")
    headers = await bearer(home)
    person = await parts.services.identity.set_tier("ana@example.com", tier)
    key = await parts.services.api_keys.create(person, name="k", scopes=scopes_of("read_profile"))
    by_key = {"X-API-Key": key.text}

    first = await home.get(ME, headers=headers)
    second = await away.get(ME, headers=by_key)
    rest = [(await away.get("/v1/nothing", headers=by_key)).status_code for _ in range(burst - 1)]

    assert standing(first)[:2] == (hourly, hourly - 1)
    assert standing(second)[:2] == (hourly, hourly - 2)
    assert rest == [404] * (burst - 2) + [429]
    # Nothing of it was counted on the addresses, nor in the calls of the other families.
    assert standing(await away.get("/v1/nothing"))[:2] == (100, 99)
    assert (await home.get("/api/v1/users/me", headers=headers)).headers["X-RateLimit-Remaining"] == "4"


@LIMITED
async def test_enterprise_is_unlimited_and_basic_is_the_default(caller: Caller, parts: Parts) -> None:
    client = caller("192.0.2.1")
    headers = await bearer(client)
    assert standing(await client.get(ME, headers=headers))[0] == 1_000

    await parts.services.identity.set_tier("ana@example.com", "enterprise")
    answers = [await client.get(ME, headers=headers) for _ in range(150)]

    assert {answer.status_code for answer in answers} == {200}
    assert {standing(answer)[:2] for answer in answers} == {(2**31 - 1, 2**31 - 1)}


@LIMITED
async def test_a_post_is_counted_on_its_person_as_well(caller: Caller) -> None:
    client = caller("192.0.2.1")
    headers = await bearer(client)

    answer = await client.post("/v1/nothing", headers=headers, json={})

    assert standing(answer)[:2] == (1_000, 999)


@LIMITED
async def test_an_application_that_proves_itself_has_its_owner_s_calls(
    caller: Caller, parts: Parts, clock: ManualClock
) -> None:
    client = caller("192.0.2.1")
    await bearer(client)
    person = await parts.services.identity.set_tier("ana@example.com", "pro")
    made = await parts.services.applications.register(
        person, name="a", is_confidential=True, redirect_uris=[], scopes=scopes_of("read_profile")
    )
    body = {
        "grant_type": "client_credentials",
        "client_id": made.application.client_id,
        "client_secret": made.secret,
    }

    right = await client.post("/v1/oauth/token", json=body)
    wrong = await client.post("/v1/oauth/token", json=body | {"client_secret": "tl_secret_x"})

    assert (right.status_code, standing(right)[0]) == (200, 10_000)
    assert (wrong.status_code, standing(wrong)[0]) == (401, 100)


@LIMITED
async def test_while_the_counters_are_lost_calls_pass_and_the_headers_stay(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(self: MemoryCounters, *_: object) -> None:
        raise CountersLost("connection refused")

    monkeypatch.setattr(MemoryCounters, "take", lost)
    answers = [await caller("192.0.2.1").get("/v1/nothing") for _ in range(30)]

    assert {answer.status_code for answer in answers} == {404}
    assert {standing(answer)[:2] for answer in answers} == {(100, 100)}


@LIMITED
async def test_a_credential_that_does_not_work_counts_on_the_address(caller: Caller) -> None:
    client = caller("192.0.2.1")
    headers = {"Authorization": "Bearer x.y.z"}

    answers = [(await client.get(ME, headers=headers)).status_code for _ in range(21)]

    assert answers == [401] * 20 + [429]


@UNLIMITED
async def test_every_credential_acts_where_it_may_and_nowhere_else(
    client: httpx.AsyncClient, parts: Parts, clock: ManualClock
) -> None:
    from tests.cloud.identity.oauth.conftest import World

    world = World(client, parts)
    person = await world.person("ana@example.com")
    app = await world.app(person)
    tokens = await world.tokens(person, app)
    own = (await world.token(grant_type="client_credentials", **app.proof())).json()
    key = (
        await parts.services.api_keys.create(person, name="k", scopes=frozenset(Scope) - {Scope.ADMIN})
    ).text
    session = await parts.services.sessions.open(person.id)
    unused_code = await world.code(person, app)
    sign_in = await bearer(client, ANA | {"email": "ben@example.com"})
    forged = tokens["access_token"].rsplit(".", 1)[0] + "."

    elsewhere = ["/api/v1/users/me", "/api/v1/auth/me", "/api/v1/market/orders", "/iot/devices"]
    here: dict[str, tuple[dict[str, str], int]] = {
        "a sign-in": (sign_in, 200),
        "an access token": ({"Authorization": f"Bearer {tokens['access_token']}"}, 200),
        "a client's own token": ({"Authorization": f"Bearer {own['access_token']}"}, 200),
        "a key": ({"X-API-Key": key}, 200),
        "a refresh token": ({"Authorization": f"Bearer {tokens['refresh_token']}"}, 401),
        "a code": ({"Authorization": f"Bearer {unused_code}"}, 401),
        "a key as a bearer": ({"Authorization": f"Bearer {key}"}, 401),
        "a token as a key": ({"X-API-Key": tokens["access_token"]}, 401),
        "a client's secret": ({"Authorization": f"Bearer {app.secret}"}, 401),
        "a session as a bearer": ({"Authorization": f"Bearer {session}"}, 401),
        "a session": ({"Cookie": f"lumengrid_session={session}"}, 401),
        "an unsigned token": ({"Authorization": f"Bearer {forged}"}, 401),
        "two at once": ({"Authorization": f"Bearer {tokens['access_token']}", "X-API-Key": key}, 400),
        "none": ({}, 401),
    }
    for name, (headers, status) in here.items():
        assert (await client.get(ME, headers=headers)).status_code == status, name
        for path in elsewhere:
            found = (await client.get(path, headers=headers)).status_code
            allowed = {200, 404, 405} if name == "a sign-in" else {401, 404, 405}
            assert found in allowed, (name, path, found)
    for path in elsewhere[:3]:
        assert (await client.get(path, headers=sign_in)).status_code == 200


@UNLIMITED
async def test_a_token_of_one_use_cannot_be_passed_for_another(
    parts: Parts, client: httpx.AsyncClient
) -> None:
    """The right key signs it, but the claims are another kind's."""
    from joserfc import jwt
    from joserfc.jwk import OctKey

    from cloud.kit.secrets import load_or_make
    from tests.cloud.identity.oauth.conftest import World

    key = OctKey.import_key(load_or_make(parts.settings.data_dir / "token_key"))
    world = World(client, parts)
    person = await world.person("eve@example.com")
    of_client = (await world.tokens(person, await world.app(person)))["access_token"]
    of_person = (await bearer(client))["Authorization"].split(" ")[1]

    async def status(token: str, change: dict[str, Any]) -> int:
        claims = jwt.decode(token, key, algorithms=["HS256"]).claims | change
        return await world.me(jwt.encode({"alg": "HS256"}, claims, key, algorithms=["HS256"]))

    assert [await status(of_person, {}), await status(of_client, {})] == [200, 200]
    here = {"aud": "http://127.0.0.1:8080/v1", "iss": "http://127.0.0.1:8080"}
    for change in ({"use": "oauth"}, {"use": "oauth", **here}, {"use": "refresh"}, {"iss": "elsewhere"}):
        assert await status(of_person, change) == 401, change
    for change in (
        {"aud": "http://127.0.0.1:8080/sandbox/v1"},
        {"aud": None},
        {"iss": "elsewhere"},
        {"use": "access"},
        {"use": "access", "iss": "lumengrid"},
        {"grant": "grant_x"},
        {"scope": "read_everything"},
        {"exp": 1767225600},
    ):
        assert await status(of_client, change) == 401, change


@LIMITED
async def test_a_client_s_body_that_is_too_large_is_counted_too(caller: Caller) -> None:
    body = {"content": b"x" * 2_000_000, "headers": {"Content-Type": "application/json"}}
    answers = [await caller("192.0.2.1").post("/v1/oauth/token", **body) for _ in range(21)]

    assert [answer.status_code for answer in answers] == [413] * 20 + [429]
    assert standing(answers[0])[:2] == (100, 99)
    assert answers[0].json()["error"]["code"] == "INVALID_REQUEST"


@UNLIMITED
async def test_logging_out_ends_the_sign_in_here_too(client: httpx.AsyncClient, parts: Parts) -> None:
    headers = await bearer(client)
    session = await parts.services.sessions.open(1)
    await client.post("/api/v1/auth/logout", headers=headers)

    assert (await client.get(ME, headers=headers)).status_code == 401
    assert await parts.services.sessions.person(session) is None


@UNLIMITED
async def test_every_route_of_the_platform_names_its_scope(app: Litestar) -> None:
    unnamed, different = [], []
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            if not route.path.startswith("/v1") or not isinstance(handler, HTTPRouteHandler):
                continue
            for method in handler.http_methods - {"OPTIONS"}:
                if "scope" not in handler.opt:
                    unnamed.append((method, route.path))
                path = re.sub(r":\w+}", "}", route.path)
                if (method, path) in DOCUMENTED and handler.opt.get("scope") != DOCUMENTED[method, path]:
                    different.append((method, path, handler.opt.get("scope")))

    assert unnamed == []
    assert different == []


@UNLIMITED
async def test_a_route_that_names_no_scope_is_open_to_nobody(
    client: httpx.AsyncClient, app: Litestar
) -> None:
    from litestar import Router, get

    from cloud.api import terra_lumina
    from cloud.identity.scope_guard import ScopeGuard

    @get("/v1/forgotten")
    async def forgotten() -> dict[str, Any]:
        return {}

    app.register(
        Router(
            path="/",
            route_handlers=[forgotten],
            middleware=[ScopeGuard()],
            exception_handlers={Exception: terra_lumina.render_error},
        )
    )
    answer = await client.get("/v1/forgotten", headers=await bearer(client))

    assert answer.status_code == 403


@UNLIMITED
async def test_what_a_domain_says_more_than_the_status_is_its_code(app: Litestar) -> None:
    from litestar import Request

    from cloud.api import terra_lumina
    from cloud.ledger.errors import InsufficientFunds
    from cloud.ledger.model import Asset

    scope: Any = {"type": "http", "headers": [], "state": {}, "litestar_app": app, "path": "/v1/x"}
    answer = terra_lumina.render_error(Request(scope), InsufficientFunds("acct_x", Asset.XLM, 5))

    assert answer.status_code == 400
    assert json.loads(json.dumps(answer.content))["error"]["code"] == "INSUFFICIENT_FUNDS"
