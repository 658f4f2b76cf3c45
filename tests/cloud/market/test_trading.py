"""Orders over HTTP: matched, paid, burned and taken back, to the last unit."""

import asyncio

import pytest

from cloud.app import build
from cloud.identity.model import Role
from cloud.kit.idempotency import NO_KEY
from cloud.ledger.errors import InsufficientFunds
from cloud.ledger.model import Asset
from cloud.market.model import Side, Wish

LT, XLM = Asset.LT, Asset.XLM


async def open_ids(trader):
    answer = await trader.client.get("/api/v1/market/orders", headers=trader.headers)
    return [order["id"] for order in answer.json()]


async def test_an_order_is_answered_in_the_documents_shape(ana):
    answer = await ana.create("buy", 0.5, 10.0)

    assert answer.status_code == 201
    body = answer.json()
    assert len(body.pop("id")) == 36
    assert body == {
        "user_id": ana.person.wallet_address,
        "type": "buy",
        "kwh_amount": 0.5,
        "token_price": 10,
        "status": "Created",
        "created_at": "2026-01-01T00:00:00Z",
    }


async def test_a_buyer_reserves_the_value_at_the_limit(ana):
    order = await ana.placed("buy", 0.5, 10.0)

    assert (await ana.holds(XLM), await ana.holds(XLM, "/orders")) == (9_995, 5)
    assert await open_ids(ana) == [order["id"]]


async def test_a_seller_reserves_a_thousand_lt_a_kwh(ana):
    await ana.earn(800)

    await ana.placed("sell", 0.5, 10.0)

    assert (await ana.holds(LT), await ana.holds(LT, "/orders")) == (300, 500)
    assert await ana.holds(XLM) == 10_000


async def test_a_trade_pays_seller_and_pool_and_burns_the_lt(ana, ben, parts):
    await ana.earn(500)
    sell = await ana.placed("sell", 0.5, 8.0)

    buy = await ben.placed("buy", 0.5, 10.0)

    assert buy["status"] == "Completed"
    # 0.5 kWh at the resting 8 are 4 XLM, of which 2.5 %, 0.1, go to the pool; 1 XLM had been reserved above.
    assert await ben.holds(XLM) == 9_996
    assert await ana.holds(XLM) == 10_003.9
    async with parts.store.read() as tx:
        assert await parts.services.ledger.balance(tx, "pool", XLM) == 1_000_000
        assert await parts.services.ledger.balance(tx, "burned", LT) == 500 * 10_000_000
    for holder in (ana, ben):
        for hold in ("/orders", "/trades"):
            assert await holder.holds(XLM, hold) == await holder.holds(LT, hold) == 0
    assert await open_ids(ana) == []
    listed = (await ana.client.get("/api/v1/ledger/transactions")).json()["transactions"]
    assert len(listed) == 1
    assert listed[0]["sell_order_id"] == sell["id"]
    assert (listed[0]["buyer"], listed[0]["seller"]) == (ben.person.account, ana.person.account)
    assert (listed[0]["kwh"], listed[0]["price_xlm_per_kwh"]) == (0.5, 8)
    burned = (await ana.client.get("/api/v1/ledger/burns")).json()["burns"]
    assert burned[0]["reason"] == "trade_settlement"
    assert burned[0]["trade_id"] == listed[0]["trade_id"]
    assert burned[0]["tokens"] == 500
    assert len(listed[0]["tx_hash"]) == 64
    assert listed[0]["tx_hash"] == burned[0]["tx_hash"]
    prices = await ana.client.get("/api/v1/market/history", headers=ana.headers)
    assert prices.json() == [{"price": 8, "timestamp": "00:00"}]


async def test_the_commission_is_rounded_down(ana, ben, parts):
    await ana.earn(1)
    await ana.placed("sell", 0.001, 0.0799)  # 799 units, 2.5 % of which are 19.975

    await ben.placed("buy", 0.001, 0.0799)

    assert round((await ana.holds(XLM) - 10_000) * 1e7) == 780
    async with parts.store.read() as tx:
        assert await parts.services.ledger.balance(tx, "pool", XLM) == 19


async def test_a_partly_filled_order_stays_open_with_its_rest(ana, ben, cem):
    await ana.earn(1000)
    sell = await ana.placed("sell", 1.0, 5.0)

    await ben.placed("buy", 0.4, 5.0)

    answer = await ana.client.get("/api/v1/market/orders", headers=cem.headers)
    assert [(order["id"], order["kwh_amount"], order["status"]) for order in answer.json()] == [
        (sell["id"], 0.6, "Created")
    ]
    assert await ana.holds(LT, "/orders") == 600


