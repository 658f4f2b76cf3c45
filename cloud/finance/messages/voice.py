"""Who speaks: an institution of its books, or a person of theirs, by the marks each leaves in a text."""

import re

from cloud.finance.messages.links import from_a_person
from cloud.finance.messages.parties import account_of, reference_of
from cloud.finance.messages.wording import words

_HEADER = re.compile(r"[A-Z]{2}-[A-Z0-9]{3,9}(?:-[A-Z])?|\d{3,7}", re.IGNORECASE)
"""Registered senders: `VM-HDFCBK-S`, `24273`."""
_NAME = re.compile(r"[a-z]{3}", re.IGNORECASE)
_FIRST_PERSON = re.compile(
    r"\b(?:i'(?:ve|m|ll|d)|i (?:just |have |already |also |had |only )?(?:sent|paid"
    r"|gave|transferred|have|owe|am|was|will|did"
    r"|need|got|took|spent|lent|put|returned|received|deposited|can|could|want|think|forgot|owed|made"
    r"|used|bought)"
    r"|(?:to|give|gave|pay|paid|send|sent|return|owe|owes|owed|lend|lent|transfer|tell|call|let|for"
    r"|with|from) me|(?:owe|owes|owed|pay) us"
    r"|my (?:a/?c|account|acc|number|gpay|phonepe|paytm|upi|share|rent|salary|friend|mom|dad|brother"
    r"|sister|wife|husband|card|side)"
    r"|me (?:back|when|if|the|your|ur))\b",
    re.IGNORECASE,
)
_CHATTY = words(
    "hey|bro|bhai|yaar|dude|mate|buddy|maa|mom|mum|papa|lol|haha|thx|plz|tmrw|gonna|wanna|btw|asap"
    "|babe|sis|boss|beta|da",
    "owes?|please (?:return|send|check)|pls (?:return|send|check|give|confirm)|by mistake|split|settle up",
    r"check(?=\W*$)",
    "(?:did|can|could|will|have|when will|would) (?:you|u)",
)
_BALANCE = words(r"bal(?:ance)?\W.{0,30}\d")
_DATE = re.compile(r"\b\d{1,4}(?:[-/.]\d{1,2}[-/.]|[-/. ]?[a-z]{3}[-/. ]?)\d{2,4}\b", re.IGNORECASE)
_SYSTEM = words(
    r"\w*upi|vpa|neft|imps|rtgs|nach|ecs|ach|sepa|zelle|paynow|faster payments?|direct (?:debit"
    r"|deposit)|fastag|bhim",
    "google pay|gpay|venmo|cash app|paypal|monzo|revolut|phonepe|paytm|wallet|bank|a/?c|acct?"
    "|accounts?|card|txn|transaction|ref|order|invoice|receipt|policy",
    r"premium|e?-?mandate|autopay|emi|bill|recharge|apple pay|refund|cashback|tag|[\w.-]{2,60}@[a-z]{2,20}",
)
_BRAND = re.compile(r"^[A-Z][\w.&' -]{1,28}(?::| -|!)\s")


def _registered(sender: str | None) -> bool:
    return sender is not None and _HEADER.fullmatch(sender) is not None


def is_personal(text: str) -> bool:
    """It speaks as people do, of `me` and `my account`, or in the words of a chat."""
    return _FIRST_PERSON.search(text) is not None or _CHATTY.search(text) is not None


def _marks(text: str) -> int:
    """What only a ledger writes: an account, a reference, a balance, a date in figures, a way of paying."""
    told = (
        account_of(text) is not None,
        reference_of(text) is not None,
        _BALANCE.search(text) is not None,
        _DATE.search(text) is not None,
        _SYSTEM.search(text) is not None,
    )
    return sum(told)


_OF_A_LEDGER = 3
"""Marks a text from a private number must bear."""


def is_an_institution(text: str, sender: str | None) -> bool:
    """It reads as an institution's, not as a chat.

    A registered sender is one, and a name, which no telephone sends under. A private number must write as a
    ledger does; a sender unknown must leave a mark. None but the registered may speak as a person does.
    """
    if _registered(sender):
        return True
    if is_personal(text):
        return False
    if from_a_person(sender):
        return _marks(text) >= _OF_A_LEDGER
    is_named = sender is not None and _NAME.search(sender) is not None
    return is_named or _marks(text) > 0 or _BRAND.match(text) is not None
