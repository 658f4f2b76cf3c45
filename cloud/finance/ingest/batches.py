"""Many messages or payments in one request: each is read on its own, and one that is wrong stops no other."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct, structs

from cloud.finance.currencies import decimals_of
from cloud.finance.ingest.model import Message, Outcome
from cloud.finance.ingest.service import Home, Ingestion
from cloud.finance.messages.sms import read_sms
from cloud.finance.messages.upi import UpiPayment, read_upi
from cloud.finance.reading import Refusal, Refused
from cloud.finance.transactions.model import SourceType
from shared.clock import Clock, to_micros
from shared.money import show_amount

BATCH_MAX = 500
_AHEAD_US_MAX = 86_400_000_000
"""By how much a phone's clock may be ahead."""


class ShortMessage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An SMS as a phone passes it on."""

    text: Annotated[str, Meta(min_length=1)]
    received_at: Annotated[datetime, Meta(tz=True)]
    sender: Annotated[str, Meta(max_length=100)] | None = None


class Batches:
    """Messages and payments, many at a time."""

    def __init__(self, ingestion: Ingestion, clock: Clock) -> None:
        self._ingestion = ingestion
        self._clock = clock

    async def messages(self, person_id: int, items: Sequence[Raw]) -> list[Outcome]:
        """SMS as JSON, numbered from 1.

        Raises:
            ConsentMissing
        """
        home = await self._ingestion.home(person_id, SourceType.SMS)
        read = await asyncio.to_thread(self._read_messages, home, items)
        return await self._ingestion.messages(home, read, source_type=SourceType.SMS)

    async def payments(self, person_id: int, items: Sequence[Raw]) -> list[Outcome]:
        """Of a UPI feed as JSON, numbered from 1.

        Raises:
            ConsentMissing
        """
        home = await self._ingestion.home(person_id, SourceType.UPI_FEED)
        read = [_payment(number, raw) for number, raw in enumerate(items, 1)]
        return await self._ingestion.messages(home, read, source_type=SourceType.UPI_FEED)

    def _read_messages(self, home: Home, items: Sequence[Raw]) -> list[Message]:
        return [self._message(home, number, raw) for number, raw in enumerate(items, 1)]

    def _message(self, home: Home, number: int, raw: Raw) -> Message:
        try:
            sms = msgspec.json.decode(raw, type=ShortMessage)
        except (msgspec.MsgspecError, RecursionError) as error:
            return _malformed(number, str(error))
        received_at_us = to_micros(sms.received_at)
        if received_at_us > self._clock.now_us() + _AHEAD_US_MAX:
            return _malformed(number, "received_at lies in the future")
        found = read_sms(
            sms.text,
            sender=sms.sender,
            received_at_us=received_at_us,
            zone=home.zone,
            currency=home.currency,
        )
        return Message(text=sms.text, found=found, identity=f"{sms.sender} {received_at_us}", number=number)


def _payment(number: int, raw: Raw) -> Message:
    try:
        payment = msgspec.json.decode(raw, type=UpiPayment)
    except (msgspec.MsgspecError, RecursionError) as error:
        return _malformed(number, str(error))
    found = read_upi(payment)
    if isinstance(found, Refused):
        return Message(text="", found=found, number=number)
    one_spelling = structs.replace(
        payment,
        amount=show_amount(found.amount_minor.value, decimals=decimals_of(found.currency.value)),
        timestamp=payment.timestamp.astimezone(UTC),
    )
    return Message(
        text=msgspec.json.encode(one_spelling, order="sorted").decode(),
        found=found,
        reference=payment.reference or None,
        number=number,
    )


def _malformed(number: int, problem: str) -> Message:
    return Message(text="", found=Refused(Refusal.MALFORMED, problem), number=number)
