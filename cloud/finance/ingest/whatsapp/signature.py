"""Twilio's signature over a webhook, and its TwiML answer, as Twilio documents both.

HMAC-SHA1 with the account's token over the address that was called, followed by each form field's name and
value, in the order of names; Base64.
"""

import base64
import hmac
from collections.abc import Iterable
from xml.sax.saxutils import escape

TWIML = "application/xml"
REPLY_LENGTH_MAX = 1_600
"""Twilio's limit for one message."""


def signature_of(token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()


def is_signed(token: str, url: str, fields: Iterable[tuple[str, str]], signature: str) -> bool:
    """In the same time whatever it is."""
    return hmac.compare_digest(signature_of(token, url, fields).encode(), signature.encode())


def twiml(reply: str) -> str:
    """An answer that Twilio sends back as one message; nothing for an empty text."""
    said = "".join(c for c in reply[:REPLY_LENGTH_MAX] if c.isprintable() or c == "\n")
    message = f"<Message>{escape(said)}</Message>" if said else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{message}</Response>'
