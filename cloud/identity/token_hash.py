"""Random tokens and what is kept of them. 256 random bits need no slow hash and no salt."""

import hashlib
import secrets

TOKEN_BYTES = 32


def new_token() -> str:
    """43 characters of A to Z, a to z, 0 to 9, dash and underscore."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """What is stored of a token, 64 hex digits. Looked up by an index, so nothing is compared in steps."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
