"""How purchases come in: by hand, as files, messages, payments and statements."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody, MultipartBody
from msgspec import Meta, Raw, Struct

from cloud.errors import InvalidFields
from cloud.finance.currencies import CODES, decimals_of
from cloud.finance.ingest.answers import shown_batch, shown_upload
from cloud.finance.ingest.batches import BATCH_MAX, Batches
from cloud.finance.ingest.drafting import noon_us
from cloud.finance.ingest.service import UPLOAD_BYTES_MAX, Ingestion
from cloud.finance.messages.statement import STATEMENT_BYTES_MAX
from cloud.finance.reading import AMOUNT_MINOR_MAX, MOMENTS_US, Channel, Direction, Found, Reading
from cloud.finance.sealed.model import DEVICES_MAX, EncryptedData, Envelope
from cloud.finance.transactions.answers import shown
from cloud.finance.transactions.filters import BadMoment, moment_us
from cloud.finance.transactions.model import SourceType
from cloud.finance.transactions.routes import PATH as TRANSACTIONS
from cloud.finance.transactions.routes import CategoryName, Notes
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.model import Person
from cloud.identity.profile import Profile
from cloud.kit.http import Number
from shared.money import BadAmount, parse_amount

PREFIX = "/api/v1/ingest"
METADATA_LENGTH_MAX = 4_096
_MULTIPART_OVERHEAD = 64 * 1_024
"""Boundaries, headers and the other fields beside the file."""
_DAY_LENGTH = len("2024-01-31")

Items = Annotated[list[Raw], Meta(min_length=1, max_length=BATCH_MAX)]
Line = Annotated[str, Meta(min_length=1, max_length=200)]
WrappedKey = Annotated[str, Meta(max_length=1_000)]


class Entry(Struct, frozen=True, kw_only=True):
    """A purchase or income as the person tells it. The amount is above 0."""

    amount: Number
    currency: Line | None = None
    """ISO 4217; None: the person's own."""
    direction: Direction = Direction.DEBIT
    date: Line | None = None
    """None: now."""
    merchant_name_raw: Line | None = None
    invoice_no: Line | None = None
    payment_channel: Channel | None = None
    category: CategoryName | None = None
    """None: it is filed as others are."""
    notes: Notes | None = None
    encrypted_data: EncryptedData | None = None
    """With `wrapped_deks`, in the place of merchant and number: what a device sealed."""
    wrapped_deks: Annotated[dict[str, WrappedKey], Meta(max_length=DEVICES_MAX)] | None = None


class Messages(Struct, frozen=True, kw_only=True):
    messages: Items


class Payments(Struct, frozen=True, kw_only=True):
    payments: Items


class Upload(Struct, frozen=True, kw_only=True):
    """A form with a file."""

    file: UploadFile | None = None
    source_type: str | None = None
    metadata: str | None = None


@post(TRANSACTIONS, status_code=201)
async def record(
    data: JSONBody[Entry],
    person: NamedDependency[Person],
    ingestion: NamedDependency[Ingestion],
    email_sign_in: NamedDependency[EmailSignIn],
) -> dict[str, Any]:
    """A purchase or income by hand."""
    profile = await email_sign_in.profile(person)
    reading = _reading(data, profile, now_us=ingestion.now_us())
    return shown(
        await ingestion.record(
            person.id, reading, category=data.category, notes=data.notes, envelope=_envelope(data)
        )
    )


@post(
    PREFIX + "/upload",
    status_code=201,
    dto=None,
    request_max_body_size=UPLOAD_BYTES_MAX + _MULTIPART_OVERHEAD,
)
async def upload(
    data: MultipartBody[Upload], person: NamedDependency[Person], ingestion: NamedDependency[Ingestion]
) -> dict[str, Any]:
    """A receipt as JPEG, PNG or PDF by its content; the same file again is the first result."""
    if data.file is None:
        raise InvalidFields({"file": ["Required"]})
    if data.source_type not in {None, SourceType.UPLOAD}:
        raise InvalidFields({"source_type": ["Must be Upload"]})
    home = await ingestion.home(person.id, SourceType.UPLOAD)
    outcome = await ingestion.file(
        home,
        await data.file.read(),
        source_type=SourceType.UPLOAD,
        name=data.file.filename[:200] or None,
        metadata=_metadata(data.metadata),
    )
    if outcome.transaction is None:
        raise InvalidFields({"file": [outcome.message]})
    return shown_upload(outcome, outcome.transaction)


