"""What comes in over HTTP, and what becomes of it."""

import asyncio
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from msgspec import structs

from cloud.app import Parts
from cloud.finance.reading import Direction, Found, Reading, Refusal, Refused
from cloud.finance.receipts.port import ReaderUnavailable, ReceiptResult
from cloud.finance.transactions.model import Transaction
from cloud.kit.store import WriteTx
from tests.cloud.finance.people import signed_up

INGEST = "/api/v1/ingest"
TRANSACTIONS = "/api/v1/transactions"
JPEG = b"\xff\xd8\xff\xe0 a dinner at the Taj"

SPENT = (
    "Rs.450.00 debited from a/c XX1234 on 31-12-25 to VPA swiggy@ybl. UPI Ref No 536512345678."
    " Not you? Call 18001234 -HDFC Bank"
)
OTP = "123456 is your OTP for a transaction of Rs.999.00 at Amazon. Do not share it with anyone. -HDFC Bank"


class Receipts:
    """A reader that finds the same in every file, or refuses it."""

    def __init__(self) -> None:
        self.read_files: list[bytes] = []
        self.result: ReceiptResult | Exception = Reading(
            amount_minor=Found(245_000, 0.97),
            currency=Found("INR", 1.0),
            direction=Found(Direction.DEBIT, 1.0),
            at_us=Found(1_705_675_500_000_000, 0.92),  # 2024-01-19T14:45Z
            time_known=True,
            merchant=Found("Taj Restaurant", 0.9),
        )

    async def read(
        self, content: bytes, *, timezone: ZoneInfo, currency_hint: str, locale: str
    ) -> ReceiptResult:
        assert (timezone.key, currency_hint, locale) == ("Asia/Kolkata", "INR", "en")
        self.read_files.append(content)
        await asyncio.sleep(0)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture
def receipts(parts: Parts) -> Receipts:
    reader = Receipts()
    parts.services.ingestion._receipts = reader
    return reader


async def upload(client: httpx.AsyncClient, headers: dict[str, str], content: bytes = JPEG, **fields: str):
    form = {"file": ("a.exe", content, "text/html")}
    return await client.post(f"{INGEST}/upload", headers=headers, files=form, data=fields)


async def consent(client: httpx.AsyncClient, headers: dict[str, str], *flags: str) -> None:
    body = {f"consent_{flag}_ingest": True for flag in flags}
    (await client.patch("/api/v1/users/me/consent", headers=headers, json=body)).raise_for_status()


async def booked(client: httpx.AsyncClient, headers: dict[str, str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await client.get(TRANSACTIONS, headers=headers)).json()["transactions"]
    return rows


async def test_a_receipt_is_read_booked_and_kept(
    client: httpx.AsyncClient, parts: Parts, receipts: Receipts
) -> None:
    ana, headers = await signed_up(client, "ana")

    answer = await upload(client, headers, source_type="Upload", metadata='{"note": "Dinner receipt"}')

    assert answer.status_code == 201, answer.text
    (row,) = await booked(client, headers)
    assert answer.json() == {
        "source_id": row["source_id"],
        "transaction_id": row["id"],
        "status": "processed",
        "ocr_confidence": 0.92,
        "parsed_data": {
            "amount": 2450.00,
            "merchant_name": "Taj Restaurant",
            "date": "2024-01-19T14:45:00Z",
            "category": row["category"],
            "currency": "INR",
            "direction": "debit",
            "payment_channel": None,
            "invoice_no": None,
        },
        "flagged": False,
        "message": "Receipt processed successfully",
    }
    assert row["source_type"] == "Upload"
    kept = [path for path in (parts.settings.data_dir / "originals" / str(ana)).rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [JPEG]


async def test_the_same_file_is_read_once_for_each_person(
    client: httpx.AsyncClient, receipts: Receipts
) -> None:
    _, headers = await signed_up(client, "ana")
    _, of_ben = await signed_up(client, "ben")

    first = await upload(client, headers)
    again = await upload(client, headers)
    at_once = await asyncio.gather(*(upload(client, of_ben) for _ in range(3)))

    assert again.json() == first.json()
    assert len({answer.json()["transaction_id"] for answer in at_once}) == 1
    assert at_once[0].json()["transaction_id"] != first.json()["transaction_id"]
    assert len(await booked(client, headers)) == len(await booked(client, of_ben)) == 1


async def test_a_file_that_is_refused_leaves_nothing_and_may_come_again(
    client: httpx.AsyncClient, parts: Parts, receipts: Receipts
) -> None:
    _, headers = await signed_up(client, "ana")
    good = receipts.result
    receipts.result = Refused(Refusal.NO_AMOUNT, "no total is found")

    refused = await upload(client, headers)
    receipts.result = ReaderUnavailable("receipts cannot be read now")
    unavailable = await upload(client, headers)
    receipts.result = good
    again = await upload(client, headers)

    assert (refused.status_code, refused.json()["details"]) == (422, {"file": ["no total is found"]})
    assert unavailable.status_code == 503
    assert again.status_code == 201
    assert len(receipts.read_files) == 3


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"<html>", b"PK\x03\x04" + JPEG, b"\x89PNG\r\n\x1a\n%PDF-1.7 trailer %%EOF"]
)
async def test_a_file_that_is_no_receipt_by_its_content_is_refused(
    client: httpx.AsyncClient, parts: Parts, content: bytes
) -> None:
    _, headers = await signed_up(client, "ana")

    answer = await upload(client, headers, content)

    assert (answer.status_code, list(answer.json()["details"])) == (422, ["file"]), answer.text
    assert not (parts.settings.data_dir / "originals").exists()


