"""Texts about money that tell of none moved, each with its reason."""

import re

from cloud.finance.messages.mood import Mood, has_failed, is_ahead, is_command, is_denied, is_labelled
from cloud.finance.messages.movement import essence
from cloud.finance.messages.wording import clauses, words
from cloud.finance.reading import Refusal, Refused

_CODE = words(
    "otp",
    "one[- ]time (?:password|passcode|pin|code)",
    "(?:verification|security|login|auth(?:entication)?) code",
    "passcode",
    r"(?:enter|use|type|quote|pin)(?: code| otp| pin)? \d{4,8}",
    r"\d{4,8} is (?:your|the) (?:\w+ )?(?:code|pin)",
    r"(?:your|use) code (?:is )?\d{4,8}|code \d{4,8} to",
)
_CODE_USED = words("(?:otp|passcode) (?:was )?(?:verified|validated)", "using otp")
_REQUEST = words(
    "(?:has|have) requested",
    r"request(?:ed|ing|s)? (?:money|(?:a )?payment|rs\.?|inr|you)",
    r"requested (?:₹|\$|£|€).*",
    "(?:collect|payment|money) request",
    "wants you to pay",
    "is asking (?:you )?for",
    r"requests? (?:[₹$£€].*|(?:rs|inr)\b.*)|request raised",
)
_OF_A_PAYMENT = words(
    r"it|this|payments?|transactions?|txn|trxn|transfers?|amount|amt|money|debit(?:ed)?|credit(?:ed)?"
    r"|che(?:que|ck)|chq",
    r"charged?|purchase|withdrawal|refund|cards?|bill|order|mandate|emi|autopay|deposit|request"
    r"|collect|paid|sent|[₹$£€].*",
    r"(?:rs|inr|usd|aed|eur|gbp)\b.*",
)
"""What a clause must speak of for its failure to be the payment's."""
_CAME_BACK = words(
    r"(?:reversed|refunded|credited back|(?:has been|is) credited|been returned to your)(?! (?:in|within) \d)"
)
_SAME_MONEY = re.compile(
    r"(?:(?:the |this |your |and )?(?:(?:said |refund |total |payout )?(?:amount|amt|money|sum|funds?"
    r"|payment)|it|same|refund|credit)\b"
    r"(?=.{0,60}(?:credit|debit|deduct|paid|transfer|process|post|refund|reach|receiv|charg|reflect))"
    r"|you(?:'ll| will| should| can expect to) (?:\w+ )?(?:get|receive|see)\b)",
    re.IGNORECASE,
)
"""A clause that goes on about an amount named before."""
_DELIVERY = words(
    "out for delivery",
    "delivered",
    "(?:dis|des)patched",
    "shipped",
    "shipment",
    "awb",
    "courier",
    "parcel",
    "on its way",
    "cash on delivery",
    "cod",
    "arriving",
)
_MANDATE_NEWS = words(
    "mandate.{0,70}(?:created|registered|set ?up|revoked|activated|modified|paused)",
    "autopay (?:is )?(?:set|activated|registered)",
)
_BLOCKED = words("(?:blocked|lien|earmarked|held) (?:in|on|for|against)", "asba")
_SCHEDULED = words(
    "(?:will|shall|would|to) (?:be|get) (?:auto[- ]?)?"
    "(?:debited|deducted|charged|credited|processed|paid|refunded|presented)",
    "scheduled",
    "upcoming",
    "renews?",
    "mandate.{0,60}approved",
    "initiated",
    "lien",
    "on hold",
    "(?:is )?(?:being|under) process(?:ed)?",
    "pre-?debit",
)
_BILL = words(
    r"(?:total|min(?:imum)?|amt|amount|payment)\s(?:amt\s|amount\s|payment\s)?(?:due|payable)",
    "(?:is|falls|premium) due",
    "due (?:date|on|by|in|for)",
    "overdue",
    "bill (?:of|for|is|dated|amount)",
    "statement (?:is|for|of|has)",
    "pay (?:now|before|by|online)",
    "last date",
    "payable",
    "invoice",
    "recharge now",
    "(?:kindly|please) pay",
    "minimum payment",
)
_LIMIT = words(
    "limit.{0,60}(?:increased|enhanced|raised|changed|set|updated|reduced|revised|now)",
    "(?:increased|enhanced|raised|new|revised).{0,30}limit",
    "limit (?:enhanced|increased|upgrade)|set .{0,40}limit of",
    "spending power",
)
_LOAN = words(
    "loans?.{0,120}(?:pre-?approved|eligible|apply|avail|instant|offer|ready|interest|documents?|minutes|waiting)",
    "(?:pre-?approved|eligible|apply|avail|instant|offer|need funds).{0,120}(?:loans?|credit line|cash)",
)
_HARD_SELL = words(
    "t&cs?",
    "terms apply",
    "(?:use|apply) (?:promo )?code",
    "pre-?approved",
    "apply now",
    "claim",
    "hurry",
    "offer valid",
    "convert.{0,120}emis?",
    "won",
    r"\d{1,3}% off",
    "avail now",
    "instant loan",
    "(?:is )?waiting for (?:you|u)",
    "shop now",
    "coupon",
    "voucher",
)
_OFFER = words(
    "offers?",
    r"\d{1,3}% (?:cashback|discount)",
    "discount",
    "sale",
    "promo",
    "get|win|earn|save|grab|enjoy|shop|up ?to|flat",
    "cashback",
    r"congrat\w+",
    "exclusive",
    "invite",
)
_EVIDENCE = words(
    r"(?:a/?c|acct?|account|card).{0,24}(?:[x*.]{1,12}\d{3,6}|ending\D{0,6}\d{3,6})", "ref|rrn|utr|txn id"
)
_CONVERT = words("convert")
_SUMMARY = words(
    "tds|tax deducted at source",
    r"summary|mini (?:stmt|statement)|total spends?|\d+ (?:transactions|txns|payments|debits|credits)",
    "so far this",
    "(?:spent|spends) .{0,60}(?:last|this|past) (?:week|month|quarter|year)",
    "(?:spent|spends) .{0,60} in (?:january|february|march|april|may|june|july|august|september|october"
    "|november|december)(?! [0-9])",
)
_LOTTERY = words("lottery|lucky (?:draw|winner)|jackpot|prize money|(?:u|you)(?:'ve| have)? won")
_BALANCE = words("bal(?:ance)?")

