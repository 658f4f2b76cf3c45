"""Energy sold before it is there: deposits, deliveries whole and in parts, refunds, expiry."""

import pytest

from cloud.app import Parts
from cloud.kit.events import Event
from cloud.ledger.model import Asset

LT, XLM = Asset.LT, Asset.XLM
DAY_S = 86_400
MICROS = 1_000_000


@pytest.fixture
def market(parts: Parts):
    return parts.services.market


async def status_of(parts: Parts, order_id: str) -> str:
    async with parts.store.read() as tx:
        return await tx.fetch_value("SELECT status FROM orders WHERE id = :id", {"id": order_id})


async def trades(parts: Parts, person) -> list[tuple[float, str]]:
    """kWh and status, oldest first."""
    found = await parts.services.market.trades_of(person, page=1, limit=100)
    return [(trade.lots / 1000, trade.status.value) for trade in reversed(found.trades)]


async def pool(parts: Parts) -> float:
    async with parts.store.read() as tx:
        return await parts.services.ledger.balance(tx, "pool", XLM) / 1e7


async def test_a_sale_without_lt_deposits_a_tenth_of_its_value(ana):
    order = await ana.placed("sell", 2.0, 5.0)

    assert order["status"] == "Created"
    assert (await ana.holds(XLM), await ana.holds(XLM, "/orders")) == (9_999, 1)


async def test_a_sale_is_wholly_a_pledge_when_lt_cover_only_a_part(ana):
    await ana.earn(1_999)

    await ana.placed("sell", 2.0, 5.0)

    assert (await ana.holds(LT), await ana.holds(LT, "/orders")) == (1_999, 0)
    assert await ana.holds(XLM, "/orders") == 1


@pytest.mark.parametrize(
    "price,units", [(0.0001, 1), (0.0005, 1), (0.0015, 2), (0.0025, 2), (0.0026, 3), (0.0035, 4)]
)
async def test_a_deposit_is_rounded_half_even_and_never_nothing(ana, price, units):
    """A lot at 0.0015 is worth 15 units of XLM."""
    await ana.placed("sell", 0.001, price)

    assert round(await ana.holds(XLM, "/orders") * 1e7) == units


async def test_a_sold_pledge_waits_for_its_energy(ana, ben, parts):
    sell = await ana.placed("sell", 1.0, 5.0)

    buy = await ben.placed("buy", 1.0, 6.0)

    assert buy["status"] == "Matched"
    assert await status_of(parts, sell["id"]) == "Matched"
    assert (await ben.holds(XLM), await ben.holds(XLM, "/trades")) == (9_995, 5)
    assert (await ana.holds(XLM), await ana.holds(XLM, "/trades")) == (9_999.5, 0.5)
    assert await pool(parts) == 0
    assert (await ana.client.get("/api/v1/market/history", headers=ana.headers)).json() == []
    assert (await ben.cancel(buy["id"])).status_code == 400


async def test_what_is_minted_settles_what_was_sold_and_lists_the_rest(ana, ben, parts):
    sell = await ana.placed("sell", 1.0, 5.0)
    buy = await ben.placed("buy", 1.0, 5.0)

    await ana.minted(9, 1.2, 7.38)

    assert await status_of(parts, sell["id"]) == await status_of(parts, buy["id"]) == "Completed"
    assert await ana.holds(XLM) == 10_000 + 5 * 0.975
    assert await pool(parts) == 0.125
    assert (await ana.holds(LT), await ana.holds(LT, "/orders")) == (0, 200)
    (listed,) = (await ana.client.get("/api/v1/market/orders", headers=ana.headers)).json()
    assert (listed["id"], listed["kwh_amount"], listed["token_price"]) == ("auto_sell_9", 0.2, 7.38)
    assert await trades(parts, ana.person) == [(1.0, "Completed")]


async def test_a_delivery_in_parts_settles_in_parts(ana, ben, parts):
    sell = await ana.placed("sell", 1.0, 5.0)
    await ben.placed("buy", 1.0, 5.0)

    await ana.minted(1, 0.3, 7.0)

    assert await trades(parts, ben.person) == [(0.7, "Matched"), (0.3, "Completed")]
    assert await ana.holds(XLM) == 9_999.5 + 0.15 + 1.5 * 0.975
    assert (await ana.holds(XLM, "/trades"), await ben.holds(XLM, "/trades")) == (0.35, 3.5)
    assert await status_of(parts, sell["id"]) == "Matched"
    await ana.minted(2, 0.7, 7.0)
    assert await trades(parts, ben.person) == [(0.7, "Completed"), (0.3, "Completed")]
    assert await status_of(parts, sell["id"]) == "Completed"
    assert await ana.holds(XLM) == 10_000 + 5 * 0.975


