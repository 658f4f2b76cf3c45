"""Each route that moves money or tokens, tried by everyone who may not.

Ana has an order open, LT in the pool, a loan and a device. Whoever else comes, no balance moves by a unit.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from msgspec import Struct
from nacl.signing import SigningKey
from stellar_sdk import StrKey

from cloud.app import Parts
from cloud.identity.model import Role
from cloud.settings import Settings
from shared.clock import ManualClock

DEVICE = "rpi-4b-prod-01"
ACCESS_LIFE_S = 15 * 60


class Wallet:
    def __init__(self, seed: int) -> None:
        self._key = SigningKey(bytes([seed]) * 32)
        self.address = StrKey.encode_ed25519_public_key(bytes(self._key.verify_key))

    def proof(self) -> dict[str, str]:
        digest = hashlib.sha256(b"Stellar Signed Message:\nlos-tecnicos-auth").digest()
        signature = base64.b64encode(self._key.sign(digest).signature).decode()
        return {"wallet_address": self.address, "signature": signature}


class Meter:
    """A device key, of which every request needs a signature under a rising counter."""

    def __init__(self, device_id: str, seed: int) -> None:
        self.device_id = device_id
        self._key = SigningKey(bytes([seed]) * 32)
        self.public_key = bytes(self._key.verify_key).hex()
        self.counter = 0

    def sign(self, purpose: str, message: str) -> str:
        signed = f"lumengrid/v1/{purpose}\n{message}".encode()
        return base64.b64encode(self._key.sign(signed).signature).decode()

    def headers(self, path: str, body: object) -> dict[str, str]:
        self.counter += 1
        content = json.dumps(body)
        return {
            "X-Device-Id": self.device_id,
            "X-Device-Counter": str(self.counter),
            "X-Device-Signature": self.sign("request", f"POST\n{path}\n{self.counter}\n{content}"),
        }


class BalanceRow(Struct, frozen=True):
    account: str
    asset: str
    amount: int
    postings: int


class Village:
    """Ana and what is hers."""

    def __init__(self, client: httpx.AsyncClient, parts: Parts, clock: ManualClock) -> None:
        self.client = client
        self.parts = parts
        self.clock = clock
        self.ana = Wallet(1)
        self.meter = Meter(DEVICE, 100)
        self.order_id = ""
        self.stake_id = 0
        self.loan_id = 0

    async def sign_up(self, wallet: Wallet) -> dict[str, str]:
        await self.client.post("/api/v1/auth/signup", json=wallet.proof())
        return await self.sign_in(wallet)

    async def sign_in(self, wallet: Wallet) -> dict[str, str]:
        tokens = (await self.client.post("/api/v1/auth/login", json=wallet.proof())).json()
        return {"Authorization": f"Bearer {tokens['access_token']}"}

    async def settle(self) -> None:
        ana = await self.sign_up(self.ana)
        public_key = self.meter.public_key
        enrolment = {
            "device_id": DEVICE,
            "enrolment_code": None,
            "public_key": public_key,
            "signature": self.meter.sign("enrol", f"\n{DEVICE}\n{public_key}"),
        }
        await self._done("/iot/enrol", enrolment, {})
        claim = {"device_id": DEVICE, "signature": self.meter.sign("claim", f"{DEVICE}\n{self.ana.address}")}
        await self._done("/api/v1/iot/device/claim", claim, ana)
        report = energy_report()
        minted = await self._done(
            "/iot/energy/report", report, self.meter.headers("/iot/energy/report", report)
        )
        await self._done("/api/v1/market/order/cancel", {"order_id": minted["sell_order_id"]}, ana)
        sell = {"type": "sell", "kwh_amount": 0.01, "token_price": 5}
        self.order_id = (await self._done("/api/v1/market/order/create", sell, ana))["id"]
        self.stake_id = (await self._done("/api/v1/defi/pool/stake", {"amount": 100}, ana))["stake_id"]
        loan = {"kwh_borrowed": 0.01, "token_collateral": 15}
        self.loan_id = (await self._done("/api/v1/defi/flash-loan", loan, ana))["loan_id"]

    async def _done(self, path: str, body: object, headers: dict[str, str]) -> dict[str, Any]:
        answer = await self.client.post(path, content=json.dumps(body), headers=headers)
        assert answer.status_code in {200, 201}, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def balances(self) -> list[BalanceRow]:
        async with self.parts.store.read() as tx:
            return await tx.fetch_all(
                BalanceRow, "SELECT account, asset, amount, postings FROM balances ORDER BY account, asset"
            )


def energy_report() -> dict[str, Any]:
    return {
        "device_id": DEVICE,
        "sender_uid": "NODE_A",
        "receiver_uid": "NODE_B",
        "kwh_transferred": 0.5,
        "duration_seconds": 1800,
        "avg_voltage": 3.92,
        "avg_current": 0.27,
    }


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Without limits, for the clock stands."""
    return Settings(data_dir=tmp_path / "cloud", rate_limit_per_minute=0, sign_ins_per_minute=0)


