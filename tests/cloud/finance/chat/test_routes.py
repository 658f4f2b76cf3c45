"""Chat over HTTP, as LUMEN's document shows it."""

from typing import Any

import httpx
import pytest

from cloud.app import Parts
from shared.clock import ManualClock
from tests.cloud.finance.people import keep, signed_up

CHAT = "/api/v1/chat"
DAY_US = 86_400_000_000
# the clock stands at 2026-01-01T00:00Z, 05:30 in Kolkata: last month is December 2025
DEC_5_US = 1_764_916_200_000_000  # 2025-12-05T06:30:00Z


async def asked(client: httpx.AsyncClient, headers: dict[str, str], text: str, **more: Any) -> dict[str, Any]:
    answer = await client.post(f"{CHAT}/message", headers=headers, json={"message": text, **more})
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


async def test_a_question_is_answered_as_documented_from_ones_own_transactions(
    client: httpx.AsyncClient, parts: Parts
) -> None:
    ana, headers = await signed_up(client, "ana")
    ben, _ = await signed_up(client, "ben")
    bought = [
        await keep(
            parts,
            ana,
            at_us=DEC_5_US + n * DAY_US,
            amount_minor=minor,
            merchant_name_raw=name,
            invoice_no=None,
        )
        for n, (minor, name) in enumerate([(125_000, "Big Bazaar"), (20_050, "DMart")])
    ]
    await keep(parts, ben, at_us=DEC_5_US, amount_minor=999_900, merchant_name_raw="Ikea")

    answer = await asked(client, headers, "How much did I spend on groceries last month?")

    assert answer["response"] == (
        "You spent ₹1,450.50 on Groceries last month. This includes 2 transactions, with the largest being"
        " ₹1,250 at Big Bazaar on 5 Dec 2025."
    )
    assert answer["intent"] == "summary"
    assert sorted(answer["provenance"]["transaction_ids"]) == [row.transaction_id for row in bought]
    assert answer["provenance"]["confidence"] == pytest.approx(0.84)  # read 0.95, filed 0.88
    assert answer["retrieved_docs"] == [
        {
            "id": bought[0].transaction_id,
            "amount": 1250.0,
            "currency": "INR",
            "merchant": "Big Bazaar",
            "category": "Groceries",
            "date": "2025-12-05T06:30:00Z",
            "relevance_score": 0.84,
        }
    ]
    assert answer["timestamp"] == "2026-01-01T00:00:00Z"
    foreign = await asked(client, headers, "How much did I spend at Ikea last month?")
    assert (foreign["intent"], foreign["provenance"]["transaction_ids"]) == ("unknown", [])


async def test_a_session_remembers_what_was_asked_and_said(client: httpx.AsyncClient, parts: Parts) -> None:
    ana, headers = await signed_up(client, "ana")
    for at_us, minor in ((DEC_5_US, 50_000), (DEC_5_US - 30 * DAY_US, 70_000)):
        await keep(
            parts, ana, at_us=at_us, amount_minor=minor, merchant_name_raw="Uber", category="Transport"
        )
    started = await client.post(
        f"{CHAT}/session", headers=headers, json={"session_metadata": {"locale": "en"}}
    )
    session = started.json()["session_id"]
    hello = await asked(client, headers, "Hello, my name is Siddharth", session_id=session)
    await asked(client, headers, "How much did I spend at Uber in December?", session_id=session)
    follow = await asked(client, headers, "and in November?", session_id=session)
    history = await client.get(f"{CHAT}/session/{session}/history", headers=headers)

    assert (started.status_code, started.json()["is_active"]) == (201, True)
    assert hello["response"] == "Hello Siddharth! How can I help you with your finances today?"
    assert "₹700 at Uber in November 2025" in follow["response"]
    said = history.json()["messages"]
    assert [one["role"] for one in said] == ["user", "assistant"] * 3
    assert said[4] == {"role": "user", "content": "and in November?", "created_at": "2026-01-01T00:00:00Z"}


async def test_a_session_is_its_owners_alone(client: httpx.AsyncClient) -> None:
    _, headers = await signed_up(client, "ana")
    _, of_ben = await signed_up(client, "ben")
    session = (await asked(client, headers, "hello"))["session_id"]
    body = {"message": "hello", "session_id": session}

    foreign = await client.post(f"{CHAT}/message", headers=of_ben, json=body)
    unknown = await client.post(f"{CHAT}/message", headers=headers, json=body | {"session_id": 999_999})

    assert (foreign.status_code, unknown.status_code) == (403, 404)
    assert (await client.get(f"{CHAT}/session/{session}/history", headers=of_ben)).status_code == 403
    assert (await client.get(f"{CHAT}/session/999999/history", headers=headers)).status_code == 404
    assert (await client.get(f"{CHAT}/session/{session}/history")).status_code == 401


async def test_memory_is_honoured_in_every_session_and_the_newest_word_counts(
    client: httpx.AsyncClient,
) -> None:
    _, headers = await signed_up(client, "ana")
    body = {"key": "preferred_name", "value": "Siddharth", "source": "user", "visibility": "persistent"}

    kept = await client.post(f"{CHAT}/memory", headers=headers, json=body)

    assert kept.status_code == 201
    assert kept.json().items() >= {"key": "preferred_name", "value": "Siddharth"}.items()
    assert (await asked(client, headers, "hi"))["response"].startswith("Hello Siddharth!")
    await asked(client, headers, "call me Sid")
    assert (await asked(client, headers, "thanks"))["response"] == "You're welcome, Sid!"
    await asked(client, headers, "forget my name")
    assert (await asked(client, headers, "hello"))["response"].startswith("Hello!")