@post(PREFIX + "/sms", status_code=201)
async def sms(
    data: JSONBody[Messages], person: NamedDependency[Person], batches: NamedDependency[Batches]
) -> dict[str, Any]:
    """Messages of banks, cards, wallets and UPI apps; codes, offers and requests are refused one by one."""
    return shown_batch(await batches.messages(person.id, data.messages))


@post(PREFIX + "/upi", status_code=201)
async def upi(
    data: JSONBody[Payments], person: NamedDependency[Person], batches: NamedDependency[Batches]
) -> dict[str, Any]:
    """Payments of a UPI feed."""
    return shown_batch(await batches.payments(person.id, data.payments))


@post(
    PREFIX + "/statement",
    status_code=201,
    dto=None,
    request_max_body_size=STATEMENT_BYTES_MAX + _MULTIPART_OVERHEAD,
)
async def statement(
    data: MultipartBody[Upload], person: NamedDependency[Person], ingestion: NamedDependency[Ingestion]
) -> dict[str, Any]:
    """A bank statement, CSV or OFX; a line that cannot be read is refused with its number, others go in."""
    if data.file is None:
        raise InvalidFields({"file": ["Required"]})
    outcomes = await ingestion.statement(
        person.id, await data.file.read(), name=data.file.filename[:200] or None
    )
    return shown_batch(outcomes)


def _reading(entry: Entry, profile: Profile, *, now_us: int) -> Reading:
    """What a person says is sure.

    Raises:
        InvalidFields: all that does not hold.
    """
    problems: dict[str, list[str]] = {}
    zone = ZoneInfo(profile.timezone)
    currency = profile.currency if entry.currency is None else entry.currency
    if currency not in CODES:
        problems["currency"] = ["Must be a code of ISO 4217, such as INR"]
    amount_minor = 0
    try:
        amount_minor = parse_amount(entry.amount, decimals=decimals_of(currency), field="amount")
    except BadAmount as error:
        problems["amount"] = [str(error)]
    else:
        if amount_minor <= 0:
            problems["amount"] = ["Must be above 0; direction credit is income"]
        elif amount_minor > AMOUNT_MINOR_MAX:
            problems["amount"] = ["Larger than anybody's purchase"]
    at_us, time_known = now_us, True
    if entry.date is not None:
        try:
            at_us = moment_us(entry.date, zone, is_end=False)
        except BadMoment as error:
            problems["date"] = [str(error)]
        if "date" not in problems and at_us not in MOMENTS_US:
            problems["date"] = ["Must be of the years 1970 to 2199"]
        if len(entry.date.strip()) == _DAY_LENGTH and "date" not in problems:
            at_us, time_known = noon_us(at_us, zone), False
    if problems:
        raise InvalidFields(problems)
    return Reading(
        amount_minor=Found(amount_minor, 1.0),
        currency=Found(currency, 1.0),
        direction=Found(entry.direction, 1.0),
        at_us=Found(at_us, 1.0),
        time_known=time_known,
        merchant=None if entry.merchant_name_raw is None else Found(entry.merchant_name_raw, 1.0),
        invoice_no=None if entry.invoice_no is None else Found(entry.invoice_no, 1.0),
        channel=None if entry.payment_channel is None else Found(entry.payment_channel, 1.0),
    )


def _envelope(entry: Entry) -> Envelope | None:
    """What a device sealed.

    Raises:
        InvalidFields: half of it, or the same field in the clear as well.
    """
    if entry.encrypted_data is None and entry.wrapped_deks is None:
        return None
    problems = {
        name: ["Must not be there beside encrypted_data"]
        for name in ("merchant_name_raw", "invoice_no")
        if getattr(entry, name) is not None
    }
    if entry.encrypted_data is None:
        problems["encrypted_data"] = ["Required with wrapped_deks"]
    if entry.wrapped_deks is None:
        problems["wrapped_deks"] = ["Required with encrypted_data"]
    if problems or entry.encrypted_data is None or entry.wrapped_deks is None:
        raise InvalidFields(problems)
    return Envelope(encrypted_data=entry.encrypted_data, wrapped_deks=entry.wrapped_deks)


def _metadata(text: str | None) -> str | None:
    """A JSON object, as the client wrote it.

    Raises:
        InvalidFields: no object, or too long.
    """
    if text is None or not text.strip():
        return None
    if len(text) > METADATA_LENGTH_MAX:
        raise InvalidFields({"metadata": [f"At most {METADATA_LENGTH_MAX} characters"]})
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        raise InvalidFields({"metadata": ["Must be a JSON object"]}) from None
    return text


ROUTES: list[BaseRouteHandler] = [record, upload, sms, upi, statement]