@pytest.fixture
async def village(client: httpx.AsyncClient, parts: Parts, clock: ManualClock) -> Village:
    village = Village(client, parts, clock)
    await village.settle()
    return village


class Route(NamedTuple):
    """A way to move money: the body with which Ana could, and what anyone else is told who tries it."""

    path: str
    body: Callable[[Village], dict[str, Any]]
    other: int | None
    """None: it names nothing of Ana's, so for another person it is their own business."""


BY_PERSON = [
    Route(
        "/api/v1/market/order/create",
        lambda _: {"type": "buy", "kwh_amount": 0.01, "token_price": 1},
        other=None,
    ),
    Route("/api/v1/market/order/cancel", lambda v: {"order_id": v.order_id}, other=403),
    Route("/api/v1/defi/pool/stake", lambda v: {"user_id": v.ana.address, "amount": 1}, other=403),
    Route("/api/v1/defi/pool/unstake", lambda v: {"stake_id": v.stake_id}, other=404),
    Route(
        "/api/v1/defi/flash-loan",
        lambda v: {"borrower_id": v.ana.address, "kwh_borrowed": 0.01, "token_collateral": 15},
        other=403,
    ),
    Route("/api/v1/defi/flash-loan/repay", lambda v: {"loan_id": v.loan_id}, other=404),
    Route(
        "/api/v1/tokens/withdraw",
        lambda v: {"asset": "XLM", "amount": 1, "destination": v.ana.address},
        other=403,
    ),
    Route(
        "/api/v1/depin/register",
        lambda v: {
            "device_id": DEVICE,
            "operator_wallet": v.ana.address,
            "hardware_type": "rpi4b",
            "firmware_version": "1.2.0",
            "signature": v.meter.sign("depin", f"{DEVICE}\n{v.ana.address}"),
        },
        other=403,
    ),
    Route(
        "/api/v1/iot/device/claim",
        lambda v: {
            "device_id": DEVICE,
            "signature": v.meter.sign("claim", f"{DEVICE}\n{v.ana.address}"),
        },
        other=404,
    ),
]
BY_DEVICE = [
    Route("/iot/energy/report", lambda _: energy_report() | {"sender_uid": "NODE_C"}, other=None),
    Route("/api/v1/depin/heartbeat", lambda _: {"device_id": DEVICE, "kwh_routed": 0.1}, other=None),
]


async def anonymous(_village: Village) -> dict[str, str]:
    return {}


async def expired(village: Village) -> dict[str, str]:
    headers = await village.sign_in(village.ana)
    village.clock.advance(ACCESS_LIFE_S + 1)
    await village.parts.services.defi.liquidate_due()  # her loan: now, not at some moment of the test
    return headers


async def revoked(village: Village) -> dict[str, str]:
    headers = await village.sign_in(village.ana)
    await village.client.post("/api/v1/auth/logout", headers=headers)
    return headers


