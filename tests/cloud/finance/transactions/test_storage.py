"""Rows as they are kept and found, on both back ends."""

from decimal import Decimal

from msgspec import structs

from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions import storage
from cloud.finance.transactions.filters import Filter
from cloud.finance.transactions.model import SourceType, Transaction
from cloud.identity.storage import add_person
from cloud.kit.store import Store

DAY_US = 86_400_000_000

PURCHASE = Transaction(
    transaction_id=0,
    person_id=0,
    amount_minor=125_050,
    currency="INR",
    direction=Direction.DEBIT,
    at_us=1_705_588_200_000_000,  # 2024-01-18T14:30:00Z
    time_known=True,
    merchant_id=None,
    merchant_name_raw="Amazon India",
    invoice_no="INV-123456",
    account_digits="1234",
    payment_channel=Channel.UPI,
    source_type=SourceType.GMAIL,
    source_id=None,
    category="Groceries",
    ocr_confidence=0.95,
    classification_confidence=0.88,
    flagged=True,
    anomaly_score=0.75,
    anomaly_reason="odd",
    anomaly_evidence="{}",
    confirmed=None,
    notes=None,
    merged_into=None,
    encrypted_data=None,
    wrapped_deks=None,
    created_at_us=1,
    updated_at_us=2,
)


async def people(store: Store) -> tuple[int, int]:
    async with store.write() as tx:
        ana = await add_person(tx, wallet_address=None, account="a", now_us=0)
        ben = await add_person(tx, wallet_address=None, account="b", now_us=0)
    return ana.id, ben.id


async def stored(store: Store, person_id: int, **changes: object) -> Transaction:
    async with store.write() as tx:
        return await storage.insert(tx, structs.replace(PURCHASE, person_id=person_id, **changes))


async def test_what_is_stored_comes_back_and_is_found_by_its_owner_alone(store: Store) -> None:
    ana, ben = await people(store)
    made = await stored(store, ana)

    assert made.transaction_id > 0
    assert structs.replace(made, transaction_id=0) == structs.replace(PURCHASE, person_id=ana)
    async with store.read() as tx:
        assert await storage.transaction(tx, ana, made.transaction_id) == made
        assert await storage.transaction(tx, ben, made.transaction_id) is None


async def test_a_row_is_saved_whole_and_never_for_somebody_else(store: Store) -> None:
    ana, ben = await people(store)
    made = await stored(store, ana)
    decided = structs.replace(made, confirmed=False, category="Transport", notes="not mine")

    async with store.write() as tx:
        await storage.save(tx, decided)
        await storage.save(tx, structs.replace(decided, person_id=ben, category="stolen"))
    async with store.read() as tx:
        assert await storage.transaction(tx, ana, made.transaction_id) == decided


FILTERS: list[tuple[Filter, list[int]]] = [
    (Filter(), [3, 2, 1, 0]),
    (Filter(start_us=PURCHASE.at_us + DAY_US), [3, 2, 1]),
    (Filter(end_us=PURCHASE.at_us + DAY_US), [0]),
    (Filter(category="Transport"), [1]),
    (Filter(flagged_only=True), [3, 2, 0]),
    (Filter(min_amount=Decimal("1250.50")), [2, 0]),
    (Filter(min_amount=Decimal("1250.501"), max_amount=Decimal(8_000)), []),
    (Filter(max_amount=Decimal("1250.499")), [3, 1]),
    (Filter(min_amount=Decimal(1000), max_amount=Decimal(1000)), [3]),
    (Filter(source_type=SourceType.SMS), [1]),
    (Filter(payment_channel=Channel.CASH), [1]),
    (Filter(direction=Direction.CREDIT), [2]),
    (Filter(currency="JPY"), [3]),
    (Filter(include_merged=True), [4, 3, 2, 1, 0]),
    (Filter(category="Transport", flagged_only=True), []),
]


async def test_each_filter_lets_through_what_it_names(store: Store) -> None:
    ana, ben = await people(store)
    await stored(store, ben)
    at = PURCHASE.at_us
    rows = [
        await stored(store, ana),
        await stored(
            store,
            ana,
            at_us=at + DAY_US,
            category="Transport",
            amount_minor=100,
            flagged=False,
            source_type=SourceType.SMS,
            payment_channel=Channel.CASH,
        ),
        await stored(store, ana, at_us=at + 2 * DAY_US, direction=Direction.CREDIT, amount_minor=900_000),
        await stored(store, ana, at_us=at + 3 * DAY_US, currency="JPY", amount_minor=1000),
    ]
    rows.append(await stored(store, ana, at_us=at + 4 * DAY_US, merged_into=rows[0].transaction_id))

    for wanted, found in FILTERS:
        async with store.read() as tx:
            page = await storage.page(tx, ana, wanted, limit=10, offset=0)
            second = await storage.page(tx, ana, wanted, limit=1, offset=1)
            behind = await storage.page_before(
                tx, ana, wanted, before=(page[0].at_us, page[0].transaction_id) if page else None, limit=10
            )
            total = await storage.total(tx, ana, wanted)

        assert [rows.index(one) for one in page] == found, wanted
        assert second == page[1:2], wanted
        assert behind == page[1:], wanted
        assert total == len(found), wanted


async def test_groups_leave_out_what_was_rejected_or_merged(store: Store) -> None:
    ana, _ = await people(store)
    kept = await stored(store, ana)
    await stored(store, ana, confirmed=True, amount_minor=50)
    await stored(store, ana, confirmed=False)
    await stored(store, ana, merged_into=kept.transaction_id)

    async with store.read() as tx:
        (group,) = await storage.groups(tx, ana, Filter(include_merged=True))

    assert (group.transactions, group.amount_minor) == (2, 125_100)
    assert (group.category, group.payment_channel, group.flagged) == ("Groceries", Channel.UPI, True)


async def test_a_merchant_is_made_once_for_each_person(store: Store) -> None:
    ana, ben = await people(store)
    async with store.write() as tx:
        first = await storage.merchant_named(tx, ana, "Big Bazaar", "big bazaar", 0)
        again = await storage.merchant_named(tx, ana, "BIG BAZAAR", "big bazaar", 0)
        of_ben = await storage.merchant_named(tx, ben, "Big Bazaar", "big bazaar", 0)

    assert (first, first.name) == (again, "Big Bazaar")
    assert of_ben.id != first.id
    async with store.read() as tx:
        assert await storage.merchants(tx, ana) == [first]
        assert await storage.merchant(tx, ben, first.id) is None
