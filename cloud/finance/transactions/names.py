"""How alike two names of a seller are, whoever wrote them: a till, a bank, a payment handle."""

import re

from rapidfuzz import fuzz

from cloud.finance.transactions.merchants import merchant_key

_HANDLE = re.compile(r"@[\w.]+$")
VAGUE_WORDS = frozenset(
    [
        "a",
        "the",
        "and",
        "of",
        "at",
        "to",
        "in",
        "on",
        "for",
        "from",
        "by",
        "com",
        "net",
        "org",
        "www",
        "upi",
        "pos",
        "ecom",
        "neft",
        "imps",
        "rtgs",
        "payment",
        "payments",
        "pay",
        "paid",
        "purchase",
        "bill",
        "card",
        "debit",
        "credit",
        "txn",
        "transfer",
        "store",
        "stores",
        "shop",
        "mart",
        "super",
        "market",
        "hotel",
        "restaurant",
        "cafe",
        "bar",
        "services",
        "service",
        "india",
        "uk",
        "us",
        "usa",
        "intl",
        "international",
        "online",
    ]
)
"""They tell no seller from another."""


def name_likeness(one: str, other: str) -> float | None:
    """0 to 1, the same whichever comes first; None where a name says nothing, such as a handle of digits."""
    words, others = _telling_words(one), _telling_words(other)
    if not words or not others:
        return None
    joined = fuzz.ratio("".join(words), "".join(others))
    return max(joined, fuzz.token_set_ratio(" ".join(words), " ".join(others))) / 100


def _telling_words(name: str) -> list[str]:
    words = merchant_key(_HANDLE.sub("", name.strip())).split()
    return [word for word in words if word not in VAGUE_WORDS and 2 * sum(map(str.isdigit, word)) < len(word)]
