"""Who stands behind a credential of the investment platform, whatever its kind."""

import base64
import binascii

import msgspec
from msgspec import Struct

from cloud.identity.api_keys.service import ApiKeys
from cloud.identity.oauth.access_tokens import USE
from cloud.identity.oauth.service import OAuth
from cloud.identity.principal import Principal, signed_in_as
from cloud.identity.service import Identity


class _Claimed(Struct, frozen=True):
    use: str = ""
    exp: int = 0


class Access:
    """Reads credentials."""

    def __init__(self, identity: Identity, oauth: OAuth, api_keys: ApiKeys) -> None:
        self._identity = identity
        self._oauth = oauth
        self._api_keys = api_keys

    async def by_token(self, token: str) -> Principal:
        """Of a sign-in token, with the person's own scopes, or of an OAuth token.

        Raises:
            TokenRefused: malformed, expired or revoked.
        """
        if _claimed(token).use == USE:
            return await self._oauth.principal(token)
        return signed_in_as(await self._identity.person_of_token(token))

    async def by_api_key(self, key: str) -> Principal:
        """Of a live API key.

        Raises:
            KeyRefused: it does not work, or is a test key.
        """
        return await self._api_keys.principal(key)


def expires_at_s(token: str) -> int:
    """Until when a token that was verified is good at most, in epoch seconds."""
    return _claimed(token).exp


def _claimed(token: str) -> _Claimed:
    """What an unverified token says: who shall verify it, and nothing else."""
    payload = token.split(".")[1] if token.count(".") == 2 else ""  # noqa: PLR2004  a JWT has three parts
    try:
        raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        return msgspec.json.decode(raw, type=_Claimed)
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return _Claimed()
