"""The blocking client."""

import random
import time
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import Self

import httpx

from terra_lumina.conversation import TIMEOUT_S, Caller, account_of, url_of
from terra_lumina.oauth import OAuthApp, Token
from terra_lumina.resources import (
    Distributions,
    Events,
    Investments,
    OAuth,
    Portfolio,
    Projects,
    UserAccount,
)
from terra_lumina.retrying import Retry
from terra_lumina.streaming import Stream, Update
from terra_lumina.transport import Transport


class TerraLumina:
    """A client for blocking programs; threads may share it.

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
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
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
        self._transport = Transport(caller, http or httpx.Client(timeout=timeout_s), sleep)
        self.projects = Projects(self._transport)
        self.investments = Investments(self._transport)
        self.portfolio = Portfolio(self._transport)
        self.distributions = Distributions(self._transport)
        self.user = UserAccount(self._transport)
        self.events = Events(self._transport)
        self.oauth = OAuth(self._transport)

    def __repr__(self) -> str:
        return f"TerraLumina(base_url={self._transport.caller.base_url!r})"

    def stream(
        self, *, portfolio: bool = False, projects: Iterable[str] = (), after: int | None = None
    ) -> Generator[Update, None, None]:
        """What changes, as it happens, without end; connects again by itself and misses nothing meanwhile.

        `after`: begin behind the update with this `seq`, as kept from an earlier stream; None: begin now.

        Raises:
            StreamClosedError: the service will not have it; connecting again would not help.
        """
        return self._transport.stream(
            Stream(portfolio=portfolio, projects=projects, after=after, random=self._transport.caller.random)
        )

    def close(self) -> None:
        if self._is_http_own:
            self._transport.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
