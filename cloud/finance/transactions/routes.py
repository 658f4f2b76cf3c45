"""A person's transactions as LUMEN's document shows them."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from litestar import get, post
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from msgspec import Meta, Struct

from cloud.errors import InvalidFields
from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions.answers import csv_head, csv_rows, shown, shown_figures
from cloud.finance.transactions.filters import BadMoment, Filter, moment_us
from cloud.finance.transactions.model import SourceType, Transaction
from cloud.finance.transactions.service import Decision, Transactions
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.model import Person
from cloud.identity.profile import CATEGORY_LENGTH_MAX

PATH = "/api/v1/transactions"
LIMIT_DEFAULT = 100
LIMIT_MAX = 1_000
OFFSET_MAX = 1_000_000_000
NOTES_LENGTH_MAX = 2_000

Moment = Annotated[str | None, QueryParameter(description="Date, or date and time, of ISO 8601.")]
Amount = Annotated[str | None, QueryParameter(description="In units of each transaction's own currency.")]
Limit = Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="Rows at most.")]
Offset = Annotated[int, QueryParameter(ge=0, le=OFFSET_MAX, description="Rows to skip.")]
MerchantId = Annotated[int | None, QueryParameter(ge=1, le=2**53)]
CategoryName = Annotated[str, Meta(min_length=1, max_length=CATEGORY_LENGTH_MAX, pattern=r"^\S(.*\S)?$")]
Notes = Annotated[str, Meta(max_length=NOTES_LENGTH_MAX)]


class Confirm(Struct, frozen=True, kw_only=True):
    """`confirmed` false rejects; what is absent stays."""

    confirmed: bool
    corrected_category: CategoryName | None = None
    notes: Notes | None = None


async def filter_of(
    person: NamedDependency[Person],
    email_sign_in: NamedDependency[EmailSignIn],
    start_date: Moment = None,
    end_date: Moment = None,
    category: FromQuery[str | None] = None,
    merchant_id: MerchantId = None,
    flagged_only: FromQuery[bool] = False,
    min_amount: Amount = None,
    max_amount: Amount = None,
    source_type: FromQuery[SourceType | None] = None,
    payment_channel: FromQuery[Channel | None] = None,
    direction: FromQuery[Direction | None] = None,
    currency: FromQuery[str | None] = None,
    include_merged: FromQuery[bool] = False,
) -> Filter:
    """What the address asks for. Dates without a zone are where the person lives; an end is included.

    Raises:
        InvalidFields: all that cannot be read.
    """
    problems: dict[str, list[str]] = {}
    zone = ZoneInfo((await email_sign_in.profile(person)).timezone)
    wanted = Filter(
        start_us=_moment("start_date", start_date, zone, problems),
        end_us=_moment("end_date", end_date, zone, problems, is_end=True),
        category=category,
        merchant_id=merchant_id,
        flagged_only=flagged_only,
        min_amount=_amount("min_amount", min_amount, problems),
        max_amount=_amount("max_amount", max_amount, problems),
        source_type=source_type,
        payment_channel=payment_channel,
        direction=direction,
        currency=currency,
        include_merged=include_merged,
    )
    if problems:
        raise InvalidFields(problems)
    return wanted


@get(PATH, status_code=200, dependencies={"wanted": Provide(filter_of)})
async def transactions_list(
    person: NamedDependency[Person],
    transactions: NamedDependency[Transactions],
    wanted: NamedDependency[Filter],
    limit: Limit = LIMIT_DEFAULT,
    offset: Offset = 0,
) -> dict[str, Any]:
    """The newest first. What another row stands for is left out unless `include_merged`."""
    found = await transactions.listed(person, wanted, limit=limit, offset=offset)
    return {
        "transactions": [shown(row) for row in found.rows],
        "total": found.total,
        "limit": limit,
        "offset": offset,
    }


@get(PATH + "/stats", status_code=200, dependencies={"wanted": Provide(filter_of)})
async def stats(
    person: NamedDependency[Person],
    transactions: NamedDependency[Transactions],
    wanted: NamedDependency[Filter],
) -> dict[str, Any]:
    """What was spent, in the person's own currency; income and other currencies stand apart."""
    return shown_figures(await transactions.figures(person, wanted))


@get(PATH + "/export", status_code=200, dependencies={"wanted": Provide(filter_of)})
async def export(
    person: NamedDependency[Person],
    transactions: NamedDependency[Transactions],
    wanted: NamedDependency[Filter],
) -> Stream:
    """As a spreadsheet, with the filters of the list."""

    async def pieces() -> AsyncIterator[bytes]:
        yield csv_head()
        async for rows in transactions.export(person, wanted):
            yield csv_rows(rows)

    return Stream(
        pieces(),
        media_type="text/csv",
        headers={
            "Content-Disposition": 'attachment; filename="transactions.csv"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


@get("/api/v1/merchants", status_code=200)
async def merchants(
    person: NamedDependency[Person], transactions: NamedDependency[Transactions]
) -> dict[str, Any]:
    """Everyone the person paid or was paid by, for the filter `merchant_id`."""
    found = await transactions.merchants(person)
    return {"merchants": [{"id": one.id, "name": one.name} for one in found]}


@get(PATH + "/{transaction_id:int}", status_code=200)
async def transaction(
    person: NamedDependency[Person],
    transactions: NamedDependency[Transactions],
    transaction_id: FromPath[int],
) -> dict[str, Any]:
    """One of the person's own."""
    return shown(await transactions.get(person, transaction_id))


@post(PATH + "/{transaction_id:int}/confirm", status_code=200)
async def confirm(
    data: JSONBody[Confirm],
    person: NamedDependency[Person],
    transactions: NamedDependency[Transactions],
    transaction_id: FromPath[int],
) -> dict[str, Any]:
    """Yes, it was me; or no, and then it counts nowhere. The last word counts."""
    decision = Decision(
        confirmed=data.confirmed, corrected_category=data.corrected_category, notes=data.notes
    )
    return _decided(await transactions.decide(person, transaction_id, decision))


def _decided(row: Transaction) -> dict[str, Any]:
    word = "confirmed" if row.confirmed else "rejected"
    return {
        "transaction_id": row.transaction_id,
        "confirmed": row.confirmed,
        "message": f"Transaction {word} successfully",
    }


def _moment(
    name: str, text: str | None, zone: ZoneInfo, problems: dict[str, list[str]], *, is_end: bool = False
) -> int | None:
    try:
        return None if text is None else moment_us(text, zone, is_end=is_end)
    except BadMoment as error:
        problems[name] = [str(error)]
        return None


def _amount(name: str, text: str | None, problems: dict[str, list[str]]) -> Decimal | None:
    try:
        amount = None if text is None else Decimal(text)
    except ArithmeticError:
        amount = Decimal("NaN")
    if amount is not None and not (amount.is_finite() and abs(amount.adjusted()) < 16):  # noqa: PLR2004
        problems[name] = ["Must be a number of at most 16 digits"]
        return None
    return amount


ROUTES: list[BaseRouteHandler] = [
    transactions_list,
    stats,
    export,
    merchants,
    transaction,
    confirm,
]
