"""One purchase told by several sources stands once, whatever came first, and comes apart again unharmed."""

import itertools

import pytest
from msgspec import structs

from cloud.finance.duplicates.errors import NotMerged
from cloud.finance.ingest.model import Source
from cloud.finance.ingest.storage import insert_source
from cloud.finance.transactions.errors import NoSuchTransaction
from cloud.finance.transactions.filters import Filter
from cloud.finance.transactions.model import SourceType, Transaction
from cloud.kit.store import WriteTx
from tests.cloud.finance.conftest import Finance
from tests.cloud.finance.duplicates.test_likeness import HOUR_US, NOON_US, told

MINUTE_US = HOUR_US // 60
RECEIPT = told(SourceType.UPLOAD, merchant_name_raw="Cafe Luna", invoice_no="B-7", category="Food & Dining")
MESSAGE = told(SourceType.SMS, merchant_name_raw="CAFE LUNA BLR", at_us=NOON_US + MINUTE_US)
PAYMENT = told(SourceType.UPI_FEED, merchant_name_raw="cafeluna@ybl", at_us=NOON_US + 2 * MINUTE_US)


def without_times(row: Transaction) -> Transaction:
    return structs.replace(row, updated_at_us=0)


async def a_statement(tx: WriteTx, person_id: int, digest: str) -> int:
    source = Source(
        person_id=person_id,
        source_type=SourceType.STATEMENT,
        sha256=digest,
        media_type="text/csv",
        size_bytes=1,
        received_at_us=0,
    )
    return (await insert_source(tx, source)).id


async def standing(finance: Finance) -> list[Transaction]:
    return [row for row in await finance.all() if row.merged_into is None]


async def spent(finance: Finance) -> tuple[int, int]:
    """How many purchases the statistics count, and their sum."""
    figures = await finance.transactions.figures(finance.person, Filter())
    return figures.spent.transactions, figures.spent.amount_minor


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_three_tellings_are_one_purchase_whatever_came_first(
    finance: Finance, order: tuple[int, ...]
) -> None:
    told_in_order = [(RECEIPT, MESSAGE, PAYMENT)[place] for place in order]

    await finance.add(*told_in_order)

    assert [row.source_type for row in await standing(finance)] == [SourceType.UPLOAD]
    assert len(await finance.all()) == 3
    assert await spent(finance) == (1, RECEIPT.amount_minor)


async def test_an_undone_merge_gives_back_the_same_rows_and_is_not_made_again(finance: Finance) -> None:
    message = (await finance.add(MESSAGE))[0]
    before = without_times(message)
    await finance.add(RECEIPT)
    assert len(await standing(finance)) == 1

    after = await finance.duplicates.unmerge(finance.person, message.transaction_id)

    assert without_times(after) == structs.replace(
        before, anomaly_evidence=after.anomaly_evidence, anomaly_score=after.anomaly_score
    )
    assert await spent(finance) == (2, 2 * RECEIPT.amount_minor)
    await finance.add(
        structs.replace(PAYMENT, merchant_name_raw="elsewhere@ybl", at_us=NOON_US + 9 * HOUR_US)
    )
    assert await spent(finance) == (3, 3 * RECEIPT.amount_minor)


async def test_a_third_telling_joins_one_of_two_that_were_taken_apart(finance: Finance) -> None:
    message, _ = await finance.add(MESSAGE, RECEIPT)
    await finance.duplicates.unmerge(finance.person, message.transaction_id)

    await finance.add(PAYMENT)

    assert await spent(finance) == (2, 2 * RECEIPT.amount_minor)


async def test_two_receipts_and_two_tickets_of_one_kind_stay_two(finance: Finance) -> None:
    await finance.add(RECEIPT, structs.replace(RECEIPT, invoice_no="B-8"), MESSAGE, MESSAGE)

    assert await spent(finance) == (2, 2 * RECEIPT.amount_minor)


