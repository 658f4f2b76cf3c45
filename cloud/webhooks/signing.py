"""What proves to a receiver that a delivery is ours.

Two signatures: the document's, over the body with the secret as it is written, and that of Standard Webhooks
1.0, over id, time and body with the bytes that the secret stands for.
"""

import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105  a prefix
SECRET_BYTES = 32


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(body: bytes, *, id_: str, timestamp_s: int, secrets: Sequence[str]) -> Mapping[str, str]:
    """The headers of a delivery.

    `secrets` are those that are good now. Standard Webhooks signs with each; the document's header has room
    for one and takes the first.
    """
    standard = [_standard(body, id_, timestamp_s, secret) for secret in secrets]
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(standard),
        "X-TerraLumina-Signature": hmac.digest(secrets[0].encode(), body, "sha256").hex(),
    }


def _standard(body: bytes, id_: str, timestamp_s: int, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    said = f"{id_}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, said, "sha256")).decode()
