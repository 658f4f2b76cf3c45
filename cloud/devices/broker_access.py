"""A device's password at the broker, derived, so that the broker needs no list of devices."""

import hmac


def device_password(secret: str, device_id: str) -> str:
    """Hex HMAC-SHA256 of `device:<id>` under the broker's device secret."""
    return hmac.new(secret.encode(), f"device:{device_id}".encode(), "sha256").hexdigest()
