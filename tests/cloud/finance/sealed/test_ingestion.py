"""Whatever comes in for a person with devices leaves no merchant behind: not in a file, not in a log."""

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud.app import Parts
from cloud.finance.ingest.gmail.storage import known_references
from cloud.finance.ingest.model import Message
from cloud.finance.reading import Direction, Found, Reading
from cloud.finance.transactions.model import SourceType
from cloud.kit.content_files import ContentFiles
from cloud.settings import Settings
from lumen_e2ee import DecryptedData, decrypt_transaction_data
from tests.cloud.finance.ingest.test_routes import (
    INGEST,
    JPEG,
    TRANSACTIONS,
    Receipts,
    consent,
    power_cut_behind,
    upload,
)
from tests.cloud.finance.people import signed_up
from tests.cloud.finance.sealed.pairs import pair
from tests.cloud.finance.sealed.test_routes import Lumen

PAYMENT = {
    "amount": 99.5,
    "direction": "debit",
    "payee_vpa": "zomatopay@icici",
    "payee_name": "Zomato Limited",
    "reference": "771234567890",
    "timestamp": "2025-12-31T10:00:00Z",
    "note": "birthday biryani",
}
STATEMENT = (
    b"date,merchant,amount,currency,category,payment_channel,invoice_no\n"
    b"2025-12-20,Nykaa Beauty,1500.00,INR,Groceries,Card,NYK-778899\n"
    b"2025-12-21,Decathlon Sports,2500.00,INR,Groceries,Card,DEC-445566\n"
)
BY_HAND = {
    "amount": 77,
    "merchant_name_raw": "Corner Tattoo",
    "invoice_no": "TAT-112233",
    "date": "2025-12-30",
}
READING = Reading(
    amount_minor=Found(25_000, 1.0),
    currency=Found("INR", 1.0),
    direction=Found(Direction.DEBIT, 1.0),
    at_us=None,
    time_known=False,
    merchant=Found("Corner Tattoo", 1.0),
)
MESSAGE = (
    "Rs.450.00 debited from a/c XX1234 on 31-12-25 to VPA bluetokaimumbai@ybl. UPI Ref No 536512345678."
    " Not you? Call 18001234 -HDFC Bank"
)
SECRETS = [
    "taj restaurant", "dinner receipt", "bluetokaimumbai", "536512345678", "not you? call", "zomato limited",
    "zomatopay@icici", "771234567890", "birthday biryani", "nykaa beauty", "nyk-778899", "nykaa and",
    "decathlon sports", "dec-445566", "corner tattoo", "tat-112233",
]  # fmt: skip
"""Too long to turn up in ciphertext by chance."""


@pytest.fixture
def receipts(parts: Parts) -> Receipts:
    reader = Receipts()
    parts.services.ingestion._receipts = reader
    return reader


@pytest.fixture
async def ana(client: httpx.AsyncClient) -> Lumen:
    found = Lumen(client, (await signed_up(client, "ana"))[1])
    await consent(client, found.headers, "sms", "upi", "gmail", "whatsapp")
    return found


QUESTIONS = (
    "How much did I spend at Taj Restaurant?",
    "And at Zomato Limited last month?",
    "What was my largest purchase?",
    "Why was it flagged?",
    "How much did I spend on Utilities in December 2025?",
    "And in November?",
)


async def live(ana: Lumen) -> list[dict[str, Any]]:
    """Use every way in and every way to look, as a client would; the transactions."""
    client, headers = ana.client, ana.headers
    for _ in range(2):
        metadata = '{"note": "Dinner receipt"}'
        (await upload(client, headers, JPEG, metadata=metadata)).raise_for_status()
    for name, body in (
        ("sms", {"messages": [{"text": MESSAGE, "sender": "HDFCBK", "received_at": "2025-12-31T10:00:00Z"}]}),
        ("upi", {"payments": [PAYMENT]}),
    ):
        for _ in range(2):
            (await ana.call("POST", f"{INGEST}/{name}", body)).raise_for_status()
    form = {"file": ("nykaa and decathlon.csv", STATEMENT, "text/csv")}
    (await client.post(f"{INGEST}/statement", headers=headers, files=form)).raise_for_status()
    (await ana.call("POST", TRANSACTIONS, BY_HAND)).raise_for_status()
    session: int | None = None
    rows: list[dict[str, Any]] = (await ana.call("GET", TRANSACTIONS)).json()["transactions"]
    for row in rows:
        path = f"{TRANSACTIONS}/{row['id']}"
        decision = {"confirmed": True, "corrected_category": "Utilities"}
        (await ana.call("POST", f"{path}/confirm", decision)).raise_for_status()
        (await ana.call("GET", f"/api/v1/anomalies/{row['id']}/explain")).raise_for_status()
    for question in QUESTIONS:
        said = await ana.call("POST", "/api/v1/chat/message", {"message": question, "session_id": session})
        session = said.raise_for_status().json()["session_id"]
    (await ana.call("POST", "/api/v1/chat/exact-lookup", {"merchant_name": "Taj"})).raise_for_status()
    (await ana.call("GET", f"/api/v1/chat/session/{session}/history")).raise_for_status()
    for path in ("/api/v1/anomalies/flagged", f"{TRANSACTIONS}/stats", f"{TRANSACTIONS}/export"):
        (await ana.call("GET", path)).raise_for_status()
    return rows


