"""The developer's own sandbox in a real browser, at a real server, and by clients that know nothing of it."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from authlib.integrations.httpx_client import OAuth2Client
from websockets import ConnectionClosed
from websockets.sync.client import connect

from terra_lumina import TerraLumina
from tests.cloud.web.conftest import Callback
from tests.cloud.web.person import PASSWORD, Person
from tests.cloud.web.test_browser import WIDTHS, Watched

PAGE = "/developers/sandbox"


@pytest.fixture
def ana(base_url: str) -> Any:
    person = Person(base_url)
    person.sign_up()
    yield person
    person.close()


def made_key(ana: Person) -> str:
    made = ana.send(PAGE + "/keys", {"key_name": "Tests"}, on=PAGE)
    assert made.status_code == 201, made.text
    found = re.search(r'id="key">([^<]+)<', made.text)
    assert found is not None
    return found[1]


def registered(ana: Person, **fields: Any) -> tuple[str, str]:
    wish = {"name": "Diary", "scopes": ["read_profile", "read_portfolio", "read_projects"]} | fields
    made = ana.send(PAGE + "/apps", wish, on=PAGE)
    assert made.status_code == 201, made.text
    found = dict(re.findall(r'id="(client_id|client_secret)">([^<]+)<', made.text))
    return found["client_id"], found["client_secret"]


def test_a_developer_makes_a_key_moves_the_clock_and_begins_anew(
    base_url: str, browser: Any, pictures: Path | None
) -> None:
    watched = Watched(browser, 1280)
    page = watched.page
    page.goto(base_url + "/sign-up?next=" + quote(PAGE))
    page.get_by_label("Name", exact=True).fill("Ben")
    page.get_by_label("Email").fill("sandbox@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("heading", name="Sandbox", exact=True).wait_for()
    page.get_by_label("Name of a new key").fill("Continuous integration")
    page.get_by_role("button", name="Create test key").click()
    key = page.locator("#key").inner_text()
    assert key.startswith("tl_test_")
    page.get_by_role("link", name="Sandbox").click()
    page.get_by_text("Continuous integration").wait_for()
    api = page.locator("#api_url").inner_text()
    client = TerraLumina(api_key=key, base_url=api)
    assert len(list(client.projects.list())) == 6

    before = page.locator("#now").inner_text()
    page.get_by_label("Days to let pass").fill("36501")
    page.get_by_role("button", name="Move the clock").click()
    page.get_by_text("Must be 0 to 36500").wait_for()
    watched.picture(pictures, "sandbox-wrong")
    page.get_by_label("Days to let pass").fill("")
    page.get_by_label("Or until a date").fill("2001-01-01")
    page.get_by_role("button", name="Move the clock").click()
    page.get_by_text("The clock stands at").wait_for()
    page.get_by_label("Or until a date").fill("2050-01-01")
    page.get_by_role("button", name="Move the clock").click()
    page.get_by_text("2050-01-01 00:00 UTC").wait_for()
    page.get_by_text("New application of the sandbox").click()
    page.get_by_label("Name", exact=True).fill("Diary")
    page.get_by_label("Redirect URIs").fill("https://diary.example.com/back")
    page.get_by_label("read_portfolio").check()
    page.get_by_role("button", name="Create application").click()
    assert page.locator("#client_id").inner_text().startswith("client_sb_")
    page.get_by_role("link", name="To your applications").click()
    page.get_by_role("heading", name="Diary").wait_for()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 760})
        watched.picture(pictures, "sandbox")
    page.get_by_role("button", name="Reset the sandbox").click()
    page.get_by_text("after 1 reset").wait_for()
    assert page.locator("#now").inner_text()[:4] == before[:4]
    page.get_by_role("heading", name="Diary").wait_for()
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("heading", name="Sandbox", exact=True).wait_for()
    assert page.get_by_role("heading", name="Diary").count() == 0

    assert [one for one in watched.complaints if "422" not in one] == []  # the two wrong moves
    assert all(url.startswith((base_url, "data:")) for url in watched.asked)


def test_a_person_clicks_through_the_hosted_pages_of_a_sandbox(
    base_url: str, ana: Person, browser: Any, pictures: Path | None
) -> None:
    headers = {"X-API-Key": made_key(ana)}
    api = httpx.Client(base_url=base_url + "/sandbox/v1", headers=headers)
    wish = {"provider": "sandbox", "return_url": f"{base_url}/payments/done"}
    check = api.post("/user/me/kyc", json=wish).json()["data"]
    watched = Watched(browser, 1280)
    page = watched.page
    assert re.match(rf"{base_url}/sandboxes/sb_\w+/sandbox/kyc/", check["verification_url"])
    page.goto(check["verification_url"])
    watched.picture(pictures, "sandbox-kyc")
    page.get_by_role("button", name="Verify me").click()
    page.wait_for_url("**/payments/done")
    assert api.get("/user/me/kyc").json()["data"]["status"] == "verified"

    wish = {"project_id": "prj_sunrise_solar", "amount": 100, "payment_method": "stripe"}
    made = api.post("/investments", json=wish).json()["data"]
    page.goto(made["payment"]["redirect_url"] if "payment" in made else made["next_action"]["redirect_url"])
    page.get_by_role("button", name="Pay by card").click()
    page.get_by_role("heading", name="Paid 102.00 USD").wait_for()
    watched.picture(pictures, "sandbox-paid")
    assert api.get(f"/investments/{made['id']}").json()["data"]["status"] == "completed"
    assert watched.complaints == []


def test_authlib_completes_the_code_flow_in_a_sandbox(
    base_url: str, ana: Person, callback: Callback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    client_id, secret = registered(ana, redirect_uris=callback.uri)
    name = re.fullmatch(r"client_(sb_\w+)_\w+", client_id)
    assert name is not None
    own = f"{base_url}/sandboxes/{name[1]}"
    metadata = httpx.get(f"{own}/.well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == own
    client = OAuth2Client(
        client_id, secret, redirect_uri=callback.uri, scope="read_profile", code_challenge_method="S256"
    )
    verifier = "v" * 43
    url, _ = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
    assert ana.http.get(url).status_code == 200
    location = decided(ana, url)
    token = client.fetch_token(
        metadata["token_endpoint"], authorization_response=location, code_verifier=verifier
    )
    me = httpx.get(f"{base_url}/sandbox/v1/user/me", headers=bearer(token["access_token"]))
    assert me.json()["data"]["email"] == "investor@example.com"
    assert httpx.get(f"{base_url}/v1/user/me", headers=bearer(token["access_token"])).status_code == 401
    refreshed = client.refresh_token(f"{base_url}/sandbox/v1/oauth/token")
    assert refreshed["refresh_token"] != token["refresh_token"]
    assert (
        client.revoke_token(f"{base_url}/sandbox/v1/oauth/revoke", refreshed["refresh_token"]).status_code
        == 200
    )
    after = httpx.get(f"{base_url}/sandbox/v1/user/me", headers=bearer(refreshed["access_token"]))
    assert after.status_code == 401


def test_nobody_else_is_asked_for_consent_in_a_sandbox(base_url: str, ana: Person) -> None:
    client_id, _ = registered(ana, redirect_uris="https://diary.example.com/back")
    own = f"{base_url}/sandboxes/{client_id.split('_', 1)[1].rsplit('_', 1)[0]}"
    query = urlencode(
        {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": "https://diary.example.com/back",
            "code_challenge": "c" * 43,
            "code_challenge_method": "S256",
        }
    )
    ben = Person(base_url)
    ben.sign_up()
    for stranger in (ben.http, httpx.Client()):
        led = stranger.get(f"{own}/oauth/authorize?{query}")
        assert led.status_code == 303
        assert led.headers["location"].startswith("/sign-in?next=%2Fsandboxes%2Fsb_")
    ben.close()
    assert "Allow <em>Diary</em>" in ana.http.get(f"{own}/oauth/authorize?{query}").text
    assert ana.http.get(f"{base_url}/oauth/authorize?{query}").status_code == 400


def test_the_socket_finds_the_sandbox_by_its_first_message(base_url: str, ana: Person) -> None:
    headers = {"X-API-Key": made_key(ana)}
    client_id, secret = registered(ana, redirect_uris="https://diary.example.com/back")
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    api = httpx.Client(base_url=f"{base_url}/sandbox/v1", timeout=40)
    token = api.post("/oauth/token", data=form).json()["access_token"]
    address = base_url.replace("http", "ws") + "/sandbox/v1/ws"
    with connect(address) as socket:
        socket.send(json.dumps({"type": "auth", "token": token}))
        assert json.loads(socket.recv(timeout=40))["type"] == "authenticated"
        socket.send(
            json.dumps({"type": "subscribe", "channel": "project", "project_id": "prj_sunrise_solar"})
        )
        assert json.loads(socket.recv(timeout=40))["type"] == "subscribed"
        update = {"title": "Grid connected", "content": "Today."}
        path = "/projects/prj_sunrise_solar/updates"
        made = api.post(path, json=update, headers=headers)
        assert made.status_code == 201, made.text
        assert "Grid connected" in str(socket.recv(timeout=40))
        assert api.post("/reset", headers=headers).status_code == 200
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=40)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    for first in ({"type": "ping"}, {"type": "auth", "token": "a.b.c"}, "nonsense"):
        with connect(address) as socket:
            socket.send(json.dumps(first))
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=40)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401
    api.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def decided(ana: Person, url: str) -> str:
    """Where the browser is sent after the person allowed it."""
    asked = ana.http.get(url)
    fields = dict(re.findall(r'name="(form_code|query)" value="([^"]*)"', asked.text))
    fields = {name: value.replace("&amp;", "&") for name, value in fields.items()}
    answer = ana.http.post(url.split("?", 1)[0], data=fields | {"decision": "allow"})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])
