"""The lesser fields: currency, how it was paid, the number of the receipt, whether money came back."""

import re
from collections import Counter
from collections.abc import Sequence

from cloud.finance.reading import Channel, Found
from cloud.finance.receipts.figures import mended
from cloud.finance.receipts.labels import Label
from cloud.finance.receipts.totals import Entry

_SIGNS: tuple[tuple[str, str], ...] = (
    (
        "MYR",
        (
            r"\b(?:RM|MYR)(?![A-Za-z])|\bR[HN](?=\s?\d+\.\d{2})|\bsdn\.?\s?bhd|\bmalaysia\b|\bjalan\b|\bselangor\b"
            r"|kuala lumpur"
        ),
    ),
    ("INR", r"₹|\bRs\.?(?=\s?\d)|\bINR\b|\bgstin\b|\b\d{2}[A-Z]{5}\d{4}[A-Z]\dZ[A-Z\d]\b|\bcgst\b|\bfssai\b"),
    ("SGD", r"\bSGD\b|S\$|\bpte\.?\s?ltd\b|\bsingapore\b"),
    ("GBP", r"£|\bGBP\b"),
    ("EUR", r"€|\bEUR\b|\beuro\b"),
    ("JPY", r"[¥￥]|\bJPY\b|円"),
    ("USD", r"\bUSD\b|US\$"),
)
_COMPILED = tuple((code, re.compile(rule, re.IGNORECASE)) for code, rule in _SIGNS)
_DOLLAR = re.compile(r"\$\s?\d")
_DOLLARS = frozenset({"USD", "SGD", "AUD", "CAD", "NZD", "HKD"})
_UPI = re.compile(r"(?i)\bupi\b|bhim|phone\s?pe|google\s?pay|\bgpay\b")
_WALLET = re.compile(
    r"(?i)paytm|e-?wallet|touch\s?'?n\s?go|tng\b|grab\s?pay|boost\b|alipay|wechat|paypay|apple pay"
    r"|suica"
)
_CARD = re.compile(
    r"(?i)visa|master\s?card|\bmaster\b|amex|american express|credit card|debit|my\s?debit"
    r"|kreditkarte|girocard|ec-?karte|carte bancaire|\bcb\b|クレジット|card no|x{4}|\*{4}"
)
_BANK = re.compile(r"(?i)bank transfer|\bneft\b|\bimps\b|\brtgs\b|überweisung|virement|振込|\bduitnow\b")
_CASH = re.compile(
    r"(?i)\bcash\b(?!\s*(?:bill|receipt|sale|refund|memo|ier))|tunai|\bbar\b|esp[eè]ces|gegeben|現金|お預"
)
_PAYMENTS = (
    (Channel.UPI, _UPI),
    (Channel.WALLET, _WALLET),
    (Channel.BANK_TRANSFER, _BANK),
    (Channel.CARD, _CARD),
)
_NUMBER = re.compile(
    r"(?i)(?:\b(?:tax\s*)?(?:invoice|inv|in[vu]oice|bill|b[i1l]{3}|receipt|rcpt|doc(?:ument)?|slip"
    r"|cb|chk|check|order|trans(?:action)?|txn|ticket"
    r"|rechnung(?:s)?|beleg|bon|facture|reçu|ref(?:erence)?)\s*-?\s*(?:n[o0ºa]\b\.?|n°|nr\b\.?"
    r"|num(?:ber|mer)?\b|id\b|#|№)\s*[:.#=-]*|\b(?:invoice|inv|bill|cb|receipt)\s*[:#]+|伝票番号[:：]?"
    r"|レシートNo\.?)"
    r"\s*(?P<value>[A-Z0-9][A-Z0-9/_.-]{1,29})"
)
_FIRST_WORDS = re.compile(r"(?i)invoice|inv\b|bill|receipt|doc|rechnung|beleg|facture|cb")
_REFUND = re.compile(
    r"(?i)\bcredit note\b|\brefund(?:ed)?\s*(?:receipt|amount|total|slip|:)|\bgutschrift\b|\bavoir\b"
    r"|\breturn receipt\b|^\s*refund\s*$"
)


def currency_of_receipt(texts: Sequence[str], hint: str) -> Found[str]:
    """From signs, codes and tax numbers on the receipt; the hint where it shows none."""
    votes: Counter[str] = Counter()
    for text in texts:
        for code, rule in _COMPILED:
            if rule.search(text):
                votes[code] += 1
    if not votes and any(_DOLLAR.search(text) for text in texts):  # some print $ for any money
        votes[hint if hint in _DOLLARS else "USD"] += 1
    if not votes:
        return Found(hint, 0.7)
    code, count = votes.most_common(1)[0]
    if code == "JPY" and hint == "CNY":
        code = "CNY"
    if votes.total() == count:
        return Found(code, 0.97 if count > 1 or code == hint else 0.92)
    return Found(code, 0.9 if count * 2 > votes.total() else 0.6)


def channel_of(lines: Sequence[str], entries: Sequence[Entry]) -> Found[Channel] | None:
    """How it was paid: by the lines that carry what was given, else by words alone."""
    given = {entry.index for entry in entries if entry.label in {Label.TENDER, Label.CARD}}
    for index in sorted(given):
        for channel, rule in _PAYMENTS:
            if rule.search(lines[index]):
                return Found(channel, 0.92)
    if any(_CASH.search(lines[index]) for index in given):
        return Found(Channel.CASH, 0.93)
    if any(entry.label is Label.CHANGE and entry.last.minor for entry in entries):
        return Found(Channel.CASH, 0.9)
    text = "\n".join(lines)
    for channel, rule in _PAYMENTS:
        if rule.search(text):
            return Found(channel, 0.75)
    return Found(Channel.CASH, 0.6) if _CASH.search(text) else None


def number_of(texts: Sequence[str]) -> Found[str] | None:
    """The receipt's own number. An invoice's word beats a ticket's or an order's."""
    seen: list[tuple[bool, str]] = []
    for text in texts:
        for match in _NUMBER.finditer(mended(text)):
            value = match["value"].strip("./_-")
            if sum(one.isdigit() for one in value) >= 2 and not re.fullmatch(
                r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}", value
            ):
                seen.append((_FIRST_WORDS.search(match.group(0)) is not None, value))
    if not seen:
        return None
    best = max(seen, key=lambda one: one[0])
    return Found(best[1], 0.9 if best[0] else 0.7)


def is_refund(texts: Sequence[str]) -> bool:
    """Whether the paper says that money came back."""
    return any(_REFUND.search(text) for text in texts)
