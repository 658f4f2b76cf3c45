"""Transactions over HTTP, as LUMEN's document shows them."""

import csv
import io
from typing import Any

import httpx
import pytest

from cloud.app import Parts
from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions.model import SourceType
from tests.cloud.finance.people import PURCHASE, keep, signed_up

PATH = "/api/v1/transactions"
DAY_US = 86_400_000_000


async def test_a_transaction_is_shown_as_documented_to_its_owner_alone(
    client: httpx.AsyncClient, parts: Parts
) -> None:
    ana, headers = await signed_up(client, "ana")
    _, of_ben = await signed_up(client, "ben")
    made = await keep(parts, ana)

    answer = await client.get(f"{PATH}/{made.transaction_id}", headers=headers)
    foreign = await client.get(f"{PATH}/{made.transaction_id}", headers=of_ben)
    listed = await client.get(PATH, headers=headers)

    assert answer.status_code == 200
    documented = {
        "id": made.transaction_id,
        "amount": 1250.50,
        "currency": "INR",
        "date": "2024-01-18T14:30:00Z",
        "merchant_name_raw": "Amazon India",
        "invoice_no": "INV-123456",
        "payment_channel": "UPI",
        "source_type": "Gmail",
        "category": "Groceries",
        "ocr_confidence": 0.95,
        "classification_confidence": 0.88,
        "flagged": False,
        "confirmed": None,
        "created_at": "2024-01-18T14:35:00Z",
    }
    assert answer.json().items() >= documented.items()
    assert (foreign.status_code, foreign.json()["error"]) == (404, "Not Found")
    assert listed.json() == {"transactions": [answer.json()], "total": 1, "limit": 100, "offset": 0}
    assert (await client.get(PATH, headers=of_ben)).json()["total"] == 0


async def test_a_day_is_the_persons_own_day_and_an_end_is_included(
    client: httpx.AsyncClient, parts: Parts
) -> None:
    ana, headers = await signed_up(client, "ana")
    # 18:30Z on the 17th is midnight of the 18th in Kolkata
    midnight_us = 1_705_516_200_000_000
    for at_us in (midnight_us - 1, midnight_us, midnight_us + DAY_US - 1, midnight_us + DAY_US):
        await keep(parts, ana, at_us=at_us, amount_minor=1 + at_us % 7)

    async def total(**asked: str) -> int:
        answer = await client.get(PATH, headers=headers, params=asked)
        found: int = answer.raise_for_status().json()["total"]
        return found

    assert await total(start_date="2024-01-18", end_date="2024-01-18") == 2
    assert await total(end_date="2024-01-17T18:30:00Z") == 2
    assert await total(start_date="2024-01-18T00:00:00+05:30") == 3
    assert await total(start_date="2024-01-18T00:00:00", end_date="2024-01-18T00:00:00") == 1
    plain = await client.get(f"{PATH}?start_date=2024-01-18T00:00:00+05:30", headers=headers)
    assert plain.json()["total"] == 3  # a plus that nobody escaped


