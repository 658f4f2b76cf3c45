"""Scores stay what the transactions alone say, whatever came in which order."""

import asyncio
import random
from datetime import UTC
from typing import Literal

import pytest
from msgspec import structs

from cloud.finance.anomalies import service, storage
from cloud.finance.anomalies.evidence import Evidence
from cloud.finance.anomalies.explanation import Manner, explain
from cloud.finance.reading import Direction
from cloud.finance.transactions.errors import NoSuchTransaction
from cloud.finance.transactions.model import Transaction
from cloud.identity.storage import add_person
from tests.cloud.finance.conftest import Finance
from tests.cloud.finance.transactions.rows import row

DAY_US = 86_400_000_000
NOON_US = 20_000 * DAY_US + 12 * 3_600_000_000


def bought(days: float, amount: int = 1_000, **changes: object) -> Transaction:
    return row(at_us=NOON_US + int(days * DAY_US), amount_minor=amount, **changes)


async def scores(finance: Finance) -> dict[tuple[int, int, str], tuple[float | None, bool, Evidence]]:
    """By what the rows say; ids differ with the order of arrival, so evidence goes without them."""
    found = {}
    for each in await finance.all():
        evidence = storage.evidence_of(each)
        bare = Evidence(count=evidence.count, z=evidence.z, night=evidence.night, decision=evidence.decision)
        found[each.at_us, each.amount_minor, each.category] = (each.anomaly_score, each.flagged, bare)
    return found


async def test_a_spike_is_flagged_as_it_comes(finance: Finance) -> None:
    *_, spike = await finance.add(*(bought(day, 1_000 + day) for day in range(5)), bought(9, 1_300))

    # mean 1002, sd sqrt(2) below 5 %: 50.1; (1300 - 1002) / 50.1
    assert spike.flagged
    assert spike.anomaly_reason == "Amount significantly exceeds normal (z-score: 5.9)"
    assert storage.evidence_of(spike).z == pytest.approx(298 / 50.1)


async def test_a_late_purchase_is_put_into_the_windows_of_those_after_it(finance: Finance) -> None:
    early = await finance.add(*(bought(day) for day in range(4)), bought(9, 1_300))
    assert not early[-1].flagged  # four are no habit

    await finance.add(bought(4))

    assert (await finance.all())[-1].flagged


async def test_a_rejection_takes_a_purchase_out_of_the_windows_and_a_confirmation_puts_it_back(
    finance: Finance,
) -> None:
    rows = await finance.add(*(bought(day) for day in range(5)), bought(9, 1_300))

    await finance.decide(rows[0], confirmed=False)
    assert not (await finance.all())[-1].flagged
    await finance.decide(rows[0], confirmed=True)
    assert (await finance.all())[-1].flagged


async def test_a_corrected_category_changes_the_windows_of_both(finance: Finance) -> None:
    food = await finance.add(*(bought(day) for day in range(5)), bought(9, 1_300))
    fun = await finance.add(*(bought(day, category="Entertainment") for day in range(4)))
    late = (await finance.add(bought(10, 1_300, category="Entertainment")))[0]
    assert not late.flagged

    await finance.decide(food[4], confirmed=True, category="Entertainment")

    found = {each.transaction_id: each for each in await finance.all()}
    assert not found[food[-1].transaction_id].flagged
    assert found[late.transaction_id].flagged
    assert storage.evidence_of(found[fun[0].transaction_id]).count == 0


async def test_an_invoice_number_told_twice_is_flagged_and_no_longer_once_the_first_is_rejected(
    finance: Finance,
) -> None:
    first, second = await finance.add(bought(0, invoice_no="INV-1"), bought(3, 900, invoice_no="INV-1"))
    assert storage.evidence_of(second).duplicate_of == first.transaction_id

    await finance.decide(first, confirmed=False)

    assert not (await finance.all())[-1].flagged


async def test_income_is_neither_scored_nor_held_against_what_is_paid(finance: Finance) -> None:
    pay = Direction.CREDIT
    rows = await finance.add(
        *(bought(day, direction=pay) for day in range(6)), bought(9, 10**9, direction=pay)
    )
    paid = (await finance.add(bought(10, 10**9)))[0]

    assert {each.anomaly_score for each in rows} == {None}
    assert storage.evidence_of(paid).count == 0


