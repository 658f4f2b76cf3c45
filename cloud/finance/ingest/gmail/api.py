"""Google's sign-in for applications and Gmail's API, as far as mails are read.

https://developers.google.com/identity/protocols/oauth2/web-server and
https://developers.google.com/workspace/gmail/api/guides/sync. Read-only; one request at a time.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from msgspec import Struct

from cloud.finance.ingest.errors import NeighbourFailed

SCOPE = "https://www.googleapis.com/auth/gmail.readonly"
TIMEOUT_S = 30.0
PAGE_SIZE = 100
ANSWER_BYTES_MAX = 35_000_000
"""A mail of 25 MB in base64, the largest that Gmail has."""

T = TypeVar("T")


class AccessRevoked(Exception):
    """The person, or Google, let us in no longer."""


class HistoryGone(Exception):
    """The history before this point is forgotten: look through the mails again."""


class Tokens(Struct, frozen=True, kw_only=True):
    """Secrets."""

    access_token: str
    refresh_token: str | None = None
    """None where only the other was asked for."""

    def __repr__(self) -> str:
        return "Tokens(***)"


class Mailbox(Struct, frozen=True, rename="camel"):
    history_id: str


class MailIds(Struct, frozen=True):
    """Some of a list of mails."""

    ids: tuple[str, ...]
    next_page: str | None
    history_id: str | None = None
    """Up to where the history was read; None for a search."""


class RawMail(Struct, frozen=True, kw_only=True, rename="camel"):
    """One mail as it was received."""

    raw: str = ""
    internal_date: str = "0"
    """Milliseconds since the epoch."""

    @property
    def received_at_us(self) -> int:
        return int(self.internal_date) * 1_000

    @property
    def content(self) -> bytes:
        """Empty for what is no base64."""
        try:
            return base64.urlsafe_b64decode(self.raw + "=" * (-len(self.raw) % 4))
        except (binascii.Error, ValueError):
            return b""


class _Ref(Struct, frozen=True):
    id: str


class _Search(Struct, frozen=True, kw_only=True, rename="camel"):
    messages: tuple[_Ref, ...] = ()
    next_page_token: str | None = None


class _Added(Struct, frozen=True):
    message: _Ref


class _Record(Struct, frozen=True, kw_only=True, rename="camel"):
    messages_added: tuple[_Added, ...] = ()


class _History(Struct, frozen=True, kw_only=True, rename="camel"):
    history_id: str
    history: tuple[_Record, ...] = ()
    next_page_token: str | None = None


class GmailApi:
    """One OAuth client."""

    def __init__(
        self, *, auth_url: str, token_url: str, api_url: str, client_id: str, client_secret: str
    ) -> None:
        self._auth_url = auth_url
        self._token_url = token_url
        self._mailbox_url = f"{api_url.rstrip('/')}/gmail/v1/users/me"
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._session: aiohttp.ClientSession | None = None

    def consent_url(self, *, redirect_uri: str, state: str, challenge: str) -> str:
        """Where the person lets us in; `challenge` is of PKCE S256."""
        return f"{self._auth_url}?" + urlencode(
            {
                "client_id": self._client["client_id"],
                "redirect_uri": redirect_uri,
                "response_type": "code",
                "scope": SCOPE,
                "access_type": "offline",
                "prompt": "consent",
                "state": state,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )

    async def tokens_of_code(self, code: str, *, verifier: str, redirect_uri: str) -> Tokens:
        """Raises AccessRevoked for a code that is none, NeighbourFailed."""
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return await self._tokens({**fields, "code_verifier": verifier})

    async def refreshed(self, refresh_token: str) -> str:
        """An access token.

        Raises:
            AccessRevoked, NeighbourFailed
        """
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return (await self._tokens(fields)).access_token

    async def history_id(self, access_token: str) -> str:
        """Where the history stands now."""
        return (await self._get(access_token, "/profile", {}, Mailbox)).history_id

    async def search(self, access_token: str, query: str, page: str | None) -> MailIds:
        """The newest first."""
        params = {"q": query, "maxResults": str(PAGE_SIZE)} | ({} if page is None else {"pageToken": page})
        found = await self._get(access_token, "/messages", params, _Search)
        return MailIds(tuple(one.id for one in found.messages), found.next_page_token)

    async def added_since(self, access_token: str, history_id: str, page: str | None) -> MailIds:
        """Mails that came since, each once.

        Raises:
            HistoryGone, NeighbourFailed
        """
        params = {
            "startHistoryId": history_id,
            "historyTypes": "messageAdded",
            "maxResults": str(PAGE_SIZE),
        } | ({} if page is None else {"pageToken": page})
        found = await self._get(access_token, "/history", params, _History)
        ids = [added.message.id for record in found.history for added in record.messages_added]
        return MailIds(tuple(dict.fromkeys(ids)), found.next_page_token, found.history_id)

    async def mail(self, access_token: str, id_: str) -> RawMail | None:
        """None where it was deleted meanwhile."""
        try:
            return await self._get(
                access_token, f"/messages/{quote(id_, safe='')}", {"format": "raw"}, RawMail
            )
        except HistoryGone:
            return None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _tokens(self, fields: Mapping[str, str]) -> Tokens:
        status, body = await self._call("POST", self._token_url, data={**self._client, **fields})
        if status in {400, 401} and b"invalid_grant" in body:
            raise AccessRevoked
        return _decoded(status, body, Tokens, "token")

    async def _get(self, access_token: str, path: str, params: Mapping[str, str], into: type[T]) -> T:
        headers = {"Authorization": f"Bearer {access_token}"}
        status, body = await self._call("GET", self._mailbox_url + path, params=params, headers=headers)
        if status == 401:  # noqa: PLR2004
            raise AccessRevoked
        if status == 404:  # noqa: PLR2004
            raise HistoryGone
        return _decoded(status, body, into, path.split("/")[1])

    async def _call(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar()
            )
        try:
            async with self._session.request(
                method, url, params=params, data=data, headers=headers, allow_redirects=False
            ) as answer:
                body = bytearray()
                async for chunk in answer.content.iter_chunked(65_536):
                    body += chunk
                    if len(body) > ANSWER_BYTES_MAX:
                        raise NeighbourFailed("Google: an answer that is too large")
                return answer.status, bytes(body)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise NeighbourFailed(f"Google: {type(error).__name__}") from None


def _decoded(status: int, body: bytes, into: type[T], what: str) -> T:
    if not 200 <= status < 300:  # noqa: PLR2004
        raise NeighbourFailed(f"Google: {what}: {status}")
    try:
        return msgspec.json.decode(body, type=into)
    except msgspec.MsgspecError:
        raise NeighbourFailed(f"Google: {what}: an answer that cannot be read") from None
