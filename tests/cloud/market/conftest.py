"""People with wallets at the whole service, and what they hold."""

import base64
import hashlib
from collections.abc import Awaitable, Callable

import httpx
import pytest
from msgspec import Struct
from nacl.signing import SigningKey
from stellar_sdk import StrKey

from cloud.app import Parts
from cloud.identity.model import Person
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount

UNITS = 10_000_000


class Trader(Struct, frozen=True):
    """Somebody signed in; each starts with 10,000 XLM."""

    client: httpx.AsyncClient
    parts: Parts
    person: Person
    headers: dict[str, str]

    async def create(self, side: str, kwh: float, price: float, **headers: str) -> httpx.Response:
        return await self.client.post(
            "/api/v1/market/order/create",
            json={"type": side, "kwh_amount": kwh, "token_price": price},
            headers=self.headers | headers,
        )

    async def placed(self, side: str, kwh: float, price: float) -> dict:
        answer = await self.create(side, kwh, price)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def cancel(self, order_id: str, **headers: str) -> httpx.Response:
        return await self.client.post(
            "/api/v1/market/order/cancel", json={"order_id": order_id}, headers=self.headers | headers
        )

    async def holds(self, asset: Asset, hold: str = "") -> float:
        """In LT or XLM."""
        async with self.parts.store.read() as tx:
            account = self.person.account + hold
            return await self.parts.services.ledger.balance(tx, account, asset) / UNITS

    async def earn(self, lt: int) -> None:
        """LT out of nothing, as a mint gives them."""
        postings = (
            Posting(SystemAccount.MINT_ENERGY, Asset.LT, -lt * UNITS),
            Posting(self.person.account, Asset.LT, lt * UNITS),
        )
        async with self.parts.store.write() as tx:
            await self.parts.services.ledger.post(tx, Entry(kind=EntryKind.MINT, postings=postings))

    async def minted(self, number: int, kwh: float, price: float) -> None:
        """As a device of theirs that minted 1000 LT per kWh."""
        await self.earn(round(kwh * 1000))
        async with self.parts.store.write() as tx:
            await self.parts.services.market.deliver(
                tx,
                order_id=f"auto_sell_{number}",
                account=self.person.account,
                owner_person_id=self.person.id,
                lots=round(kwh * 1000),
                price_ticks=round(price * 10_000),
            )


@pytest.fixture
def trader(client: httpx.AsyncClient, parts: Parts) -> Callable[[int], Awaitable[Trader]]:
    """Sign a wallet in; the number is its seed."""

    async def sign_in(seed: int) -> Trader:
        key = SigningKey(bytes([seed]) * 32)
        address = StrKey.encode_ed25519_public_key(bytes(key.verify_key))
        digest = hashlib.sha256(b"Stellar Signed Message:\nlos-tecnicos-auth").digest()
        signature = base64.b64encode(key.sign(digest).signature).decode()
        proof = {"wallet_address": address, "signature": signature}
        await client.post("/api/v1/auth/signup", json=proof)
        tokens = (await client.post("/api/v1/auth/login", json=proof)).json()
        person = await parts.services.identity.person_of_token(tokens["access_token"])
        return Trader(client, parts, person, {"Authorization": f"Bearer {tokens['access_token']}"})

    return sign_in


@pytest.fixture
async def ana(trader: Callable[[int], Awaitable[Trader]]) -> Trader:
    return await trader(1)


@pytest.fixture
async def ben(trader: Callable[[int], Awaitable[Trader]]) -> Trader:
    return await trader(2)


@pytest.fixture
async def cem(trader: Callable[[int], Awaitable[Trader]]) -> Trader:
    return await trader(3)