async def test_what_was_sold_first_is_delivered_first(ana, ben, cem, parts):
    await ana.placed("sell", 0.5, 5.0)
    await ben.placed("buy", 0.5, 5.0)
    await ana.placed("sell", 0.5, 4.0)
    await cem.placed("buy", 0.5, 4.0)

    await ana.minted(1, 0.6, 7.0)

    assert await trades(parts, ben.person) == [(0.5, "Completed")]
    assert await trades(parts, cem.person) == [(0.4, "Matched"), (0.1, "Completed")]


async def test_minted_energy_of_somebody_else_delivers_nothing(ana, ben, cem, parts):
    await ana.placed("sell", 0.5, 5.0)
    await ben.placed("buy", 0.5, 5.0)

    await cem.minted(1, 0.5, 7.0)

    assert await trades(parts, ben.person) == [(0.5, "Matched")]
    assert await cem.holds(LT, "/orders") == 500


async def test_after_a_day_the_buyer_gets_price_and_deposit(ana, ben, parts, market, clock):
    sell = await ana.placed("sell", 1.0, 5.0)
    buy = await ben.placed("buy", 1.0, 5.0)
    clock.advance(DAY_S - 1)
    await market.refund_due()
    assert await trades(parts, ben.person) == [(1.0, "Matched")]

    clock.advance(1)
    await market.refund_due()
    await market.refund_due()

    assert await trades(parts, ben.person) == [(1.0, "Refunded")]
    assert await ben.holds(XLM) == 10_000.5
    assert await ana.holds(XLM) == 9_999.5
    assert await status_of(parts, sell["id"]) == await status_of(parts, buy["id"]) == "Cancelled"
    assert (await ana.holds(XLM, "/trades"), await ben.holds(XLM, "/trades")) == (0, 0)


async def test_a_seller_who_failed_is_taken_off_the_floor_but_keeps_younger_trades(
    ana, ben, cem, parts, market, clock
):
    sell = await ana.placed("sell", 1.0, 5.0)
    await ben.placed("buy", 0.2, 5.0)
    clock.advance(600)
    await cem.placed("buy", 0.3, 5.0)

    clock.advance(DAY_S - 600)
    await market.refund_due()

    assert await status_of(parts, sell["id"]) == "Cancelled"
    assert await market.open_orders() == []
    # 0.5 had been deposited: 0.1 went to ben, 0.15 is still at stake, 0.25 came back.
    assert (await ana.holds(XLM), await ana.holds(XLM, "/trades")) == (9_999.75, 0.15)
    assert await ben.holds(XLM) == 10_000.1
    assert await trades(parts, cem.person) == [(0.3, "Matched")]
    await ana.minted(1, 0.3, 7.0)
    assert await trades(parts, cem.person) == [(0.3, "Completed")]
    assert await status_of(parts, sell["id"]) == "Cancelled"


async def test_a_cancelled_pledge_still_owes_what_it_sold(ana, ben, parts):
    sell = await ana.placed("sell", 1.0, 5.0)
    await ben.placed("buy", 0.4, 5.0)

    assert (await ana.cancel(sell["id"])).status_code == 200

    assert (await ana.holds(XLM), await ana.holds(XLM, "/trades")) == (9_999.8, 0.2)
    assert await trades(parts, ben.person) == [(0.4, "Matched")]
    await ana.minted(1, 0.4, 7.0)
    assert await trades(parts, ben.person) == [(0.4, "Completed")]


async def test_a_buy_order_of_a_refund_and_a_settlement_is_completed(ana, ben, cem, parts, market, clock):
    await ana.placed("sell", 0.5, 4.0)
    await cem.earn(500)
    await cem.placed("sell", 0.5, 5.0)
    buy = await ben.placed("buy", 1.0, 5.0)
    assert buy["status"] == "Matched"

    clock.advance(DAY_S)
    await market.refund_due()

    assert await status_of(parts, buy["id"]) == "Completed"


async def test_at_most_10_kwh_are_open_or_owed(ana, ben, parts, market, clock):
    first = await ana.placed("sell", 6.0, 5.0)
    await ben.placed("buy", 5.0, 5.0)
    await ana.placed("sell", 4.0, 5.0)

    refused = await ana.create("sell", 0.001, 5.0)

    assert refused.status_code == 400
    assert "at most 10 kWh" in refused.json()["error"]
    await ana.cancel(first["id"])
    await ana.placed("sell", 1.0, 5.0)
    assert (await ana.create("sell", 0.001, 5.0)).status_code == 400
    await ana.minted(1, 2.0, 7.0)
    await ana.placed("sell", 2.0, 5.0)


async def test_a_pledge_needs_its_deposit(ana):
    await ana.placed("buy", 1000, 9.9999)

    answer = await ana.create("sell", 10, 5.0)

    assert answer.status_code == 400
    assert "XLM are missing" in answer.json()["error"]