async def test_no_more_than_ten_megabytes_are_taken(client: httpx.AsyncClient, receipts: Receipts) -> None:
    _, headers = await signed_up(client, "ana")
    limit = 10 * 1_048_576

    just = await upload(client, headers, JPEG.ljust(limit, b"x"))
    over = await upload(client, headers, JPEG.ljust(limit + 1, b"x"))
    far_over = await upload(client, headers, JPEG.ljust(limit + 100_000, b"x"))

    assert (just.status_code, over.status_code, far_over.status_code) == (201, 413, 413)
    assert over.json()["error"] == far_over.json()["error"] == "Request Entity Too Large"
    assert len(receipts.read_files) == 1


async def test_a_body_without_end_is_left_at_the_limit(client: httpx.AsyncClient) -> None:
    _, headers = await signed_up(client, "ana")
    sent = 0

    async def endless():
        nonlocal sent
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        yield head
        while sent < 200 * 1_048_576:
            sent += 1_048_576
            yield bytes(1_048_576)

    answer = await client.post(
        f"{INGEST}/upload",
        headers={**headers, "Content-Type": "multipart/form-data; boundary=x"},
        content=endless(),
    )

    assert answer.status_code == 413
    assert sent < 15 * 1_048_576


@pytest.mark.parametrize(
    "fields, field",
    [
        ({"source_type": "Gmail"}, "source_type"),
        ({"metadata": "note"}, "metadata"),
        ({"metadata": "[]"}, "metadata"),
        ({"metadata": "[" * 4_000}, "metadata"),
        ({"metadata": '{"a": "' + "x" * 4_096 + '"}'}, "metadata"),
    ],
)
async def test_a_form_that_does_not_hold_is_refused_by_its_field(
    client: httpx.AsyncClient, receipts: Receipts, fields: dict[str, str], field: str
) -> None:
    _, headers = await signed_up(client, "ana")

    answer = await upload(client, headers, **fields)

    assert (answer.status_code, list(answer.json()["details"])) == (422, [field])
    assert receipts.read_files == []


async def test_a_form_without_a_file_is_refused(client: httpx.AsyncClient) -> None:
    _, headers = await signed_up(client, "ana")
    for path in ("upload", "statement"):
        answer = await client.post(
            f"{INGEST}/{path}", headers=headers, files={"other": ("a", b"b")}, data={"source_type": "Upload"}
        )
        assert (answer.status_code, answer.json()["details"]) == (422, {"file": ["Required"]}), answer.text


@pytest.mark.parametrize("name, key", [("sms", "messages"), ("upi", "payments")])
async def test_a_source_is_read_only_with_consent(client: httpx.AsyncClient, name: str, key: str) -> None:
    _, headers = await signed_up(client, "ana")

    answer = await client.post(f"{INGEST}/{name}", headers=headers, json={key: [{}]})
    await consent(client, headers, name)
    after = await client.post(f"{INGEST}/{name}", headers=headers, json={key: [{}]})

    assert (answer.status_code, answer.json()["error"]) == (403, "Forbidden")
    assert f"consent_{name}_ingest" in answer.json()["message"]
    assert (after.status_code, after.json()["refused"]) == (201, 1)


