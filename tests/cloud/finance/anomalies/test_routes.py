"""The two routes of the document, and unmerging."""

from typing import Any

import httpx
from msgspec import structs

from cloud.app import Parts
from cloud.finance.reading import Channel
from cloud.finance.transactions.model import SourceType, Transaction
from tests.cloud.finance.transactions.rows import row

DAY_US = 86_400_000_000
NOON_US = 19_750 * DAY_US + 7 * 3_600_000_000  # 12:30 in Delhi

ANA = {"email": "ana@example.com", "password": "securepass123", "name": "Ana", "user_type": "consumer"}


async def signed_in(client: httpx.AsyncClient, email: str = "ana@example.com") -> tuple[int, dict[str, str]]:
    """The person's id and header."""
    answer = await client.post("/api/v1/auth/register", json=ANA | {"email": email})
    assert answer.status_code == 201, answer.text
    told = answer.json()
    return told["user_id"], {"Authorization": f"Bearer {told['access_token']}"}


async def booked(parts: Parts, person_id: int, *rows: Transaction) -> list[int]:
    found = []
    for each in rows:
        async with parts.store.write() as tx:
            added = await parts.services.transactions.add(tx, structs.replace(each, person_id=person_id))
        found.append(added.transaction_id)
    return found


def bought(days: float, rupees: int, **changes: Any) -> Transaction:
    return row(at_us=NOON_US + int(days * DAY_US), amount_minor=rupees * 100, **changes)


SHOPPING = [
    bought(n, rupees, category="Shopping", merchant_name_raw="Mall")
    for n, rupees in enumerate((2_350, 4_050, 2_350, 4_050, 3_200, 3_200))
]
"""Mean 3200, population deviation sqrt(4 · 850² / 6) = 694.02."""


async def test_a_flagged_purchase_has_the_documents_shape(client: httpx.AsyncClient, parts: Parts) -> None:
    person_id, headers = await signed_in(client)
    luxury = bought(9, 15_000, category="Shopping", merchant_name_raw="Luxury Store XYZ")
    ids = await booked(parts, person_id, *SHOPPING, luxury)

    answer = await client.get("/api/v1/anomalies/flagged", headers=headers)

    assert answer.status_code == 200
    assert answer.json() == {
        "flagged_transactions": [
            {
                "id": ids[-1],
                "amount": 15000,
                "merchant": "Luxury Store XYZ",
                "category": "Shopping",
                "date": "2024-02-06T07:00:00Z",
                "anomaly_score": 1.0,
                "anomaly_reason": "Amount significantly exceeds normal (z-score: 17.0)",
                "evidence": {
                    "avg_monthly_spend_in_category": 3200.0,
                    "std_deviation": 694.02,
                    "z_score": 17.0,
                    "isolation_forest_score": None,
                    "similar_transactions": [ids[3], ids[1], ids[5]],
                },
                "requires_action": True,
            }
        ],
        "total": 1,
        "pending_review": 1,
    }


async def test_an_explanation_writes_rupees_as_india_does(client: httpx.AsyncClient, parts: Parts) -> None:
    person_id, headers = await signed_in(client)
    luxury = bought(9, 150_000, category="Shopping", merchant_name_raw="Luxury Store XYZ")
    ids = await booked(parts, person_id, *SHOPPING, luxury)

    told = (await client.get(f"/api/v1/anomalies/{ids[-1]}/explain", headers=headers)).json()

    assert told["transaction_id"] == ids[-1]
    assert told["explanation"].startswith(
        "This transaction for ₹1,50,000 at Luxury Store XYZ is unusual because it's significantly higher than"
        " your typical spending in the Shopping category. Your average purchase there in the 90 days before"
        " was ₹3,200, over 6 purchases, with a standard deviation of ₹694.02. This transaction is 211.5"
        " standard deviations above your normal pattern."
    )
    assert told["recommendations"] == [
        "Verify this is a legitimate purchase",
        "Check your bank statement for ₹1,50,000 around 6 Feb 2024",
        "Contact Luxury Store XYZ if suspicious",
    ]


async def test_what_is_not_flagged_is_explained_too(client: httpx.AsyncClient, parts: Parts) -> None:
    person_id, headers = await signed_in(client)
    ids = await booked(parts, person_id, *SHOPPING)

    told = (await client.get(f"/api/v1/anomalies/{ids[0]}/explain", headers=headers)).json()

    assert "is not unusual" in told["explanation"]
    assert "there were 0 purchases in its category before, and 5 are needed" in told["explanation"]
    assert told["recommendations"] == []


async def test_nobody_sees_somebody_elses(client: httpx.AsyncClient, parts: Parts) -> None:
    ana, _ = await signed_in(client)
    _, ben = await signed_in(client, "ben@example.com")
    ids = await booked(parts, ana, *SHOPPING, bought(9, 15_000, category="Shopping"))

    assert (await client.get("/api/v1/anomalies/flagged", headers=ben)).json()["total"] == 0
    for asked in (
        client.get(f"/api/v1/anomalies/{ids[-1]}/explain", headers=ben),
        client.get("/api/v1/anomalies/999/explain", headers=ben),
        client.post(f"/api/v1/transactions/{ids[-1]}/unmerge", headers=ben),
    ):
        assert (await asked).status_code == 404
    assert (await client.get("/api/v1/anomalies/flagged")).status_code == 401


async def test_bad_parameters_are_refused(client: httpx.AsyncClient) -> None:
    _, headers = await signed_in(client)

    for query in ("limit=0", "limit=1001", "offset=-1", "unconfirmed_only=x"):
        assert (await client.get(f"/api/v1/anomalies/flagged?{query}", headers=headers)).status_code in {
            400,
            422,
        }


async def test_a_merge_is_undone_over_http_and_not_twice(client: httpx.AsyncClient, parts: Parts) -> None:
    person_id, headers = await signed_in(client)
    message = bought(0, 450, source_type=SourceType.SMS, payment_channel=Channel.CARD)
    receipt = bought(0, 450, source_type=SourceType.UPLOAD, payment_channel=Channel.CARD)
    first, second = await booked(parts, person_id, message, receipt)

    answer = await client.post(f"/api/v1/transactions/{first}/unmerge", headers=headers)

    assert answer.status_code == 200
    assert answer.json()["transaction_id"] == first
    for number in (first, second):
        again = await client.post(f"/api/v1/transactions/{number}/unmerge", headers=headers)
        assert again.status_code == 409