async def test_orders_expire_after_a_week_with_all_they_reserved(ana, ben, cem, parts, market, clock):
    await cem.minted(1, 1.0, 9.0)
    pledge = await ana.placed("sell", 1.0, 8.0)
    buy = await ben.placed("buy", 1.0, 2.0)
    clock.advance(7 * DAY_S - 1)
    await market.expire_due()
    assert await status_of(parts, buy["id"]) == "Created"

    clock.advance(1)
    await market.expire_due()
    await market.expire_due()

    for order_id in (pledge["id"], buy["id"], "auto_sell_1"):
        assert await status_of(parts, order_id) == "Expired"
    assert (await cem.holds(LT), await cem.holds(LT, "/orders")) == (1_000, 0)
    assert (await ana.holds(XLM), await ben.holds(XLM)) == (10_000, 10_000)
    async with parts.store.read() as tx:
        assert await market.open_counts(tx) == (0, 0)


async def test_more_is_overdue_than_one_use_case_ends(ana, parts, market, clock):
    for _ in range(101):
        await ana.placed("buy", 0.001, 1.0)
    clock.advance(7 * DAY_S)

    await market.expire_due()

    assert await ana.holds(XLM) == 10_000


async def test_each_fill_and_each_end_of_a_trade_is_announced(ana, ben, parts, market, clock):
    await ana.placed("sell", 1.0, 5.0)
    buy = await ben.placed("buy", 0.6, 5.0)
    await ana.minted(1, 0.2, 7.0)
    clock.advance(DAY_S)
    await market.refund_due()

    events: list[Event] = list(await parts.events.after(0, types=("trade",)))

    said = [event.payload for event in events]
    assert [('"Matched"' in text, '"Completed"' in text, '"Refunded"' in text) for text in said] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert f'"buy_order_id":"{buy["id"]}","' in said[0]
    assert '"kwh_amount":0.6,"token_price":5,' in said[0]
    assert '"kwh_amount":0.2,' in said[1]
    assert '"kwh_amount":0.4,' in said[2]
    assert "acct_" not in "".join(said)
    assert ben.person.wallet_address not in "".join(said)


class TestOnThePublicNetwork:
    @pytest.fixture
    def market(self, parts: Parts):
        """There only the rule differs: who has no device that made something pledges nothing."""
        parts.services.market.limit_pledges(parts.services.minting)
        return parts.services.market

    async def test_without_a_device_nothing_can_be_pledged(self, market, ana):
        answer = await ana.create("sell", 0.001, 5.0)

        assert answer.status_code == 400
        assert "at most 0 kWh" in answer.json()["error"]

    async def test_what_enrolled_devices_made_within_a_day_can_be(self, market, ana, parts, clock):
        await device(parts, "pi-1", ana.person.id, key="aa")
        await device(parts, "pi-2", ana.person.id, key=None)
        await mint(parts, 1, "pi-1", 700_000, held=100_000, at_us=clock.now_us())
        await mint(parts, 2, "pi-2", 500_000, held=0, at_us=clock.now_us())
        await mint(parts, 3, "pi-1", 400_000, held=0, at_us=clock.now_us() - DAY_S * MICROS)

        assert (await ana.create("sell", 0.601, 5.0)).status_code == 400
        await ana.placed("sell", 0.6, 5.0)
        assert (await ana.create("sell", 0.001, 5.0)).status_code == 400


async def device(parts: Parts, device_id: str, person_id: int, *, key: str | None) -> None:
    async with parts.store.write() as tx:
        await tx.execute(
            "INSERT INTO devices (device_id, owner_person_id, account, public_key, energy_scale, power_w_max,"
            " device_type, location, request_counter, created_at_us)"
            " VALUES (:id, :owner, :id, :key, 1, 1000.0, 'raspi', '', 0, 0)",
            {"id": device_id, "owner": person_id, "key": key},
        )


async def mint(parts: Parts, number: int, device_id: str, energy_mwh: int, *, held: int, at_us: int) -> None:
    async with parts.store.write() as tx:
        await tx.execute(
            "INSERT INTO mints (id, report_id, device_id, sender_uid, receiver_uid, account, status,"
            " energy_mwh, held_mwh, circular_mwh, quality_factor, tokens, held_tokens, carbon_mg_per_kwh,"
            " co2_saved_mg, carbon_credit, held_carbon_credit, price_ticks, tx_hash, at_us)"
            " VALUES (:id, :report, :device, 'A', 'B', 'x', 'minted', :energy, :held, 0, 1.0, 1, 0, 0, 0, 0,"
            " 0, 1, '', :at_us)",
            {
                "id": number,
                "report": f"r{number}",
                "device": device_id,
                "energy": energy_mwh,
                "held": held,
                "at_us": at_us,
            },
        )