async def test_each_message_is_read_on_its_own_and_no_code_is_kept(
    client: httpx.AsyncClient, parts: Parts
) -> None:
    _, headers = await signed_up(client, "ana")
    await consent(client, headers, "sms")
    messages = [
        {"text": SPENT, "sender": "VM-HDFCBK", "received_at": "2025-12-31T10:00:00Z"},
        {"text": OTP, "sender": "VM-HDFCBK", "received_at": "2025-12-31T10:01:00Z"},
        {"text": SPENT, "sender": "VM-HDFCBK", "received_at": "soon"},
        {"text": SPENT, "sender": "VM-HDFCBK", "received_at": "2027-12-31T10:00:00Z"},
        "not a message",
    ]

    answer = await client.post(f"{INGEST}/sms", headers=headers, json={"messages": messages})
    again = await client.post(f"{INGEST}/sms", headers=headers, json={"messages": messages[:1]})

    body = answer.json()
    assert (answer.status_code, body["processed"], body["duplicates"], body["refused"]) == (201, 1, 0, 4)
    assert [one["line"] for one in body["results"]] == [1, 2, 3, 4, 5]
    assert body["results"][0]["parsed_data"].items() >= {"amount": 450, "payment_channel": "UPI"}.items()
    (row,) = await booked(client, headers)
    assert row["source_type"] == "SMS"
    (repeated,) = again.json()["results"]
    assert (repeated["status"], repeated["transaction_id"]) == ("duplicate", row["id"])
    assert len(await booked(client, headers)) == 1
    async with parts.store.read() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM finance_sources") == 1
        assert await tx.fetch_value("SELECT text FROM finance_sources") == SPENT


async def test_payments_of_a_feed_go_in_and_a_wrong_one_stops_no_other(client: httpx.AsyncClient) -> None:
    _, headers = await signed_up(client, "ana")
    await consent(client, headers, "upi")
    payment = {
        "amount": 120.5,
        "direction": "debit",
        "payee_vpa": "ravi@ybl",
        "payee_name": "Ravi Stores",
        "reference": "536512345678",
        "timestamp": "2025-12-30T10:00:00+05:30",
        "note": "milk",
    }
    payments = [payment, {**payment, "amount": -1}, {**payment, "amount": 9, "reference": "536512345679"}]

    answer = await client.post(f"{INGEST}/upi", headers=headers, json={"payments": payments})
    again = await client.post(f"{INGEST}/upi", headers=headers, json={"payments": payments})

    assert [one["status"] for one in answer.json()["results"]] == ["processed", "refused", "processed"]
    assert again.json()["duplicates"] == 2
    rows = await booked(client, headers)
    assert sorted(row["amount"] for row in rows) == [9, 120.5]
    assert {(row["source_type"], row["payment_channel"]) for row in rows} == {("UPIFeed", "UPI")}


@pytest.mark.parametrize("reference", ["536512345678", "T25-77", None])
async def test_a_payment_spelt_otherwise_is_the_same_payment(
    client: httpx.AsyncClient, reference: str | None
) -> None:
    _, headers = await signed_up(client, "ana")
    await consent(client, headers, "upi")
    body = (
        b'{"payments": [{"amount": %s, "direction": "debit", "payee_name": "Ravi Stores", "reference": %s,'
        b' "timestamp": "%s"}]}'
    )
    number = b"null" if reference is None else f'"{reference}"'.encode()
    spellings = (
        (b"120.5", b"2025-12-30T10:00:00+05:30"),
        (b"120.50", b"2025-12-30T04:30:00Z"),
        (b"1.205e2", b"2025-12-30T04:30:00.000+00:00"),
    )

    told = [
        await client.post(f"{INGEST}/upi", headers=headers, content=body % (amount, number, at))
        for amount, at in spellings
    ]

    assert [one.json()["results"][0]["status"] for one in told] == ["processed", "duplicate", "duplicate"]
    assert len({one.json()["results"][0]["transaction_id"] for one in told}) == 1


