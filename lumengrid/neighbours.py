"""`lumengrid neighbours`: simulated people next door who buy what the bench mints, over HTTP like anybody.

Each has a wallet of its own, known as a test wallet: its key follows from a seed and lies in the data folder.
They say `simulated neighbour` where others say where they live (`GET /api/v1/network/nodes`). They act at a
human pace, on the clock that `lumengrid up` gives them, and come back by themselves after the service does.
"""

import asyncio
import base64
import hashlib
import logging
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import aiohttp
import msgspec
from msgspec import Struct
from stellar_sdk import Keypair

from lumengrid.neighbour_rule import Buy, MarketOrder, Pocket, decide
from shared.clock import Clock

logger = logging.getLogger(__name__)

T = TypeVar("T")
LOCATION = "simulated neighbour"
WALLETS_FILE = "neighbours.json"
ACTS_EVERY_S = 30.0
"""On average, each of them."""
PAUSE_S_MIN, PAUSE_S_MAX = 5.0, 120.0
BACK_OFF_S_MIN, BACK_OFF_S_MAX = 2.0, 60.0
TIMEOUT_S = 10.0
_SIGNED_PREFIX = b"Stellar Signed Message:\n"
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Away(Exception):
    """The service does not answer, or asks to come again later."""


class Refused(Exception):
    """The service said no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class _Price(Struct, frozen=True):
    price: Decimal


class _Tokens(Struct, frozen=True):
    access_token: str


class _Challenge(Struct, frozen=True):
    message: str


def load_wallets(path: Path, *, count: int, seed: int) -> Sequence[Keypair]:
    """The wallets in the file, and new ones until there are `count`; mode 0600.

    The file decides once it is there: another seed makes nobody somebody else.
    """
    secrets: list[str] = msgspec.json.decode(path.read_bytes(), type=list[str]) if path.exists() else []
    for number in range(len(secrets), count):
        key = hashlib.sha256(f"lumengrid simulated neighbour {seed} {number}".encode()).digest()
        secrets.append(Keypair.from_raw_ed25519_seed(key).secret)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(secrets)))
    return [Keypair.from_secret(secret) for secret in secrets[:count]]


class Neighbour:
    """One of them."""

    def __init__(
        self, *, service_url: str, session: aiohttp.ClientSession, wallet: Keypair, draw: Random, clock: Clock
    ) -> None:
        self._service_url = service_url
        self._session = session
        self._wallet = wallet
        self._draw = draw
        self._clock = clock
        self._pocket = Pocket(at=clock.now())
        self._token: str | None = None
        self._failures = 0
        """In a row."""
        self._is_refused = False

    async def run(self) -> None:
        """Live next door until cancelled."""
        await self._clock.sleep(self._draw.uniform(0, ACTS_EVERY_S / 2))
        while True:
            await self._clock.sleep(await self.turn())

    async def turn(self) -> float:
        """Do one thing, or nothing; seconds until the next time."""
        try:
            if self._token is None:
                await self._sign_in()
            await self._act()
        except Away as error:
            return self._backed_off(error)
        except Refused as error:
            if error.status == 401:  # noqa: PLR2004  the token is 15 minutes old
                self._token = None
                return 0.0
            if not self._is_refused:
                logger.info("neighbour refused wallet=%s error=%s", self._wallet.public_key, error)
            self._is_refused = True
        else:
            self._is_refused = False
        if self._failures:
            logger.info("neighbour is back wallet=%s", self._wallet.public_key)
            self._failures = 0
        return min(PAUSE_S_MAX, max(PAUSE_S_MIN, self._draw.expovariate(1 / ACTS_EVERY_S)))

    async def _act(self) -> None:
        price = await self._ask(_Price, "GET", "/api/v1/market/price")
        orders = await self._ask(list[MarketOrder], "GET", "/api/v1/market/orders")
        now = self._clock.now()
        self._pocket = self._pocket.later(now)
        deed = decide(
            self._draw,
            me=self._wallet.public_key,
            price=price.price,
            orders=orders,
            now=now,
            pocket=self._pocket,
        )
        if isinstance(deed, Buy):
            wish = {"type": "buy", "kwh_amount": deed.kwh_amount, "token_price": deed.token_price}
            await self._ask(MarketOrder, "POST", "/api/v1/market/order/create", wish)
            self._pocket = self._pocket.less(deed.value_xlm)
        elif deed is not None:
            cancelled = {"order_id": deed.order.id}
            await self._ask(dict[str, str], "POST", "/api/v1/market/order/cancel", cancelled)
            self._pocket = self._pocket.less(-deed.order.value_xlm)

    async def _sign_in(self) -> None:
        await self._ask(dict[str, Any], "POST", "/api/v1/auth/signup", await self._proof())
        tokens = await self._ask(_Tokens, "POST", "/api/v1/auth/login", await self._proof())
        self._token = tokens.access_token
        await self._ask(dict[str, Any], "POST", "/api/v1/network/node/register", {"location": LOCATION})

    async def _proof(self) -> dict[str, str]:
        """A one-use challenge, signed by the wallet."""
        address = {"wallet_address": self._wallet.public_key}
        message = (await self._ask(_Challenge, "POST", "/api/v1/auth/challenge", address)).message
        signature = self._wallet.sign(hashlib.sha256(_SIGNED_PREFIX + message.encode()).digest())
        return address | {"message": message, "signature": base64.b64encode(signature).decode()}

    async def _ask(self, into: type[T], method: str, path: str, body: object = None) -> T:
        headers = {"Content-Type": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else _encode(body)
        try:
            async with self._session.request(
                method, self._service_url + path, data=data, headers=headers
            ) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Away(f"{type(error).__name__} {error}") from None
        if response.status == 429 or response.status >= 500:  # noqa: PLR2004
            raise Away(f"{path} answers {response.status}")
        if response.status >= 400:  # noqa: PLR2004
            raise Refused(response.status, answer.decode(errors="replace")[:200])
        try:
            return msgspec.json.decode(answer, type=into)
        except msgspec.MsgspecError as error:
            raise Away(f"{path}: {error}") from None

    def _backed_off(self, error: Away) -> float:
        if not self._failures:
            logger.info("neighbour waits wallet=%s error=%s", self._wallet.public_key, error)
        self._failures += 1
        most = min(BACK_OFF_S_MAX, BACK_OFF_S_MIN * 2 ** min(self._failures, 10))
        return self._draw.uniform(most / 2, most)


async def run_neighbours(*, service_url: str, folder: Path, count: int, seed: int, clock: Clock) -> None:
    """All of them, until cancelled."""
    wallets = load_wallets(folder / WALLETS_FILE, count=count, seed=seed)
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
        asyncio.TaskGroup() as tasks,
    ):
        for number, wallet in enumerate(wallets):
            logger.info("neighbour wallet=%s", wallet.public_key)
            neighbour = Neighbour(
                service_url=service_url,
                session=session,
                wallet=wallet,
                draw=Random(f"{seed} {number}"),  # noqa: S311  a habit, not a secret
                clock=clock,
            )
            tasks.create_task(neighbour.run())
