"""OFX, versions 1 (SGML) and 2 (XML), by its tags alone: no entity is expanded, nothing outside is read.

Source: Open Financial Exchange 1.6 and 2.2, sections 3.2.8 (dates, amounts) and 11.4 (transactions).
"""

import html
import re
from datetime import timedelta
from zoneinfo import ZoneInfo

from cloud.finance.currencies import CODES
from cloud.finance.messages.dates import at_noon, real_date
from cloud.finance.messages.money import minor_units, read_number
from cloud.finance.messages.refusals import refused
from cloud.finance.messages.statement_line import Line, channel_in, party_of
from cloud.finance.reading import Channel, Direction, Found, Reading, Refusal, Refused
from shared.clock import EPOCH, to_micros

TRANSACTIONS_MAX = 20_000
_TAG = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z][\w.]{0,31})>(?P<value>[^<]{0,2000})")
_DECLARATION = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_STAMP = re.compile(
    r"(?P<day>\d{8})(?:(?P<clock>\d{6})(?:\.\d{1,6})?)?\s*(?:\[(?P<offset>[+-]?\d{1,2}(?:\.\d{1,2})?)(?::[^\]]{0,20})?\])?"
)
_AMOUNT = re.compile(r"(?P<sign>[+-]?)(?P<number>\d[\d.,]{0,20})")
_FILLER = frozenset({"000000", "120000"})
"""Times that banks write where they know only the day."""
_BY_TYPE = {
    "ATM": Channel.CASH,
    "CASH": Channel.CASH,
    "POS": Channel.CARD,
    "XFER": Channel.BANK_TRANSFER,
    "DIRECTDEP": Channel.BANK_TRANSFER,
    "DIRECTDEBIT": Channel.BANK_TRANSFER,
    "CHECK": Channel.BANK_TRANSFER,
    "REPEATPMT": Channel.BANK_TRANSFER,
}
Fields = dict[str, str]


def read_ofx(text: str, *, zone: ZoneInfo, currency: str) -> tuple[Line, ...] | Refused:
    """A line for each transaction, numbered by where it begins in the file."""
    if _DECLARATION.search(text):
        return Refused(Refusal.MALFORMED, "an OFX file declares no document type and no entity")
    lines: list[Line] = []
    around: Fields = {}
    fields: Fields | None = None
    number, counted, begun = 1, 0, 1
    for match in _TAG.finditer(text):
        name, closing = match["name"].upper(), bool(match["close"])
        if name == "STMTTRN":
            if fields is not None:
                lines.append(Line(begun, _transaction(fields, around, zone, currency)))
            number, counted = number + text.count("\n", counted, match.start()), match.start()
            fields, begun = (None, begun) if closing else ({}, number)
            if len(lines) > TRANSACTIONS_MAX:
                return refused(Refusal.TOO_LARGE)
        elif not closing:
            value = html.unescape(match["value"]).strip()
            (around if fields is None else fields).setdefault(name, value)
            if fields is None and name in {"CURDEF", "ACCTID", "CCSTMTRS", "BANKACCTFROM", "STMTRS"}:
                around[name] = value
                around["KIND"] = {"CCSTMTRS": "card", "STMTRS": "bank"}.get(name, around.get("KIND", ""))
    return tuple(lines) if lines else Refused(Refusal.MALFORMED, "no transaction (STMTTRN) in the OFX file")


def _transaction(fields: Fields, around: Fields, zone: ZoneInfo, home: str) -> Reading | Refused:
    """The sign of TRNAMT is the account holder's own: below 0 is money out."""
    currency = next(
        (code for code in (fields.get("CURSYM"), around.get("CURDEF"), home) if code in CODES), home
    )
    written = _AMOUNT.fullmatch(fields.get("TRNAMT", ""))
    value = None if written is None else read_number(written["number"], currency=currency)
    amount = None if value is None else minor_units(value, currency)
    if written is None or amount is None:
        return Refused(Refusal.NO_AMOUNT, "TRNAMT must be an amount other than 0")
    moment = _moment(fields.get("DTUSER") or fields.get("DTPOSTED", ""), zone)
    if moment is None:
        return Refused(Refusal.MALFORMED, "DTPOSTED must be a date such as 20260131")
    narration = " ".join(part for part in (fields.get("NAME"), fields.get("MEMO")) if part)
    reference = fields.get("REFNUM") or fields.get("CHECKNUM") or fields.get("FITID")
    account = re.sub(r"\D", "", around.get("ACCTID", ""))[-4:]
    return Reading(
        amount_minor=Found(amount, 1.0),
        currency=Found(currency, 1.0),
        direction=Found(Direction.DEBIT if written["sign"] == "-" else Direction.CREDIT, 0.99),
        at_us=Found(moment[0], 0.99),
        time_known=moment[1],
        merchant=party_of(fields.get("NAME") or fields.get("MEMO", "")),
        invoice_no=Found(reference, 0.95) if reference else None,
        channel=_channel(fields, around, narration),
        account=Found(account, 1.0) if account else None,
    )


def _channel(fields: Fields, around: Fields, narration: str) -> Found[Channel] | None:
    by_type = _BY_TYPE.get(fields.get("TRNTYPE", "").upper())
    if by_type is not None:
        return Found(by_type, 0.9)
    if around.get("KIND") == "card":
        return Found(Channel.CARD, 0.9)
    return channel_in(narration)


def _moment(stamp: str, zone: ZoneInfo) -> tuple[int, bool] | None:
    """Epoch microseconds and whether the time is known; a time without a zone is GMT."""
    match = _STAMP.fullmatch(stamp.strip())
    if match is None:
        return None
    digits, clock = match["day"], match["clock"]
    day = real_date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    if day is None:
        return None
    if clock is None or clock in _FILLER:
        return at_noon(day, zone), False
    hours, minutes, seconds = int(clock[:2]), int(clock[2:4]), int(clock[4:])
    if hours > 23 or minutes > 59 or seconds > 59:  # noqa: PLR2004
        return None
    since = timedelta(days=(day - EPOCH.date()).days, hours=hours, minutes=minutes, seconds=seconds)
    return to_micros(EPOCH + since - timedelta(hours=float(match["offset"] or 0))), True
