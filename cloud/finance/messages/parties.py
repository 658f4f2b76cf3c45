"""Who was paid or who paid, which account, and the reference number, by what stands around them."""

import re
from collections.abc import Iterator

from cloud.finance.messages.wording import words
from cloud.finance.reading import Direction, Found

_NAME = r"(?P<name>[A-Za-z0-9&*'@.][A-Za-z0-9&'*@._/ -]{0,48}?)"
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_STOPS = (
    "on|at|using|via|through|thru|ref|refno|upi|avl|avbl|avail\\w*|bal|dated|dt|info|txn|is|has|was",
    "from|with|for|not",
    "if|call|by|order|transaction|and|rrn|utr|today|yesterday|approved|to|in|as|w/|card|subscription",
    "purchase",
    "recharge|autopay|credited|paid|sent|charged|took|posted|returned|towards|a/c|acct|account",
)
_END = (
    r"(?=\s*(?:$|\n|[;!?,()|]|\.(?:\s|$|[A-Z])|[:]\s)|\s[-–]"  # noqa: RUF001  a dash as printed
    rf"|\s(?:{'|'.join(_STOPS)})\b|\s?\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d|\s\d{{1,2}}[- ]?(?:{_MONTHS})"
    r"|\s[A-Z]{4}0[A-Z0-9]{6}\b|\s?(?:₹|rs\.|inr|\$|£|€)\s?\d)"
)


def _compiled(*leads: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(lead + _NAME + _END, re.IGNORECASE) for lead in leads)


_MONEY = r"rs\b|inr\b|usd\b|₹"
_DEBIT = _compiled(
    r"\bto vpa [^\s(]{1,60} \(",
    r"\bupi/(?:(?:p2[am]|dr)/)?\d{6,20}/",
    r"\bpayee (?!vpa\b|a/?c\b)",
    r"(?:^|[;:\n]\s?|\.\s)(?=[a-z])(?=[^:;.\n]{1,40} (?:credited\b|charged your|took\b))",
    r"(?:\bat |\s@)(?:pos )?(?!atm\b|\d)",
    r"\b(?:paid to|paid(?! thru| via| by| from)|sent to|trf to|transferred to|payment to) "
    rf"(?!{_MONEY}|for\b|using\b|via\b|on\b)",
    r"\bto (?!your\b|a/?c\b|ac\b|rd\b|block\b|pay\b|the\b|upi\b|vpa\b|be\b|avoid\b|\+?\d)",
    r"\bin favou?r of ",
    rf"\bwith (?!{_MONEY}|card\b|your\b|hdfc\b|debit\b|credit\b|a\b|utr\b)",
    r"\b(?:nach|ecs) mandate of ",
    r"\bdirect debit of ",
    r"\btowards (?!emi\b|your\b|ecs\b|nach\b|cheque\b|cash\b|credit\b)",
    rf"\bfor (?!{_MONEY}|your\b|the\b|dispute\b|a/?c\b|txn\b|upi\b)",
    rf"\bon (?!\d|your\b|hdfc\b|card\b|account\b|date\b|a/?c\b|(?:{_MONTHS}))",
)
_CREDIT = _compiled(
    r"(?:^|: )(?=[^:;.\n]{1,40} (?:paid|sent|has (?:paid|sent|returned)) )",
    r"\bfrom vpa [^\s(]{1,60} \(",
    r"\b(?:imps|upi|neft)/(?:p2[am]|cr)/\d{6,20}/",
    r"\blinked to (?:mobile|vpa) [\dx*+]{4,14}-",
    r"\bfrom (?!your\b|a/?c\b|debit\b|credit\b|the\b|\d)",
    r"\bat (?!\d|atm\b)",
    rf"\bby (?!a/?c\b|neft\b|imps\b|rtgs\b|upi\b|cash\b|cheque\b|{_MONEY}|sepa\b|faster\b|\d)",
    r"\bneft[- ](?:cr-)?[a-z0-9]{6,22}-",
    rf"\bfor (?:your )?(?!{_MONEY}|the\b|txn\b|failed\b|atm\b|neft\b)",
)
_NOT_A_NAME = re.compile(
    r"(?:(?:x+|\*+)?\d[\d.,:x*-]*|[a-z]{0,2}x{2,}\d+|your|you|account|bank|the|upi|card|a/?c|ac|vpa"
    r"|ist|et|am|pm|it"
    r"|us|cash|we|dear|rs|inr|time|sbi upi user|transaction|txn|payment|self|sepa transfer"
    r"|(?:debit|credit) card.*|atm.*"
    r"|date|hdfc bank.*|refund|purchase|dinner|rd|clearing|beneficiary)",
    re.IGNORECASE,
)
_TIDY = re.compile(
    r"^(?:beneficiary|m/s|mr|mrs|ms|the merchant|vpa)\.?\s+|\s+(?:a/c|ac|acct|account)$", re.IGNORECASE
)
_HANDLE = re.compile(r"(?<![\w.])([\w.-]{2,60})@[a-z]{2,20}\b", re.IGNORECASE)
_ACCOUNT = re.compile(
    r"(?:a/?c|acct?|account|card(?:member)?|\bac)\b[^.;\n]{0,26}?"
    r"(?:[x*.]{1,14}|ending (?:with |in )?[x*.]{0,6}|\(|\bno\.? |\b)(\d{3,6})\b(?![/:.,-]\d)"
    r"|(?:\bx{1,12}|(?<![\w.*])[x*.•]{2,12})(\d{3,6})\b(?![/:.,-]\d)",
    re.IGNORECASE,
)
_REFERENCE = words(
    "(?:upi[ /:]{0,2}ref(?:erence)?|upi|ref(?:erence)?|refno|rrn|utr|umrn|txn|transaction|wallet txn|order"
    r"|receipt|imps ref)\s?(?:no|id|num(?:ber)?)?[\s.:#/-]{0,3}(?:p2[am]/)?(?=[A-Z]{0,8}\d)([A-Z0-9]{8,30})"
)


def _names(text: str, patterns: tuple[re.Pattern[str], ...]) -> Iterator[tuple[str, float]]:
    sure = 0.9
    for pattern in patterns:
        for match in pattern.finditer(text):
            name = _TIDY.sub("", match["name"].strip(" .-*:/@")).strip()
            if len(name) > 1 and _NOT_A_NAME.fullmatch(name) is None:
                yield name, sure
        sure = max(0.5, sure - 0.03)


def merchant_of(text: str, direction: Direction) -> Found[str] | None:
    """The other side: by the preposition its direction takes; a UPI address gives the part before its @."""
    found = next(_names(text, _DEBIT if direction is Direction.DEBIT else _CREDIT), None)
    handle = _HANDLE.search(text)
    if handle is not None and (found is None or "@" in found[0]):
        return Found(handle[1], 0.6)
    return None if found is None else Found(*found)


def account_of(text: str) -> Found[str] | None:
    """The last digits of the person's own account or card: the first that is named."""
    match = _ACCOUNT.search(text)
    return None if match is None else Found(match[1] or match[2], 0.9)


def reference_of(text: str) -> Found[str] | None:
    """The bank's or UPI's number of this payment."""
    match = _REFERENCE.search(text)
    return None if match is None else Found(match[1], 0.9)
