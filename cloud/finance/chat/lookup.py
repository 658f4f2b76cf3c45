"""Carries a query out: each figure comes from here."""

from collections.abc import Sequence
from datetime import date, tzinfo

from msgspec import structs

from cloud.finance.chat import storage
from cloud.finance.chat.findings import Findings, Side, Tally, sums
from cloud.finance.chat.query import Group, Measure, Query, Selection
from cloud.finance.chat.spans import Bucket, Span, TooLong, bounded, buckets, spans, whole_time
from cloud.finance.reading import Direction
from cloud.finance.transactions.model import Transaction
from cloud.kit.store import ReadTx
from shared.clock import from_micros

IDS_MAX = 1_000
"""So many transactions an answer names as its provenance."""
LISTED_DEFAULT = 10
LISTED_MAX = 50
BUCKETS_SHOWN_MAX = 62
DOCUMENTS_MAX = 5

_ORDERS = {
    Measure.LIST: "newest",
    Measure.EXISTS: "newest",
    Measure.LATEST: "newest",
    Measure.FIRST: "oldest",
    Measure.SMALLEST: "smallest",
}


class Lookup:
    """One person's transactions at one moment, within one use case."""

    def __init__(self, tx: ReadTx, person_id: int, *, zone: tzinfo, home: str, today: date) -> None:
        self._tx = tx
        self._person_id = person_id
        self._zone = zone
        self._home = home
        self._today = today

    async def find(self, query: Query) -> Findings:
        """All that its answer needs.

        Raises:
            TooLong: more pieces of time than are looked at.
        """
        first_day, last_day = await self._reach()
        sides = [await self._side(query, one, (first_day, last_day)) for one in query.selections]
        found = Findings(query=query, sides=sides, today=self._today, first_day=first_day)
        if query.measure is Measure.SHARE:
            found = structs.replace(found, whole=await self._whole(query, (first_day, last_day)))
        if query.group is not None:
            found = await self._grouped(found, query.group, (first_day, last_day))
        return found

    async def _reach(self) -> tuple[date, date]:
        reach = await storage.reach(self._tx, self._person_id)
        if reach.first_us is None or reach.last_us is None:
            return self._today, self._today
        return self._day(reach.first_us), max(self._today, self._day(reach.last_us))

    def _day(self, at_us: int) -> date:
        return from_micros(at_us).astimezone(self._zone).date()

    def _times(self, wanted: Selection, reach: tuple[date, date]) -> list[Span]:
        if not wanted.weekdays:
            return whole_time(self._zone, wanted.period)
        first, last = bounded(wanted.period, *reach)
        return spans([Bucket(max(first, reach[0]), min(last, reach[1]))], wanted.weekdays, self._zone)

    async def _side(self, query: Query, wanted: Selection, reach: tuple[date, date]) -> Side:
        times = self._times(wanted, reach)
        tallies = await storage.tallies(self._tx, self._person_id, wanted, times) if times else []
        if not tallies:
            return Side(selection=wanted, tallies=(), sealed=await self._sealed(query, wanted, times))
        lists = query.measure in {Measure.LIST, Measure.EXISTS}
        limit = min(LISTED_MAX, query.count_max or (LISTED_DEFAULT if lists else 1))
        order = _ORDERS.get(query.measure, "largest")
        by_amount = order in {"largest", "smallest"}
        codes: Sequence[str | None] = list(sums(tallies, self._home)) if by_amount else [None]
        shown: list[Transaction] = []
        for code in codes:
            own = wanted if code is None else structs.replace(wanted, currency=code)
            shown += await storage.rows(self._tx, self._person_id, own, times, order=order, limit=limit)
        return Side(
            selection=wanted,
            tallies=tallies,
            rows=shown,
            ids=await storage.ids(self._tx, self._person_id, wanted, times, limit=IDS_MAX),
            sealed=await self._sealed(query, wanted, times),
        )

    async def _sealed(self, query: Query, wanted: Selection, times: Sequence[Span]) -> int:
        """Nobody can tell whose they are, where sellers are asked for."""
        asks_sellers = wanted.sellers or wanted.without_sellers or query.group is Group.MERCHANT
        if not asks_sellers or not times:
            return 0
        anyone = structs.replace(wanted, sellers=(), without_sellers=())
        return await storage.sealed_count(self._tx, self._person_id, anyone, times)

    async def _whole(self, query: Query, reach: tuple[date, date]) -> Sequence[Tally]:
        """All spending in the same time, and in the same currency where one is asked for."""
        one = query.selections[0]
        everything = Selection(
            period=one.period,
            weekdays=one.weekdays,
            currency=one.currency,
            direction=one.direction or Direction.DEBIT,
        )
        times = self._times(everything, reach)
        return await storage.tallies(self._tx, self._person_id, everything, times) if times else ()

    async def _grouped(self, found: Findings, group: Group, reach: tuple[date, date]) -> Findings:
        wanted = found.query.selections[0]
        if not group.is_time:
            times = self._times(wanted, reach)
            tallies = await storage.tallies(self._tx, self._person_id, wanted, times, group) if times else []
            return structs.replace(found, groups=tallies)
        first, last = bounded(wanted.period, *reach)
        last = max(first, min(last, self._today))
        parts = buckets(group, first, last)
        if found.query.is_trend and len(parts) > BUCKETS_SHOWN_MAX:
            raise TooLong("Those are too many steps to tell; ask by larger steps, or about a shorter time.")
        times = spans(parts, wanted.weekdays, self._zone)
        tallies = await storage.tallies(self._tx, self._person_id, wanted, times) if times else []
        return structs.replace(found, groups=tallies, buckets=parts)
