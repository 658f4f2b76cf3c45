"""One's own trades: as donor, as recipient, page by page, and nobody else's."""

import httpx
import pytest

from shared.clock import ManualClock
from tests.cloud.market.conftest import Trader

TRANSACTIONS = "/api/v1/analytics/transactions"


async def of(who: Trader, query: str = "") -> dict:
    answer = await who.client.get(TRANSACTIONS + query, headers=who.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_trade_is_seen_from_both_sides(
    client: httpx.AsyncClient, ana: Trader, ben: Trader, cem: Trader, clock: ManualClock
) -> None:
    await ana.minted(1, 0.5, 5.25)
    clock.advance(1)
    bought = await ben.placed("buy", 0.5, 6.0)

    [sale] = (await of(ana))["transactions"]
    [purchase] = (await of(ben))["transactions"]

    assert purchase == {
        "id": purchase["id"],
        "type": "buy",
        "role": "recipient",
        "order_id": bought["id"],
        "counterparty": ana.person.account,
        "kwh_amount": 0.5,
        "token_price": 5.25,
        "total": 2.625,
        "status": "Completed",
        "tx_hash": purchase["tx_hash"],
        "created_at": "2026-01-01T00:00:01Z",
        "completed_at": "2026-01-01T00:00:01Z",
    }
    different = {
        "type": "sell",
        "role": "donor",
        "order_id": "auto_sell_1",
        "counterparty": ben.person.account,
    }
    assert sale == purchase | different
    [burn] = (await client.get("/api/v1/ledger/burns")).json()["burns"]
    assert (burn["trade_id"], burn["tx_hash"]) == (purchase["id"], purchase["tx_hash"])
    assert len(purchase["tx_hash"]) == 64
    assert (await of(cem))["transactions"] == []


async def test_the_other_side_is_a_pseudonym(ana: Trader, ben: Trader) -> None:
    await ana.minted(1, 0.5, 5.0)
    await ben.placed("buy", 0.5, 5.0)

    text = str(await of(ben))

    assert ana.person.wallet_address not in text
    assert "usr_" not in text


async def test_a_pledge_is_matched_until_it_is_delivered(ana: Trader, ben: Trader) -> None:
    await ana.placed("sell", 0.5, 5.0)
    await ben.placed("buy", 0.5, 5.0)
    [matched] = (await of(ana))["transactions"]
    assert (matched["status"], matched["completed_at"], matched["tx_hash"]) == ("Matched", None, None)

    await ana.minted(1, 0.5, 5.0)

    [completed] = (await of(ana))["transactions"]
    assert (completed["status"], completed["id"]) == ("Completed", matched["id"])


async def test_trades_come_newest_first_page_by_page(ana: Trader, ben: Trader, clock: ManualClock) -> None:
    await ana.minted(1, 1, 5.0)
    for lots in range(1, 6):
        clock.advance(1)
        await ben.placed("buy", lots / 10, 5.0) if lots < 4 else await ben.placed("buy", 0.01 * lots, 5.0)

    whole = await of(ben)
    pages = [await of(ben, f"?limit=2&page={page}") for page in (1, 2, 3, 4)]

    assert [trade["kwh_amount"] for trade in whole["transactions"]] == [0.05, 0.04, 0.3, 0.2, 0.1]
    assert [trade for page in pages for trade in page["transactions"]] == whole["transactions"]
    assert [(page["total"], page["pages"], page["limit"]) for page in pages] == [(5, 3, 2)] * 4


@pytest.mark.parametrize("query", ["?page=0", "?limit=0", "?limit=101", "?page=x"])
async def test_a_page_that_cannot_be_is_refused(ana: Trader, query: str) -> None:
    answer = await ana.client.get(TRANSACTIONS + query, headers=ana.headers)

    assert answer.status_code == 400


async def test_a_stranger_is_asked_to_sign_in(client: httpx.AsyncClient) -> None:
    answer = await client.get(TRANSACTIONS)

    assert answer.status_code == 401
    assert set(answer.json()) == {"error"}
