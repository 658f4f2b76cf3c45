"""A mail: a shop's receipt by the line of its total, a bank's alert by its verbs, or why it is neither."""

import re
from zoneinfo import ZoneInfo

from msgspec import Struct

from cloud.finance.messages.channels import channel_of
from cloud.finance.messages.dates import MONTH_FIRST, moment_of
from cloud.finance.messages.links import is_known, looks_like_fraud
from cloud.finance.messages.mime import Mail
from cloud.finance.messages.money import Mention, mentions
from cloud.finance.messages.refusals import despite_verbs, refused, without_a_verb
from cloud.finance.messages.sms import SMS_CHARACTERS_MAX, read_alert
from cloud.finance.messages.wording import plain, without_warnings, words
from cloud.finance.reading import Channel, Direction, Found, Reading, Refusal, Refused

READ_LINES_MAX = 600
"""Lines of a mail that are read; the terms below them are longer."""
_LINE_CHARACTERS_MAX = 400
_ALERT_LINES = 12
_LABELS: tuple[tuple[float, re.Pattern[str]], ...] = (
    (
        0.97,
        words(
            "(?:total )?(?:amount|sum) (?:paid|charged)",
            "total (?:amount )?(?:paid|charged)",
            "you paid|paid amount|payment (?:total|amount)",
            "(?:total |amount )?refund(?:ed)?(?: total| amount)?",
        ),
    ),
    (
        0.95,
        words(
            "(?:grand|order|invoice|bill|booking|trip|payment|purchase|final) total",
            "total (?:amount|fare|price|bill|cost|payable|for this order)",
            "(?:net|bill|billed|invoice|order) amount|amount payable",
        ),
    ),
    (0.9, words("total(?: inr| usd| gbp| eur)?")),
    (0.8, words("amount|fare|price|charged|paid|payment of")),
)
_NOT_THE_TOTAL = words(
    r"sub-?\s?total|items? total",
    "total (?:savings?|saved|discounts?|tax(?:es)?|items?|qty|quantity|points|weight|distance|time|mrp)",
    "(?:you(?:'ve)? )?saved?|discount|cashback|coupon",
    "tax|gst|vat|fees?|delivery charges?|tip",
    "amount due|total due|due|balance|minimum|per month|list price|unit price",
)
_PAID = words(
    r"e?-?receipt|invoice|tax invoice|your orders?|order (?:is )?(?:confirm\w+|placed|details|summary)",
    "payment (?:received|successful|confirmation|confirmed|processed|of)|paid|charged|renewed|purchase",
    "(?:booking )?(?:is )?confirmed|your (?:trip|ride)|e-?ticket|itinerary|subscription|membership",
    "thank(?:s| you) for|refund(?:ed)?",
)
_REFUND = words("refund(?:ed)?|money back|credited back")
_SUBJECTS: tuple[tuple[Refusal, re.Pattern[str]], ...] = (
    (
        Refusal.OTP,
        words(r"otp|one[- ]time (?:password|code|pin)|verification code|security code|\d{4,8} is your code"),
    ),
    (
        Refusal.DECLINED,
        words(
            "fail(?:ed|s)|failure|declined|unsuccessful|could ?n.t|problem with your payment|payment issue"
        ),
    ),
    (
        Refusal.DELIVERY,
        words(
            "shipped|dispatched|delivered|out for delivery|on (?:its|the) way|arriving|has arrived|track your"
        ),
    ),
    (Refusal.REQUEST, words("requests? (?:money|payment)|requested|payment request|invoice from .* is due")),
    (
        Refusal.SCHEDULED,
        words("upcoming|will (?:be|renew|expire)|renews|renewal notice|reminder|expires?|scheduled|about to"),
    ),
    (Refusal.BILL, words("due|overdue|statement|bill is (?:ready|generated)|e-?bill|your .{0,30}bill for")),
    (
        Refusal.OFFER,
        words(
            r"\d{1,3}% off|sale|deals?|offers?|save|win|coupon|(?:left in your )?cart|newsletter|recommended"
        ),
    ),
    (Refusal.NO_MOVEMENT, words("quote|quotation|estimate|proforma|proposal|wish ?list")),
)
_PAY_LATER = words("cash on delivery|pay on delivery|pay at (?:hotel|property|pickup|store)|cod")
_DUE = words("amount due|total due|payment due|due date|pay by|please pay|pay now")
_ORDER = re.compile(
    r"\b(?:order|invoice|booking|receipt|transaction|trip|bill|pnr|reference|confirmation)"
    r"(?:[ \t]+(?:id|no|number|code|ref|reference)\b\.?)?[ \t]*[:#.]{0,2}[ \t]*#?"
    r"(?P<number>(?=[A-Z-]{0,12}\d)[A-Z0-9][A-Z0-9-]{3,29})\b",
    re.IGNORECASE,
)
_DATE_LABEL = words(
    "(?:order|invoice|payment|transaction|purchase|booking|trip|bill|paid|placed)(?: date| on)?|dated?"
)
_PAYMENT_LINE = words(
    "paid|payments?|method|card|upi|wallet|charged|visa|mastercard|rupay|amex|net ?banking|cash|paypal"
)
_BRAND_OF_CARD = words("visa|mastercard|rupay|amex|american express|maestro")
_BY_CASH = words("(?:paid (?:by|in|with) |method:? ?|: ?)cash")
_FROM_SUBJECT = re.compile(
    r"\b(?:receipt|invoice|order|payment|purchase|bill|booking) (?:from|at|to|with) "
    r"(?P<name>[^\W_][\w&'. -]{1,40}?)(?=$|\s*[,:#(\[|-]|\s(?:on|for|is|has|was|of)\b)",
    re.IGNORECASE,
)
_ROLE_WORDS = words(
    "receipts?|orders?|billing|payments?|support|team|customer (?:care|service)|no-?reply|do-?not-?reply",
    "notifications?|auto-?confirm|confirmations?|info|alerts?|e-?bill|accounts?|service|mailer|the",
)
_GATEWAYS = frozenset(
    {"apple", "cashfree", "google play", "instamojo", "paypal", "payu", "razorpay", "square", "stripe"}
)
_ENDING = re.compile(r"\.(?:com|in|co\.uk|co\.in|de|org|net)$", re.IGNORECASE)
_ACCOUNT = words(
    r"(?:a/?c|acct?|account|card)(?: no\.?| number| ending)?.{0,24}"
    r"(?:[x*.]{1,12}\s?\d{2,6}|ending\D{0,8}\d{3,6})"
)
_LABEL_LINE_MAX = 40
"""Characters of a line that is a label alone, whose amount stands on the next."""
_SURE, _TOLD, _READABLE = 0.97, 0.9, 0.8