async def test_other_currencies_are_not_held_against_each_other(finance: Finance) -> None:
    await finance.add(*(bought(day, currency="EUR") for day in range(6)))

    assert storage.evidence_of((await finance.add(bought(9, 10**6)))[0]).count == 0


async def test_the_order_of_arrival_changes_no_score(finance: Finance) -> None:
    dice = random.Random(7)
    rows = [
        bought(day, 1_000 + dice.randrange(300) + 7 * day, category=dice.choice(("Groceries", "Transport")))
        for day in range(0, 120, 4)
    ]
    await finance.add(*rows)
    in_order = await scores(finance)
    for each in await finance.all():  # and away again
        await finance.decide(each, confirmed=False)
    dice.shuffle(rows)
    added = await finance.add(*rows)

    counted = {each.transaction_id for each in added}
    again = {
        (each.at_us, each.amount_minor, each.category): (each.anomaly_score, each.flagged)
        for each in await finance.all()
        if each.transaction_id in counted
    }
    assert again == {key: value[:2] for key, value in in_order.items()}


async def test_rows_that_come_together_are_judged_as_one_by_one(finance: Finance) -> None:
    """Also those before them, in other categories and under the same invoice numbers, years apart."""
    dice = random.Random(11)
    rows = [
        bought(
            year * 400 + day,
            1_000 + dice.randrange(400),
            category=dice.choice(("Groceries", "Transport")),
            direction=dice.choice((Direction.DEBIT,) * 5 + (Direction.CREDIT,)),
            invoice_no=dice.choice((None, "INV-1", "INV-2")),
        )
        for year in range(2)
        for day in range(0, 150, 5)
    ]
    early, late = rows[::2], rows[1::2]
    dice.shuffle(late)
    async with finance.store.write() as tx:
        ben = finance._replace(person=await add_person(tx, wallet_address=None, account="acc_ben", now_us=0))
    await finance.add(*early, *late)
    await ben.add(*early)

    async with finance.store.write() as tx:
        together = [structs.replace(each, person_id=ben.person.id) for each in late]
        added = await finance.transactions.add_all(tx, together)

    assert await scores(ben) == await scores(finance)
    assert [each.flagged for each in added] == [
        (await finance.transactions.get(ben.person, each.transaction_id)).flagged for each in added
    ]
    assert await due_days(ben) == await due_days(finance)


async def test_what_comes_together_reaches_90_days_behind_the_last_of_it(finance: Finance) -> None:
    (late,) = await finance.add(bought(120))

    async with finance.store.write() as tx:
        together = [structs.replace(bought(day), person_id=finance.person.id) for day in (0, 60)]
        await finance.transactions.add_all(tx, together)

    after = await finance.transactions.get(finance.person, late.transaction_id)
    assert storage.evidence_of(after).count == 1  # of day 60; day 0 is too long ago


async def test_a_number_that_comes_late_flags_the_one_after_it_in_any_category(finance: Finance) -> None:
    (later,) = await finance.add(bought(10, category="Transport", invoice_no="INV-9"))

    await finance.add(bought(5, category="Groceries", invoice_no="INV-9"))

    after = await finance.transactions.get(finance.person, later.transaction_id)
    assert after.anomaly_reason == "Duplicate invoice number"


async def due_days(finance: Finance) -> set[int]:
    async with finance.store.read() as tx:
        rows = await tx.fetch_all(
            storage.Due,
            "SELECT person_id, day, mark FROM forest_days WHERE person_id = :person_id",
            {"person_id": finance.person.id},
        )
    return {each.day for each in rows}


async def test_the_forest_learns_from_the_90_days_before_the_day_and_again_when_they_change(
    finance: Finance,
) -> None:
    old = bought(-100)
    rows = await finance.add(
        old, *(bought(day) for day in range(30)), bought(30), bought(30.1, 2_000, direction=Direction.CREDIT)
    )
    await finance.forests.settle()
    decided = [storage.evidence_of(each).decision for each in await finance.all()]
    assert decided == [None] * 31 + [-0.03, None]  # 30 before it; income is not asked about

    await finance.decide(rows[1], confirmed=False)
    await finance.forests.settle()
    assert {storage.evidence_of(each).decision for each in await finance.all()} == {None}  # 29 are too few

    await finance.decide(rows[1], confirmed=True)
    await finance.add(bought(12.5))
    await finance.forests.settle()
    decided = [storage.evidence_of(each).decision for each in await finance.all()]
    assert decided[-4:] == [None, -0.03, -0.031, None]


