"""Requests to addresses that strangers chose: they reach the public internet and nothing else.

Each socket is made for the very address that it connects to, and is refused there: whatever a name meant
before, and whatever it means next, no connection goes to an address that was not checked.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from msgspec import Struct

URL_LENGTH_MAX = 2_000
BODY_BYTES_MAX = 65_536
TIMEOUT_S = 10.0
CONNECTIONS_MAX = 100

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",
    )
)
"""What `is_global` lets pass (IANA special-purpose registries); NAT64 lies outside of 2000::/3."""


class EgressRefused(OSError):
    """The address is not one that strangers may have us talk to."""


class Answer(Struct, frozen=True):
    """What came back; of a longer body its beginning."""

    status: int
    body: bytes


class Unanswered(Exception):
    """Nothing came back, and why."""


def is_public(address: IPAddress) -> bool:
    """Whether it is a unicast address of the public internet, and stands for no other."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_IPV6:
        return False
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or address.is_unspecified)
        and not any(address in network for network in _REFUSED)
    )


def is_loopback_host(host: str) -> bool:
    """Whether a listening address, or the host of a URL, is this machine's own loopback by its name alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Egress:
    """Sends what others receive; `loopback` allows this machine as well, without TLS if need be."""

    def __init__(
        self,
        *,
        loopback: bool,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._loopback = loopback
        self._resolver = resolver
        self._tls = tls
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def check(self, url: str) -> None:
        """Refuse a URL at setup: by how it is written, and by what its host means now.

        Raises:
            EgressRefused: with the reason.
        """
        host, port = self._target(url)
        try:
            literal = ipaddress.ip_address(host)
        except ValueError:
            addresses = await self._resolve(host, port)
        else:
            addresses = [str(literal)]
        for address in addresses:
            self._admit(address)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One POST: no redirect is followed, no proxy asked, no cookie kept.

        Raises:
            Unanswered: refused, unreachable, too slow, or not HTTP.
        """
        try:
            self._target(url)
            async with self._opened().post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return Answer(response.status, await _beginning(response.content))
        except TimeoutError:
            raise Unanswered(f"no answer within {self._timeout_s:g} s") from None
        except EgressRefused as error:
            raise Unanswered(str(error)) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            cause = error.__cause__
            raise Unanswered(str(cause if isinstance(cause, EgressRefused) else error)) from None

    def _target(self, url: str) -> tuple[str, int]:
        """Host and port.

        Raises:
            EgressRefused: not a URL to send to.
        """
        if len(url) > URL_LENGTH_MAX or not (url.isascii() and url.isprintable()) or " " in url:
            raise EgressRefused(f"must be an address of at most {URL_LENGTH_MAX} ASCII characters")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise EgressRefused("is not a URL") from None
        if not host or parts.scheme not in {"https", "http"}:
            raise EgressRefused("must begin with https://")
        if parts.scheme == "http" and not (self._loopback and is_loopback_host(host)):
            raise EgressRefused("must begin with https://")
        if "@" in parts.netloc or "#" in url or "\\" in url or "%" in parts.netloc:
            raise EgressRefused("must hold no user, no fragment and no escapes in its host")
        return host, port or (443 if parts.scheme == "https" else 80)

    async def _resolve(self, host: str, port: int) -> list[str]:
        resolver = self._resolver or aiohttp.ThreadedResolver()
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await resolver.resolve(host, port, family=socket.AF_UNSPEC)
        except (OSError, UnicodeError):
            raise EgressRefused(f"{host} is no known host") from None
        return [one["host"] for one in found]

    def _admit(self, text: str) -> None:
        address = ipaddress.ip_address(text.partition("%")[0])
        if is_public(address) or (self._loopback and address.is_loopback):
            return
        raise EgressRefused(f"{address} is not a public address")

    def _socket(self, target: tuple[Any, ...]) -> socket.socket:
        """For aiohttp, which connects it to that address and no other."""
        family, kind, protocol, _, address = target
        self._admit(str(address[0]))
        return socket.socket(family, kind, protocol)

    def _opened(self) -> aiohttp.ClientSession:
        """Opened at the first use: it belongs to a running loop."""
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(
                limit=CONNECTIONS_MAX,
                resolver=self._resolver,
                use_dns_cache=False,
                socket_factory=self._socket,
                ssl=self._tls or True,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                headers={"Accept-Encoding": "identity"},
            )
        return self._session


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    body = b""
    while len(body) < BODY_BYTES_MAX:
        chunk = await content.read(BODY_BYTES_MAX - len(body))
        if not chunk:
            break
        body += chunk
    return body