async def test_a_ticket_a_day_told_three_times_each_is_one_a_day(finance: Finance) -> None:
    ticket = told(SourceType.SMS, merchant_name_raw="BMTC", amount_minor=2_000)
    days = range(21)
    rows = []
    for day in days:
        at_us = NOON_US + day * 24 * HOUR_US
        rows += [
            structs.replace(ticket, at_us=at_us + HOUR_US),
            structs.replace(ticket, source_type=SourceType.UPI_FEED, at_us=at_us + HOUR_US + MINUTE_US),
            structs.replace(ticket, source_type=SourceType.STATEMENT, at_us=at_us, time_known=False),
        ]

    await finance.add(*rows)

    assert await spent(finance) == (len(days), len(days) * 2_000)


async def test_a_rejected_purchase_swallows_no_later_one(finance: Finance) -> None:
    message = (await finance.add(MESSAGE))[0]
    await finance.decide(message, confirmed=False)

    await finance.add(RECEIPT)

    assert await spent(finance) == (1, RECEIPT.amount_minor)
    assert [row.source_type for row in await standing(finance)] == [SourceType.UPLOAD, SourceType.SMS]


async def test_a_rejected_purchase_that_is_confirmed_after_all_counts_once_with_what_came_meanwhile(
    finance: Finance,
) -> None:
    message = (await finance.add(MESSAGE))[0]
    await finance.decide(message, confirmed=False)
    await finance.add(RECEIPT, PAYMENT)

    after = await finance.decide(message, confirmed=True)

    assert await spent(finance) == (1, RECEIPT.amount_minor)
    assert (after.merged_into, [row.source_type for row in await standing(finance)]) == (
        None,
        [SourceType.SMS],
    )


async def test_lines_that_two_statements_have_count_once_and_equal_ones_of_each_stay_two(
    finance: Finance,
) -> None:
    line = told(SourceType.STATEMENT, merchant_name_raw="CAFE LUNA", time_known=False)
    async with finance.store.write() as tx:
        one, two = [await a_statement(tx, finance.person.id, name) for name in "ab"]
    coffee = structs.replace(line, source_id=one)

    await finance.add(coffee, coffee, structs.replace(coffee, at_us=NOON_US + 24 * HOUR_US))
    await finance.add(*(structs.replace(line, source_id=two) for _ in range(3)))

    assert await spent(finance) == (4, 4 * line.amount_minor)  # three that day by the second, one the next
    assert len(await finance.all()) == 6


async def test_what_was_decided_on_keeps_standing_when_a_better_telling_comes(finance: Finance) -> None:
    message = (await finance.add(MESSAGE))[0]
    await finance.decide(message, confirmed=True, category="Entertainment")

    await finance.add(RECEIPT)

    assert [row.category for row in await standing(finance)] == ["Entertainment"]


async def test_a_merge_takes_the_purchase_out_of_the_windows_of_others(finance: Finance) -> None:
    """Told twice it would be a habit of five."""
    day_us = 24 * HOUR_US
    bought = [structs.replace(RECEIPT, invoice_no=f"C-{n}", at_us=NOON_US + n * day_us) for n in range(4)]
    await finance.add(*bought, structs.replace(MESSAGE, at_us=bought[0].at_us, category="Food & Dining"))

    spike = (await finance.add(structs.replace(RECEIPT, at_us=NOON_US + 9 * day_us, amount_minor=10**8)))[0]

    assert not spike.flagged


async def test_only_a_merged_row_of_ones_own_is_taken_apart(finance: Finance) -> None:
    receipt, message = await finance.add(RECEIPT, MESSAGE)

    with pytest.raises(NotMerged):
        await finance.duplicates.unmerge(finance.person, receipt.transaction_id)
    stranger = structs.replace(finance.person, id=finance.person.id + 1)
    with pytest.raises(NoSuchTransaction):
        await finance.duplicates.unmerge(stranger, message.transaction_id)