async def test_one_order_takes_from_many_best_price_first(ana, ben, cem):
    await ana.earn(400)
    await ben.earn(400)
    dear = await ana.placed("sell", 0.4, 6.0)
    await ben.placed("sell", 0.4, 5.0)

    buy = await cem.placed("buy", 0.6, 7.0)

    assert buy["status"] == "Completed"
    assert await cem.holds(XLM) == 10_000 - 0.4 * 5 - 0.2 * 6
    assert await open_ids(cem) == [dear["id"]]


async def test_nobody_trades_with_themselves(ana, ben):
    await ana.earn(500)
    sell = await ana.placed("sell", 0.5, 5.0)

    own = await ana.placed("buy", 0.5, 6.0)

    assert own["status"] == "Created"
    assert await open_ids(ana) == [sell["id"], own["id"]]


async def test_a_cancelled_order_gives_back_what_it_reserved(ana, ben):
    await ana.earn(1000)
    sell = await ana.placed("sell", 1.0, 5.0)
    await ben.placed("buy", 0.4, 5.0)
    buy = await ben.placed("buy", 0.5, 4.0)

    answer = await ana.cancel(sell["id"])

    assert answer.status_code == 200
    assert answer.json() == {"message": "Order cancelled successfully"}
    assert (await ana.holds(LT), await ana.holds(LT, "/orders")) == (600, 0)
    assert (await ben.cancel(buy["id"])).status_code == 200
    assert (await ben.holds(XLM), await ben.holds(XLM, "/orders")) == (9_998, 0)
    assert await open_ids(ana) == []


async def test_what_cannot_be_cancelled_says_why(ana, ben):
    order = await ana.placed("buy", 0.5, 5.0)

    assert (await ana.cancel("550e8400-e29b-41d4-a716-446655440000")).status_code == 404
    assert (await ben.cancel(order["id"])).status_code == 403
    await ana.cancel(order["id"])
    again = await ana.cancel(order["id"])
    assert again.status_code == 400
    assert "no longer open" in again.json()["error"]
    assert (await ben.cancel(order["id"])).status_code == 403


async def test_too_little_xlm_is_refused_and_changes_nothing(ana):
    answer = await ana.create("buy", 1000, 10.001)

    assert answer.status_code == 400
    assert "XLM" in answer.json()["error"]
    assert await ana.holds(XLM) == 10_000
    assert await open_ids(ana) == []


@pytest.mark.parametrize(
    "field,value",
    [
        ("kwh_amount", 0),
        ("kwh_amount", -1),
        ("kwh_amount", 0.0001),
        ("kwh_amount", 1.0005),
        ("kwh_amount", 1_000_000.001),
        ("kwh_amount", 1e300),
        ("kwh_amount", "NaN"),
        ("kwh_amount", "Infinity"),
        ("kwh_amount", None),
        ("kwh_amount", True),
        ("kwh_amount", [1]),
        ("token_price", 0),
        ("token_price", -0.0001),
        ("token_price", 0.00001),
        ("token_price", 100_000.0001),
        ("token_price", 1e19),
        ("token_price", "-Infinity"),
        ("token_price", {}),
        ("type", "hold"),
        ("type", 1),
        ("type", None),
    ],
)
@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_a_size_or_price_that_cannot_be_traded_is_named(ana, field, value, side):
    body = {"type": side, "kwh_amount": 0.5, "token_price": 5.0, field: value}

    answer = await ana.client.post("/api/v1/market/order/create", json=body, headers=ana.headers)

    assert answer.status_code == 400
    assert field in answer.json()["error"]
    assert await ana.holds(XLM) == 10_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"type":"buy","kwh_amount":NaN,"token_price":1}',
        b'{"type":"buy","kwh_amount":1}',
        b'{"type":"buy","kwh_amount":1,"token_price":1,"user_id":"x"}',
        b'{"type":"buy","kwh_amount":' + b"9" * 5_000 + b',"token_price":1}',
    ],
)
async def test_a_body_that_is_no_order_is_refused(ana, body):
    headers = ana.headers | {"Content-Type": "application/json"}
    answer = await ana.client.post("/api/v1/market/order/create", content=body, headers=headers)

    assert answer.status_code == 400
    assert "error" in answer.json()


async def test_the_largest_order_that_is_allowed_overflows_nothing(ana):
    answer = await ana.create("buy", 1_000_000, 100_000)

    assert answer.status_code == 400
    assert "99999990000 XLM are missing" in answer.json()["error"]