def left(folder: Path, logs: str) -> dict[str, set[str]]:
    """Which secrets can be read in which file, whatever the case; `log` is what was logged."""
    texts = {
        str(path.relative_to(folder)): path.read_bytes().lower()
        for path in folder.rglob("*")
        if path.is_file()
    }
    texts["log"] = logs.lower().encode()
    assert any(name.endswith("-wal") for name in texts)
    found = {name: {word for word in SECRETS if word.encode() in text} for name, text in texts.items()}
    return {name: words for name, words in found.items() if words}


async def test_nothing_that_was_sealed_can_be_read_in_any_file_or_log(
    ana: Lumen, receipts: Receipts, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await ana.register(pair("phone"))

    rows = await live(ana)

    assert left(settings.data_dir, caplog.text) == {}
    assert {row["merchant_name_raw"] for row in rows} == {row["invoice_no"] for row in rows} == {None}
    opened = {data.merchant: data for data in (decrypt_transaction_data(row, pair("phone")) for row in rows)}
    assert set(opened) == {
        "Taj Restaurant", "bluetokaimumbai", "Zomato Limited", "Nykaa Beauty", "Decathlon Sports",
        "Corner Tattoo",
    }  # fmt: skip
    assert _told(opened["bluetokaimumbai"]) == ("536512345678", MESSAGE, 450)
    assert "birthday biryani" in opened["Zomato Limited"].parsed_fields["text"]
    assert opened["Taj Restaurant"].parsed_fields["metadata"] == '{"note": "Dinner receipt"}'
    assert opened["Corner Tattoo"].invoice_no == "TAT-112233"
    assert (await ana.call("GET", "/api/v1/merchants")).json() == {"merchants": []}
    assert not [path for path in (settings.data_dir / "originals").rglob("*") if path.is_file()]


async def test_whoever_sends_a_receipt_is_told_once_what_was_read(ana: Lumen, receipts: Receipts) -> None:
    await ana.register(pair("phone"))

    first = (await upload(ana.client, ana.headers, JPEG)).json()["parsed_data"]
    again = (await upload(ana.client, ana.headers, JPEG)).json()["parsed_data"]

    assert (first["merchant_name"], again["merchant_name"]) == ("Taj Restaurant", None)
    assert again == first | {"merchant_name": None}


async def test_mails_and_chat_notes_are_sealed_and_known_again_by_their_own_number(
    ana: Lumen, parts: Parts, settings: Settings
) -> None:
    await ana.register(pair("phone"))
    person_id = (await ana.call("GET", "/api/v1/users/me")).json()["id"]
    note = "paid 250 to Ravi Electricals for a corner tattoo"
    for source_type, reference in ((SourceType.GMAIL, "mail-1"), (SourceType.WHATSAPP, "SM-1")):
        home = await parts.services.ingestion.home(person_id, source_type)
        told = Message(text=note, found=READING, reference=reference, identity=reference)
        outcome = await parts.services.ingestion.message(home, told, source_type=source_type)
        assert outcome.transaction is not None
        shown = await ana.shown(outcome.transaction.transaction_id)
        opened = decrypt_transaction_data(shown, pair("phone"))
        assert (opened.merchant, opened.parsed_fields["text"]) == ("Corner Tattoo", note)

    async with parts.store.read() as tx:
        assert await known_references(tx, person_id, ("mail-1", "mail-2")) == {"mail-1"}
    assert left(settings.data_dir, "") == {}


async def test_without_devices_the_same_words_are_found(
    ana: Lumen, receipts: Receipts, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    await live(ana)

    found = left(settings.data_dir, caplog.text)
    assert set.union(*found.values()) == set(SECRETS)
    assert "log" not in found


async def test_what_came_before_the_first_device_is_known_again_and_stays_as_it_was(
    ana: Lumen, receipts: Receipts
) -> None:
    message = {"messages": [{"text": MESSAGE, "sender": "HDFCBK", "received_at": "2025-12-31T10:00:00Z"}]}
    first = (await ana.call("POST", f"{INGEST}/sms", message)).json()["results"][0]
    await ana.register(pair("phone"))

    again = (await ana.call("POST", f"{INGEST}/sms", message)).json()["results"][0]

    assert (again["status"], again["transaction_id"]) == ("duplicate", first["transaction_id"])
    assert again["parsed_data"]["merchant_name"] == "bluetokaimumbai"


async def test_questions_are_answered_and_understood_in_turn_but_not_kept(ana: Lumen) -> None:
    await ana.register(pair("phone"))
    spent = {"amount": 5, "merchant_name_raw": "Corner Tattoo", "category": "Transport", "date": "2025-12-30"}
    (await ana.call("POST", TRANSACTIONS, spent)).raise_for_status()

    async def asked(question: str, session: int | None) -> dict[str, Any]:
        body = {"message": question, "session_id": session}
        found: dict[str, Any] = (await ana.call("POST", "/api/v1/chat/message", body)).json()
        return found

    first = await asked("How much did I spend on Transport in December 2025?", None)
    second = await asked("And in November?", first["session_id"])
    await asked("How much at Corner Tattoo?", first["session_id"])

    history = await ana.call("GET", f"/api/v1/chat/session/{first['session_id']}/history")
    said = {message["content"] for message in history.json()["messages"]}
    assert len(history.json()["messages"]) == 6
    assert said == {"Not kept: what you buy is sealed to your devices."}
    assert "5" in str(first)
    assert "November" in str(second)


async def test_categories_are_found_before_sealing_and_corrections_teach_nothing(ana: Lumen) -> None:
    await ana.register(pair("phone"))

    first = (await ana.call("POST", TRANSACTIONS, {"amount": 5, "merchant_name_raw": "Swiggy"})).json()
    assert first["category"] == "Food & Dining"
    decision = {"confirmed": True, "corrected_category": "Utilities"}
    await ana.call("POST", f"{TRANSACTIONS}/{first['id']}/confirm", decision)

    second = (await ana.call("POST", TRANSACTIONS, {"amount": 6, "merchant_name_raw": "Swiggy"})).json()
    assert second["category"] == "Food & Dining"


async def test_a_file_that_was_there_as_the_first_device_came_goes(
    ana: Lumen, receipts: Receipts, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = ContentFiles.put

    async def interrupted(files: ContentFiles, content: bytes) -> str:
        sha256 = await put(files, content)
        await ana.register(pair("phone"))
        return sha256

    monkeypatch.setattr(ContentFiles, "put", interrupted)

    answer = (await upload(ana.client, ana.headers, JPEG)).json()

    assert (await ana.shown(answer["transaction_id"]))["encrypted_data"] is not None
    assert not [path for path in (settings.data_dir / "originals").rglob("*") if path.is_file()]


async def test_a_statement_under_way_as_the_first_device_came_goes_with_its_name(
    ana: Lumen, parts: Parts, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first line was in the clear already; the second would be, in what was kept of the file."""
    monkeypatch.setattr("cloud.finance.ingest.service.BOOKED_AT_ONCE", 1)
    form = {"file": ("nykaa and decathlon.csv", STATEMENT, "text/csv")}
    with monkeypatch.context() as patch:
        power_cut_behind(patch, parts, 250_000)
        cut = await ana.client.post(f"{INGEST}/statement", headers=ana.headers, files=form)
    await ana.register(pair("phone"))

    whole = await ana.client.post(f"{INGEST}/statement", headers=ana.headers, files=form)

    assert (cut.status_code, whole.status_code) == (500, 201)
    rows = (await ana.call("GET", TRANSACTIONS)).json()["transactions"]
    assert [row["merchant_name_raw"] for row in rows] == [None, "Nykaa Beauty"]
    assert decrypt_transaction_data(rows[0], pair("phone")).merchant == "Decathlon Sports"
    assert not [path for path in (settings.data_dir / "originals").rglob("*") if path.is_file()]
    async with parts.store.read() as tx:
        assert await tx.fetch_value("SELECT kept FROM finance_sources") == 0
        assert await tx.fetch_value("SELECT name FROM finance_sources") is None


def _told(data: DecryptedData) -> tuple[str | None, str, int]:
    return data.invoice_no, data.parsed_fields["text"], data.parsed_fields["amount"]