async def refreshed_token_as_access(village: Village) -> dict[str, str]:
    tokens = (await village.client.post("/api/v1/auth/login", json=village.ana.proof())).json()
    return {"Authorization": f"Bearer {tokens['refresh_token']}"}


async def forged(village: Village) -> dict[str, str]:
    headers = await village.sign_in(village.ana)
    head, payload, _signature = headers["Authorization"].split(".")
    return {"Authorization": f"{head}.{payload}.{'A' * 43}"}


NOBODY = [anonymous, revoked, refreshed_token_as_access, forged, expired]
named = pytest.mark.parametrize("route", BY_PERSON, ids=lambda route: route.path)


@named
async def test_without_a_good_token_nothing_moves(
    route: Route, village: Village, subtests: pytest.Subtests
) -> None:
    for caller in NOBODY:
        with subtests.test(caller.__name__):
            headers = await caller(village)
            before = await village.balances()

            answer = await village.client.post(route.path, json=route.body(village), headers=headers)

            assert answer.status_code == 401, answer.text
            assert set(answer.json()) == {"error"}
            assert await village.balances() == before


@pytest.mark.parametrize("route", [route for route in BY_PERSON if route.other], ids=lambda route: route.path)
async def test_no_role_gives_power_over_what_is_someone_else_s(
    route: Route, village: Village, subtests: pytest.Subtests
) -> None:
    ben = Wallet(2)
    headers = await village.sign_up(ben)
    before = await village.balances()
    for role in (*Role, "admin"):
        with subtests.test(str(role)):
            await village.parts.services.identity.grant(ben.address, role)

            answer = await village.client.post(route.path, json=route.body(village), headers=headers)

            assert answer.status_code == route.other, answer.text
            assert await village.balances() == before


@named
async def test_the_owner_herself_may(route: Route, village: Village) -> None:
    headers = await village.sign_in(village.ana)
    before = await village.balances()

    answer = await village.client.post(route.path, json=route.body(village), headers=headers)

    if route.path.endswith("/unstake"):  # her own loan stands in the way
        assert answer.status_code == 400, answer.text
    else:
        assert answer.status_code in {200, 201}, answer.text
        assert (await village.balances() == before) == route.path.endswith("/claim")


@pytest.mark.parametrize("route", BY_DEVICE, ids=lambda route: route.path)
async def test_what_a_device_says_must_be_signed_by_its_own_key_once(route: Route, village: Village) -> None:
    body = route.body(village)
    content = json.dumps(body)
    spent = village.meter.headers(route.path, body)
    register = BY_PERSON[7]
    await village.client.post(
        register.path, json=register.body(village), headers=await village.sign_in(village.ana)
    )
    village.clock.advance(60)
    assert (await village.client.post(route.path, content=content, headers=spent)).status_code == 200
    stranger = Meter(DEVICE, 101)
    stranger.counter = village.meter.counter
    other_device = Meter("rpi-other", 102)
    before = await village.balances()

    signed_elsewhere = village.meter.headers("/iot/ping", body)
    ana = await village.sign_in(village.ana)
    for headers in (
        {},
        ana,
        spent,
        stranger.headers(route.path, body),
        other_device.headers(route.path, body),
        signed_elsewhere,
    ):
        answer = await village.client.post(route.path, content=content, headers=headers)
        assert answer.status_code in {401, 403}, answer.text
        assert await village.balances() == before


async def test_an_answer_kept_under_a_key_is_its_owner_s_alone(village: Village) -> None:
    ben = Wallet(2)
    key = {"Idempotency-Key": "the same for both"}
    body = {"type": "buy", "kwh_amount": 0.01, "token_price": 1}
    anas = await village.client.post(
        "/api/v1/market/order/create", json=body, headers=await village.sign_in(village.ana) | key
    )
    bens = await village.client.post(
        "/api/v1/market/order/create", json=body, headers=await village.sign_up(ben) | key
    )

    assert anas.json()["user_id"] == village.ana.address
    assert bens.json()["user_id"] == ben.address
    assert anas.json()["id"] != bens.json()["id"]
