"""Clients that others wrote complete the code flow with PKCE, refresh and revoke on a running service."""

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from requests_oauthlib import OAuth2Session

from tests.cloud.web.person import Person, authorization

CALLBACK = "http://127.0.0.1:9/callback"
SCOPE = "read_profile read_portfolio"
ME = "/v1/user/me"


@pytest.fixture(autouse=True)
def _on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients want https but for this."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


def status_of_me(base_url: str, access_token: str) -> int:
    return httpx.get(base_url + ME, headers={"Authorization": f"Bearer {access_token}"}).status_code


@pytest.mark.parametrize("kind", ["confidential", "public"])
def test_authlib_completes_the_flow(base_url: str, ana: Person, kind: str) -> None:
    made = ana.register(CALLBACK, kind=kind)
    metadata = httpx.get(base_url + "/.well-known/oauth-authorization-server").json()
    client = AuthlibSession(
        made["client_id"],
        made.get("client_secret"),
        scope=SCOPE,
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        token_endpoint=metadata["token_endpoint"],
        token_endpoint_auth_method="client_secret_basic" if kind == "confidential" else "none",
        revocation_endpoint_auth_method="client_secret_basic" if kind == "confidential" else "none",
    )
    verifier = generate_token(48)
    url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
    came_back = ana.decide(url)

    first = client.fetch_token(
        metadata["token_endpoint"], authorization_response=came_back, state=state, code_verifier=verifier
    )
    assert client.get(base_url + ME).json()["data"]["email"] == ana.email
    assert (first["expires_in"], first["scope"]) == (3600, SCOPE)
    second = client.refresh_token(metadata["token_endpoint"], refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert client.get(base_url + ME).status_code == 200
    gone = client.revoke_token(metadata["revocation_endpoint"], token=second["refresh_token"])

    assert gone.status_code == 200
    assert status_of_me(base_url, second["access_token"]) == 401


@pytest.mark.parametrize("kind", ["confidential", "public"])
def test_requests_oauthlib_completes_the_flow(base_url: str, ana: Person, kind: str) -> None:
    made = ana.register(CALLBACK, kind=kind)
    client_id, secret = made["client_id"], made.get("client_secret")
    session = OAuth2Session(client_id, redirect_uri=CALLBACK, scope=SCOPE.split(), pkce="S256")
    url, _ = session.authorization_url(base_url + "/oauth/authorize")
    more: dict[str, Any] = {"client_secret": secret} if secret else {"include_client_id": True}

    first = session.fetch_token(base_url + "/v1/oauth/token", authorization_response=ana.decide(url), **more)
    assert session.get(base_url + ME).json()["data"]["name"] == "Ana"
    extra = {"client_id": client_id} | ({"client_secret": secret} if secret else {})
    second = session.refresh_token(base_url + "/v1/oauth/token", **extra)
    assert second["refresh_token"] != first["refresh_token"]
    address, headers, body = session._client.prepare_token_revocation_request(
        base_url + "/v1/oauth/revoke", second["access_token"], **extra
    )
    gone = httpx.post(address, headers=headers, content=body)

    assert gone.status_code == 200
    assert status_of_me(base_url, second["access_token"]) == 401


@pytest.mark.parametrize("kind", ["confidential", "public"])
def test_a_refresh_token_used_twice_ends_its_whole_family(base_url: str, ana: Person, kind: str) -> None:
    made = ana.register(CALLBACK, kind=kind)
    session = OAuth2Session(made["client_id"], redirect_uri=CALLBACK, scope=SCOPE.split(), pkce="S256")
    url, _ = session.authorization_url(base_url + "/oauth/authorize")
    more: dict[str, Any] = (
        {"client_secret": made["client_secret"]} if kind == "confidential" else {"include_client_id": True}
    )
    first = session.fetch_token(base_url + "/v1/oauth/token", authorization_response=ana.decide(url), **more)

    def refresh(token: str) -> httpx.Response:
        body = {"grant_type": "refresh_token", "refresh_token": token, **made}
        return httpx.post(base_url + "/v1/oauth/token", json=body)

    second = refresh(first["refresh_token"]).json()
    assert status_of_me(base_url, second["access_token"]) == 200
    again = refresh(first["refresh_token"])

    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert status_of_me(base_url, first["access_token"]) == 401
    assert status_of_me(base_url, second["access_token"]) == 401
    assert refresh(second["refresh_token"]).json()["error"] == "invalid_grant"


def test_the_document_s_own_bodies_work_unchanged(base_url: str, ana: Person) -> None:
    made = ana.register(CALLBACK)
    url = authorization(
        base_url,
        client_id=made["client_id"],
        redirect_uri=CALLBACK,
        scope="read_profile read_portfolio make_investments",
    )
    code = parse_qs(urlsplit(ana.decide(url)).query)["code"][0]

    answer = httpx.post(
        base_url + "/v1/oauth/token",
        json={
            "grant_type": "authorization_code",
            "code": code,
            "client_id": made["client_id"],
            "client_secret": made["client_secret"],
            "redirect_uri": CALLBACK,
        },
    )
    assert answer.status_code == 200
    got = answer.json()
    assert set(got) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    head = base64.urlsafe_b64decode(got["access_token"].split(".")[0] + "==")
    assert json.loads(head) == {"alg": "HS256", "typ": "JWT"}
    assert (got["token_type"], got["expires_in"]) == ("Bearer", 3600)
    # The application did not register make_investments, so nobody was asked for it.
    assert got["scope"] == "read_profile read_portfolio"
    assert answer.headers["cache-control"] == "no-store"
    refreshed = httpx.post(
        base_url + "/v1/oauth/token",
        json={
            "grant_type": "refresh_token",
            "refresh_token": got["refresh_token"],
            "client_id": made["client_id"],
            "client_secret": made["client_secret"],
        },
    )
    assert refreshed.status_code == 200
    assert status_of_me(base_url, refreshed.json()["access_token"]) == 200


def test_a_person_who_denies_sends_back_the_refusal(base_url: str, ana: Person) -> None:
    made = ana.register(CALLBACK)
    url = authorization(base_url, client_id=made["client_id"], redirect_uri=CALLBACK, state="xyz")

    said = parse_qs(urlsplit(ana.decide(url, "deny")).query)

    assert said["error"] == ["access_denied"]
    assert said["state"] == ["xyz"]
    assert "code" not in said


def test_basic_authentication_is_form_encoded_inside(base_url: str, ana: Person) -> None:
    made = ana.register(CALLBACK)
    # RFC 6749, 2.3.1: percent-encoded before base64; a client may encode more than it must.
    encoded = "".join(f"%{byte:02X}" for byte in made["client_secret"].encode())
    credentials = base64.b64encode(f"{made['client_id']}:{encoded}".encode()).decode()

    answer = httpx.post(
        base_url + "/v1/oauth/token",
        data={"grant_type": "client_credentials", "scope": "read_profile"},
        headers={"Authorization": f"Basic {credentials}"},
    )

    assert answer.status_code == 200
    assert "refresh_token" not in answer.json()
