"""Queries and what a chat keeps, on both back ends."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from msgspec import structs

from cloud.finance.chat import storage
from cloud.finance.chat.exact import Bounds
from cloud.finance.chat.model import MESSAGES_MAX, SESSIONS_MAX, Role
from cloud.finance.chat.query import Group, Selection, Seller
from cloud.finance.chat.spans import Bucket, buckets, spans
from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions.storage import insert, merchant_named
from cloud.identity.storage import add_person
from cloud.kit.store import Store
from shared.clock import to_micros
from tests.cloud.finance.transactions.rows import row

MAY = spans([Bucket(date(2025, 5, 1), date(2025, 5, 31))], (), UTC)


async def bought(store: Store) -> tuple[int, int, int]:
    """Ana's purchases of May, 2025 and, Ben's; the ids of Ana, Ben and Ana's merchant Uber."""
    async with store.write() as tx:
        ana = (await add_person(tx, wallet_address=None, account="a", now_us=0)).id
        ben = (await add_person(tx, wallet_address=None, account="b", now_us=0)).id
        uber = (await merchant_named(tx, ana, "Uber", "uber", 1)).id
        for day, minor, changes in (
            (1, 10_000, {}),
            (2, 20_000, {"merchant_id": uber, "category": "Transport"}),
            (10, 50_000, {"payment_channel": Channel.CARD}),
            (11, 700, {"currency": "USD"}),
            (12, 90_000, {"direction": Direction.CREDIT}),
            (13, 1_000_000, {"confirmed": False}),
            (14, 1_000_000, {"merged_into": 1}),
            (15, 3_000, {"encrypted_data": "{}", "merchant_name_raw": None}),
            (15, 4_000, {"person_id": ben}),
        ):
            at_us = to_micros(datetime(2025, 5, day, 12, tzinfo=UTC))
            made = row(person_id=ana, amount_minor=minor, at_us=at_us)
            await insert(tx, structs.replace(made, **changes))
    return ana, ben, uber


async def test_figures_are_of_what_counts_by_currency_and_direction(store: Store) -> None:
    ana, ben, _ = await bought(store)
    async with store.read() as tx:
        found = await storage.tallies(tx, ana, Selection(), MAY)
        others = await storage.tallies(tx, ben, Selection(), MAY)

    assert [(one.currency, one.direction, one.transactions, one.amount_minor) for one in found] == [
        ("INR", Direction.CREDIT, 1, 90_000),
        ("INR", Direction.DEBIT, 4, 83_000),
        ("USD", Direction.DEBIT, 1, 700),
    ]
    assert [one.amount_minor for one in others] == [4_000]


async def test_figures_are_told_apart_by_name_and_by_time(store: Store) -> None:
    ana, _, _ = await bought(store)
    paid = Selection(direction=Direction.DEBIT, currency="INR")
    weeks = buckets(Group.WEEK, date(2025, 5, 1), date(2025, 5, 18))
    async with store.read() as tx:
        sellers = await storage.tallies(tx, ana, paid, MAY, Group.MERCHANT)
        channels = await storage.tallies(tx, ana, paid, MAY, Group.CHANNEL)
        by_week = await storage.tallies(tx, ana, paid, spans(weeks, (), UTC))
        fridays = await storage.tallies(tx, ana, paid, spans(weeks, (4,), UTC))

    assert {one.name: one.amount_minor for one in sellers} == {"": 63_000, "Uber": 20_000}
    assert {one.name: one.amount_minor for one in channels} == {"Card": 50_000, "UPI": 33_000}
    assert [bucket.first for bucket in weeks] == [date(2025, 5, 1), date(2025, 5, 5), date(2025, 5, 12)]
    assert {one.bucket: one.amount_minor for one in by_week} == {0: 30_000, 1: 50_000, 2: 3_000}
    assert [one.amount_minor for one in fridays] == [20_000]  # the 2nd, 9th and 16th are Fridays


