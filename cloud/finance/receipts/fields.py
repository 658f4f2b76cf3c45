"""Boxes of text into a reading: all rules together."""

from collections.abc import Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from cloud.finance.currencies import decimals_of
from cloud.finance.reading import Direction, Found, Reading, Refusal, Refused
from cloud.finance.receipts import confidence
from cloud.finance.receipts.dates import Day, Order, day_of
from cloud.finance.receipts.details import channel_of, currency_of_receipt, is_refund, number_of
from cloud.finance.receipts.figures import point_of
from cloud.finance.receipts.layout import below, lines_of
from cloud.finance.receipts.merchant import merchant_of
from cloud.finance.receipts.model import Box
from cloud.finance.receipts.totals import entries_of, total_of
from shared.clock import to_micros

_MONTH_FIRST = frozenset({"en-US", "en-PH", "es-US", "en-BZ"})
_YEAR_FIRST = frozenset({"JPY", "CNY", "KRW"})
_NOON = time(12)


def order_of(currency: str, locale: str) -> Order:
    """How a date of bare numbers is read: the receipt's currency first, the person's locale for dollars."""
    if currency in _YEAR_FIRST:
        return Order.YEAR_FIRST
    if currency in {"USD", "PHP"} and (locale in _MONTH_FIRST or not locale.startswith("en-")):
        return Order.MONTH_FIRST
    return Order.DAY_FIRST


def _at(day: Day, timezone: ZoneInfo, *, order_is_customary: bool) -> Found[int]:
    when = datetime.combine(day.date, day.time or _NOON, tzinfo=timezone)
    return Found(to_micros(when), confidence.of_day(day, order_is_customary=order_is_customary))


def read_fields(
    pages: Sequence[Sequence[Box]], *, timezone: ZoneInfo, currency_hint: str, locale: str, today: date
) -> Reading | Refused:
    """The purchase that the pages tell of, or why there is none.

    `today` is the person's day: a receipt is not from after tomorrow.
    """
    lines = lines_of(below(pages))
    texts = [line.text for line in lines]
    if not any(text.strip() for text in texts):
        return Refused(
            Refusal.NO_AMOUNT, "no text was found on the page: take the photo closer and in better light"
        )
    currency = currency_of_receipt(texts, currency_hint)
    point = point_of(texts)
    entries = entries_of(lines, decimals=decimals_of(currency.value), point=point)
    total = total_of(entries)
    if total is None:
        return Refused(Refusal.NO_AMOUNT, "no amount was found: take the photo closer, with the total on it")
    order = order_of(currency.value, locale)
    day = day_of(texts, [line.confidence for line in lines], order=order, today=today)
    name = merchant_of(lines)
    back = is_refund(texts)
    return Reading(
        amount_minor=Found(total.minor, confidence.of_total(total)),
        currency=currency,
        direction=Found(Direction.CREDIT if back else Direction.DEBIT, 0.9 if back else 0.97),
        at_us=None if day is None else _at(day, timezone, order_is_customary=order is not Order.MONTH_FIRST),
        time_known=day is not None and day.time is not None,
        merchant=None if name is None else Found(name.text, confidence.of_name(name)),
        invoice_no=number_of(texts),
        channel=channel_of(texts, entries),
    )
