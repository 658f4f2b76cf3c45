"""What is found of a purchase as it is sealed holds afterwards, though nobody can find it again."""

from msgspec import structs

from cloud.finance.transactions.model import SourceType, Transaction
from tests.cloud.finance.conftest import Finance
from tests.cloud.finance.duplicates.test_likeness import HOUR_US, NOON_US, told

MINUTE_US = HOUR_US // 60


def sealed(row: Transaction) -> Transaction:
    return structs.replace(row, encrypted_data="{}", wrapped_deks="{}")


LUNA = told(SourceType.UPLOAD, merchant_name_raw="Cafe Luna")
LUNA_TOLD = sealed(told(SourceType.SMS, merchant_name_raw="CAFE LUNA BLR", at_us=NOON_US + 90 * MINUTE_US))
TAXI_TOLD = sealed(told(SourceType.SMS, merchant_name_raw="Uber India", at_us=NOON_US + MINUTE_US))
NAMELESS = sealed(told(SourceType.UPI_FEED, merchant_name_raw=None, at_us=NOON_US + MINUTE_US))


async def groups(finance: Finance) -> list[int]:
    """Of each row, in the order in which they came, the id of the one that stands for it."""
    rows = sorted(await finance.all(), key=lambda row: row.transaction_id)
    return [row.merged_into or row.transaction_id for row in rows]


async def test_names_that_agree_merge_and_stay_merged_when_a_third_comes(finance: Finance) -> None:
    await finance.add(LUNA, LUNA_TOLD)
    assert await groups(finance) == [1, 1]

    await finance.add(NAMELESS)

    assert await groups(finance) == [1, 1, 1]


async def test_names_that_differ_stay_two_when_a_third_comes(finance: Finance) -> None:
    await finance.add(LUNA, TAXI_TOLD)
    assert await groups(finance) == [1, 2]

    await finance.add(NAMELESS)

    assert (await groups(finance))[:2] in ([1, 2], [1, 3])


async def test_no_name_is_stored(finance: Finance) -> None:
    for row in await finance.add(sealed(LUNA), TAXI_TOLD):
        assert (row.merchant_name_raw, row.merchant_id, row.invoice_no) == (None, None, None)
    assert await finance.transactions.merchants(finance.person) == []


async def test_a_number_that_came_in_the_clear_before_is_known_and_held_to_once_sealed(
    finance: Finance,
) -> None:
    (first,) = await finance.add(structs.replace(LUNA, invoice_no="B-7"))
    (second,) = await finance.add(
        structs.replace(sealed(LUNA), invoice_no="B-7", at_us=NOON_US + 24 * HOUR_US)
    )
    assert (second.flagged, second.anomaly_reason) == (True, "Duplicate invoice number")

    after = await finance.decide(second, confirmed=True, category="Transport")

    assert "Duplicate invoice number" in (after.anomaly_reason or "")
    assert str(first.transaction_id) in (after.anomaly_evidence or "")
