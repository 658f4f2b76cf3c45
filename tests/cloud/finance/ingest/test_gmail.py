"""A mailbox, from its person's consent to its purchases."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud.app import Parts
from cloud.finance.ingest.gmail import service
from cloud.finance.ingest.model import Outcome
from cloud.finance.ingest.service import Home
from cloud.finance.messages.mime import Mail
from cloud.finance.reading import Direction, Found, Reading, Refused
from cloud.finance.receipts.port import ReaderUnavailable
from cloud.finance.transactions.model import SourceType
from cloud.settings import Settings
from shared.clock import ManualClock
from tests.cloud.finance.ingest.google_server import CLIENT_ID, CLIENT_SECRET, Google
from tests.cloud.finance.people import signed_up

GMAIL = "/api/v1/ingest/gmail"
ME = "/api/v1/users/me"


def alert(amount: int, *, shop: str = "Swiggy") -> bytes:
    return (
        "From: HDFC Bank InstaAlerts <alerts@hdfcbank.net>\r\nTo: ana@gmail.example\r\n"
        "Subject: You have done a UPI txn\r\nDate: Mon, 29 Dec 2025 10:00:00 +0530\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
        f"Dear Customer, Rs.{amount}.00 has been debited from account **1234 to VPA {shop.lower()}@ybl {shop}"
        f" on 29-12-25. Your UPI transaction reference number is 5365{amount:08d}.\r\n"
    ).encode()


LETTER = b"From: Ben <ben@example.com>\r\nSubject: Hello\r\n\r\nShall we meet tomorrow?\r\n"
BOMB = (
    b"From: a@example.com\r\nSubject: order paid\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    + b"--x\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=a.png\r\n\r\nx\r\n"
    * 1_000
    + b"--x--\r\n"
)


@pytest.fixture
async def google() -> AsyncIterator[Google]:
    server = Google()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def settings(tmp_path: Path, google: Google) -> Settings:
    return Settings(
        data_dir=tmp_path / "cloud",
        rate_limit_per_minute=0,
        sign_ins_per_minute=0,
        google_client_id=CLIENT_ID,
        google_client_secret=CLIENT_SECRET,
        google_auth_url=f"{google.url}/auth",
        google_token_url=f"{google.url}/token",
        gmail_url=google.url,
    )


async def with_consent(client: httpx.AsyncClient, name: str = "ana") -> dict[str, str]:
    _, headers = await signed_up(client, name)
    await client.patch(f"{ME}/consent", headers=headers, json={"consent_gmail_ingest": True})
    return headers


def with_files(*files: bytes) -> bytes:
    """A mail without a figure and with receipts."""
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "Shop <orders@shop.example>", "Your receipts"
    mail.set_content("They are attached.")
    for number, file in enumerate(files):
        mail.add_attachment(file, maintype="application", subtype="pdf", filename=f"{number}.pdf")
    return mail.as_bytes()


async def connected(client: httpx.AsyncClient, google: Google, name: str = "ana") -> dict[str, str]:
    headers = await with_consent(client, name)
    begun = (await client.post(f"{GMAIL}/connect", headers=headers)).raise_for_status().json()
    state, code = google.consent(begun["auth_url"])
    (await client.get(f"{GMAIL}/callback", params={"state": state, "code": code})).raise_for_status()
    return headers


async def status(client: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, object]:
    found: dict[str, object] = (await client.get(f"{GMAIL}/status", headers=headers)).json()
    return found


async def amounts(client: httpx.AsyncClient, headers: dict[str, str]) -> list[float]:
    rows = (await client.get("/api/v1/transactions", headers=headers)).json()["transactions"]
    assert {row["source_type"] for row in rows} <= {"Gmail"}
    return sorted(row["amount"] for row in rows)


async def test_a_mailbox_is_looked_through_once_and_then_followed(
    client: httpx.AsyncClient, parts: Parts, google: Google, clock: ManualClock
) -> None:
    google.receive("m1", alert(450))
    google.receive("m2", LETTER)
    google.receive("m3", alert(120, shop="Uber"))
    headers = await with_consent(client)
    assert await status(client, headers) == {
        "connected": False,
        "last_sync": None,
        "emails_processed": 0,
        "transactions_extracted": 0,
    }
    begun = await client.post(f"{GMAIL}/connect", headers=headers)
    assert begun.json()["message"] == "Redirect user to auth_url for Gmail authorization"
    state, code = google.consent(begun.json()["auth_url"])
    back = await client.get(f"{GMAIL}/callback", params={"state": state, "code": code})
    assert back.status_code == 200, back.text

    await parts.services.gmail.sync_due()

    assert await amounts(client, headers) == [120, 450]
    assert await status(client, headers) == {
        "connected": True,
        "last_sync": "2026-01-01T00:00:00Z",
        "emails_processed": 3,
        "transactions_extracted": 2,
    }
    await parts.services.gmail.sync_due()  # not due yet
    google.receive("m4", alert(75, shop="Metro"))
    requests = len(google.requests)
    clock.advance(600)
    await parts.services.gmail.sync_due()
    assert await amounts(client, headers) == [75, 120, 450]
    assert [path.rpartition("/")[2].partition("?")[0] for path in google.requests[requests:]] == [
        "history",
        "m4",
    ]


async def test_a_crash_between_mails_neither_loses_nor_repeats_one(
    client: httpx.AsyncClient, parts: Parts, google: Google, clock: ManualClock
) -> None:
    for number in range(1, 6):
        google.receive(f"m{number}", alert(100 * number, shop=f"Shop{number}x"))
    headers = await connected(client, google)
    google.ill_at = "m3"

    await parts.services.gmail.sync_due()
    cut = await amounts(client, headers)
    clock.advance(60)
    await parts.services.gmail.sync_due()

    assert cut == [100, 200]
    assert await amounts(client, headers) == [100, 200, 300, 400, 500]
    assert (await status(client, headers))["transactions_extracted"] == 5


async def test_a_forgotten_history_is_looked_through_again(
    client: httpx.AsyncClient, parts: Parts, google: Google, clock: ManualClock
) -> None:
    google.receive("m1", alert(450))
    headers = await connected(client, google)
    await parts.services.gmail.sync_due()
    google.receive("m2", alert(60, shop="Metro"))
    google.history_from = 2

    clock.advance(600)
    await parts.services.gmail.sync_due()
    await parts.services.gmail.sync_due()

    assert await amounts(client, headers) == [60, 450]


async def test_who_takes_access_back_is_left_alone(
    client: httpx.AsyncClient, parts: Parts, google: Google, clock: ManualClock
) -> None:
    google.receive("m1", alert(450))
    headers = await connected(client, google)
    google.refresh_tokens.clear()

    await parts.services.gmail.sync_due()

    assert (await status(client, headers))["connected"] is False
    clock.advance(100_000)
    await parts.services.gmail.sync_due()
    assert google.requests == []


async def test_without_consent_no_mail_is_read(
    client: httpx.AsyncClient, parts: Parts, google: Google, clock: ManualClock
) -> None:
    google.receive("m1", alert(450))
    _, of_ben = await signed_up(client, "ben")
    refused = await client.post(f"{GMAIL}/connect", headers=of_ben)
    headers = await connected(client, google)
    await client.patch(f"{ME}/consent", headers=headers, json={"consent_gmail_ingest": False})

    await parts.services.gmail.sync_due()

    assert refused.status_code == 403
    assert google.requests == []
    await client.patch(f"{ME}/consent", headers=headers, json={"consent_gmail_ingest": True})
    clock.advance(600)
    await parts.services.gmail.sync_due()
    assert await amounts(client, headers) == [450]


async def test_a_mail_of_a_thousand_attachments_holds_nothing_up(
    client: httpx.AsyncClient, parts: Parts, google: Google
) -> None:
    google.receive("m1", BOMB)
    google.receive("m2", alert(450))
    google.receive("m3", b"\x00" * 100_000)
    headers = await connected(client, google)

    await parts.services.gmail.sync_due()

    assert await amounts(client, headers) == [450]
    assert (await status(client, headers))["emails_processed"] == 3


async def test_a_mail_that_no_reader_stands_holds_up_neither_its_mailbox_nor_another(
    client: httpx.AsyncClient,
    parts: Parts,
    google: Google,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    read = service.read_mail

    def fails(mail: Mail, **more: Any) -> Reading | Refused:
        if "Uber" in mail.text:
            raise ArithmeticError(mail.text)
        return read(mail, **more)

    monkeypatch.setattr(service, "read_mail", fails)
    google.receive("m1", alert(120, shop="Uber"))
    google.receive("m2", alert(450))
    headers = await connected(client, google)

    await parts.services.gmail.sync_due()

    assert await amounts(client, headers) == [450]
    assert (await status(client, headers))["last_sync"] is not None
    assert "error=ArithmeticError" in caplog.text
    assert "Uber" not in caplog.text


async def test_a_mailbox_that_cannot_be_read_holds_up_no_other(
    client: httpx.AsyncClient, parts: Parts, google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.receive("m1", alert(450))
    of_ana, of_ben = await connected(client, google), await connected(client, google, "ben")
    home, ana = parts.services.ingestion.home, (await client.get(ME, headers=of_ana)).json()["id"]

    async def fails(person_id: int, source_type: SourceType) -> Home:
        if person_id == ana:
            raise KeyError("a zone that is no more")
        return await home(person_id, source_type)

    monkeypatch.setattr(parts.services.ingestion, "home", fails)

    await parts.services.gmail.sync_due()

    assert await amounts(client, of_ana) == []
    assert await amounts(client, of_ben) == [450]


async def test_of_three_receipts_in_a_mail_none_is_lost_where_reading_broke_off_behind_the_first(
    client: httpx.AsyncClient, parts: Parts, google: Google, clock: ManualClock
) -> None:
    class Reader:
        """Not there when the second file comes first."""

        def __init__(self) -> None:
            self.files: list[bytes] = []

        async def read(self, content: bytes, **_: object) -> Reading:
            self.files.append(content)
            if len(self.files) == 2:
                raise ReaderUnavailable("later")
            return Reading(
                amount_minor=Found(100 * content[-1], 1.0),
                currency=Found("INR", 1.0),
                direction=Found(Direction.DEBIT, 1.0),
            )

    parts.services.ingestion._receipts = Reader()
    google.receive("m1", with_files(b"%PDF-\x01", b"%PDF-\x02", b"%PDF-\x03"))
    for number in range(2, 5):
        google.receive(f"m{number}", alert(100 * number))  # on further pages
    headers = await connected(client, google)

    await parts.services.gmail.sync_due()
    cut = await amounts(client, headers)
    clock.advance(60)
    await parts.services.gmail.sync_due()

    assert cut == [1, 200, 300, 400], "other mails are not held up"
    assert await amounts(client, headers) == [1, 2, 3, 200, 300, 400]
    assert (await status(client, headers)).items() >= {
        "emails_processed": 4,
        "transactions_extracted": 6,
    }.items()
    clock.advance(600)
    google.history_from = 9
    requests = len(google.requests)
    await parts.services.gmail.sync_due()
    await parts.services.gmail.sync_due()
    assert not [path for path in google.requests[requests:] if "/messages/m1" in path], "it is known whole"


@pytest.mark.parametrize("how", ["consent", "disconnect"])
async def test_who_takes_their_word_back_while_mails_are_read_has_no_further_one_read(
    client: httpx.AsyncClient, parts: Parts, google: Google, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    google.receive("m1", alert(450))
    google.receive("m2", alert(120, shop="Uber"))
    headers = await connected(client, google)
    message = parts.services.ingestion.message

    async def then_no_more(*one: Any, **more: Any) -> Outcome:
        outcome = await message(*one, **more)
        if how == "consent":
            await client.patch(f"{ME}/consent", headers=headers, json={"consent_gmail_ingest": False})
        else:
            await client.delete(GMAIL, headers=headers)
        return outcome

    monkeypatch.setattr(parts.services.ingestion, "message", then_no_more)

    await parts.services.gmail.sync_due()

    assert await amounts(client, headers) == [450]
    assert not [path for path in google.requests if "/messages/m2" in path]


async def test_only_who_began_comes_back(client: httpx.AsyncClient, google: Google) -> None:
    headers = await with_consent(client)
    begun = await client.post(f"{GMAIL}/connect", headers=headers)
    cookie = begun.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=lax", f"path={GMAIL}"))
    victim = httpx.AsyncClient(transport=client._transport, base_url=client.base_url)
    of_victim = await with_consent(victim, "victim")
    state, code = google.consent(begun.json()["auth_url"])
    back = {"state": state, "code": code}

    # an attacker lures somebody else to the address that Google returns to
    lured = await victim.get(f"{GMAIL}/callback", params=back)
    again = await client.get(f"{GMAIL}/callback", params=back)
    begun = await client.post(f"{GMAIL}/connect", headers=headers)
    state, code = google.consent(begun.json()["auth_url"])
    in_name_of_victim = await victim.post(
        f"{GMAIL}/callback", headers=of_victim, json={"state": state, "code": code}
    )

    assert lured.status_code == 400
    assert in_name_of_victim.status_code == 400
    assert (await status(client, headers))["connected"] is (again.status_code == 200)
    assert (await status(victim, of_victim))["connected"] is False
    await victim.aclose()


async def test_an_application_without_cookies_returns_in_the_persons_name(
    client: httpx.AsyncClient, google: Google
) -> None:
    headers = await with_consent(client)
    begun = await client.post(f"{GMAIL}/connect", headers=headers)
    client.cookies.clear()
    state, code = google.consent(begun.json()["auth_url"])

    back = await client.post(f"{GMAIL}/callback", headers=headers, json={"state": state, "code": code})
    twice = await client.post(f"{GMAIL}/callback", headers=headers, json={"state": state, "code": code})
    assert (await status(client, headers))["connected"] is True
    gone = await client.delete(GMAIL, headers=headers)
    gone_twice = await client.delete(GMAIL, headers=headers)

    assert (back.status_code, twice.status_code) == (200, 400)
    assert (gone.status_code, gone_twice.status_code) == (204, 409)
    assert (await status(client, headers))["connected"] is False


async def test_a_visit_that_takes_too_long_is_over(
    client: httpx.AsyncClient, google: Google, clock: ManualClock
) -> None:
    headers = await with_consent(client)
    begun = await client.post(f"{GMAIL}/connect", headers=headers)
    state, code = google.consent(begun.json()["auth_url"])

    clock.advance(15 * 60)

    assert (await client.get(f"{GMAIL}/callback", params={"state": state, "code": code})).status_code == 400


async def test_no_secret_lies_open_in_the_database(
    client: httpx.AsyncClient, parts: Parts, google: Google, settings: Settings
) -> None:
    await connected(client, google)

    (token,) = google.refresh_tokens
    whole = b"".join(path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file())
    assert token.encode() not in whole


async def test_where_it_is_not_set_up_it_says_so(client: httpx.AsyncClient, parts: Parts) -> None:
    headers = await with_consent(client)
    parts.services.gmail._api = None

    answer = await client.post(f"{GMAIL}/connect", headers=headers)
    await parts.services.gmail.sync_due()

    assert (answer.status_code, "google_client_id" in answer.json()["message"]) == (503, True)
