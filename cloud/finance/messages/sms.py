"""A message of a bank, a card, a wallet or a UPI app: one reading, or the reason why there is none."""

import re
from zoneinfo import ZoneInfo

from msgspec import structs

from cloud.finance.messages.channels import channel_of
from cloud.finance.messages.dates import MONTH_FIRST, lies_ahead, moment_of
from cloud.finance.messages.links import from_a_person, looks_like_fraud
from cloud.finance.messages.money import Mention, mentions
from cloud.finance.messages.mood import Mood
from cloud.finance.messages.movement import BY_CUSTOM, Deed, Kind, deeds, direction_of, essence, plainest
from cloud.finance.messages.parties import account_of, merchant_of, reference_of
from cloud.finance.messages.refusals import despite_verbs, refused, why_not, without_a_verb
from cloud.finance.messages.roles import Role, roles
from cloud.finance.messages.voice import is_an_institution, is_personal
from cloud.finance.messages.wording import plain, without_warnings, words
from cloud.finance.reading import Direction, Found, Reading, Refusal, Refused

SMS_CHARACTERS_MAX = 2000
"""Ten joined messages hold 1,530 characters; what is longer is no SMS."""
_PROMOTIONAL = re.compile(r"[A-Z]{2}-?[A-Z0-9]{6}-P", re.I)
"""A sender of India that is registered for advertisements only."""
_OPEN = frozenset({Refusal.NO_MOVEMENT, Refusal.BALANCE})
_SUCCESS = words(
    "success(?:ful|fully)?|made|done|completed|processed|confirmed|received|approved|posted",
    "thanks? (?:you )?for",
)
_DOUBT_OF_A_PRIVATE_NUMBER = 0.7
_DATED, _BY_ARRIVAL = 0.97, 0.9
_OF_A_PERSON = Refused(Refusal.NO_MOVEMENT, "it reads as a person's message, not as one of a bank or a shop")
_WORTH_AT_HOME = 12
"""Characters between a foreign amount and its worth at home."""


def read_sms(
    text: str, *, sender: str | None, received_at_us: int, zone: ZoneInfo, currency: str
) -> Reading | Refused:
    """What the message tells; `zone` and `currency` are the person's own.

    A link to nobody known with a reason to hurry is refused whatever else it says.
    """
    if len(text) > SMS_CHARACTERS_MAX:
        return refused(Refusal.TOO_LARGE)
    whole = plain(text)
    if looks_like_fraud(whole, sender):
        return refused(Refusal.PHISHING)
    told = without_warnings(whole)
    reason = despite_verbs(told)
    if reason is not None:
        return refused(reason)
    return read_alert(told, sender=sender, received_at_us=received_at_us, zone=zone, currency=currency)


