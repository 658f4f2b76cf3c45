"""Applications that act for their users: the code flow, and tokens that are renewed once."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest

from terra_lumina import AuthenticationError, AuthorizationRequest, OAuthApp, OAuthError, Token
from tests.clients.conftest import Either, Waits
from tests.clients.stand_in import Fault, StandIn, refusal

NOW_S = 1_763_217_000.0
APP = OAuthApp(client_id="app_1", client_secret="secret", redirect_uri="https://yourapp.com/callback")
REQUEST = AuthorizationRequest(url="", state="the state", code_verifier="the verifier")
BACK = "https://yourapp.com/callback?code=the+code&state=the+state"
OLD = Token(access_token="access-0", refresh_token="refresh-0", expires_at=NOW_S + 3600)


def test_the_person_is_sent_with_a_challenge_that_only_we_can_answer() -> None:
    request = APP.authorization_request(["read_profile", "make_investments"])

    parts = urlsplit(request.url)
    sent = {name: values[0] for name, values in parse_qs(parts.query).items()}
    digest = hashlib.sha256(request.code_verifier.encode()).digest()
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://terralumina.org/oauth/authorize"
    assert sent == {
        "client_id": "app_1",
        "response_type": "code",
        "redirect_uri": "https://yourapp.com/callback",
        "scope": "read_profile make_investments",
        "state": request.state,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    assert "secret" not in repr(APP) + repr(request)


def test_no_two_requests_are_alike() -> None:
    first, second = APP.authorization_request([]), APP.authorization_request([])

    assert first.state != second.state
    assert first.code_verifier != second.code_verifier
    assert 43 <= len(first.code_verifier) <= 128  # RFC 7636, section 4.1


def test_a_code_becomes_a_token_that_calls_carry(done: Either, stand_in: StandIn) -> None:
    kept: list[Token] = []
    api = done.client(stand_in.base_url, app=APP, on_token=kept.append, now_s=lambda: NOW_S)

    token = done(api.oauth.finish(BACK, REQUEST))
    done(api.portfolio.get())

    assert stand_in.seen[0].form == {
        "grant_type": "authorization_code",
        "code": "the code",
        "redirect_uri": "https://yourapp.com/callback",
        "code_verifier": "the verifier",
        "client_id": "app_1",
        "client_secret": "secret",
    }
    assert kept == [token]
    assert token.expires_at == NOW_S + 3600
    assert stand_in.seen[1].headers["authorization"] == "Bearer access-1"
    assert "access-1" not in repr(token)


@pytest.mark.parametrize(
    "query, error",
    [
        ("code=c&state=another", "invalid_state"),
        ("code=c", "invalid_state"),
        ("error=access_denied&error_description=no&state=the+state", "access_denied"),
        ("state=the+state", "invalid_response"),
    ],
)
def test_who_did_not_consent_here_is_not_signed_in(query: str, error: str) -> None:
    with pytest.raises(OAuthError) as raised:
        APP.code_of(f"https://yourapp.com/callback?{query}", REQUEST)

    assert raised.value.error == error


def test_a_token_is_renewed_before_it_ends(done: Either, stand_in: StandIn) -> None:
    api = done.client(stand_in.base_url, app=APP, token=OLD, now_s=lambda: NOW_S + 3600 - 30)

    done(api.portfolio.get())

    assert [request.path for request in stand_in.seen] == ["/oauth/token", "/portfolio"]
    assert stand_in.seen[0].form == {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-0",
        "client_id": "app_1",
        "client_secret": "secret",
    }
    assert stand_in.seen[1].headers["authorization"] == "Bearer access-1"


def test_a_token_that_still_works_is_left_alone(done: Either, stand_in: StandIn) -> None:
    api = done.client(stand_in.base_url, app=APP, token=OLD, now_s=lambda: NOW_S + 3600 - 31)

    done(api.portfolio.get())

    assert [request.path for request in stand_in.seen] == ["/portfolio"]


def test_a_token_that_was_ended_early_is_renewed_once(done: Either, stand_in: StandIn, waits: Waits) -> None:
    stand_in.token_ends = True
    api = done.client(stand_in.base_url, app=APP, token=OLD, now_s=lambda: NOW_S)

    done(api.portfolio.get())

    assert [request.path for request in stand_in.seen] == ["/portfolio", "/oauth/token", "/portfolio"]
    assert waits == []


def test_many_calls_that_find_the_token_stale_renew_it_once(done: Either, stand_in: StandIn) -> None:
    stand_in.token_ends = True
    api = done.client(stand_in.base_url, app=APP, token=OLD, now_s=lambda: NOW_S + 3600)

    found = done.together([api.portfolio.get] * 8)

    assert len(found) == 8
    assert stand_in.tokens_given == 1


def test_a_call_whose_new_token_is_refused_too_is_given_up(done: Either, stand_in: StandIn) -> None:
    issued = {"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600}
    refused = refusal(401, "AUTHENTICATION_REQUIRED")
    stand_in.faults.extend([refused, Fault(200, issued), refused])
    api = done.client(stand_in.base_url, app=APP, token=OLD, now_s=lambda: NOW_S)

    with pytest.raises(AuthenticationError):
        done(api.portfolio.get())

    assert [request.path for request in stand_in.seen] == ["/portfolio", "/oauth/token", "/portfolio"]


@pytest.mark.parametrize("fault", [Fault(None), Fault(503, {})])
def test_a_refresh_token_is_never_sent_twice(done: Either, stand_in: StandIn, fault: Fault) -> None:
    stand_in.faults.append(fault)
    api = done.client(stand_in.base_url, app=APP, token=OLD, now_s=lambda: NOW_S + 3600)

    with pytest.raises(Exception, match=r"ConnectionFailed|RemoteProtocol|503|peer"):
        done(api.portfolio.get())

    assert len(stand_in.seen) == 1


def test_a_family_that_was_revoked_asks_for_the_person(done: Either, stand_in: StandIn) -> None:
    stand_in.faults.append(Fault(400, {"error": "invalid_grant", "error_description": "revoked"}))
    api = done.client(stand_in.base_url, app=APP, token=OLD)

    with pytest.raises(OAuthError) as raised:
        done(api.oauth.refresh())

    assert (raised.value.error, raised.value.description) == ("invalid_grant", "revoked")


def test_revoking_ends_the_whole_consent(done: Either, stand_in: StandIn) -> None:
    api = done.client(stand_in.base_url, app=APP, token=OLD)

    done(api.oauth.revoke())

    assert stand_in.seen[0].path == "/oauth/revoke"
    assert stand_in.seen[0].form["token"] == "refresh-0"
    with pytest.raises(ValueError, match="nobody has signed in"):
        done(api.oauth.revoke())


def test_a_token_given_by_hand_is_carried_and_not_renewed(done: Either, stand_in: StandIn) -> None:
    api = done.client(stand_in.base_url, access_token="by hand")

    done(api.portfolio.get())

    assert stand_in.seen[0].headers["authorization"] == "Bearer by hand"