async def test_an_amount_of_a_million_digits_costs_nothing(client: httpx.AsyncClient) -> None:
    _, headers = await signed_up(client, "ana")
    await consent(client, headers, "upi")
    body = (
        b'{"payments": [{"amount": 1e99999999, "direction": "debit", "timestamp": "2025-12-30T10:00:00Z"}]}'
    )

    answer = await client.post(f"{INGEST}/upi", headers=headers, content=body)

    assert answer.json()["refused"] == 1


@pytest.mark.parametrize("name, key", [("sms", "messages"), ("upi", "payments")])
@pytest.mark.parametrize("items", [[], [{}] * 501, {}, None])
async def test_a_batch_has_bounds(client: httpx.AsyncClient, name: str, key: str, items: object) -> None:
    _, headers = await signed_up(client, "ana")
    await consent(client, headers, name)

    answer = await client.post(f"{INGEST}/{name}", headers=headers, json={key: items})

    assert (answer.status_code, list(answer.json()["details"])) == (422, [key])


async def test_ten_megabytes_of_text_are_not_read(client: httpx.AsyncClient) -> None:
    _, headers = await signed_up(client, "ana")
    await consent(client, headers, "sms")
    message = {"text": "Rs." * 3_500_000, "received_at": "2025-12-31T10:00:00Z"}

    answer = await client.post(f"{INGEST}/sms", headers=headers, json={"messages": [message]})
    form = {"file": ("a.csv", b"date,amount\n" + b"2025-01-01,1\n" * 800_000, "text/csv")}
    statement = await client.post(f"{INGEST}/statement", headers=headers, files=form)

    assert (answer.status_code, statement.status_code) == (413, 413)
    assert await booked(client, headers) == []


STATEMENT = b"""Date,Merchant,Amount,Currency,Category,Payment_Channel,Invoice_No
2025-12-01,Big Bazaar,1250.00,INR,Groceries,UPI,A1
soon,Metro,40,INR,Transport,Card,A2
2025-12-03,Employer,-50000,INR,,BankTransfer,A3
2025-12-04,Cafe,99.5,INR,Food & Dining,Cash,
"""


async def send_statement(
    client: httpx.AsyncClient, headers: dict[str, str], content: bytes
) -> httpx.Response:
    form = {"file": ("statement.txt", content, "text/plain")}
    return await client.post(f"{INGEST}/statement", headers=headers, files=form)


async def test_lines_of_a_statement_go_in_and_what_cannot_be_read_is_named(
    client: httpx.AsyncClient,
) -> None:
    _, headers = await signed_up(client, "ana")

    answer = await send_statement(client, headers, STATEMENT)
    again = await send_statement(client, headers, STATEMENT)

    body = answer.json()
    assert answer.status_code == 201, answer.text
    assert (body["processed"], body["duplicates"], body["refused"]) == (3, 0, 1)
    assert [(one["line"], one["status"]) for one in body["results"]] == [
        (2, "processed"),
        (3, "refused"),
        (4, "processed"),
        (5, "processed"),
    ]
    rows = {row["merchant_name_raw"]: row for row in await booked(client, headers)}
    assert rows["Employer"].items() >= {"amount": 50000, "direction": "credit"}.items()
    assert rows["Big Bazaar"].items() >= {"category": "Groceries", "source_type": "Statement"}.items()
    assert (again.json()["processed"], again.json()["duplicates"], again.json()["refused"]) == (0, 3, 1)
    assert [one["transaction_id"] for one in again.json()["results"]] == [
        one["transaction_id"] for one in body["results"]
    ]
    stats = (await client.get(f"{TRANSACTIONS}/stats", headers=headers)).json()
    assert (stats["total_amount"], stats["income"]["total_amount"]) == (1349.5, 50000)


def power_cut_behind(patch: pytest.MonkeyPatch, parts: Parts, amount_minor: int) -> None:
    """A purchase of this amount is written, and not committed any more."""
    add_all = parts.services.transactions.add_all

    async def cut(tx: WriteTx, rows: Sequence[Transaction]) -> list[Transaction]:
        added = await add_all(tx, rows)
        if amount_minor in {row.amount_minor for row in rows}:
            raise RuntimeError("power cut")
        return added

    patch.setattr(parts.services.transactions, "add_all", cut)


