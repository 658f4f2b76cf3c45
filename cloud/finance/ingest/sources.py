"""Something that came in, as it is kept: under a digest of what it holds."""

import hashlib
import hmac

import msgspec
from msgspec import structs

from cloud.finance.ingest.model import Message, Source
from cloud.finance.transactions.model import SourceType
from cloud.kit.content_files import media_type_of


def of_file(
    content: bytes,
    *,
    person_id: int,
    source_type: SourceType,
    now_us: int,
    name: str | None = None,
    reference: str | None = None,
    metadata: str | None = None,
) -> Source:
    """Its bytes lie in the data folder."""
    return Source(
        person_id=person_id,
        source_type=source_type,
        sha256=hashlib.sha256(content).hexdigest(),
        media_type=media_type_of(content) or "application/octet-stream",
        size_bytes=len(content),
        name=name,
        reference=reference,
        metadata=metadata,
        received_at_us=now_us,
    )


def of_message(
    message: Message, *, person_id: int, source_type: SourceType, now_us: int, key: bytes
) -> Source:
    """Without `key` nobody can try what the message may have said."""
    said = msgspec.json.encode([message.text, message.identity])
    return Source(
        person_id=person_id,
        source_type=source_type,
        sha256=hmac.digest(key, said, "sha256").hex(),
        media_type="text/plain",
        size_bytes=len(message.text.encode()),
        reference=message.reference,
        text=message.text,
        received_at_us=now_us,
    )


def without_content(source: Source) -> Source:
    """What is kept of one whose content is sealed.

    A mailbox's or Twilio's own number stays, by which nothing is read twice; a payment's is the invoice's.
    """
    has_own_number = source.source_type in {SourceType.GMAIL, SourceType.WHATSAPP}
    return structs.replace(
        source,
        text=None,
        name=None,
        metadata=None,
        reference=source.reference if has_own_number else None,
        kept=False,
    )
