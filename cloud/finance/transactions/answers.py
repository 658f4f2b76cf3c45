"""A transaction as routes show it, and as a spreadsheet holds it."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from msgspec import Raw

from cloud.finance.currencies import decimals_of
from cloud.finance.reading import Direction
from cloud.finance.transactions.figures import Figures, Sum
from cloud.finance.transactions.model import Transaction
from shared.clock import rfc3339
from shared.money import show_amount

COLUMNS = (
    "date",
    "merchant",
    "amount",
    "currency",
    "category",
    "payment_channel",
    "invoice_no",
    "source_type",
    "id",
    "flagged",
    "confirmed",
    "notes",
)
"""The first seven are those that a statement may have, so what is exported can be imported."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What spreadsheets take a cell for a formula by (OWASP, CSV injection)."""


def shown(row: Transaction) -> dict[str, Any]:
    """The document's fields, and after them ours. The amount is above 0; `direction` tells its sign."""
    return {
        "id": row.transaction_id,
        "amount": money(row.amount_minor, row.currency),
        "currency": row.currency,
        "date": rfc3339(row.at_us),
        "merchant_name_raw": row.merchant_name_raw,
        "invoice_no": row.invoice_no,
        "payment_channel": row.payment_channel,
        "source_type": row.source_type,
        "category": row.category,
        "ocr_confidence": row.ocr_confidence,
        "classification_confidence": row.classification_confidence,
        "flagged": row.flagged,
        "anomaly_score": row.anomaly_score,
        "anomaly_reason": row.anomaly_reason,
        "confirmed": row.confirmed,
        "created_at": rfc3339(row.created_at_us),
        "updated_at": rfc3339(row.updated_at_us),
        "direction": row.direction,
        "time_known": row.time_known,
        "merchant_id": row.merchant_id,
        "source_id": row.source_id,
        "notes": row.notes,
        "merged_into": row.merged_into,
        "encrypted_data": _json(row.encrypted_data),
        "wrapped_deks": _json(row.wrapped_deks),
    }


def shown_figures(found: Figures) -> dict[str, Any]:
    """The document's fields are of spending in the person's currency; the last three are ours."""
    currency = found.currency
    return {
        "total_transactions": found.spent.transactions,
        "total_amount": money(found.spent.amount_minor, currency),
        "avg_amount": money(found.avg_minor, currency),
        "flagged_count": found.flagged,
        "by_category": {name: money(minor, currency) for name, minor in found.by_category.items()},
        "by_payment_channel": found.by_payment_channel,
        "by_source_type": found.by_source_type,
        "currency": currency,
        "income": _sum(found.received, currency),
        "other_currencies": {
            code: {"spending": _sum(spent, code), "income": _sum(received, code)}
            for code, (spent, received) in found.other_currencies.items()
        },
    }


def money(amount_minor: int, currency: str) -> Decimal:
    return show_amount(amount_minor, decimals=decimals_of(currency))


def csv_head() -> bytes:
    """With a mark by which spreadsheets know UTF-8."""
    return b"\xef\xbb\xbf" + csv_lines([COLUMNS])


def csv_rows(rows: Iterable[Transaction]) -> bytes:
    """One line each. Income is negative, as in statements."""
    return csv_lines(_cells(row) for row in rows)


def csv_lines(lines: Iterable[Iterable[object]]) -> bytes:
    """As RFC 4180 has them."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def cell(text: str | None) -> str:
    """Text that no spreadsheet computes."""
    if text is None:
        return ""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def _cells(row: Transaction) -> tuple[object, ...]:
    sign = -1 if row.direction is Direction.CREDIT else 1
    decided = {None: "", True: "true", False: "false"}[row.confirmed]
    return (
        rfc3339(row.at_us),
        cell(row.merchant_name_raw),
        f"{Decimal(sign * row.amount_minor).scaleb(-decimals_of(row.currency)):f}",
        row.currency,
        cell(row.category),
        row.payment_channel or "",
        cell(row.invoice_no),
        row.source_type,
        row.transaction_id,
        "true" if row.flagged else "false",
        decided,
        cell(row.notes),
    )


def _sum(one: Sum, currency: str) -> dict[str, Any]:
    return {"total_transactions": one.transactions, "total_amount": money(one.amount_minor, currency)}


def _json(text: str | None) -> Raw | None:
    return None if text is None else Raw(text.encode())
