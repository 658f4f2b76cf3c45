"""What the pages refuse: forms from elsewhere, frames, foreign addresses, other people's things."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from cloud.app import Parts
from cloud.identity.model import Person as Somebody
from cloud.identity.scopes import Scope
from cloud.settings import Settings
from shared.clock import ManualClock
from tests.cloud.identity.conftest import Wallet
from tests.cloud.web.person import hidden

PASSWORD = "correct horse battery"
APPS, KEYS = "/developers/apps", "/developers/keys"
WEBHOOKS = "/developers/webhooks"
SANDBOX = "/developers/sandbox"
SETTINGS = pytest.mark.parametrize("settings", [{"public_url": "https://grid.example"}], indirect=True)


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    unlimited = {"rate_limit_per_minute": 0, "sign_ins_per_minute": 0}
    return Settings(data_dir=tmp_path / "cloud", **(unlimited | getattr(request, "param", {})))


@pytest.fixture(params=["sqlite"])
def back_end(request: pytest.FixtureRequest) -> str:
    """What is kept is tested where it is kept; these look at pages."""
    found: str = request.param
    return found


async def send(
    client: httpx.AsyncClient, path: str, on: str | None = None, **fields: object
) -> httpx.Response:
    page = await client.get(on or path)
    return await client.post(path, data={"form_code": hidden(page.text, "form_code"), **fields})


async def sign_up(client: httpx.AsyncClient, email: str = "ana@example.com") -> httpx.Response:
    return await send(client, "/sign-up", email=email, password=PASSWORD, name="Ana")


@pytest.fixture
async def ana(client: httpx.AsyncClient, parts: Parts) -> AsyncIterator[Somebody]:
    """Signed in, in `client`."""
    assert (await sign_up(client)).status_code == 303
    async with parts.store.read() as tx:
        yield await parts.services.identity.person(tx, 1)


async def test_every_page_keeps_scripts_frames_and_strangers_out(
    client: httpx.AsyncClient, ana: Somebody
) -> None:
    for path in ("/sign-in", "/sign-up", APPS, KEYS, "/oauth/authorize", f"{APPS}/unknown"):
        headers = (await client.get(path)).headers
        policy = headers["content-security-policy"]
        assert policy == (
            "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none';"
            " frame-ancestors 'none'; form-action 'self'"
        )
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"


async def test_a_page_holds_no_script_and_asks_nobody_else(client: httpx.AsyncClient, ana: Somebody) -> None:
    for path in ("/sign-in", "/sign-up", APPS, KEYS):
        text = (await client.get(path)).text
        assert not re.search(r"<script|\bon\w+=|javascript:|style=|(src|href|action)=.(https?:|//)", text), (
            path
        )


async def test_the_session_cookie_is_out_of_reach(client: httpx.AsyncClient) -> None:
    answer = await sign_up(client)

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("lumengrid_session=")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "Domain" not in cookie


@SETTINGS
async def test_over_https_it_goes_nowhere_else(client: httpx.AsyncClient) -> None:
    page = await client.get("https://grid.example/sign-up")
    body = {"form_code": hidden(page.text, "form_code"), "email": "a@example.com", "password": PASSWORD}
    answer = await client.post("https://grid.example/sign-up", data=body | {"name": "Ana"})

    for cookie in (page.headers["set-cookie"], answer.headers["set-cookie"]):
        assert cookie.startswith("__Host-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))


POSTS = [
    "/sign-in",
    "/sign-up",
    "/sign-out",
    "/oauth/authorize",
    APPS,
    APPS + "/x",
    APPS + "/x/rotate",
    APPS + "/x/revoke",
    APPS + "/x/withdraw",
    KEYS,
    KEYS + "/x/rotate",
    KEYS + "/x/revoke",
    WEBHOOKS,
    WEBHOOKS + "/x/rotate",
    WEBHOOKS + "/x/enable",
    WEBHOOKS + "/x/disable",
    WEBHOOKS + "/x/delete",
    WEBHOOKS + "/x/deliveries/x/resend",
    SANDBOX + "/keys",
    SANDBOX + "/apps",
    SANDBOX + "/apps/revoke",
    SANDBOX + "/clock",
    SANDBOX + "/reset",
]


@pytest.mark.parametrize("path", POSTS)
async def test_a_form_that_is_not_ours_is_refused(
    client: httpx.AsyncClient, ana: Somebody, path: str
) -> None:
    code = hidden((await client.get(APPS)).text, "form_code")

    assert (await client.post(path, data={})).status_code == 403
    assert (await client.post(path, data={"form_code": "0" * 64})).status_code == 403
    assert (await client.post(path, data={"form_code": "é"})).status_code == 403
    for site in ("cross-site", "same-site"):
        sent = await client.post(path, data={"form_code": code}, headers={"Sec-Fetch-Site": site})
        assert sent.status_code == 403


async def test_the_list_above_has_every_form(app: object) -> None:
    from litestar import Litestar

    assert isinstance(app, Litestar)
    found = {
        re.sub(r"{[^}]*}", "x", route.path)
        for route in app.routes
        for handler in getattr(route, "route_handlers", [])
        if route.path.startswith(("/sign-", "/oauth/", "/developers/")) and "POST" in handler.http_methods
    }

    assert found == set(POSTS)


async def test_another_browser_s_form_code_is_refused(client: httpx.AsyncClient, ana: Somebody) -> None:
    theirs = hidden((await client.get(APPS)).text, "form_code")
    client.cookies.clear()
    before = hidden((await client.get("/sign-in")).text, "form_code")
    assert before != theirs

    answer = await client.post("/sign-in", data={"form_code": theirs, "email": "a", "password": "b"})
    assert answer.status_code == 403
    await send(client, "/sign-in", email="ana@example.com", password=PASSWORD)
    # A code from before the sign-in is no good after it.
    old = await client.post(KEYS, data={"form_code": before, "name": "k", "scopes": "read_profile"})
    assert old.status_code == 403


@pytest.mark.parametrize("path", [APPS, KEYS, APPS + "/client_x"])
async def test_whoever_is_not_signed_in_goes_to_do_that_and_comes_back(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={quote(path, safe='')}")


@pytest.mark.parametrize(
    "onward, lands_on",
    [
        (KEYS, KEYS),
        ("/oauth/authorize?client_id=x&state=a%26b", "/oauth/authorize?client_id=x&state=a%26b"),
        ("https://evil.example/developers/", APPS),
        ("//evil.example/developers/", APPS),
        ("/\\evil.example", APPS),
        ("/developers/\\..\\..", APPS),
        ("/developers/\r\nSet-Cookie: x=y", APPS),
        ("javascript:alert(1)", APPS),
        ("/v1/user/me", APPS),
        ("", APPS),
    ],
)
async def test_signing_in_leads_to_a_page_of_ours_whatever_was_asked(
    client: httpx.AsyncClient, ana: Somebody, onward: str, lands_on: str
) -> None:
    client.cookies.clear()

    page = await client.get("/sign-in", params={"next": onward})
    assert hidden(page.text, "next") == lands_on
    answer = await send(client, "/sign-in", email="Ana@Example.com", password=PASSWORD, next=onward)

    assert (answer.status_code, answer.headers["location"]) == (303, lands_on)


@pytest.mark.parametrize("field, length", [("name", 201), ("email", 301), ("password", 301)])
async def test_what_is_longer_than_a_line_is_told_beside_its_field(
    client: httpx.AsyncClient, field: str, length: int
) -> None:
    body = {"email": "ana@example.com", "password": PASSWORD, "name": "Ana"} | {field: "x" * length}
    answer = await send(client, "/sign-up", **body)

    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    assert "set-cookie" not in answer.headers or "session" not in answer.headers["set-cookie"]


async def test_a_wrong_password_and_an_unknown_email_look_alike(
    client: httpx.AsyncClient, ana: Somebody
) -> None:
    client.cookies.clear()
    wrong = await send(client, "/sign-in", email="ana@example.com", password="wrong wrong")
    unknown = await send(client, "/sign-in", email="eve@example.com", password="wrong wrong")

    assert wrong.status_code == unknown.status_code == 401
    assert "Invalid email or password" in wrong.text
    assert "Invalid email or password" in unknown.text
    assert "wrong wrong" not in wrong.text
    assert (await client.get(APPS)).status_code == 303


async def test_guessing_passwords_is_slowed_down(client: httpx.AsyncClient, ana: Somebody) -> None:
    client.cookies.clear()
    for _ in range(5):
        assert (await send(client, "/sign-in", email="ana@example.com", password="x")).status_code == 401

    over = await send(client, "/sign-in", email="ana@example.com", password=PASSWORD)

    assert over.status_code == 429
    assert over.headers["Retry-After"] == "60"


async def test_a_wallet_signs_up_and_in_with_a_message_that_is_good_once(client: httpx.AsyncClient) -> None:
    wallet = Wallet(1)

    async def by_wallet(path: str) -> tuple[httpx.Response, httpx.Response]:
        page = (await client.get(path)).text
        challenge = hidden(page, "message")
        body = {
            "form_code": hidden(page, "form_code"),
            "by": "wallet",
            "wallet_address": wallet.address,
            "message": challenge,
            "signature": wallet.sign(challenge),
        }
        first = await client.post(path, data=body)
        client.cookies.delete("lumengrid_session")
        return first, await client.post(path, data=body)

    up, up_again = await by_wallet("/sign-up")
    into, in_again = await by_wallet("/sign-in")

    assert [up.status_code, up_again.status_code] == [303, 401]
    assert [into.status_code, in_again.status_code] == [303, 401]


async def test_signing_in_here_ends_nobody_s_refresh_tokens(client: httpx.AsyncClient) -> None:
    wallet = Wallet(1)
    await client.post("/api/v1/auth/signup", json=wallet.proof())
    tokens = (await client.post("/api/v1/auth/login", json=wallet.proof())).json()
    page = (await client.get("/sign-in")).text
    challenge = hidden(page, "message")
    body = {"form_code": hidden(page, "form_code"), "by": "wallet", "wallet_address": wallet.address}
    signed = {"message": challenge, "signature": wallet.sign(challenge)}
    assert (await client.post("/sign-in", data=body | signed)).status_code == 303

    refreshed = await client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})

    assert refreshed.status_code == 200


async def test_a_session_ends_with_sign_out_and_after_twelve_hours(
    client: httpx.AsyncClient, ana: Somebody, clock: ManualClock
) -> None:
    kept = client.cookies["lumengrid_session"]
    clock.advance(12 * 3_600 - 1)
    assert (await client.get(APPS)).status_code == 200
    clock.advance(1)
    assert (await client.get(APPS)).status_code == 303
    await send(client, "/sign-in", email="ana@example.com", password=PASSWORD)
    fresh = client.cookies["lumengrid_session"]

    out = await send(client, "/sign-out", on=APPS, next="")

    assert out.status_code == 303
    for session in (kept, fresh):
        client.cookies.set("lumengrid_session", session, domain="127.0.0.1")
        assert (await client.get(APPS)).status_code == 303


async def test_consent_lets_its_form_lead_to_the_application_and_only_there(
    client: httpx.AsyncClient, parts: Parts, ana: Somebody
) -> None:
    made = await parts.services.applications.register(
        ana,
        name="Diary",
        is_confidential=True,
        redirect_uris=["https://diary.example:8443/cb?x=1", "http://[::1]:9000/cb"],
        scopes=frozenset({Scope.READ_PROFILE}),
    )
    for uri, source in (
        ("https://diary.example:8443/cb?x=1", "https://diary.example:8443"),
        ("http://[::1]:9000/cb", "http:"),
    ):
        query = (
            f"response_type=code&client_id={made.application.client_id}&redirect_uri={quote(uri, safe='')}"
        )
        page = await client.get(f"/oauth/authorize?{query}")
        assert page.headers["content-security-policy"].endswith(f"form-action 'self' {source}")
        answer = await client.post(
            "/oauth/authorize",
            data={
                "form_code": hidden(page.text, "form_code"),
                "query": hidden(page.text, "query"),
                "decision": "allow",
            },
        )
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(uri)
        assert len(parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]) >= 40


async def test_a_consent_whose_request_was_exchanged_meanwhile_is_checked_afresh(
    client: httpx.AsyncClient, ana: Somebody
) -> None:
    answer = await send(
        client,
        "/oauth/authorize",
        on=APPS,
        query="response_type=code&client_id=client_x&redirect_uri=https%3A%2F%2Fevil.example",
        decision="allow",
    )

    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_a_secret_is_in_the_answer_that_made_it_and_never_again(
    client: httpx.AsyncClient, ana: Somebody
) -> None:
    key = await send(client, KEYS, name="k", scopes="read_profile")
    text = re.search(r"tl_live_[0-9A-Za-z]{38}", key.text)
    app = await send(client, APPS, name="a", redirect_uris="https://a.example/", scopes="read_profile")
    secret = re.search(r"tl_secret_[\w-]{43}", app.text)
    assert text is not None
    assert secret is not None

    pages = [(await client.get(path)).text for path in (KEYS, APPS)]

    assert key.status_code == app.status_code == 201
    assert all(text[0] not in page and secret[0] not in page for page in pages)
    assert (await client.get("/v1/user/me", headers={"X-API-Key": text[0]})).status_code == 200


async def test_an_application_is_changed_rotated_and_revoked(
    client: httpx.AsyncClient, ana: Somebody
) -> None:
    made = await send(client, APPS, name="a", redirect_uris="https://a.example/", scopes="read_profile")
    client_id = re.search(r"client_[0-9a-z]{26}", made.text)
    assert client_id is not None
    own = f"{APPS}/{client_id[0]}"

    bad = await send(client, own, name="", redirect_uris="ftp://x", scopes="admin")
    good = await send(
        client, own, name="New name", redirect_uris="https://b.example/", scopes="read_projects"
    )
    rotated = await send(client, f"{own}/rotate", on=own)
    shown = (await client.get(own)).text
    gone = await send(client, f"{own}/revoke", on=own)

    assert bad.status_code == 422
    assert "ftp://x" in bad.text
    assert "No application may have admin" in bad.text
    assert good.status_code == gone.status_code == 303
    assert "tl_secret_" in rotated.text
    assert "New name" in shown
    assert "https://b.example/" in shown
    assert (await client.get(own)).status_code == 404


async def test_another_s_things_are_not_found(client: httpx.AsyncClient, parts: Parts, ana: Somebody) -> None:
    made = await send(client, APPS, name="a", redirect_uris="https://a.example/", scopes="read_profile")
    client_id = re.search(r"client_[0-9a-z]{26}", made.text)
    key = await parts.services.api_keys.create(ana, name="k", scopes=frozenset({Scope.READ_PROFILE}))
    assert client_id is not None
    client.cookies.clear()
    await sign_up(client, "ben@example.com")

    for path in (
        f"{APPS}/{client_id[0]}",
        f"{APPS}/{client_id[0]}/rotate",
        f"{APPS}/{client_id[0]}/revoke",
        f"{KEYS}/{key.row.id}/rotate",
        f"{KEYS}/{key.row.id}/revoke",
    ):
        assert (await send(client, path, on=APPS, name="x")).status_code == 404
    assert (await client.get(f"{APPS}/{client_id[0]}")).status_code == 404
    assert (await client.get("/v1/user/me", headers={"X-API-Key": key.text})).status_code == 200


async def test_what_people_write_stays_text(client: httpx.AsyncClient, ana: Somebody) -> None:
    name = '<img src=x onerror=alert(1)>"'
    await send(client, KEYS, name=name, scopes="read_profile")
    refused = await send(client, APPS, name=name, redirect_uris='"><script>alert(1)</script>', scopes="")

    for text in ((await client.get(KEYS)).text, refused.text):
        assert "<img" not in text
        assert "<script" not in text
        assert "&lt;img src=x onerror=alert(1)&gt;" in text


@pytest.mark.parametrize("body", [b"\xff=1", b"a=1&" * 100, b"x" * 20_001])
async def test_a_form_that_cannot_be_read_is_a_page_too(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/sign-in", content=body)

    assert answer.status_code in {400, 403, 413}
    assert answer.headers["content-type"].startswith("text/html")
