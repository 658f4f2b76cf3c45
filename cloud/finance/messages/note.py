"""A purchase as a person tells it: `paid 250 to Ravi for lunch`, `₹1,200 at Big Bazaar yesterday`."""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cloud.finance.messages.channels import channel_of
from cloud.finance.messages.dates import MONTH_FIRST, Day, at, at_noon, days, times
from cloud.finance.messages.links import looks_like_fraud
from cloud.finance.messages.money import Mention, mentions, read_amount
from cloud.finance.messages.refusals import despite_verbs, refused
from cloud.finance.messages.sms import read_sms
from cloud.finance.messages.voice import is_personal
from cloud.finance.messages.wording import plain, words
from cloud.finance.reading import Channel, Direction, Found, Reading, Refusal, Refused
from shared.clock import from_micros, to_micros

NOTE_CHARACTERS_MAX = 1000
_FORWARDED = words(
    r"a/?c(?: no\.?)? ?[x*]*\d{3,}",
    r"(?:a/?c|acct|account|card).{0,20}(?:[x*]{1,12}\d{3,6}|ending.{0,8}\d{3,6})",
    "upi ref.{0,20}|otp|avl bal|available bal(?:ance)?",
)
_INCOME = words(
    "received|got|earned|sold|salary|refund(?:ed)?|cashback|credited|income|borrowed|won|bonus",
    "(?:paid|gave|sent|transferred|returned)(?: to)? (?:me|us)",
)
_OUTGO = words(
    "paid|spent|bought|gave|sent|lent|donated|recharged|transferred|ordered|purchased|cost|bill|debited"
)
_NOT_YET = words(
    "will|need to|have to|has to|must|should|going to|gonna|remind|owes?|plan(?:ning)? to|to pay|tomorrow",
    "next|budget|if",
)
_QUESTION = re.compile(r"\?\s*$|^(?:how|what|when|where|who|why|did|do|does|is|can|could)\b", re.IGNORECASE)
_FIGURE = re.compile(
    r"(?<![\w.,/:@#-])(?P<number>\d{1,12}(?:[,.]\d{1,3}){0,5})"
    r"(?P<scale>\s?(?:k|lakhs?|lacs?|crores?)\b)?(?![\w:@/-]|\.\d)",
    re.IGNORECASE,
)
_NAME = r"(?P<name>[^\W\d_][\w&'’. -]{0,48}?)"  # noqa: RUF001
_STOPS = "for|on|at|to|from|via|using|by|with|in|as|yesterday|today|this|last|day before|in cash|cash"
_STOPS += "|through|and|of|rs|inr|ago|tonight"
_END = rf"(?=\s+(?:{_STOPS})\b|\s*(?:[,;.!\n₹$£€(]|\d|$))"
_DAYS_AND_MONTHS = "mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_PLACES = tuple(
    re.compile(lead + _NAME + _END, re.IGNORECASE)
    for lead in (
        r"\bat (?:the )?(?!\d|night\b|home\b|noon\b)",
        r"\b(?:to|from) (?:the )?(?!me\b|my\b|\d|pay\b)",
        r"^(?=[^\d\n]{1,40} (?:paid|gave|sent|returned)(?: to)? (?:me|us)\b)",
        r"\b(?:paid|gave|sent) (?!to\b|for\b|me\b|in\b|by\b|via\b|rs\b|inr\b|the\b|my\b|a\b|at\b)",
        r"\bfor (?:the |a |my )?(?!\d|rs\b|inr\b)",
        rf"\bon (?:the |a |my )?(?!\d|{_DAYS_AND_MONTHS})",
    )
)
_AGO = re.compile(r"\b(\d{1,2}|a|one|two|three|four|five|six) (day|week)s? ago\b", re.IGNORECASE)
_COUNTS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_WEEKDAY = re.compile(
    r"\b(?P<last>last )?(?P<name>mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b",
    re.IGNORECASE,
)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOUR = re.compile(r"\b(?:at |around )?(?P<hour>1[0-2]|[1-9])\s?(?P<half>[ap])\.?m\b", re.IGNORECASE)
_FILLER = re.compile(
    r"\b(?:rs|inr|rupees?|today|yesterday|paid|spent|for|on|i|just|cash|upi|card|gpay|by|via|in|a|the|my)\b\.?"
    r"|[^\w\s&'-]",
    re.IGNORECASE,
)


