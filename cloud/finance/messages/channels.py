"""How it was paid, by the words of a message."""

import re

from cloud.finance.messages.wording import words
from cloud.finance.reading import Channel, Found

_VPA = r"[\w.-]{2,60}@(?!\w+\.\w)[a-z]{2,20}"
_RULES: tuple[tuple[Channel, float, re.Pattern[str]], ...] = (
    (
        Channel.CASH,
        0.96,
        words(
            "cash (?:deposit|withdrawal|.{0,30}withdrawn)",
            "(?:withdrawn|withdrew|withdrawal)(?=.{0,90}(?:atm|cash))",
            "atm[- ](?:cash|wdl|withdrawal|txn)",
            "(?:withdrawn|cash).{0,60}(?:atm|cashpoint|branch)",
            "(?:in|by) cash|cashpoint|dispensed",
            r"cash[ *]?wdl|nfs\W?cash.*",
        ),
    ),
    (
        Channel.WALLET,
        0.95,
        words(
            "wallet",
            "(?:amazon )?pay balance",
            "fastag",
            "ola ?money",
            "paypal",
            "venmo",
            "cash app",
            "(?:gift card|store credit) balance",
        ),
    ),
    (
        Channel.UPI,
        0.97,
        words(r"\w*upi(?:/.*)?", "vpa", _VPA, "google pay", "gpay", "phonepe", "bhim"),
    ),
    (
        Channel.BANK_TRANSFER,
        0.96,
        words(
            "imps",
            "neft",
            "rtgs",
            "nach",
            "ach",
            "ecs",
            "sepa",
            "direct (?:debit|deposit)",
            "faster payments?",
            "zelle",
            "paynow",
            "wire",
            "cheque",
            "bbps",
            "salary",
            "pension",
            "dividend",
            "interest of",
            "standing (?:instruction|order)",
            "mob(?:ile)? ?bk",
            "net ?banking",
            "bank transfer",
        ),
    ),
    (
        Channel.CARD,
        0.96,
        words(
            r"(?:\w+ ?)?card",
            "cardmember",
            "visa|mastercard|rupay|amex",
            "pos",
            "ecom",
            "swiped",
            "contactless",
            "apple pay",
        ),
    ),
    (
        Channel.BANK_TRANSFER,
        0.75,
        words(
            "emi", r"a/?c\w?", "acct?", r"ac(?:x+\d+)?", "account", "bank", "mandate", "debited", "credited"
        ),
    ),
)
_CARD_PAID = words(
    "(?:spent|used|swiped|charged|billed|purchase|txn|transaction|refunded|refund).{0,80}card",
    "card.{0,60}(?:used|charged|debited|txn|transaction|credited)",
)
_CARD_BILL = words("payment.{0,70}received.{0,60}card", "received payment.{0,90}card")


def channel_of(text: str) -> Found[Channel] | None:
    """The most telling word wins; an account, or the bare word debited, is a transfer, less surely.

    A payment to a card's own account is no card payment.
    """
    found = [Found(channel, sure) for channel, sure, pattern in _RULES if pattern.search(text)]
    if not found:
        return None
    names = {one.value for one in found}
    if _CARD_BILL.search(text):
        return Found(Channel.UPI if Channel.UPI in names else Channel.BANK_TRANSFER, 0.8)
    if Channel.CARD in names and _CARD_PAID.search(text):
        first = found[0].value
        if first is Channel.BANK_TRANSFER or (first is Channel.UPI and "upi" not in text.casefold()):
            return Found(Channel.CARD, 0.85)
    return found[0]
