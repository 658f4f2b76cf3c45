"""What a query finds: figures, the rows to show, and how many nobody can read the seller of."""

from datetime import UTC, date

import pytest
from msgspec import structs

from cloud.finance.chat.findings import Findings
from cloud.finance.chat.lookup import Lookup
from cloud.finance.chat.query import Group, Measure, Period, Query, Selection, Seller
from cloud.kit.store import Store
from tests.cloud.finance.chat.test_storage import bought

MAY = Period(first=date(2025, 5, 1), last=date(2025, 5, 31), label="in May 2025")


async def found(store: Store, query: Query, ana: int) -> Findings:
    async with store.read() as tx:
        return await Lookup(tx, ana, zone=UTC, home="INR", today=date(2025, 6, 1)).find(query)


@pytest.mark.parametrize(
    "asked, group, sealed",
    [
        ("seller", None, 1),
        ("but seller", None, 1),
        ("nobody", Group.MERCHANT, 1),
        ("nobody", None, 0),
        ("nobody", Group.CATEGORY, 0),
        ("seller in April", None, 0),
        ("seller under Transport", None, 0),
        ("seller in euros", None, 0),
    ],
)
async def test_sealed_ones_are_counted_where_sellers_are_asked_for_and_all_else_holds(
    store: Store, asked: str, group: Group | None, sealed: int
) -> None:
    """One of May's is sealed: ₹30 of 15 May, under Groceries, by UPI."""
    ana, _, uber = await bought(store)
    seller = (Seller(name="Uber", ids=(uber,)),)
    april = Period(first=date(2025, 4, 1), last=date(2025, 4, 30), label="in April 2025")
    wanted = {
        "seller": Selection(period=MAY, sellers=seller),
        "but seller": Selection(period=MAY, without_sellers=seller),
        "nobody": Selection(period=MAY),
        "seller in April": Selection(period=april, sellers=seller),
        "seller under Transport": Selection(period=MAY, sellers=seller, categories=("Transport",)),
        "seller in euros": Selection(period=MAY, sellers=seller, currency="EUR"),
    }[asked]

    findings = await found(store, Query(measure=Measure.TOTAL, selections=(wanted,), group=group), ana)

    assert [side.sealed for side in findings.sides] == [sealed]


async def test_the_seller_itself_is_counted_without_the_sealed(store: Store) -> None:
    ana, _, uber = await bought(store)
    seller = Seller(name="Uber", ids=(uber,))
    by_day = tuple(
        structs.replace(Selection(period=MAY, sellers=(seller,)), weekdays=days) for days in ((4,), (3,))
    )

    findings = await found(store, Query(measure=Measure.TOTAL, selections=by_day), ana)

    friday, thursday = findings.sides  # 2 May 2025 was a Friday, 15 May a Thursday
    assert [(side.count, side.sealed) for side in (friday, thursday)] == [(1, 0), (0, 1)]
    assert [one.amount_minor for one in friday.tallies] == [20_000]