def read_note(text: str, *, sent_at_us: int, zone: ZoneInfo, currency: str) -> Reading | Refused:
    """What the person says they paid or received; a bank's message they passed on is read as one."""
    if len(text) > NOTE_CHARACTERS_MAX:
        return refused(Refusal.TOO_LARGE)
    told = plain(text)
    is_forwarded = _FORWARDED.search(told) is not None and not is_personal(told)
    if is_forwarded or despite_verbs(told) is not None or looks_like_fraud(told, None):
        return read_sms(text, sender=None, received_at_us=sent_at_us, zone=zone, currency=currency)
    if _QUESTION.search(told):
        return Refused(Refusal.NO_MOVEMENT, "a question is no purchase; send help to see what can be asked")
    if _NOT_YET.search(told):
        return refused(Refusal.SCHEDULED)
    sent = from_micros(sent_at_us).astimezone(zone)
    found = _amount(told, sent.date(), currency)
    if isinstance(found, Refused):
        return found
    amount, sure = found
    income = _INCOME.search(told) is not None
    merchant = _merchant(told)
    if merchant is None and not (income or _OUTGO.search(told)):
        return Refused(Refusal.UNCLEAR, "say what it was for, as in: paid 250 to Ravi for lunch")
    when, time_known, when_sure = _when(told, sent, zone, month_first=currency in MONTH_FIRST)
    return Reading(
        amount_minor=Found(amount.amount_minor, sure),
        currency=Found(amount.currency, 0.99 if amount.named else 0.9),
        direction=Found(
            Direction.CREDIT if income else Direction.DEBIT, 0.95 if income or _OUTGO.search(told) else 0.85
        ),
        at_us=Found(when, when_sure),
        time_known=time_known,
        merchant=merchant,
        channel=_channel(told),
    )


def _amount(told: str, today: date, home: str) -> tuple[Mention, float] | Refused:
    """The one amount with a currency, else the figure behind a verb, else the only figure that is no date."""
    named = [mention for mention in mentions(told, home=home) if mention.named]
    if len(named) > 1:
        return Refused(Refusal.UNCLEAR, "one purchase a message, please: there are several amounts in it")
    if named:
        return named[0], 0.97
    taken = _dated(told, today, month_first=home in MONTH_FIRST)
    bare = [
        Mention(match.start(), match.end(), amount, home, named=False)
        for match in _FIGURE.finditer(told)
        if all(match.end() <= start or match.start() >= end for start, end in taken)
        and (amount := read_amount(match["number"], match["scale"] or "", currency=home)) is not None
    ]
    if not bare:
        return refused(Refusal.NO_AMOUNT)
    if len(bare) == 1:
        return bare[0], 0.92
    verb = _OUTGO.search(told) or _INCOME.search(told)
    behind = [mention for mention in bare if verb is not None and mention.start >= verb.end()]
    if behind and verb is not None and behind[0].start - verb.end() <= 1:
        return behind[0], 0.85
    return Refused(Refusal.UNCLEAR, "which figure is the amount? write it with its currency, as in ₹250")


def _dated(told: str, today: date, *, month_first: bool) -> list[tuple[int, int]]:
    """Where figures tell a day or an hour."""
    spans = [(day.start, day.end) for day in days(told, near=today, month_first=month_first)]
    spans += [(start, end) for start, end, _ in times(told)]
    return spans + [match.span() for pattern in (_AGO, _HOUR) for match in pattern.finditer(told)]


def _merchant(told: str) -> Found[str] | None:
    for sure, pattern in zip((0.9, 0.9, 0.85, 0.8, 0.6, 0.6), _PLACES, strict=True):
        match = pattern.search(told)
        if match is not None and len(match["name"].strip()) > 1:
            return Found(match["name"].strip(" .-"), sure)
    rest = " ".join(_FILLER.sub(" ", re.sub(r"[₹$£€]?\s?[\d.,]+", " ", told)).split())
    return Found(rest[:50], 0.5) if len(rest) > 1 else None


def _channel(told: str) -> Found[Channel] | None:
    if words("cash").search(told):
        return Found(Channel.CASH, 0.95)
    found = channel_of(told)
    return None if found is None or found.confidence < 0.8 else found  # noqa: PLR2004


def _when(told: str, sent: datetime, zone: ZoneInfo, *, month_first: bool) -> tuple[int, bool, float]:
    """Epoch microseconds, whether the time is known, how sure: a day that is told, else that of sending."""
    day = _day(told, sent.date(), month_first=month_first)
    clock = _clock(told)
    if day is None and clock is None:
        return to_micros(sent), True, 0.9
    chosen = day or sent.date()
    if clock is not None:
        return at(chosen, clock, zone), True, 0.9
    return at_noon(chosen, zone), False, 0.95


def _clock(told: str) -> time | None:
    known = times(told)
    if known:
        return known[0][2]
    match = _HOUR.search(told)
    return (
        None
        if match is None
        else time(int(match["hour"]) % 12 + (12 if match["half"].casefold() == "p" else 0))
    )


def _day(told: str, today: date, *, month_first: bool) -> date | None:
    low = told.casefold()
    if "day before yesterday" in low:
        return today - timedelta(days=2)
    if "yesterday" in low or "last night" in low:
        return today - timedelta(days=1)
    ago = _AGO.search(told)
    if ago is not None:
        count = _COUNTS.get(ago[1].casefold()) or int(ago[1])
        return today - timedelta(days=count * (7 if ago[2].casefold() == "week" else 1))
    weekday = _WEEKDAY.search(told)
    if weekday is not None:
        back = (today.weekday() - _WEEKDAYS.index(weekday["name"][:3].casefold())) % 7
        return today - timedelta(days=back or (7 if weekday["last"] else 0))
    stated: list[Day] = days(told, near=today, month_first=month_first)
    readings = [reading for day in stated for reading in day.readings if reading <= today]
    return readings[0] if readings else None
