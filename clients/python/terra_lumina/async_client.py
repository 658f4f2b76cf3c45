"""The asynchronous client."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self

import httpx

from terra_lumina.async_resources import (
    AsyncDistributions,
    AsyncEvents,
    AsyncInvestments,
    AsyncOAuth,
    AsyncPortfolio,
    AsyncProjects,
    AsyncUserAccount,
)
from terra_lumina.async_transport import AsyncTransport
from terra_lumina.conversation import TIMEOUT_S, Caller, account_of, url_of
from terra_lumina.oauth import OAuthApp, Token
from terra_lumina.retrying import Retry
from terra_lumina.streaming import Stream, Update


class AsyncTerraLumina:
    """A client for programs that run an event loop.

    One of `api_key`, `access_token` and `app`; none of them: the key is in `TERRA_LUMINA_API_KEY`.
    `base_url` None: `TERRA_LUMINA_BASE_URL`, else production. An `http` that is given stays open: whoever
    opened it closes it.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        access_token: str | None = None,
        app: OAuthApp | None = None,
        token: Token | None = None,
        on_token: Callable[[Token], None] | None = None,
        base_url: str | None = None,
        timeout_s: float = TIMEOUT_S,
        retry: Retry | None = None,
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        caller = Caller(
            base_url=url_of(base_url),
            account=account_of(api_key, access_token, app, token, on_token),
            retry=retry or Retry(),
            random=random,
            now_s=now_s,
        )
        self._is_http_own = http is None
        self._transport = AsyncTransport(caller, http or httpx.AsyncClient(timeout=timeout_s), sleep)
        self.projects = AsyncProjects(self._transport)
        self.investments = AsyncInvestments(self._transport)
        self.portfolio = AsyncPortfolio(self._transport)
        self.distributions = AsyncDistributions(self._transport)
        self.user = AsyncUserAccount(self._transport)
        self.events = AsyncEvents(self._transport)
        self.oauth = AsyncOAuth(self._transport)

    def __repr__(self) -> str:
        return f"AsyncTerraLumina(base_url={self._transport.caller.base_url!r})"

    def stream(
        self, *, portfolio: bool = False, projects: Iterable[str] = (), after: int | None = None
    ) -> AsyncGenerator[Update, None]:
        """What changes, as it happens, without end; connects again by itself and misses nothing meanwhile.

        `after`: begin behind the update with this `seq`, as kept from an earlier stream; None: begin now.

        Raises:
            StreamClosedError: the service will not have it; connecting again would not help.
        """
        return self._transport.stream(
            Stream(portfolio=portfolio, projects=projects, after=after, random=self._transport.caller.random)
        )

    async def close(self) -> None:
        if self._is_http_own:
            await self._transport.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