class _Total(Struct, frozen=True):
    amount: Mention
    confidence: float


def read_mail(mail: Mail, *, received_at_us: int, zone: ZoneInfo, currency: str) -> Reading | Refused:
    """What the mail tells; a mail that its own domain did not send is refused whatever it says."""
    if mail.forged:
        return refused(Refusal.PHISHING)
    subject = plain(mail.subject)
    lines = [line[:_LINE_CHARACTERS_MAX] for line in plain(mail.text).split("\n")[:READ_LINES_MAX]]
    reason = next((reason for reason, pattern in _SUBJECTS if pattern.search(subject)), None)
    if reason is not None and not _REFUND.search(subject):
        return refused(reason)
    totals = _totals(lines, currency)
    body = "\n".join([subject, *lines])
    if _ACCOUNT.search(body) and (not totals or totals[0].confidence < _TOLD):
        return _alert(mail, subject, lines, received_at_us=received_at_us, zone=zone, currency=currency)
    return _receipt(mail, subject, lines, totals, received_at_us=received_at_us, zone=zone, currency=currency)


def _alert(
    mail: Mail, subject: str, lines: list[str], *, received_at_us: int, zone: ZoneInfo, currency: str
) -> Reading | Refused:
    """A bank's mail says in a few lines what its message would."""
    first = next((at for at, line in enumerate(lines) if mentions(line, home=currency)), None)
    if first is None:
        return refused(Refusal.NO_AMOUNT)
    told = "\n".join(lines[max(0, first - 1) : first + _ALERT_LINES])[:SMS_CHARACTERS_MAX]
    domain = mail.sender_address.rsplit("@", 1)[-1]
    if not is_known(domain) and looks_like_fraud(told, None):
        return refused(Refusal.PHISHING)
    kept = without_warnings(told)
    reason = despite_verbs(f"{subject}. {kept}")
    if reason is not None:
        return refused(reason)
    return read_alert(kept, sender=None, received_at_us=received_at_us, zone=zone, currency=currency)