@pytest.mark.parametrize(
    "asked, field",
    [
        ({"start_date": "yesterday"}, "start_date"),
        ({"end_date": "2024-13-01"}, "end_date"),
        ({"end_date": "9999-12-31"}, "end_date"),
        ({"min_amount": "much"}, "min_amount"),
        ({"max_amount": "NaN"}, "max_amount"),
        ({"max_amount": "1e999999"}, "max_amount"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"offset": "-1"}, "offset"),
        ({"source_type": "Fax"}, "source_type"),
        ({"payment_channel": "Barter"}, "payment_channel"),
        ({"flagged_only": "maybe"}, "flagged_only"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_its_name(
    client: httpx.AsyncClient, asked: dict[str, str], field: str
) -> None:
    _, headers = await signed_up(client, "ana")

    answer = await client.get(PATH, headers=headers, params=asked)

    assert answer.status_code == 422, answer.text
    assert answer.json()["error"] == "Validation Error"
    assert list(answer.json()["details"]) == [field]


async def test_every_filter_of_the_document_is_passed_on(client: httpx.AsyncClient, parts: Parts) -> None:
    ana, headers = await signed_up(client, "ana")
    one = await keep(parts, ana)
    await keep(
        parts,
        ana,
        category="Transport",
        merchant_name_raw="Metro",
        amount_minor=5_000,
        source_type=SourceType.SMS,
        payment_channel=Channel.CARD,
        invoice_no=None,
        direction=Direction.CREDIT,
        currency="USD",
    )
    merchants = (await client.get("/api/v1/merchants", headers=headers)).json()["merchants"]
    amazon = next(m["id"] for m in merchants if m["name"] == "Amazon India")

    for asked in (
        {"category": "Groceries"},
        {"merchant_id": str(amazon)},
        {"min_amount": "1250.5"},
        {"min_amount": "1000", "max_amount": "2000"},
        {"source_type": "Gmail"},
        {"payment_channel": "UPI"},
        {"direction": "debit"},
        {"currency": "INR"},
        {"limit": "1", "offset": "1"},
    ):
        answer = await client.get(PATH, headers=headers, params=asked)
        assert [row["id"] for row in answer.json()["transactions"]] == [one.transaction_id], asked


async def test_stats_count_spending_that_stands(client: httpx.AsyncClient, parts: Parts) -> None:
    ana, headers = await signed_up(client, "ana")
    day = 0

    async def spend(amount_minor: int, **changes: object) -> int:
        nonlocal day
        day += 1
        row = await keep(
            parts,
            ana,
            amount_minor=amount_minor,
            at_us=PURCHASE.at_us + 10 * day * DAY_US,
            invoice_no=None,
            **changes,
        )
        return row.transaction_id

    await spend(10_000)
    await spend(5_001, category="Transport", payment_channel=None, source_type=SourceType.SMS)
    await spend(99, category="Transport", direction=Direction.CREDIT)
    await spend(700, currency="USD")
    rejected = await spend(1_000_000)
    await client.post(f"{PATH}/{rejected}/confirm", headers=headers, json={"confirmed": False})

    answer = await client.get(f"{PATH}/stats", headers=headers)

    assert answer.json() == {
        "total_transactions": 2,
        "total_amount": 150.01,
        "avg_amount": 75.0,  # 75.005, half to even
        "flagged_count": 0,
        "by_category": {"Groceries": 100, "Transport": 50.01},
        "by_payment_channel": {"UPI": 1, "Unknown": 1},
        "by_source_type": {"Gmail": 1, "SMS": 1},
        "currency": "INR",
        "income": {"total_transactions": 1, "total_amount": 0.99},
        "other_currencies": {
            "USD": {
                "spending": {"total_transactions": 1, "total_amount": 7},
                "income": {"total_transactions": 0, "total_amount": 0},
            }
        },
    }
    empty = await client.get(f"{PATH}/stats", headers=headers, params={"end_date": "2000-01-01"})
    assert (empty.json()["total_transactions"], empty.json()["avg_amount"]) == (0, 0)


async def test_a_person_confirms_corrects_and_changes_their_mind(
    client: httpx.AsyncClient, parts: Parts
) -> None:
    ana, headers = await signed_up(client, "ana")
    _, of_ben = await signed_up(client, "ben")
    path = f"{PATH}/{(await keep(parts, ana)).transaction_id}"

    body = {"confirmed": True, "corrected_category": "Food & Dining", "notes": "a legitimate purchase"}
    yes = await client.post(f"{path}/confirm", headers=headers, json=body)
    after_yes = (await client.get(path, headers=headers)).json()
    no = await client.post(f"{path}/confirm", headers=headers, json={"confirmed": False})
    after_no = (await client.get(path, headers=headers)).json()
    foreign = await client.post(f"{path}/confirm", headers=of_ben, json=body)

    assert yes.json() == {
        "transaction_id": after_yes["id"],
        "confirmed": True,
        "message": "Transaction confirmed successfully",
    }
    assert (after_yes["category"], after_yes["classification_confidence"]) == ("Food & Dining", 1)
    assert no.json()["message"] == "Transaction rejected successfully"
    assert (after_no["confirmed"], after_no["category"], after_no["notes"]) == (
        False,
        "Food & Dining",
        "a legitimate purchase",
    )
    assert foreign.status_code == 404


async def test_a_row_that_another_stands_for_is_decided_on_there(
    client: httpx.AsyncClient, parts: Parts
) -> None:
    ana, headers = await signed_up(client, "ana")
    survivor = await keep(parts, ana)
    other = await keep(parts, ana, at_us=PURCHASE.at_us + 90 * DAY_US, invoice_no=None)
    async with parts.store.write() as tx:
        await parts.services.transactions.merge(tx, other, survivor.transaction_id)

    answer = await client.post(
        f"{PATH}/{other.transaction_id}/confirm", headers=headers, json={"confirmed": True}
    )

    assert (answer.status_code, answer.json()["error"]) == (409, "Conflict")
    assert f"merged into {survivor.transaction_id}" in answer.json()["message"]
    assert (await client.get(PATH, headers=headers)).json()["total"] == 1


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "confirmed"),
        ({"confirmed": "yes"}, "confirmed"),
        ({"confirmed": True, "corrected_category": " "}, "corrected_category"),
        ({"confirmed": True, "corrected_category": "x" * 61}, "corrected_category"),
        ({"confirmed": True, "notes": "x" * 2_001}, "notes"),
        ({"confirmed": True, "note": "x"}, "note"),
    ],
)
async def test_a_decision_that_does_not_hold_changes_nothing(
    client: httpx.AsyncClient, parts: Parts, body: dict[str, Any], field: str
) -> None:
    ana, headers = await signed_up(client, "ana")
    path = f"{PATH}/{(await keep(parts, ana)).transaction_id}"

    answer = await client.post(f"{path}/confirm", headers=headers, json=body)

    assert (answer.status_code, list(answer.json()["details"])) == (422, [field])
    assert (await client.get(path, headers=headers)).json()["confirmed"] is None


