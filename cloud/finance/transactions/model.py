"""A transaction of a person, as it is kept."""

from enum import StrEnum

from msgspec import Struct

from cloud.finance.reading import Channel, Direction


class SourceType(StrEnum):
    """Where it came from."""

    UPLOAD = "Upload"
    GMAIL = "Gmail"
    WHATSAPP = "WhatsApp"
    UPI_FEED = "UPIFeed"
    SMS = "SMS"
    STATEMENT = "Statement"
    MANUAL = "Manual"


class Transaction(Struct, frozen=True, kw_only=True):
    """One purchase or income of one person."""

    transaction_id: int
    """0 before it is stored."""
    person_id: int
    amount_minor: int
    """Above 0, in minor units of the currency; the direction tells the sign."""
    currency: str
    direction: Direction
    at_us: int
    time_known: bool
    """False: only the day is known, and `at_us` is noon of it where the person lives."""
    merchant_id: int | None
    merchant_name_raw: str | None
    """None also where it is sealed."""
    invoice_no: str | None
    account_digits: str | None = None
    """The last ones, as the bank masks its account or card."""
    payment_channel: Channel | None
    source_type: SourceType
    source_id: int | None
    category: str
    ocr_confidence: float | None
    classification_confidence: float | None
    flagged: bool
    anomaly_score: float | None
    anomaly_reason: str | None
    anomaly_evidence: str | None = None
    """JSON: what the score was computed from."""
    confirmed: bool | None
    """None: nobody decided; False: rejected, so it counts nowhere."""
    notes: str | None
    merged_into: int | None
    """The transaction that tells the same purchase; None: this one stands for itself."""
    encrypted_data: str | None
    """JSON of sealed fields, each ciphertext and nonce; the service cannot read them."""
    wrapped_deks: str | None
    """JSON: device id to the wrapped key of `encrypted_data`."""
    created_at_us: int
    updated_at_us: int

    @property
    def counts(self) -> bool:
        """Whether it is a purchase or income of its own: neither rejected nor told by another row."""
        return self.confirmed is not False and self.merged_into is None

    @property
    def is_veiled(self) -> bool:
        """Whether merchant and number are there, but only its person's devices can read them."""
        return self.encrypted_data is not None and self.merchant_name_raw is None and self.invoice_no is None


class Merchant(Struct, frozen=True, kw_only=True):
    """Whom one person paid or was paid by."""

    id: int
    person_id: int
    name: str
    """As first read."""


UNKNOWN = "Unknown"
"""The category of what nothing is sure enough about."""
