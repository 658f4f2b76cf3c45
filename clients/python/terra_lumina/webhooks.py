"""Whether a delivery is Terra Lumina's.

Every delivery has two signatures with the endpoint's secret. `X-TerraLumina-Signature` covers the body alone:
whoever saw a delivery once can send it again. That of Standard Webhooks covers its id and time, too.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping

import msgspec

from terra_lumina.errors import UnexpectedAnswerError, WebhookVerificationError
from terra_lumina.models import Event

TOLERANCE_S = 300.0
TIMESTAMP_LENGTH_MAX = 15
"""Epoch seconds have ten digits."""
SECRET_PREFIX = "whsec_"  # noqa: S105  a prefix


def verify_webhook(payload: str | bytes, signature: str | None, secret: str) -> bool:
    """Whether `X-TerraLumina-Signature` is the body's; None: there was no such header.

    Raises:
        ValueError: the secret is empty, with which anybody could sign.
    """
    if not secret:
        raise ValueError("give the secret of the webhook")
    body = payload.encode() if isinstance(payload, str) else payload
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), (signature or "").encode())


class Webhook:
    """An endpoint of yours. After a rotation give the new secret and the old one."""

    def __init__(
        self,
        *secrets: str,
        tolerance_s: float = TOLERANCE_S,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Raises:
        ValueError: there is no secret, or one that is not as the portal shows it.
        """
        if not secrets:
            raise ValueError("give the secret of the webhook")
        self._keys = [_key(secret) for secret in secrets]
        self._tolerance_s = tolerance_s
        self._now_s = now_s

    def verify(self, body: str | bytes, headers: Mapping[str, str]) -> Event:
        """What was delivered. `body` must be as it came, before any parsing.

        Deliveries are repeated until they are answered with 2xx: act once for each `event.id`.

        Raises:
            WebhookVerificationError: not signed with the secret, or further off than `tolerance_s`.
            UnexpectedAnswerError: signed, and not an event.
        """
        raw = body.encode() if isinstance(body, str) else body
        lower = {name.lower(): value for name, value in headers.items()}
        sent_at = lower.get("webhook-timestamp", "")
        is_number = sent_at.isascii() and sent_at.isdigit() and len(sent_at) <= TIMESTAMP_LENGTH_MAX
        if not (is_number and "webhook-id" in lower):
            raise WebhookVerificationError("webhook-id or webhook-timestamp is missing")
        if abs(self._now_s() - int(sent_at)) > self._tolerance_s:
            raise WebhookVerificationError("webhook-timestamp is too far from now")
        signed = f"{lower['webhook-id']}.{sent_at}.".encode() + raw
        offered = [one[3:].encode() for one in lower.get("webhook-signature", "").split() if one[:3] == "v1,"]
        expected = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in self._keys]
        matches = [hmac.compare_digest(mine, theirs) for mine in expected for theirs in offered]
        if not any(matches):
            raise WebhookVerificationError("webhook-signature is not the secret's")
        try:
            return msgspec.json.decode(raw, type=Event)
        except msgspec.MsgspecError as error:
            raise UnexpectedAnswerError(f"not an event: {error}") from error


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"a secret is {SECRET_PREFIX} and base64") from error
    if not key:
        raise ValueError("the secret is empty: anybody could sign with it")
    return key