def _receipt(
    mail: Mail,
    subject: str,
    lines: list[str],
    totals: list[_Total],
    *,
    received_at_us: int,
    zone: ZoneInfo,
    currency: str,
) -> Reading | Refused:
    head = "\n".join([subject, *lines[:80]])
    if not totals:
        return refused(without_a_verb(head) if mentions(head, home=currency) else Refusal.NO_AMOUNT)
    if not _PAID.search(head) or (_DUE.search(head) and totals[0].confidence < _SURE):
        return refused(Refusal.BILL if _DUE.search(head) else without_a_verb(head))
    if _PAY_LATER.search(head):
        return refused(Refusal.SCHEDULED)
    best = [total for total in totals if total.confidence == totals[0].confidence]
    if len({total.amount.amount_minor for total in best}) > 1 and len(set(_orders(lines))) > 1:
        return Refused(Refusal.UNCLEAR, "several orders in one mail: their totals cannot be told apart")
    total = best[-1]
    refund = _REFUND.search(subject) is not None or (
        not _PAID.search(subject) and _REFUND.search(head) is not None
    )
    dated = "\n".join(line for line in lines if _DATE_LABEL.search(line))
    moment = moment_of(dated, received_at_us=received_at_us, zone=zone, month_first=currency in MONTH_FIRST)
    number = next(iter(_orders([subject, *lines])), None)
    return Reading(
        amount_minor=Found(total.amount.amount_minor, total.confidence),
        currency=Found(total.amount.currency, 0.98 if total.amount.named else 0.8),
        direction=Found(Direction.CREDIT if refund else Direction.DEBIT, 0.95),
        at_us=Found(moment.at_us, 0.9),
        time_known=moment.time_known,
        merchant=_merchant(mail, subject),
        invoice_no=Found(number, 0.9) if number else None,
        channel=_channel(mail, lines),
    )


def _totals(lines: list[str], home: str) -> list[_Total]:
    """What stands beside or below a label of a total, the most telling label first, then in order."""
    found: list[_Total] = []
    for at, line in enumerate(lines):
        label = next(((sure, match) for sure, pattern in _LABELS if (match := pattern.search(line))), None)
        if label is None or _NOT_THE_TOTAL.search(line[: label[1].end()]):
            continue
        sure, match = label
        beside = [mention for mention in mentions(line, home=home) if mention.named]
        behind = [mention for mention in beside if mention.start >= match.start()] or beside
        below = "" if behind or len(line) > _LABEL_LINE_MAX else "\n".join(lines[at + 1 : at + 2])
        amounts = behind or [mention for mention in mentions(below, home=home) if mention.named]
        if amounts:
            found.append(_Total(amounts[0], sure))
    return sorted(found, key=lambda total: -total.confidence)


def _orders(lines: list[str]) -> list[str]:
    return [match["number"] for line in lines for match in _ORDER.finditer(line)]


def _merchant(mail: Mail, subject: str) -> Found[str] | None:
    """Whom the subject names where a payment service writes, else the sender's name, else the domain."""
    name = " ".join(_ROLE_WORDS.sub(" ", mail.sender_name).split()).strip(" -|,.")
    named = _FROM_SUBJECT.search(subject)
    if named is not None and (not name or name.casefold() in _GATEWAYS):
        return Found(named["name"].strip(" ."), 0.85)
    if len(name) > 1 and "@" not in name:
        return Found(_ENDING.sub("", name), 0.85)
    labels = mail.sender_address.rsplit("@", 1)[-1].split(".")
    owner = [label for label in labels[:-1] if label not in {"co", "com", "mail", "email", "e", "news", "in"}]
    return Found(owner[-1].capitalize(), 0.7) if owner else None


def _channel(mail: Mail, lines: list[str]) -> Found[Channel] | None:
    told = "\n".join(line for line in lines if _PAYMENT_LINE.search(line))[:SMS_CHARACTERS_MAX]
    if _BRAND_OF_CARD.search(told):
        return Found(Channel.CARD, _TOLD)
    if _BY_CASH.search(told):
        return Found(Channel.CASH, _TOLD)
    found = channel_of(told)
    if found is None or found.confidence < _READABLE:
        found = channel_of(mail.sender_name)
    return None if found is None or found.confidence < _READABLE else found
