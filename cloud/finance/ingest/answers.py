"""What became of something that came in, as routes tell it."""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from cloud.finance.ingest.model import Outcome, Status
from cloud.finance.transactions.answers import money
from cloud.finance.transactions.model import Transaction
from shared.clock import rfc3339


def shown_batch(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How many came to what, and each."""
    counts = {status: sum(one.status is status for one in outcomes) for status in Status}
    return {
        "processed": counts[Status.PROCESSED],
        "duplicates": counts[Status.DUPLICATE],
        "refused": counts[Status.REFUSED],
        "results": [_shown(one) for one in outcomes],
    }


def shown_upload(outcome: Outcome, row: Transaction) -> dict[str, Any]:
    """The same for a file that comes again."""
    merged = row.merged_into is not None
    message = f"Tells the same purchase as transaction {row.merged_into}"
    return {
        "source_id": outcome.source_id,
        "transaction_id": row.transaction_id,
        "status": Status.DUPLICATE if merged else Status.PROCESSED,
        "ocr_confidence": row.ocr_confidence,
        "parsed_data": parsed(_as_read(outcome, row)),
        "flagged": row.flagged,
        "message": message if merged else "Receipt processed successfully",
    }


def parsed(row: Transaction) -> dict[str, Any]:
    return {
        "amount": money(row.amount_minor, row.currency),
        "merchant_name": row.merchant_name_raw,
        "date": rfc3339(row.at_us),
        "category": row.category,
        "currency": row.currency,
        "direction": row.direction,
        "payment_channel": row.payment_channel,
        "invoice_no": row.invoice_no,
    }


def _as_read(outcome: Outcome, row: Transaction) -> Transaction:
    """With what is sealed from now on, for whoever sent it; nothing where it came before."""
    reading = outcome.reading
    if reading is None or row.encrypted_data is None:
        return row
    return structs.replace(
        row,
        merchant_name_raw=None if reading.merchant is None else reading.merchant.value,
        invoice_no=None if reading.invoice_no is None else reading.invoice_no.value,
    )


def _shown(outcome: Outcome) -> dict[str, Any]:
    row = outcome.transaction
    return {
        "line": outcome.number,
        "source_id": outcome.source_id,
        "transaction_id": None if row is None else row.transaction_id,
        "status": outcome.status,
        "parsed_data": None if row is None else parsed(_as_read(outcome, row)),
        "flagged": row is not None and row.flagged,
        "message": outcome.message,
    }