async def test_an_exact_lookup_ands_what_is_given_within_its_tolerances(
    client: httpx.AsyncClient, parts: Parts
) -> None:
    ana, headers = await signed_up(client, "ana")
    at_us = 1_705_329_000_000_000  # 2024-01-15T14:30:00Z
    rows = [
        await keep(parts, ana, at_us=at_us + n * DAY_US, amount_minor=minor, invoice_no=f"I{n}{minor}")
        for n, minor in ((0, 149_900), (1, 152_898), (0, 152_899), (3, 149_900), (0, 146_901))
    ]
    wanted = {"merchant_name": "amazon", "amount": 1499.00, "date": "2024-01-15T00:00:00Z"}

    answer = (await client.post(f"{CHAT}/exact-lookup", headers=headers, json=wanted)).json()

    ids = [row.transaction_id for row in rows]
    found = {match["id"]: match["exact_match"] for match in answer["matches"]}
    assert found == {ids[0]: True, ids[1]: False}  # 2 % of 1499 is 29.98
    assert (answer["found"], answer["count"]) == (True, 2)
    nothing = {"merchant_name": "100%"}
    assert (await client.post(f"{CHAT}/exact-lookup", headers=headers, json=nothing)).json() == {
        "found": False,
        "matches": [],
        "count": 0,
    }


@pytest.mark.parametrize(
    "path, body, field",
    [
        ("message", {}, "message"),
        ("message", {"message": ""}, "message"),
        ("message", {"message": "x" * 2_001}, "message"),
        ("message", {"message": "hi", "session_id": "one"}, "session_id"),
        ("message", {"message": "hi", "model": "x"}, "model"),
        ("session", {"session_metadata": {"a": "b" * 2_001}}, "session_metadata"),
        ("memory", {"key": "a b", "value": "x"}, "key"),
        ("memory", {"key": "a", "value": "x" * 501}, "value"),
        ("memory", {"key": "a", "value": "b", "visibility": "public"}, "visibility"),
        ("exact-lookup", {}, "merchant_name"),
        ("exact-lookup", {"amount": -1}, "amount"),
        ("exact-lookup", {"amount": 1, "amount_tolerance": 2}, "amount_tolerance"),
        ("exact-lookup", {"date": "yesterday"}, "date"),
        ("exact-lookup", {"date": "0001-01-01T00:00:00Z"}, "date"),
        ("exact-lookup", {"date": "2024-01-01T00:00:00Z", "date_tolerance_days": 400}, "date_tolerance_days"),
    ],
)
async def test_what_cannot_be_read_is_named(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], field: str
) -> None:
    _, headers = await signed_up(client, "ana")

    answer = await client.post(f"{CHAT}/{path}", headers=headers, json=body)

    assert answer.status_code == 422
    assert list(answer.json()["details"]) == [field]


async def test_why_something_was_flagged_is_told_by_its_number_or_as_the_one_just_shown(
    client: httpx.AsyncClient, parts: Parts, clock: ManualClock
) -> None:
    ana, headers = await signed_up(client, "ana")
    for n in range(8):
        await keep(parts, ana, at_us=DEC_5_US - n * DAY_US, amount_minor=40_000 + n, invoice_no=None)
    odd = await keep(parts, ana, at_us=DEC_5_US + DAY_US, amount_minor=1_500_000, invoice_no=None)

    shown = await asked(client, headers, "any suspicious transactions in December?")
    session = shown["session_id"]
    why = await asked(client, headers, "Why was this flagged?", session_id=session)
    by_number = await asked(client, headers, f"why was transaction {odd.transaction_id} flagged?")
    foreign = await asked(client, headers, "why was transaction 99999 flagged?")

    assert "₹15,000" in shown["response"]
    assert why["response"].startswith("This transaction for ₹15,000 at Amazon India is unusual because")
    assert why["provenance"]["transaction_ids"] == [odd.transaction_id]
    assert by_number["response"] == why["response"]
    assert foreign["response"] == "You have no transaction 99999."


async def test_a_day_of_why_is_the_persons_own_day(
    client: httpx.AsyncClient, parts: Parts, clock: ManualClock
) -> None:
    """It is 05:30 of 1 January in Kolkata; at 04:00 it was still December in Greenwich."""
    ana, headers = await signed_up(client, "ana")
    for n in range(8):
        await keep(parts, ana, at_us=DEC_5_US - n * DAY_US, amount_minor=40_000 + n, invoice_no=None)
    at_us = clock.now_us() - 90 * 60 * 1_000_000
    odd = await keep(parts, ana, at_us=at_us, amount_minor=1_500_000, invoice_no=None)

    today = await asked(client, headers, "Why was my payment flagged today?")
    earlier = await asked(client, headers, "Why was my payment of yesterday flagged?")

    assert today["provenance"]["transaction_ids"] == [odd.transaction_id]
    assert earlier["response"] == "I found no flagged transaction like that."
