"""A flagged purchase in sentences, with amounts and dates as the person's country writes them."""

import re
from collections.abc import Iterable
from datetime import tzinfo
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, get_currency_symbol
from msgspec import Struct

from cloud.finance.anomalies.evidence import Evidence
from cloud.finance.anomalies.score import (
    DECISION_FLAG,
    DEVIATION_SHARE_MIN,
    FOREST_COUNT_MIN,
    HABIT_COUNT_MIN,
    WINDOW_DAYS,
    Z_FLAG,
)
from cloud.finance.currencies import decimals_of
from cloud.finance.transactions.model import Transaction
from shared.clock import from_micros

_DECIMALS = re.compile(r"\.0+")
_HOME = {
    "INR": "IN",
    "USD": "US",
    "GBP": "GB",
    "JPY": "JP",
    "AUD": "AU",
    "CAD": "CA",
    "SGD": "SG",
    "CHF": "CH",
}
"""Whose way of writing figures goes with a currency, where the locale names no country."""


class Manner(Struct, frozen=True):
    """How amounts and times are written for one person."""

    locale: str
    """Of BCP 47, such as en or en-IN."""
    currency: str
    """The person's own, which tells the country where the locale does not."""
    zone: tzinfo

    def amount(self, minor: int, currency: str) -> str:
        """With the currency's decimals, or none where it is whole."""
        locale = self._locale()
        decimals = decimals_of(currency)
        value = Decimal(minor).scaleb(-decimals)
        is_whole = value == value.to_integral_value()
        pattern = _DECIMALS.sub(
            "" if is_whole else f".{'0' * decimals}", locale.currency_formats["standard"].pattern
        )
        if pattern.startswith("¤#") and get_currency_symbol(currency, locale)[-1].isalpha():
            pattern = pattern.replace("¤", "¤\xa0")  # letters stand off the figure
        return str(format_currency(value, currency, pattern, locale=locale, currency_digits=False))

    def number(self, value: float, places: int) -> str:
        return str(format_decimal(round(value, places), locale=self._locale()))

    def day(self, at_us: int) -> str:
        return str(format_date(from_micros(at_us).astimezone(self.zone), "medium", locale=self._locale()))

    def time(self, at_us: int) -> str:
        return from_micros(at_us).astimezone(self.zone).strftime("%H:%M")

    def _locale(self) -> Locale:
        try:
            found = Locale.parse(self.locale, sep="-")
        except (UnknownLocaleError, ValueError):
            found = Locale.parse("en")
        if found.territory is not None or self.currency not in _HOME:
            return found
        try:
            return Locale.parse(f"{found.language}_{_HOME[self.currency]}")
        except UnknownLocaleError:  # such as English in Japan
            return found


def explain(transaction: Transaction, evidence: Evidence, manner: Manner, *, forest_installed: bool) -> str:
    """Why it was flagged, or that it was not; and what it was not held against."""
    merchant = "" if transaction.merchant_name_raw is None else f" at {transaction.merchant_name_raw}"
    what = f"This transaction for {manner.amount(transaction.amount_minor, transaction.currency)}{merchant}"
    reasons = list(_reasons(transaction, evidence, manner))
    if transaction.flagged and reasons:
        told = f"{what} is unusual because {reasons[0]} " + " ".join(map(_sentence, reasons[1:]))
    else:
        told = f"{what} is not unusual by what is known of your other purchases."
        told += "".join(f" {line}" for line in _habit(transaction, evidence, manner))
    return " ".join([told.strip(), *_left_out(transaction, evidence, forest_installed=forest_installed)])


def recommendations(transaction: Transaction, evidence: Evidence, manner: Manner) -> list[str]:
    """What to do about a flagged one; nothing for others."""
    if not transaction.flagged or transaction.confirmed is not None:
        return []
    amount = manner.amount(transaction.amount_minor, transaction.currency)
    steps = ["Verify this is a legitimate purchase"]
    if evidence.duplicate_of is not None:
        steps.append(f"Compare it with transaction {evidence.duplicate_of}: if they are one, reject one")
    steps.append(f"Check your bank statement for {amount} around {manner.day(transaction.at_us)}")
    steps.append(f"Contact {transaction.merchant_name_raw or 'merchant'} if suspicious")
    return steps


def _reasons(transaction: Transaction, evidence: Evidence, manner: Manner) -> Iterable[str]:
    """The first goes on a sentence; each may have more behind it."""
    if evidence.z is not None and evidence.z > Z_FLAG:
        higher = (
            f"it's significantly higher than your typical spending in the {transaction.category} category."
        )
        above = manner.number(evidence.z, 1)
        pattern = f"This transaction is {above} standard deviations above your normal pattern."
        yield " ".join([higher, *_habit(transaction, evidence, manner), pattern])
    if evidence.duplicate_of is not None:
        yield f"its invoice number was already on transaction {evidence.duplicate_of}."
    if evidence.night:
        yield f"it was made at {manner.time(transaction.at_us)}, in the middle of the night."
    if evidence.decision is not None and evidence.decision <= DECISION_FLAG:
        yield (
            "its amount, hour and haste together set it apart from your other purchases"
            f" (isolation forest score {manner.number(evidence.decision, 2)}, flagged from"
            f" {manner.number(DECISION_FLAG, 2)} down)."
        )


def _habit(transaction: Transaction, evidence: Evidence, manner: Manner) -> Iterable[str]:
    if evidence.mean_minor is None or evidence.deviation_minor is None:
        return
    mean = manner.amount(round(evidence.mean_minor), transaction.currency)
    deviation = manner.amount(round(evidence.deviation_minor), transaction.currency)
    yield (
        f"Your average purchase there in the {WINDOW_DAYS} days before was {mean}, over {evidence.count}"
        f" purchases, with a standard deviation of {deviation}."
    )
    if evidence.deviation_minor < DEVIATION_SHARE_MIN * evidence.mean_minor:
        yield f"As it hardly varies, {DEVIATION_SHARE_MIN:.0%} of the average counts as one deviation."


def _left_out(transaction: Transaction, evidence: Evidence, *, forest_installed: bool) -> Iterable[str]:
    if transaction.anomaly_score is None:
        yield "It was not scored: only what you pay is."
        return
    if evidence.z is None:
        yield (
            f"Its amount could not be judged: there were {evidence.count} purchases in its category before,"
            f" and {HABIT_COUNT_MIN} are needed."
        )
    if evidence.decision is None and not forest_installed:
        yield "The isolation forest is not installed here, so haste was not judged."
    elif evidence.decision is None:
        yield f"The isolation forest has not judged it: it needs {FOREST_COUNT_MIN} purchases before it."


def _sentence(reason: str) -> str:
    return f"Also, {reason}"
