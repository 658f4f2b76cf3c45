"""Every snippet of the Python README runs as it stands; the first is the document's own."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import terra_lumina
from tests.clients.snippets import snippets
from tests.clients.stand_in import StandIn, refusal
from tests.clients.test_python_webhooks import BODY, headers

SNIPPETS = snippets("python", "python")


@pytest.fixture(autouse=True)
def address(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRA_LUMINA_BASE_URL", stand_in.base_url)


def run(snippet: str, **names: Any) -> None:
    exec(compile(snippet, "README.md", "exec"), names)


def test_the_document_s_snippet(capsys: pytest.CaptureFixture[str], stand_in: StandIn) -> None:
    run(SNIPPETS[""])

    assert capsys.readouterr().out == (
        "Sunrise Solar Farm - Nevada: 72% funded\n"
        "Sunrise Solar Farm - Nevada: 72% funded\n"
        "Invested $500.00 in Sunrise Solar Farm - Nevada\n"
        "Total return: 8.5%\n"
    )
    assert stand_in.seen[0].query == {"technology": "solar", "country": "US"}


def test_the_asynchronous_snippet(capsys: pytest.CaptureFixture[str]) -> None:
    run(SNIPPETS["Asynchronous"])

    assert capsys.readouterr().out.splitlines()[-1] == "5425.00"


def test_the_snippet_on_errors(capsys: pytest.CaptureFixture[str], stand_in: StandIn) -> None:
    for code, status in (("KYC_REQUIRED", 403), ("RATE_LIMIT_EXCEEDED", 429), ("VALIDATION_ERROR", 422)):
        stand_in.faults.append(refusal(status, code, retry_after=600))
        run(SNIPPETS["Errors and retries"])

    assert capsys.readouterr().out.splitlines() == [
        "https://verify.onfido.com/abc123",
        "again in 600 s",
        "422 VALIDATION_ERROR: why (req_abc123)",
    ]


def test_the_oauth_snippet(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = SNIPPETS["For your users: OAuth"].split("# They came back")
    names: dict[str, Any] = {"save": lambda _: None}
    exec(first, names)
    state = parse_qs(urlsplit(names["request"].url).query)["state"][0]
    run("#" + second, **names, callback_url=f"https://yourapp.com/callback?code=abc&state={state}")

    assert capsys.readouterr().out == "Jane Doe\n"


def test_the_webhook_snippet(capsys: pytest.CaptureFixture[str]) -> None:
    run(SNIPPETS["Webhooks"], body=BODY, headers=headers(BODY, sent_at_s=int(time.time())))

    assert capsys.readouterr().out == "investment.completed {'amount': 500.0}\n"


def test_the_live_snippet(capsys: pytest.CaptureFixture[str], stand_in: StandIn) -> None:
    said = {"type": "portfolio_update", "seq": 4, "data": {"total_value": 5430.25}}
    stand_in.told.append((4, [{"type": "pong"}, said], 4000))

    with pytest.raises(terra_lumina.StreamClosedError):
        run(SNIPPETS["Live"])
    assert capsys.readouterr().out == "portfolio_update {'total_value': 5430.25}\n"


def test_no_snippet_is_left_out() -> None:
    tested = {"", "Asynchronous", "Errors and retries", "For your users: OAuth", "Webhooks", "Live"}
    assert set(SNIPPETS) == tested