async def test_a_statement_that_was_cut_short_goes_on_where_it_stopped(
    client: httpx.AsyncClient, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.finance.ingest.service.BOOKED_AT_ONCE", 2)
    _, headers = await signed_up(client, "ana")
    with monkeypatch.context() as patch:
        power_cut_behind(patch, parts, 9_950)
        cut = await send_statement(client, headers, STATEMENT)
    left = len(await booked(client, headers))
    whole = await send_statement(client, headers, STATEMENT)

    assert (cut.status_code, left) == (500, 2)
    assert (whole.json()["processed"], whole.json()["duplicates"]) == (1, 2)
    assert len(await booked(client, headers)) == 3


async def test_a_statement_that_comes_twice_at_once_is_booked_once(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.finance.ingest.service.BOOKED_AT_ONCE", 1)
    _, headers = await signed_up(client, "ana")

    answers = await asyncio.gather(*(send_statement(client, headers, STATEMENT) for _ in range(3)))

    rows = await booked(client, headers)
    assert sorted(row["amount"] for row in rows) == [99.5, 1250, 50000]
    assert sum(answer.json()["processed"] for answer in answers) == 3
    told = {tuple(one["transaction_id"] for one in answer.json()["results"]) for answer in answers}
    assert len(told) == 1, "all three are told the same"


async def test_messages_that_come_twice_in_a_batch_or_at_once_are_booked_once(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.finance.ingest.service.BOOKED_AT_ONCE", 3)
    _, headers = await signed_up(client, "ana")
    await consent(client, headers, "sms")
    spent = [
        {"text": SPENT.replace("450", str(amount)), "received_at": f"2025-12-31T1{amount % 10}:00:00Z"}
        for amount in (451, 452, 451, 453)
    ]
    otp = {"text": OTP, "received_at": "2025-12-31T10:00:00Z"}
    body = {"messages": [*spent[:3], otp, spent[3]]}

    answers = await asyncio.gather(
        *(client.post(f"{INGEST}/sms", headers=headers, json=body) for _ in range(2))
    )

    assert sorted(row["amount"] for row in await booked(client, headers)) == [451, 452, 453]
    first = [[one["transaction_id"] for one in answer.json()["results"]] for answer in answers]
    assert first[0] == first[1]
    assert first[0][0] == first[0][2]
    assert first[0][3] is None
    assert [one["line"] for one in answers[0].json()["results"]] == [1, 2, 3, 4, 5]


async def test_a_batch_that_was_cut_short_goes_in_when_it_comes_again(
    client: httpx.AsyncClient, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.finance.ingest.service.BOOKED_AT_ONCE", 2)
    _, headers = await signed_up(client, "ana")
    await consent(client, headers, "sms")
    body = {
        "messages": [
            {"text": SPENT.replace("450", str(amount)), "received_at": "2025-12-31T10:00:00Z"}
            for amount in range(451, 456)
        ]
    }
    with monkeypatch.context() as patch:
        power_cut_behind(patch, parts, 45_400)
        cut = await client.post(f"{INGEST}/sms", headers=headers, json=body)
    left = [row["amount"] for row in await booked(client, headers)]
    whole = await client.post(f"{INGEST}/sms", headers=headers, json=body)

    assert (cut.status_code, sorted(left)) == (500, [451, 452]), "the third shared the fourth's commit"
    assert (whole.json()["processed"], whole.json()["duplicates"]) == (3, 2)
    assert sorted(row["amount"] for row in await booked(client, headers)) == [451, 452, 453, 454, 455]


async def test_an_amount_or_a_day_of_no_purchase_spoils_no_figure(
    client: httpx.AsyncClient, receipts: Receipts
) -> None:
    _, headers = await signed_up(client, "ana")
    await consent(client, headers, "upi")
    statement = b"""date,merchant,amount
2025-12-01,Most,100000000000.00
2025-12-02,More,100000000000.01
0999-12-03,Early,1
2200-01-02,Late,1
"""
    huge = {"amount": 92233720368547758, "direction": "debit", "timestamp": "2025-12-30T10:00:00Z"}
    late = {"amount": 1, "direction": "debit", "timestamp": "9999-12-31T23:59:59Z"}
    receipts.result = structs.replace(receipts.result, amount_minor=Found(2**63 - 1, 0.9))

    lines = (await send_statement(client, headers, statement)).json()["results"]
    batch = await client.post(f"{INGEST}/upi", headers=headers, json={"payments": [huge, huge, late]})
    file = await upload(client, headers)

    assert [one["status"] for one in lines] == ["processed", "refused", "refused", "refused"]
    assert batch.json()["refused"] == 3
    assert file.status_code == 422
    stats = (await client.get(f"{TRANSACTIONS}/stats", headers=headers)).json()
    assert stats["total_amount"] == 100_000_000_000


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"hello\nworld\n", b"a,b\n1,2\n"])
async def test_what_is_no_statement_is_refused(client: httpx.AsyncClient, content: bytes) -> None:
    _, headers = await signed_up(client, "ana")

    answer = await send_statement(client, headers, content)

    assert (answer.status_code, list(answer.json()["details"])) == (422, ["file"])


async def test_what_was_exported_can_be_imported(client: httpx.AsyncClient) -> None:
    _, headers = await signed_up(client, "ana")
    _, of_ben = await signed_up(client, "ben")
    await send_statement(client, headers, STATEMENT)

    exported = await client.get(f"{TRANSACTIONS}/export", headers=headers)
    imported = await send_statement(client, of_ben, exported.content)

    assert imported.json()["processed"] == 3, imported.text
    kept = ("amount", "direction", "currency", "merchant_name_raw", "category", "payment_channel", "date")
    assert [[row[name] for name in kept] for row in await booked(client, of_ben)] == [
        [row[name] for name in kept] for row in await booked(client, headers)
    ]


async def test_a_purchase_by_hand_is_believed(client: httpx.AsyncClient) -> None:
    _, headers = await signed_up(client, "ana")

    whole = await client.post(
        TRANSACTIONS,
        headers=headers,
        json={
            "amount": 12.5,
            "currency": "USD",
            "direction": "credit",
            "date": "2025-12-24T09:00:00",
            "merchant_name_raw": "Bazaar  of\tAna",
            "invoice_no": "7",
            "payment_channel": "Cash",
            "category": "Gifts",
            "notes": "back from Ben",
        },
    )
    least = await client.post(TRANSACTIONS, headers=headers, json={"amount": 5, "date": "2025-12-23"})

    assert whole.status_code == 201, whole.text
    assert (
        whole.json().items()
        >= {
            "amount": 12.5,
            "currency": "USD",
            "direction": "credit",
            "date": "2025-12-24T03:30:00Z",
            "time_known": True,
            "merchant_name_raw": "Bazaar of Ana",
            "category": "Gifts",
            "source_type": "Manual",
            "ocr_confidence": None,
            "classification_confidence": 1,
            "notes": "back from Ben",
        }.items()
    )
    assert (
        least.json().items()
        >= {
            "currency": "INR",
            "direction": "debit",
            "date": "2025-12-23T06:30:00Z",
            "time_known": False,
            "category": "Unknown",
        }.items()
    )


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "amount"),
        ({"amount": 0}, "amount"),
        ({"amount": -5}, "amount"),
        ({"amount": 1.005}, "amount"),
        ({"amount": 1e30}, "amount"),
        ({"amount": "100000000000.01"}, "amount"),
        ({"amount": 1, "date": "9999-12-31T23:30:00Z"}, "date"),
        ({"amount": 1, "date": "0001-01-01"}, "date"),
        ({"amount": 1, "date": "1969-12-31"}, "date"),
        ({"amount": 1, "date": "2200-01-02"}, "date"),
        ({"amount": 1.5, "currency": "JPY"}, "amount"),
        ({"amount": 1, "currency": "RUPEES"}, "currency"),
        ({"amount": 1, "date": "yesterday"}, "date"),
        ({"amount": 1, "payment_channel": "Barter"}, "payment_channel"),
        ({"amount": 1, "category": ""}, "category"),
        ({"amount": 1, "source_type": "Gmail"}, "source_type"),
    ],
)
async def test_an_entry_that_does_not_hold_is_refused_by_its_field(
    client: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    _, headers = await signed_up(client, "ana")

    answer = await client.post(TRANSACTIONS, headers=headers, json=body)

    assert (answer.status_code, list(answer.json()["details"])) == (422, [field])
    assert await booked(client, headers) == []
