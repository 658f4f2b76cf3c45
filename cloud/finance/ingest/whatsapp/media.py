"""Pictures and files that people sent, fetched from Twilio's own hosts and no other."""

import base64
from urllib.parse import urljoin, urlsplit

import aiohttp

from cloud.finance.ingest.errors import FileTooLarge, NeighbourFailed, NotFromTwilio

TIMEOUT_S = 10.0
REDIRECTS_MAX = 3
_HOSTS = (".twilio.com", ".twiliocdn.com")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK = 200


class Media:
    """Of one account. The account's token goes to the API alone, never with a redirect."""

    def __init__(self, api_url: str, account_sid: str, token: str) -> None:
        self._api = urlsplit(api_url)
        basic = base64.b64encode(f"{account_sid}:{token}".encode()).decode()
        self._authorization = {"Authorization": f"Basic {basic}"}
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, url: str, *, bytes_max: int) -> bytes:
        """The file.

        Raises:
            NotFromTwilio: it lies, or leads, elsewhere.
            FileTooLarge
            NeighbourFailed: no answer, or not the file.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar()
            )
        try:
            for _ in range(REDIRECTS_MAX + 1):
                headers = self._authorization if self._admit(url) else {}
                async with self._session.get(url, headers=headers, allow_redirects=False) as answer:
                    if answer.status in _REDIRECTS:
                        url = urljoin(url, answer.headers.get("Location", ""))
                        continue
                    if answer.status != _OK:
                        raise NeighbourFailed(f"Twilio: media: {answer.status}")
                    return await _bounded(answer.content, bytes_max)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise NeighbourFailed(f"Twilio: media: {type(error).__name__}") from None
        raise NeighbourFailed("Twilio: media: too many redirects")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _admit(self, url: str) -> bool:
        """Whether it is the API itself, which is given the token.

        Raises:
            NotFromTwilio: it is not Twilio's at all.
        """
        parts = urlsplit(url)
        if (parts.scheme, parts.netloc) == (self._api.scheme, self._api.netloc):
            return True
        host = parts.hostname or ""
        if parts.scheme != "https" or parts.port not in {None, 443} or not host.endswith(_HOSTS):
            raise NotFromTwilio
        return False


async def _bounded(content: aiohttp.StreamReader, bytes_max: int) -> bytes:
    body = bytearray()
    async for chunk in content.iter_chunked(65_536):
        body += chunk
        if len(body) > bytes_max:
            raise FileTooLarge(bytes_max)
    return bytes(body)
