"""The distance of the price: from the sites of those who really have open orders, and shown to nobody."""

from typing import Any

import msgspec
import pytest
from msgspec import structs

from cloud.app import Parts
from cloud.devices.model import Device
from cloud.identity.model import Person
from shared.clock import ManualClock
from shared.coordinates import Coordinates

HOME = Coordinates(latitude=12.97123, longitude=77.59456)
NORTH_2_KM = structs.replace(HOME, latitude=12.97123 + 2 / 111.19508)
NORTH_90_KM = structs.replace(HOME, latitude=12.97123 + 90 / 111.19508)


@pytest.fixture
def s(parts: Parts) -> Any:
    return parts.services


async def person(parts: Parts, s: Any, place: Coordinates | None = None) -> Person:
    async with parts.store.write() as tx:
        found: Person = await s.identity.add(tx, None)
        await s.identity.become_operator(tx, found, "somewhere", place)
    return found


async def order(
    parts: Parts, side: str, account: str, owner: Person | None, *, lots: int = 10, status: str = "Created"
) -> None:
    async with parts.store.write() as tx:
        number = await tx.fetch_value("SELECT COUNT(*) FROM orders")
        await tx.execute(
            "INSERT INTO orders (id, account, owner_person_id, side, cover, lots, lots_open, price_ticks,"
            " status, created_at_us) VALUES (:id, :account, :owner, :side, 'covered', :lots, :lots, 1,"
            " :status, 0)",
            {
                "id": f"o{number}",
                "account": account,
                "owner": owner.id if owner else None,
                "side": side,
                "lots": lots,
                "status": status,
            },
        )


async def f_dist(s: Any, clock: ManualClock) -> str:
    clock.advance(1)
    return str((await s.pricing.current()).breakdown().f_dist)


async def trade_2_km_apart(parts: Parts, s: Any) -> tuple[Person, Person]:
    seller, buyer = await person(parts, s, NORTH_90_KM), await person(parts, s, NORTH_2_KM)
    await s.devices.register(seller, "raspi", "Bangalore", HOME)
    await order(parts, "sell", seller.account, seller)
    await order(parts, "buy", buyer.account, buyer)
    return seller, buyer


async def test_without_orders_or_places_the_distance_counts_as_one_km(
    parts: Parts, s: Any, clock: ManualClock
) -> None:
    assert await f_dist(s, clock) == "1.200"
    seller, buyer = await person(parts, s), await person(parts, s, HOME)
    await order(parts, "sell", seller.account, seller)
    await order(parts, "buy", buyer.account, buyer)

    assert await f_dist(s, clock) == "1.200"


async def test_a_device_s_site_comes_before_what_its_owner_says(
    parts: Parts, s: Any, clock: ManualClock
) -> None:
    await trade_2_km_apart(parts, s)

    assert await f_dist(s, clock) == "1.400"


async def test_at_most_5_km_count(parts: Parts, s: Any, clock: ManualClock) -> None:
    seller, buyer = await person(parts, s, HOME), await person(parts, s, NORTH_90_KM)
    await order(parts, "sell", seller.account, seller)
    await order(parts, "buy", buyer.account, buyer)

    assert await f_dist(s, clock) == "2.000"
    (stored,) = await s.pricing.history(page=1, limit=1)
    assert stored.distance_km == pytest.approx(90, rel=1e-6)


async def test_small_and_closed_orders_move_no_centroid(parts: Parts, s: Any, clock: ManualClock) -> None:
    await trade_2_km_apart(parts, s)
    far = await person(parts, s, NORTH_90_KM)
    await order(parts, "sell", far.account, far, lots=9)
    await order(parts, "buy", far.account, far, status="Cancelled")

    assert await f_dist(s, clock) == "1.400"


async def test_someone_with_many_orders_counts_once(parts: Parts, s: Any, clock: ManualClock) -> None:
    seller, _ = await trade_2_km_apart(parts, s)
    other = await person(parts, s, NORTH_2_KM)
    await order(parts, "sell", other.account, other)
    for _ in range(3):
        await order(parts, "sell", seller.account, seller)

    assert await f_dist(s, clock) == "1.200"  # one seller at 0, one at 2 km, the buyer at 2 km


async def test_an_unclaimed_device_sells_from_its_own_site(parts: Parts, s: Any, clock: ManualClock) -> None:
    await trade_2_km_apart(parts, s)
    owner = await person(parts, s)
    device: Device
    device, _ = await s.devices.register(owner, "raspi", "Goa", NORTH_2_KM)
    async with parts.store.write() as tx:
        await tx.execute(
            "UPDATE devices SET owner_person_id = NULL WHERE device_id = :id", {"id": device.device_id}
        )
        await tx.execute("UPDATE orders SET status = 'Cancelled' WHERE side = 'sell'")
    await order(parts, "sell", device.account, None)

    assert await f_dist(s, clock) == "1.000"


async def test_the_more_parties_the_longer_a_distance_is_kept(
    parts: Parts, s: Any, clock: ManualClock
) -> None:
    await trade_2_km_apart(parts, s)
    async with parts.store.write() as tx:
        await tx.execute_many(
            "INSERT INTO orders (id, account, side, cover, lots, lots_open, price_ticks, status,"
            " created_at_us) VALUES (:id, :id, 'buy', 'covered', 10, 10, 1, 'Created', 0)",
            [{"id": f"crowd-{number}"} for number in range(4_000)],
        )
    assert await f_dist(s, clock) == "1.400"
    async with parts.store.write() as tx:
        await tx.execute("UPDATE orders SET status = 'Cancelled'")

    clock.advance(2)
    assert await f_dist(s, clock) == "1.400"
    clock.advance(1.1)
    assert await f_dist(s, clock) == "1.200"


async def test_what_is_public_shows_no_coordinates(parts: Parts, s: Any, clock: ManualClock) -> None:
    await trade_2_km_apart(parts, s)
    assert await f_dist(s, clock) == "1.400"

    export = b"".join([piece async for piece in await s.ledger_export.open()])
    events = [event.payload for event in await parts.events.after(0)]
    shown = msgspec.json.encode([str(node) for node in await s.network.nodes(after="", limit=10)])
    for text in (export.decode(), *events, shown.decode()):
        assert "12.97" not in text
        assert "77.59" not in text
        assert "latitude" not in text


async def test_a_price_row_holds_all_that_it_was_made_of(parts: Parts, s: Any, clock: ManualClock) -> None:
    await f_dist(s, clock)

    (stored,) = await s.pricing.history(page=1, limit=1)

    assert (stored.hour, stored.base_xlm_per_kwh) == (0, 5.0)
    assert (stored.alpha, stored.beta, stored.gamma, stored.eta) == (0.2, 0.5, 0.2, 0.1)
