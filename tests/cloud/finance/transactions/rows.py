"""Transactions as tests write them."""

from msgspec import structs

from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions.model import SourceType, Transaction

PURCHASE = Transaction(
    transaction_id=0,
    person_id=0,
    amount_minor=125_050,
    currency="INR",
    direction=Direction.DEBIT,
    at_us=1_705_588_200_000_000,  # 2024-01-18T14:30:00Z
    time_known=True,
    merchant_id=None,
    merchant_name_raw="Amazon India",
    invoice_no=None,
    account_digits=None,
    payment_channel=Channel.UPI,
    source_type=SourceType.GMAIL,
    source_id=None,
    category="Groceries",
    ocr_confidence=0.95,
    classification_confidence=0.88,
    flagged=False,
    anomaly_score=None,
    anomaly_reason=None,
    anomaly_evidence=None,
    confirmed=None,
    notes=None,
    merged_into=None,
    encrypted_data=None,
    wrapped_deks=None,
    created_at_us=1,
    updated_at_us=2,
)


def row(**changes: object) -> Transaction:
    """One purchase with what matters to the test."""
    return structs.replace(PURCHASE, **changes)