_WHY: dict[Refusal, str] = {
    Refusal.OTP: "a one-time password authorises a payment; it does not tell that one was made",
    Refusal.OFFER: "an offer, no payment",
    Refusal.LOAN_OFFER: "a loan on offer, no payment",
    Refusal.BILL: "a bill or a reminder: it is booked when it is paid",
    Refusal.DECLINED: "the payment did not go through",
    Refusal.BALANCE: "a balance, no payment",
    Refusal.REQUEST: "somebody asks for money; it is booked when it is paid",
    Refusal.DELIVERY: "news of a delivery, no payment",
    Refusal.SCHEDULED: "announced, blocked or under way: it is booked when the money has moved",
    Refusal.LIMIT: "a limit was changed, no payment",
    Refusal.PHISHING: "it wants a click on a strange link: it looks like fraud",
    Refusal.NO_AMOUNT: "no amount of money in it",
    Refusal.NO_MOVEMENT: "it names an amount, but nothing says that money moved",
    Refusal.UNCLEAR: "nothing says which amount moved, or when",
    Refusal.TOO_LARGE: "larger than such a message can be",
    Refusal.MALFORMED: "not readable as what it should be",
}


def refused(reason: Refusal) -> Refused:
    """With the sentence that goes with the reason."""
    return Refused(reason, _WHY[reason])


def despite_verbs(text: str) -> Refusal | None:
    """Reasons that hold even where a verb says that money moved."""
    if _CODE.search(text) and not _CODE_USED.search(text):
        return Refusal.OTP
    if _REQUEST.search(text):
        return Refusal.REQUEST
    if _SUMMARY.search(text):
        return Refusal.NO_MOVEMENT
    if is_labelled(text):
        return Refusal.DECLINED
    text = essence(text)
    told = [clause for _, clause in clauses(text)]
    if _MANDATE_NEWS.search(text) or _BLOCKED.search(text):
        return Refusal.SCHEDULED
    if _is_denied(told):
        return Refusal.DECLINED
    if any(_SAME_MONEY.match(clause) and is_ahead(clause) for clause in told):
        return Refusal.SCHEDULED
    if _LOTTERY.search(text):
        return Refusal.OFFER
    evidence = _EVIDENCE.search(text) is not None
    if _HARD_SELL.search(text) and (not evidence or _CONVERT.search(text)):
        return Refusal.LOAN_OFFER if _LOAN.search(text) else Refusal.OFFER
    if _DELIVERY.search(text) and not evidence:
        return Refusal.DELIVERY
    if is_command(text) and not evidence:
        return Refusal.OFFER
    return None


def _is_denied(told: list[str]) -> bool:
    """A clause says that the payment was not made, and none behind it that its money came back."""
    denied = [is_denied(clause) and _OF_A_PAYMENT.search(clause) is not None for clause in told]
    back = [_CAME_BACK.search(clause) is not None and not is_ahead(clause) for clause in told]
    return any(
        no and not any(back[at + 1 :]) and not (back[at] and not has_failed(clause))
        for at, (no, clause) in enumerate(zip(denied, told, strict=True))
    )


_WITHOUT_A_VERB: tuple[tuple[Refusal, re.Pattern[str]], ...] = (
    (Refusal.LIMIT, _LIMIT),
    (Refusal.DELIVERY, _DELIVERY),
    (Refusal.LOAN_OFFER, _LOAN),
    (Refusal.SCHEDULED, _SCHEDULED),
    (Refusal.BILL, _BILL),
    (Refusal.OFFER, _OFFER),
    (Refusal.BALANCE, _BALANCE),
)


def without_a_verb(text: str) -> Refusal:
    """Why there is nothing to book where no verb says that money moved."""
    return next((reason for reason, pattern in _WITHOUT_A_VERB if pattern.search(text)), Refusal.NO_MOVEMENT)


def why_not(text: str, moods: list[Mood]) -> Refusal:
    """Why there is nothing to book where verbs speak of a movement, but none of one that is done."""
    known = without_a_verb(text)
    if known not in {Refusal.NO_MOVEMENT, Refusal.BALANCE}:
        return known
    if Mood.FAILED in moods:
        return Refusal.DECLINED
    return Refusal.SCHEDULED if Mood.AHEAD in moods else Refusal.NO_MOVEMENT