async def test_an_export_has_every_row_and_no_formula(client: httpx.AsyncClient, parts: Parts) -> None:
    ana, headers = await signed_up(client, "ana")
    await keep(parts, ana, merchant_name_raw='=HYPERLINK("http://evil")', notes=" @SUM(A1)\nsecond line")
    await keep(
        parts,
        ana,
        merchant_name_raw="Ānanda, Café",
        invoice_no="-1+1",
        direction=Direction.CREDIT,
        currency="JPY",
        at_us=PURCHASE.at_us + 30 * DAY_US,
    )

    answer = await client.get(f"{PATH}/export", headers=headers)

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["merchant"] for row in rows] == ["Ānanda, Café", '\'=HYPERLINK("http://evil")']
    assert [row["amount"] for row in rows] == ["-125050", "1250.50"]
    assert rows[0]["invoice_no"] == "'-1+1"
    assert rows[1]["notes"] == "' @SUM(A1)\nsecond line"
    assert list(rows[0])[:7] == [
        "date",
        "merchant",
        "amount",
        "currency",
        "category",
        "payment_channel",
        "invoice_no",
    ]
    filtered = await client.get(f"{PATH}/export", headers=headers, params={"currency": "JPY"})
    assert filtered.text.count("\r\n") == 2


async def test_an_export_goes_on_behind_its_first_piece(
    client: httpx.AsyncClient, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.finance.transactions.service.EXPORTED_AT_ONCE", 2)
    ana, headers = await signed_up(client, "ana")
    amounts = [100, 200, 300, 400, 500]
    for amount_minor in amounts:
        await keep(parts, ana, amount_minor=amount_minor, invoice_no=None)

    answer = await client.get(f"{PATH}/export", headers=headers)

    rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert [row["amount"] for row in rows] == ["5.00", "4.00", "3.00", "2.00", "1.00"]


async def test_a_stranger_is_told_nothing(client: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", PATH),
        ("GET", f"{PATH}/1"),
        ("GET", f"{PATH}/stats"),
        ("GET", f"{PATH}/export"),
        ("GET", "/api/v1/merchants"),
        ("POST", f"{PATH}/1/confirm"),
    ):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.json()["error"]) == (401, "Unauthorized"), path
