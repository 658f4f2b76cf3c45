"""A mail from its bytes, with bounded work: what is too large or nested is refused before it is parsed."""

import re
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime

from msgspec import Struct

from cloud.finance.messages.html_text import text_of
from cloud.finance.messages.refusals import refused
from cloud.finance.reading import Refusal, Refused
from shared.clock import to_micros

MAIL_BYTES_MAX = 25_000_000
"""What the large providers deliver."""
TEXT_CHARACTERS_MAX = 1_000_000
ATTACHMENTS_MAX = 50
PARTS_MAX = 200
_MULTIPARTS_MAX = 20
_HEADER_BYTES_MAX = 4096
_HEADER_CHARACTERS_MAX = 1000
_CONTENT = re.compile(
    rb"(?:\A|[\r\n])content-(?P<what>type|disposition):"
    rb"(?P<value>[^\r\n]*(?:\r?\n[ \t][^\r\n]*|\r[ \t][^\r\n]*)*)",
    re.IGNORECASE,
)
_CHARSET = re.compile(
    r"utf-?8|us-ascii|ascii|utf-?16(?:le|be)?|iso-?8859-\d{1,2}|latin-?1|(?:windows|cp)-?125\d|koi8-[ru]|gb2312|gbk"
    r"|gb18030|big5|shift_jis|euc-(?:jp|kr)|iso-2022-jp"
)
_FORGED = re.compile(r"\bdmarc=fail\b", re.IGNORECASE)


class Attachment(Struct, frozen=True):
    """A file in a mail."""

    name: str
    content_type: str
    data: bytes


class Mail(Struct, frozen=True, kw_only=True):
    """What is read of a mail."""

    subject: str
    sender_name: str
    sender_address: str
    """In small letters; empty where there is none."""
    sent_at_us: int | None
    """As the sender claims."""
    text: str
    """The plain part, or the words of the HTML part."""
    attachments: tuple[Attachment, ...] = ()
    forged: bool = False
    """The receiving server says that the sender's domain did not send it (DMARC)."""


def parse_mail(raw: bytes) -> Mail | Refused:
    """The mail; refused: too many bytes, characters, parts or attachments, or headers beyond reason."""
    if len(raw) > MAIL_BYTES_MAX or not _is_modest(raw):
        return refused(Refusal.TOO_LARGE)
    message = message_from_bytes(raw)
    plain: list[str] = []
    rich: list[str] = []
    files: list[Attachment] = []
    for count, part in enumerate(message.walk()):
        if count > PARTS_MAX:
            return refused(Refusal.TOO_LARGE)
        if part.is_multipart():
            continue
        payload = part.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
        kind = part.get_content_type()
        if part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            files.append(Attachment(_header(part.get_filename() or ""), kind, data))
            if len(files) > ATTACHMENTS_MAX:
                return refused(Refusal.TOO_LARGE)
        elif len(data) > TEXT_CHARACTERS_MAX:
            return refused(Refusal.TOO_LARGE)
        else:
            (rich if kind == "text/html" else plain).append(_decoded(data, part.get_content_charset()))
    if not message.keys() or sum(map(len, plain)) + sum(map(len, rich)) > TEXT_CHARACTERS_MAX:
        return refused(Refusal.MALFORMED if not message.keys() else Refusal.TOO_LARGE)
    words = "\n".join(plain).strip()
    return _mail(message, words or "\n".join(map(text_of, rich)).strip(), tuple(files))


def _is_modest(raw: bytes) -> bool:
    """Whether what the parser's work grows with more than in line is few and short."""
    parts, nested = 0, 0
    for match in _CONTENT.finditer(raw):
        value = match["value"]
        if len(value) > _HEADER_BYTES_MAX:
            return False
        parts += match["what"].lower() == b"type"
        nested += b"multipart/" in value.lower()
        if parts > PARTS_MAX or nested > _MULTIPARTS_MAX:
            return False
    return True


def _mail(message: Message, text: str, files: tuple[Attachment, ...]) -> Mail:
    name, address = parseaddr(_header(message.get("From", "")))
    told = message.get_all("Authentication-Results", [])[:5]
    results = " ".join(str(value)[:_HEADER_CHARACTERS_MAX] for value in told)
    return Mail(
        subject=_header(message.get("Subject", "")),
        sender_name=name,
        sender_address=address.casefold(),
        sent_at_us=_sent_at(str(message.get("Date", ""))[:100]),
        text=text,
        attachments=files,
        forged=_FORGED.search(results) is not None,
    )


def _header(value: object) -> str:
    """Decoded where it is an encoded word, and on one line."""
    text = str(value)[:_HEADER_CHARACTERS_MAX]
    try:
        parts = decode_header(text)
    except (HeaderParseError, ValueError):
        parts = [(text, None)]
    words = [part if isinstance(part, str) else _decoded(part, charset) for part, charset in parts]
    return " ".join("".join(words).split())


def _decoded(data: bytes, charset: str | None) -> str:
    """By its charset where that is a common one, else as UTF-8 with marks for what is not."""
    name = (charset or "").casefold()
    if _CHARSET.fullmatch(name) is None:
        name = "utf-8"
    try:
        return data.decode(name, errors="replace").replace("\0", "")
    except LookupError:
        return data.decode("utf-8", errors="replace").replace("\0", "")


def _sent_at(value: str) -> int | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return None if moment.tzinfo is None else to_micros(moment)
