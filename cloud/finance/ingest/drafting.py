"""A reading as the row it becomes."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from cloud.finance.reading import Found, Reading
from cloud.finance.transactions.model import SourceType, Transaction
from shared.clock import from_micros, to_micros


def draft(
    reading: Reading,
    category: Found[str],
    *,
    person_id: int,
    source_type: SourceType,
    source_id: int | None = None,
    came_at_us: int,
    now_us: int,
    zone: ZoneInfo,
) -> Transaction:
    """Not stored yet. Where no day was found it is the day on which the source came."""
    at = reading.at_us
    channel, merchant = reading.channel, reading.merchant
    return Transaction(
        transaction_id=0,
        person_id=person_id,
        amount_minor=reading.amount_minor.value,
        currency=reading.currency.value,
        direction=reading.direction.value,
        at_us=noon_us(came_at_us, zone) if at is None else at.value,
        time_known=reading.time_known and at is not None,
        merchant_id=None,
        merchant_name_raw=None if merchant is None else merchant.value,
        invoice_no=None if reading.invoice_no is None else reading.invoice_no.value,
        account_digits=None if reading.account is None else reading.account.value,
        payment_channel=None if channel is None else channel.value,
        source_type=source_type,
        source_id=source_id,
        category=category.value,
        ocr_confidence=round(reading.confidence, 4),
        classification_confidence=round(category.confidence, 4),
        flagged=False,
        anomaly_score=None,
        anomaly_reason=None,
        confirmed=None,
        notes=None,
        merged_into=None,
        encrypted_data=None,
        wrapped_deks=None,
        created_at_us=now_us,
        updated_at_us=now_us,
    )


def noon_us(at_us: int, zone: ZoneInfo) -> int:
    """Noon of that day, where the person lives."""
    return to_micros(datetime.combine(from_micros(at_us).astimezone(zone).date(), time(12), zone))
