"""Whose account, who paid whom: what stands around a word such as paid, seen from the reader."""

import re
from enum import Enum, auto

from cloud.finance.messages.wording import words


class Side(Enum):
    """Whose an account is that a phrase names."""

    OWN = auto()
    """`Your account`."""
    BARE = auto()
    """`A/c XX1234`: by the custom of banks the reader's, unless another one is named, too."""
    NAMED = auto()
    """`RAVI`: another's, but it may be the reader's own name."""
    OTHER = auto()
    """The beneficiary's, an address, a loan."""


_OWNER = r"(?:your|ur|yr|my)"
_INSTRUMENT = (
    r"(?:a/?c\w{0,8}|acc?ts?|acc|accounts?|\w*card\w*|wallets?|balance|bal|bank|deposit|fd|\w*tag"
    r"|savings|checking|purse"
    r"|passbook|store|shop|qr|upi)"
)
_GAP = r"(?:(?!(?:from|to|by|for|into|in|on|towards)\b)[^\s;]{1,40}\s){0,6}?"
_WHERE = re.compile(r"\b(?P<how>to|into|in|on|onto|at)\s(?P<phrase>[^;]{1,80})", re.IGNORECASE)
_STARTS = re.compile(r"\b(?:to|into|in|on|onto|at)\s", re.IGNORECASE)
_INTO = re.compile(r"\binto\b", re.IGNORECASE)
_FROM = re.compile(r"\b(?:from|out of|using|via|with|thru|through|by)\s", re.IGNORECASE)
_OWN_PHRASE = re.compile(
    rf"(?:the\s)?(?:{_OWNER}\s{_GAP}{_INSTRUMENT}\b|(?:you|u)\b|{_OWNER}\s(?:mobile|number|vpa|upi))",
    re.IGNORECASE,
)
_LOAN_PHRASE = re.compile(
    rf"(?:the\s)?(?:{_OWNER}\s)?(?:[^\s;]{{1,40}}\s){{0,4}}?(?:loan|emi|policy)\b", re.IGNORECASE
)
_OTHER_PHRASE = re.compile(
    r"(?:the\s|a\s|vpa\s|upi id\s)*(?:beneficiary|benef|payee|merchant|recipient"
    r"|receiver|seller|remitter|\S{2,60}@|(?:\w+\s){0,3}\w+'s\s)"
    r"|favou?r of (?!your|ur\b)",
    re.IGNORECASE,
)
_BARE_PHRASE = re.compile(rf"{_GAP}(?:{_INSTRUMENT}\b|[x*.•]+\d|ending\s)", re.IGNORECASE)
_NO_PARTY = re.compile(
    r"(?:\d|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun|today"
    r"|yesterday|date|dt|cash|part"
    r"|full|order|upi\b|neft|imps|rtgs|ach\b|nach|ecs|bbps|the\s|be\b|avoid|dispute|block|card\b"
    r"|account of|us\b|clearing"
    r"|rs\b|inr\b|usd\b|[₹$£€]|time|[^a-z*x.])",
    re.IGNORECASE,
)
_READER = re.compile(
    r"\b(?:you|u)(?:'(?:ve)|\shave|\shad)?(?:\s(?:just|also|successfully|now))?\s$", re.IGNORECASE
)
_READER_MADE = words("(?:you|u)(?:'ve| have)? (?:made|done|authori[sz]ed)")
_TO_READER = re.compile(r"^\s(?:back\s)?(?:to\s)?(?:you|u)\b", re.IGNORECASE)
_READER_WAS = re.compile(r"\b(?:you|u)(?:'ve|\shave|\shad)?\s(?:been|were|are)\s$", re.IGNORECASE)
_OWN_ANYWHERE = re.compile(rf"\b{_OWNER}\s{_GAP}{_INSTRUMENT}\b", re.IGNORECASE)
_BARE_ANYWHERE = re.compile(rf"\b{_INSTRUMENT}\b|(?<!\d)[x*.•]{{1,12}}\d{{3}}", re.IGNORECASE)
_OBJECT = re.compile(rf"\s(?:the\s)?{_INSTRUMENT}\b", re.IGNORECASE)
_JOINT = re.compile(r"\s(?:and|&)\s|[,;]\s", re.IGNORECASE)
_NAME_ALONE = re.compile(
    r"^\W{0,3}(?:and |& )?[a-z][\w .&'*/-]{1,50} (?:is |has been |was |got )?$", re.IGNORECASE
)
_MONEY = re.compile(r"(?:\brs\b|\binr\b|[₹$£€]|\b[a-z]{3} ?\d)", re.IGNORECASE)
_BACK_NOUN = words("refunds?|reversal|cashback|chargeback|money back")
_SUM = re.compile(r"\W*(?:amount|amt|money|total|sum|funds|it|same|balance)\b", re.IGNORECASE)
_INCOME = words(
    "interest|salary|cashback|refund|dividend|pension|wages|claim|pay-?out|rewards?|redemption"
    "|maturity|stipend|bonus",
    "subsidy|proceeds|commission|winnings|reimbursement",
)
_PAPERS = (
    "e-?bill|bill|statement|invoice|otp|sms|message|mail|link|details|application|form|documents?"
    "|complaint|return"
    "|reminder|request|gift card|voucher|coupon|code"
)
_A_PAPER = re.compile(rf"\s(?:you |u )?(?:an? |the |your |ur )(?:\w+ ){{0,2}}(?:{_PAPERS})\b", re.IGNORECASE)
_PAPER = words(
    rf"(?:{_PAPERS})"
    r"(?: \S+){0,8}? (?:is |was |has been |have been |been )?(?:generated and )?(?=$)"
)
_BY_ANOTHER = re.compile(
    r"\sby\s(?!(?:neft|imps|rtgs|upi|ach|cash|che|chq|transfer|us\b|you\b|\d))", re.IGNORECASE
)
_READER_S_PAYMENT = words(
    rf"{_OWNER} (?:\w+ ){{0,2}}(?:payment|money|amount|premium|contribution|donation|order)"
)
_INSTITUTION = words("we|we've|acknowledge\\w*|thank(?:s| you)")
_BILL = words(
    "payment|premium|emi|install?ments?|bill|fees?|tax|rent|subscription|contribution|donation"
    "|deposit for|booking amount"
)
_FOR_A_BILL = re.compile(
    r"\b(?:towards|against|for)\s(?!(?:rs|inr)\b|[₹$£€\d]|(?:your|ur)\s(?:a/?c|account|wallet)\b)",
    re.IGNORECASE,
)
_CARD = words(r"credit card|\w*card\w*(?: a/c| account| ending| no)?", r"card.{0,12}[x*]\d{4}")


