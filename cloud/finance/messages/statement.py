"""A bank statement, CSV or OFX by what it holds: a reading or a refusal for each of its lines."""

import re
from zoneinfo import ZoneInfo

from cloud.finance.messages.encoding import decoded
from cloud.finance.messages.refusals import refused
from cloud.finance.messages.statement_csv import read_csv
from cloud.finance.messages.statement_line import Line
from cloud.finance.messages.statement_ofx import read_ofx
from cloud.finance.reading import Refusal, Refused

STATEMENT_BYTES_MAX = 5_000_000
"""Some thirty thousand lines: years of a busy account."""
_OFX = re.compile(r"\s*(?:OFXHEADER|<\?xml|<\?OFX|<OFX>)", re.IGNORECASE)


def read_statement(data: bytes, *, zone: ZoneInfo, currency: str) -> tuple[Line, ...] | Refused:
    """Each line of the statement; refused as a whole: too large, no text, no header naming columns.

    `zone` and `currency` are the person's own, for what the file leaves open.
    """
    if len(data) > STATEMENT_BYTES_MAX:
        return refused(Refusal.TOO_LARGE)
    text = decoded(data)
    if text is None or not text.strip():
        return refused(Refusal.MALFORMED)
    if _OFX.match(text):
        return read_ofx(text, zone=zone, currency=currency)
    return read_csv(text, zone=zone, currency=currency)
