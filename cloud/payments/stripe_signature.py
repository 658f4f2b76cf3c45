"""Whether Stripe signed a webhook: https://docs.stripe.com/webhooks#verify-manually

`Stripe-Signature: t=<epoch seconds>,v1=<hex HMAC-SHA256 of "t.body">`; while a secret is rolled there is one
`v1` for each. Other schemes are not looked at.
"""

import hmac

from cloud.payments.errors import NoticeRefused

TOLERANCE_S = 300


def check_signature(header: str, body: bytes, *, secret: str, now_s: float) -> None:
    """Raises `NoticeRefused`: malformed, too far from now, or no signature by this secret."""
    pairs = [part.partition("=")[::2] for part in header.split(",")]
    times = [value for name, value in pairs if name.strip() == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdecimal() and len(times[0]) <= 12):  # noqa: PLR2004
        raise NoticeRefused("Stripe-Signature: must name one time t")
    expected = hmac.digest(secret.encode(), f"{times[0]}.".encode() + body, "sha256").hex().encode()
    signatures = [value.encode() for name, value in pairs if name.strip() == "v1"]
    if not any([hmac.compare_digest(expected, signature) for signature in signatures]):  # noqa: C419  each
        raise NoticeRefused("Stripe-Signature: none of ours")
    if abs(now_s - int(times[0])) > TOLERANCE_S:
        raise NoticeRefused(f"Stripe-Signature: t must be within {TOLERANCE_S} s of now")
