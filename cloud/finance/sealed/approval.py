"""How a device shows that it reads: it answers with a secret that was wrapped for it.

A token alone could let a stranger's device in, and all that comes later would be sealed to it as well. So
whoever approves proves to hold the private key of a device that is active. The answer names the new device
with its key and is good for nothing else.
"""

import hashlib
import hmac

from cloud.finance.sealed.device_key import public_key_of
from cloud.finance.sealed.envelope import wrap
from cloud.finance.sealed.model import Device

PROOF_DOMAIN = b"lumen-e2ee approve v1\n"
CHALLENGE_LIFE_S = 300


class Challenges:
    """Kept nowhere: the secret follows from the service's key, the two devices and the end of its life."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def challenge(self, approver: Device, newcomer: Device, *, expires_at_us: int) -> bytes:
        """The secret, wrapped for whoever approves."""
        return wrap(public_key_of(approver.public_key), self._secret(approver, newcomer, expires_at_us))

    def is_proven(self, proof: bytes, approver: Device, newcomer: Device, *, expires_at_us: int) -> bool:
        """Whether the proof was made with the secret; its age is not looked at."""
        secret = self._secret(approver, newcomer, expires_at_us)
        return hmac.compare_digest(proof_of(secret, newcomer.device_id, newcomer.key_sha256), proof)

    def _secret(self, approver: Device, newcomer: Device, expires_at_us: int) -> bytes:
        said = [str(approver.person_id), approver.key_sha256, newcomer.device_id, newcomer.key_sha256]
        return hmac.digest(self._key, "\n".join(["approval", *said, str(expires_at_us)]).encode(), "sha256")


def proof_of(secret: bytes, device_id: str, key_sha256: str) -> bytes:
    """HMAC-SHA256 under the secret, of the new device's id and the digest of the key it is to have."""
    return hmac.new(secret, PROOF_DOMAIN + f"{device_id}\n{key_sha256}".encode(), hashlib.sha256).digest()
