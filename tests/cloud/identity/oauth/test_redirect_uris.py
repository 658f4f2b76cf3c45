"""What may be registered as an application's address."""

import pytest

from cloud.identity.oauth.redirect_uris import redirect_uri_problem, redirect_uris_problem

GOOD = [
    "https://diary.example/callback",
    "https://diary.example:8443/callback?x=1",
    "http://localhost:3000/cb",
    "http://127.0.0.1/cb",
    "http://[::1]:9000/cb",
]
BAD = [
    "",
    "diary.example/callback",
    "http://diary.example/callback",
    "http://127.0.0.1.evil.example/",
    "https:///callback",
    "https://diary.example/#part",
    "https://diary.example/cb#",
    "https://user@diary.example/",
    "https://user:word@diary.example/",
    "https://diary.example/a b",
    "https://diary.example/\n",
    "https://díary.example/",
    "https://*.example/",
    "https://a;b.example/",
    "https://a'b.example/",
    "https://[::1/",
    "https://diary.example:99999/",
    "https://diary.example\\@evil.example/",
    'https://diary.example/"',
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "myapp:/cb",
    "https://diary.example/" + "x" * 500,
]


@pytest.mark.parametrize("uri", GOOD)
@pytest.mark.parametrize("is_confidential", [True, False])
def test_these_are_taken(uri: str, is_confidential: bool) -> None:
    assert redirect_uri_problem(uri, is_confidential=is_confidential) is None


@pytest.mark.parametrize("uri", BAD)
@pytest.mark.parametrize("is_confidential", [True, False])
def test_these_are_refused_and_named(uri: str, is_confidential: bool) -> None:
    problem = redirect_uri_problem(uri, is_confidential=is_confidential)

    assert problem is not None


def test_a_scheme_of_its_own_is_for_public_applications() -> None:
    uri = "com.example.diary:/callback"

    assert redirect_uri_problem(uri, is_confidential=False) is None
    assert redirect_uri_problem(uri, is_confidential=True) is not None


def test_a_public_application_needs_one_and_nobody_has_eleven() -> None:
    assert redirect_uris_problem([], is_confidential=False) is not None
    assert redirect_uris_problem([], is_confidential=True) is None
    many = [f"https://diary.example/{n}" for n in range(11)]
    assert redirect_uris_problem(many[:10], is_confidential=True) is None
    assert redirect_uris_problem(many, is_confidential=True) is not None
