"""What became of something, in words."""

from msgspec import structs

from cloud.finance.ingest.model import Outcome, Source, Status
from cloud.finance.reading import Reading, Refused
from cloud.finance.transactions.model import Transaction

_AGAIN = "Came before; this is the first result"


def refusal(found: Refused, number: int | None = None) -> Outcome:
    """Nothing was booked, and nothing is kept."""
    return Outcome(
        status=Status.REFUSED, source_id=None, transaction=None, message=found.detail, number=number
    )


def result(source: Source, row: Transaction, reading: Reading, number: int | None = None) -> Outcome:
    if row.merged_into is None:
        return Outcome(
            status=Status.PROCESSED,
            source_id=source.id,
            transaction=row,
            message="Processed successfully",
            number=number,
            reading=reading,
        )
    return Outcome(
        status=Status.DUPLICATE,
        source_id=source.id,
        transaction=row,
        message=f"Tells the same purchase as transaction {row.merged_into}",
        number=number,
        reading=reading,
    )


def known_again(source: Source, row: Transaction, number: int | None = None) -> Outcome:
    return Outcome(
        status=Status.DUPLICATE,
        source_id=source.id,
        transaction=row,
        message=_AGAIN,
        number=number,
    )


def again(outcome: Outcome) -> Outcome:
    """What one is told who sends the same right after."""
    return structs.replace(outcome, status=Status.DUPLICATE, message=_AGAIN, reading=None)