async def test_all_that_is_selected_must_hold(store: Store) -> None:
    ana, _, uber = await bought(store)
    seller = Seller(name="Uber", ids=(uber,))
    wanted = {
        Selection(categories=("Transport", "Utilities")): [20_000],
        Selection(sellers=(seller,)): [20_000],
        Selection(without_sellers=(seller,), direction=Direction.CREDIT): [90_000],
        Selection(without_categories=("Groceries",)): [20_000],
        Selection(channel=Channel.CARD): [50_000],
        Selection(low=Decimal(200), low_is_in=False, direction=Direction.DEBIT): [50_000],
        Selection(low=Decimal(200), high=Decimal(500), high_is_in=False): [20_000],
        Selection(high=Decimal(7), currency="USD"): [700],
        Selection(flagged=True): [],
        Selection(channel=Channel.CARD, sellers=(seller,)): [],
    }
    async with store.read() as tx:
        for selection, amounts in wanted.items():
            rows = await storage.rows(tx, ana, selection, MAY, order="newest", limit=9)
            assert [one.amount_minor for one in rows] == amounts, selection
            ids = await storage.ids(tx, ana, selection, MAY, limit=9)
            assert ids == [one.transaction_id for one in rows]
        largest = await storage.rows(tx, ana, Selection(), MAY, order="largest", limit=2)
        assert [one.amount_minor for one in largest] == [90_000, 50_000]
        assert await storage.sealed_count(tx, ana, Selection(), MAY) == 1


async def test_a_lookup_takes_part_of_a_name_as_it_is_written(store: Store) -> None:
    ana, _, _ = await bought(store)
    async with store.read() as tx:
        amazon = await storage.exact(tx, ana, Bounds(merchant="zon IND"), limit=9)
        percent = await storage.exact(tx, ana, Bounds(merchant="%"), limit=9)
        dear = await storage.exact(tx, ana, Bounds(merchant="amazon", low=Decimal(400)), limit=9)

    assert len(amazon) == 5
    assert percent == []
    assert [one.amount_minor for one in dear] == [90_000, 50_000]


@pytest.mark.parametrize(
    "name, part, is_found",
    [
        ("CAFÉ ROMA", "café", True),
        ("CAFÉ ROMA", "cafe\u0301 r", True),
        ("CAFÉ ROMA", "cafe", False),
        ("Öz Kebap", "öZ", True),
        ("ПЯТЁРОЧКА", "пятёрочка", True),
        ("चाय की दुकान", "दुकान", True),
        ("50%_off", "%_O", True),
    ],
)
async def test_a_lookup_takes_letters_of_every_script_in_any_case(
    store: Store, name: str, part: str, is_found: bool
) -> None:
    async with store.write() as tx:
        ana = (await add_person(tx, wallet_address=None, account="a", now_us=0)).id
        await insert(tx, row(person_id=ana, merchant_name_raw=name))
        await insert(tx, row(person_id=ana, merchant_name_raw=None))

    async with store.read() as tx:
        found = await storage.exact(tx, ana, Bounds(merchant=part), limit=9)

    assert [one.merchant_name_raw for one in found] == ([name] if is_found else [])


async def test_sessions_and_their_messages_are_bounded_and_the_oldest_go(store: Store) -> None:
    ana, ben, _ = await bought(store)
    async with store.write() as tx:
        foreign = await storage.add_session(tx, ben, "{}", 1)
        first = await storage.add_session(tx, ana, "{}", 2)
        await storage.add_message(tx, first.id, Role.USER, "hello", 2)
        sessions = [await storage.add_session(tx, ana, "{}", n) for n in range(3, SESSIONS_MAX + 3)]
        for n in range(MESSAGES_MAX + 5):
            await storage.add_message(tx, sessions[-1].id, Role.USER, str(n), n)
    async with store.read() as tx:
        assert await storage.session(tx, first.id) is None
        assert await storage.messages(tx, first.id) == []
        assert await storage.session(tx, sessions[0].id) is not None
        assert await storage.session(tx, foreign.id) is not None
        kept = await storage.messages(tx, sessions[-1].id)
    assert [one.content for one in kept] == [str(n) for n in range(5, MESSAGES_MAX + 5)]


async def test_the_newest_word_on_a_key_is_remembered_under_its_first_id(store: Store) -> None:
    ana, ben, _ = await bought(store)
    async with store.write() as tx:
        one = await storage.remember(tx, ana, "preferred_name", "Siddharth", "user", 1)
        two = await storage.remember(tx, ana, "preferred_name", "Sid", "user", 2)
        await storage.remember(tx, ben, "preferred_name", "Ben", "user", 3)
        assert one.id == two.id
        assert [(m.key, m.value) for m in await storage.memories(tx, ana)] == [("preferred_name", "Sid")]
        await storage.forget(tx, ana, "preferred_name")
        assert await storage.memories(tx, ana) == []
        assert len(await storage.memories(tx, ben)) == 1