async def test_the_forests_word_flags_and_a_later_change_of_amounts_keeps_it(finance: Finance) -> None:
    await finance.add(*(bought(0, 1_000 + n) for n in range(100)), bought(1, 1_050))
    await finance.forests.settle()

    last = (await finance.all())[-1]
    assert last.flagged
    assert last.anomaly_reason == "Isolation Forest flagged as outlier"

    await finance.add(bought(0.5, 1_050))
    assert storage.evidence_of((await finance.all())[-1]).decision == -0.1


async def test_a_day_that_changes_while_the_forest_grows_stays_due(finance: Finance) -> None:
    rows = await finance.add(*(bought(day) for day in range(30)), bought(30))
    async with finance.store.read() as tx:
        asked = await storage.next_due(tx, 1)
    await finance.decide(rows[0], confirmed=False)

    async with finance.store.write() as tx:
        assert not await storage.take(tx, asked[0])
    async with finance.store.read() as tx:
        assert (await storage.next_due(tx, 1))[0].mark == asked[0].mark + 1


async def test_flagged_ones_are_listed_newest_first_and_for_their_owner_alone(finance: Finance) -> None:
    rows = await finance.add(*(bought(day) for day in range(5)), bought(9, 1_300), bought(10, 9_000))
    await finance.decide(rows[-1], confirmed=True)

    asked = await finance.anomalies.flagged(finance.person, unconfirmed_only=True, limit=9, offset=0)
    listed = await finance.anomalies.flagged(finance.person, unconfirmed_only=False, limit=1, offset=0)

    assert [row.amount_minor for row, _ in asked.rows] == [1_300]
    assert [row.amount_minor for row, _ in listed.rows] == [9_000]
    assert (asked.total, asked.pending, listed.total, listed.pending) == (1, 1, 2, 1)
    other = structs.replace(finance.person, id=finance.person.id + 1)
    assert (await finance.anomalies.flagged(other, unconfirmed_only=False, limit=9, offset=0)).total == 0
    with pytest.raises(NoSuchTransaction):
        await finance.anomalies.explained(other, rows[0].transaction_id)


async def test_the_worker_asks_the_forest_as_soon_as_a_purchase_is_stored(
    finance: Finance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "is_installed", lambda: True)
    worker = asyncio.create_task(finance.forests.run())
    await finance.add(*(bought(day) for day in range(30)), bought(30))

    async with asyncio.timeout(30):
        while storage.evidence_of((await finance.all())[-1]).decision is None:  # noqa: ASYNC110  the store tells nobody
            await asyncio.sleep(0)

    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


class Watched(asyncio.Event):
    """Tells when somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_waited_for = asyncio.Event()

    async def wait(self) -> Literal[True]:
        self.is_waited_for.set()
        return await super().wait()


async def test_a_worker_that_is_stopped_as_news_come_ends(
    finance: Finance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "is_installed", lambda: True)
    news = Watched()
    monkeypatch.setattr(finance.anomalies, "_news", news)
    worker = asyncio.create_task(finance.forests.run())
    await news.is_waited_for.wait()

    news.set()
    worker.cancel()

    async with asyncio.timeout(30):
        await asyncio.gather(worker, return_exceptions=True)
    assert worker.cancelled()


async def test_without_the_extra_the_worker_says_so_and_the_days_stay_due(
    finance: Finance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service, "is_installed", lambda: False)
    added = await finance.add(*(bought(day) for day in range(31)))

    await finance.forests.run()

    assert "install lumengrid[finance]" in caplog.text
    async with finance.store.read() as tx:
        assert len(await storage.next_due(tx, 100)) == 31
    found = await finance.anomalies.explained(finance.person, added[-1].transaction_id)
    assert not found.forest_installed
    assert "isolation forest is not installed here" in explain(
        found.transaction, found.evidence, Manner("en", "INR", UTC), forest_installed=found.forest_installed
    )


async def test_days_asked_about_together_learn_each_from_its_own_90_days(finance: Finance) -> None:
    await finance.add(*(bought(day) for day in range(31)), bought(119))

    await finance.forests.settle()

    *_, thirty_first, last = [storage.evidence_of(each).decision for each in await finance.all()]
    assert thirty_first == -0.03
    assert last is None  # two of the days 29 to 118