async def test_a_recipients_first_sale_makes_a_donor(ana, parts):
    await ana.earn(500)
    assert ana.person.role is Role.RECIPIENT

    await ana.placed("buy", 0.1, 1.0)
    async with parts.store.read() as tx:
        assert (await parts.services.identity.person(tx, ana.person.id)).role is Role.RECIPIENT
    await ana.placed("sell", 0.5, 5.0)

    async with parts.store.read() as tx:
        assert (await parts.services.identity.person(tx, ana.person.id)).role is Role.DONOR


async def test_an_operator_who_sells_stays_one(ana, parts):
    await ana.client.post("/api/v1/network/node/register", json={"location": "Pune"}, headers=ana.headers)
    await ana.earn(500)

    await ana.placed("sell", 0.5, 5.0)

    async with parts.store.read() as tx:
        assert (await parts.services.identity.person(tx, ana.person.id)).role is Role.OPERATOR


async def test_who_became_an_operator_while_their_sale_waited_stays_one(ana, parts):
    await ana.earn(500)
    await ana.client.post("/api/v1/network/node/register", json={"location": "Pune"}, headers=ana.headers)

    wish = Wish(side=Side.SELL, lots=500, price_ticks=10_000)
    await parts.services.market.place(ana.person, wish, NO_KEY)  # as they were when they asked

    assert ana.person.role is Role.RECIPIENT
    async with parts.store.read() as tx:
        assert (await parts.services.identity.person(tx, ana.person.id)).role is Role.OPERATOR


async def test_a_refused_sale_promotes_nobody(ana, parts):
    answer = await ana.create("sell", 11, 5.0)

    assert answer.status_code == 400
    async with parts.store.read() as tx:
        assert (await parts.services.identity.person(tx, ana.person.id)).role is Role.RECIPIENT


async def test_minted_energy_matches_like_any_order(ana, ben):
    await ben.placed("buy", 0.5, 8.0)

    await ana.minted(7, 0.6, 7.0)

    # The resting order's price: 0.5 kWh at 8.
    assert await ana.holds(XLM) == 10_003.9
    assert await open_ids(ana) == ["auto_sell_7"]
    assert await ana.holds(LT, "/orders") == 100


async def test_open_orders_are_read_page_by_page_where_one_is_asked_for(ana):
    placed = [(await ana.placed("buy", 0.1, 1.0))["id"] for _ in range(5)]

    async def page(query: str) -> list[str]:
        answer = await ana.client.get(f"/api/v1/market/orders?{query}", headers=ana.headers)
        return [order["id"] for order in answer.json()]

    assert await page("limit=2") == placed[:2]
    await ana.cancel(placed[1])
    assert await page(f"limit=2&after={placed[1]}") == placed[2:4]
    assert await page(f"after={placed[3]}") == placed[4:]
    assert await page(f"after={placed[4]}") == []
    unknown = await ana.client.get("/api/v1/market/orders?after=x", headers=ana.headers)
    assert unknown.status_code == 404
    for query in ("limit=0", "limit=10001", "limit=x"):
        answer = await ana.client.get(f"/api/v1/market/orders?{query}", headers=ana.headers)
        assert answer.status_code == 400


async def test_what_another_process_did_is_listed_within_a_second(ana, parts, clock):
    assert await open_ids(ana) == []
    other = build(parts.settings, clock)
    try:
        wish = Wish(side=Side.BUY, lots=1, price_ticks=1)
        order = await other.services.market.place(ana.person, wish, NO_KEY)
    finally:
        await other.store.close()

    clock.advance(1)
    assert await open_ids(ana) == [order.id]
    assert (await ana.cancel(order.id)).status_code == 200
    assert await open_ids(ana) == []


async def test_many_who_ask_at_once_read_the_list_once(ana, parts):
    await ana.placed("buy", 0.1, 1.0)
    market = parts.services.market

    found = await asyncio.gather(*(market.open_orders() for _ in range(50)))

    assert all(orders is found[0] for orders in found)


async def test_a_refusal_spoils_nothing_in_its_batch(ana, ben, parts):
    """The other orders are durable at once: nothing is run again."""
    market = parts.services.market
    good, bad = (Wish(side=Side.BUY, lots=lots, price_ticks=10_000) for lots in (1, 1_000_000_000))

    answers = await asyncio.gather(
        *(market.place(ana.person, wish, NO_KEY) for wish in (good, bad, good)), return_exceptions=True
    )

    assert [isinstance(answer, InsufficientFunds) for answer in answers] == [False, True, False]
    assert market._sequencer.batches == 1