def _classified(phrase: str, *, named: bool) -> Side | None:
    if _OTHER_PHRASE.match(phrase) or _LOAN_PHRASE.match(phrase):
        return Side.OTHER
    if _OWN_PHRASE.match(phrase):
        return Side.OWN
    if _BARE_PHRASE.match(phrase):
        return Side.BARE
    return Side.NAMED if named and _NO_PARTY.match(phrase) is None else None


def target(after: str) -> Side | None:
    """Whose it is where the money went `to`, `into`, `in` or `on`; None: it is not told."""
    for match in _STARTS.finditer(after):
        how = match.group().strip().casefold()
        side = _classified(after[match.end() : match.end() + 90], named=how in {"to", "into"})
        if side is not None and not (how == "at" and side is not Side.OWN):
            return side
    return None


def is_into(after: str) -> bool:
    """It went `into`, not merely `to`."""
    return _INTO.search(after) is not None


def source(around: str) -> Side | None:
    """Whose it is where the money came `from`, or with what it was paid."""
    for match in _FROM.finditer(around):
        how = match.group().strip().casefold()
        side = _classified(around[match.end() : match.end() + 90], named=how == "from")
        if side is not None and (how in {"from", "out of"} or side in {Side.OWN, Side.BARE}):
            return side
    return None


def subject(before: str, after: str) -> Side | None:
    """Whose account it is that `is credited`, or that somebody `credited`."""
    if _OWN_PHRASE.match(after, 1):
        return Side.OWN
    if _OBJECT.match(after):
        return Side.BARE
    own = _JOINT.split(before)[-1]
    if _OTHER_PHRASE.search(own):
        return Side.OTHER
    if _OWN_ANYWHERE.search(own):
        return Side.OWN
    if _BARE_ANYWHERE.search(own):
        return Side.BARE
    return None


def named(before: str) -> Side | None:
    """A name alone that is credited: `SWIGGY credited`."""
    own = _JOINT.split(before)[-1]
    is_name = (
        _NAME_ALONE.match(own) and not _SUM.match(own) and not _MONEY.search(own) and not _INCOME.search(own)
    )
    return Side.NAMED if is_name else None


def is_of_paper(before: str, after: str) -> bool:
    """What was sent or received is no money."""
    return _PAPER.search(before) is not None or _A_PAPER.match(after) is not None


def names_own(around: str) -> bool:
    """It says `your account`, or the like."""
    return _OWN_ANYWHERE.search(around) is not None


def is_by_reader(before: str) -> bool:
    """`You have ...`."""
    return _READER.search(before) is not None or _READER_MADE.search(before) is not None


def is_to_reader(before: str, after: str) -> bool:
    """`... paid you`, or `you have been paid`."""
    return _TO_READER.match(after) is not None or _READER_WAS.search(before) is not None


def is_money_back(clause: str) -> bool:
    """A refund, a reversal, a cashback."""
    return _BACK_NOUN.search(clause) is not None


def is_income(before: str) -> bool:
    """What is paid is a salary, an interest or the like."""
    return _INCOME.search(before) is not None


def is_bill(before: str) -> bool:
    """What was received is what a biller receives: a payment, a premium, an instalment."""
    return _BILL.search(before) is not None


def is_taken_by_another(before: str, after: str) -> bool:
    """`Received by RAVI`, or `RAVI has received your payment`."""
    return _BY_ANOTHER.match(after) is not None or _READER_S_PAYMENT.search(f"{before}|{after}") is not None


def is_by_biller(before: str, after: str) -> bool:
    """`We have received`, or for something: it went to whom the reader pays."""
    return _INSTITUTION.search(before) is not None or _FOR_A_BILL.search(after) is not None


def is_of_a_card(clause: str) -> bool:
    """It is about a card's own account."""
    return _CARD.search(clause) is not None
