import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.kyc.return_url import return_url_problem

GOOD = ["https://app.example.com/kyc", "https://app.example.com:8443/a?b=c#d", "HTTPS://app.example.com"]
LOOPBACK = ["http://localhost:3000/back", "http://127.0.0.1/back", "http://[::1]:80/"]
BAD = [
    "",
    "app.example.com",
    "//app.example.com",
    "https://",
    "https:///path",
    "http://app.example.com",
    "http://127.0.0.1.example.com/",
    "http://localhost.example.com/",
    "https://user@app.example.com",
    "https://user:pass@app.example.com",
    "http://localhost@example.com/",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://app.example.com/\r\nSet-Cookie: a=b",
    "https://app.example.com/ x",
    "https:\\\\app.example.com",
    "https://app.example.com:port",
    "https://app.example.com:99999",
    "https://[::1",
    "https://\u00e9xample.com",
    "https://app.example.com/" + "x" * 2_000,
]


@pytest.mark.parametrize("url", GOOD)
@pytest.mark.parametrize("allows_loopback", [True, False])
def test_https_is_taken(url: str, allows_loopback: bool) -> None:
    assert return_url_problem(url, allows_loopback=allows_loopback) is None


@pytest.mark.parametrize("url", LOOPBACK)
def test_loopback_is_for_the_sandbox_alone(url: str) -> None:
    assert return_url_problem(url, allows_loopback=True) is None
    assert return_url_problem(url, allows_loopback=False) == "must begin with https://"


@pytest.mark.parametrize("url", BAD)
def test_anything_else_is_refused(url: str) -> None:
    assert return_url_problem(url, allows_loopback=True) is not None


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    problem = return_url_problem(text, allows_loopback=True)

    assert problem is not None or text.lower().startswith(("https://", "http://"))