def read_alert(
    told: str, *, sender: str | None, received_at_us: int, zone: ZoneInfo, currency: str
) -> Reading | Refused:
    """The reading of a text that is neither a code, a request nor a failure."""
    is_private, is_spoken = not is_an_institution(told, sender), is_personal(told)
    told = essence(told)
    if not mentions(told, home=currency):
        why = without_a_verb(told)
        return refused(Refusal.NO_AMOUNT if why is Refusal.NO_MOVEMENT else why)
    if is_private:
        why = without_a_verb(told)
        return _OF_A_PERSON if is_spoken or why in _OPEN else refused(why)
    spoken = deeds(told)
    done = [deed for deed in spoken if deed.mood is Mood.DONE]
    if not any(deed.is_verb for deed in done) and any(
        _says_otherwise(deed, done, currency) for deed in spoken
    ):
        return refused(why_not(told, [deed.mood for deed in spoken]))
    direction = direction_of(told, done)
    if direction is None:
        return refused(Refusal.UNCLEAR if done else without_a_verb(told))
    if direction.value is Direction.CREDIT and direction.confidence <= BY_CUSTOM and not _has_evidence(told):
        return refused(Refusal.UNCLEAR)
    month_first = currency in MONTH_FIRST
    if not any(deed.is_verb for deed in done):
        why = without_a_verb(told)
        sure = why in _OPEN or any(_SUCCESS.search(deed.clause) for deed in done)
        if not sure or not _has_evidence(told):
            return refused(why)
        if lies_ahead(told, received_at_us=received_at_us, zone=zone, month_first=month_first):
            return refused(Refusal.SCHEDULED)
    if sender is not None and _PROMOTIONAL.fullmatch(sender) is not None and account_of(told) is None:
        return refused(Refusal.OFFER)
    known = roles(told, mentions(told, home=currency))
    amount = _moved(told, [one for one in known if _is_told(one[0], spoken)], plainest(done), currency)
    if amount is None:
        return refused(without_a_verb(told) if known else Refusal.NO_AMOUNT)
    moment = moment_of(told, received_at_us=received_at_us, zone=zone, month_first=month_first)
    reading = Reading(
        amount_minor=Found(amount[0].amount_minor, amount[1]),
        currency=Found(amount[0].currency, 0.99 if amount[0].named else 0.8),
        direction=direction,
        at_us=Found(moment.at_us, _DATED if moment.stated else _BY_ARRIVAL),
        time_known=moment.time_known,
        merchant=merchant_of(told, direction.value),
        invoice_no=reference_of(told),
        channel=channel_of(told),
        account=account_of(told),
    )
    return _doubted(reading, _DOUBT_OF_A_PRIVATE_NUMBER) if from_a_person(sender) else reading


def _says_otherwise(deed: Deed, done: list[Deed], home: str) -> bool:
    """A verb that is not done, of an amount or beside what else is told as done."""
    if not deed.is_verb or deed.mood is Mood.DONE:
        return False
    pays = deed.kind in {Kind.OUT, Kind.PASSED}
    beside = bool(mentions(deed.clause, home=home)) or any(one.clause == deed.clause for one in done)
    return not done or pays or beside


def _is_told(mention: Mention, spoken: list[Deed]) -> bool:
    """It does not stand in a clause of which nothing is done."""
    beside = [deed for deed in spoken if deed.begin <= mention.start < deed.begin + len(deed.clause)]
    return not beside or any(deed.mood is Mood.DONE for deed in beside)


def _has_evidence(told: str) -> bool:
    """Something that only a payment which took place has: an account, a number, a word of success."""
    return account_of(told) is not None or reference_of(told) is not None or _SUCCESS.search(told) is not None


def _moved(
    text: str, known: list[tuple[Mention, Role]], done: list[Deed], home: str
) -> tuple[Mention, float] | None:
    """The amount that moved with how sure that is: named beside a verb, else the first that is nothing else.

    Of a foreign amount and its worth at home, the one at home was booked.
    """
    moved = [mention for mention, role in known if role is Role.MOVED]
    if not moved:
        fees = [mention for mention, role in known if role is Role.FEE]
        return (fees[0], 0.8) if fees else None
    first = moved[0]
    second = moved[1] if len(moved) > 1 else None
    if second is None:
        return first, 0.97 if first.named else 0.9
    if first.currency != home == second.currency and second.start - first.end < _WORTH_AT_HOME:
        return second, 0.9
    return min(moved, key=lambda mention: _distance(text, mention, done)), 0.85


def _distance(text: str, mention: Mention, done: list[Deed]) -> int:
    """Characters to the nearest verb; a sentence end between them counts as far."""
    far = []
    for deed in done:
        low, high = min(deed.start, mention.start), max(deed.start, mention.end)
        far.append(high - low + 200 * text.count(". ", low, high))
    return min(far, default=0)


def _doubted(reading: Reading, trust: float) -> Reading:
    """Every field less sure, for a text that no bank may have sent."""
    changes = {
        name: Found(found.value, found.confidence * trust)
        for name in reading.__struct_fields__
        if isinstance(found := getattr(reading, name), Found)
    }
    return structs.replace(reading, **changes)
