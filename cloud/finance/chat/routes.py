"""Chat as LUMEN's document shows it."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from cloud.errors import InvalidFields
from cloud.finance.chat.errors import ForeignSession, NoSuchSession, TooMuchToRemember
from cloud.finance.chat.exact import Asked
from cloud.finance.chat.model import (
    KEY_LENGTH_MAX,
    MESSAGE_LENGTH_MAX,
    METADATA_BYTES_MAX,
    VALUE_LENGTH_MAX,
)
from cloud.finance.chat.service import Chat, Document, Said
from cloud.finance.transactions.answers import money
from cloud.finance.transactions.merchants import NAME_LENGTH_MAX
from cloud.finance.transactions.model import Transaction
from cloud.identity.model import Person
from cloud.kit.documented import raises
from shared.clock import rfc3339

PATH = "/api/v1/chat"

Text = Annotated[str, Meta(min_length=1, max_length=MESSAGE_LENGTH_MAX)]
SessionId = Annotated[int, Meta(ge=1, le=2**53)]
Key = Annotated[str, Meta(min_length=1, max_length=KEY_LENGTH_MAX, pattern=r"^[A-Za-z0-9_.-]+$")]
Value = Annotated[str, Meta(min_length=1, max_length=VALUE_LENGTH_MAX)]
MerchantName = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH_MAX)]


class StartSession(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`session_metadata` is the client's own; nothing is read from it."""

    session_metadata: dict[str, Any] = {}


class SendMessage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    message: Text
    session_id: SessionId | None = None
    """None: a new session is begun."""


class LookUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is given must hold, and something must be."""

    merchant_name: MerchantName | None = None
    """Part of the name, in any case."""
    amount: Decimal | None = None
    amount_tolerance: Decimal = Decimal("0.02")
    """Of the amount, 0 to 1."""
    date: datetime | None = None
    date_tolerance_days: Annotated[int, Meta(ge=0, le=366)] = 1


class Remember(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: Key
    value: Value
    source: Annotated[str, Meta(min_length=1, max_length=KEY_LENGTH_MAX)] = "user"
    visibility: Literal["persistent"] = "persistent"


@post(PATH + "/session", status_code=201)
async def start_session(
    data: JSONBody[StartSession], person: NamedDependency[Person], chat: NamedDependency[Chat]
) -> dict[str, Any]:
    """A new conversation."""
    if len(msgspec.json.encode(data.session_metadata)) > METADATA_BYTES_MAX:
        raise InvalidFields({"session_metadata": [f"At most {METADATA_BYTES_MAX} bytes"]})
    session = await chat.start(person, data.session_metadata)
    return {"session_id": session.id, "started_at": rfc3339(session.started_at_us), "is_active": True}


@post(PATH + "/message", status_code=200, opt=raises(NoSuchSession, ForeignSession))
async def message(
    data: JSONBody[SendMessage], person: NamedDependency[Person], chat: NamedDependency[Chat]
) -> dict[str, Any]:
    """Answered from the person's own transactions; what is not understood is not guessed."""
    return _shown(await chat.ask(person, data.message, data.session_id))


@post(PATH + "/exact-lookup", status_code=200)
async def exact_lookup(
    data: JSONBody[LookUp], person: NamedDependency[Person], chat: NamedDependency[Chat]
) -> dict[str, Any]:
    """Transactions that fit all that is given; `exact_match` tells those that need no tolerance."""
    asked = Asked(
        merchant=data.merchant_name,
        amount=data.amount,
        amount_tolerance=data.amount_tolerance,
        at=data.date,
        days_tolerance=data.date_tolerance_days,
    )
    matches = await chat.look_up(person, asked)
    return {
        "found": bool(matches),
        "matches": [_match(row, exact=is_exact) for row, is_exact in matches],
        "count": len(matches),
    }


@get(PATH + "/session/{session_id:int}/history", status_code=200, opt=raises(NoSuchSession, ForeignSession))
async def history(
    person: NamedDependency[Person], chat: NamedDependency[Chat], session_id: FromPath[int]
) -> dict[str, Any]:
    """What was said, from the beginning; of a long session its last two hundred messages."""
    return {
        "session_id": session_id,
        "messages": [
            {"role": one.role, "content": one.content, "created_at": rfc3339(one.created_at_us)}
            for one in await chat.history(person, session_id)
        ],
    }


@post(PATH + "/memory", status_code=201, opt=raises(TooMuchToRemember))
async def memory(
    data: JSONBody[Remember], person: NamedDependency[Person], chat: NamedDependency[Chat]
) -> dict[str, Any]:
    """What answers shall keep in mind, such as `preferred_name`; the newest word on a key counts."""
    kept = await chat.remember(person, data.key, data.value, data.source)
    return {
        "memory_id": kept.id,
        "key": kept.key,
        "value": kept.value,
        "created_at": rfc3339(kept.created_at_us),
    }


def _match(row: Transaction, *, exact: bool) -> dict[str, Any]:
    return {
        "id": row.transaction_id,
        "amount": money(row.amount_minor, row.currency),
        "merchant": row.merchant_name_raw,
        "category": row.category,
        "date": rfc3339(row.at_us),
        "payment_channel": row.payment_channel,
        "invoice_no": row.invoice_no,
        "exact_match": exact,
        "currency": row.currency,
    }


def _shown(said: Said) -> dict[str, Any]:
    answer = said.answer
    return {
        "session_id": said.session_id,
        "message_id": said.message_id,
        "response": answer.text,
        "intent": answer.intent,
        "provenance": {"transaction_ids": list(answer.ids), "confidence": answer.confidence},
        "retrieved_docs": [_document(document) for document in answer.documents],
        "timestamp": rfc3339(said.at_us),
    }


def _document(document: Document) -> dict[str, Any]:
    row = document.transaction
    return {
        "id": row.transaction_id,
        "amount": money(row.amount_minor, row.currency),
        "currency": row.currency,
        "merchant": row.merchant_name_raw,
        "category": row.category,
        "date": rfc3339(row.at_us),
        "relevance_score": document.relevance,
    }


ROUTES: list[BaseRouteHandler] = [start_session, message, exact_lookup, history, memory]
