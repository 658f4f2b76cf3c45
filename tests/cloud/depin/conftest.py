"""Two people with wallets, agents with keys, and a device that mints."""

import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from msgspec import Struct
from nacl.signing import SigningKey
from stellar_sdk import StrKey

from cloud.app import Parts
from cloud.depin.service import Depin
from cloud.identity.service import WalletProof
from shared.clock import ManualClock
from shared.messages import EnergyReport, encode
from tests.cloud.devices.conftest import Agent

REGISTER = "/api/v1/depin/register"
HEARTBEAT = "/api/v1/depin/heartbeat"
NODES = "/api/v1/depin/nodes"
STATS = "/api/v1/depin/stats"
CLAIM = "/api/v1/iot/device/claim"


class Wallet(Struct, frozen=True):
    """Somebody with a wallet, and the header that signs them in."""

    address: str
    account: str
    headers: dict[str, str]


class Balance(Struct, frozen=True):
    account: str
    asset: str
    amount: int


class Site:
    """What happens to nodes, over HTTP; signed requests count by themselves."""

    def __init__(self, client: httpx.AsyncClient, parts: Parts, clock: ManualClock) -> None:
        self.client, self.parts, self.clock = client, parts, clock
        self._counter = 0
        self._reports = 0

    async def wallet(self, seed: int) -> Wallet:
        key = SigningKey(bytes([seed]) * 32)
        digest = hashlib.sha256(b"Stellar Signed Message:\nlos-tecnicos-auth").digest()
        proof = WalletProof(
            wallet_address=StrKey.encode_ed25519_public_key(bytes(key.verify_key)),
            signature=base64.b64encode(key.sign(digest).signature).decode(),
            message=None,
        )
        identity = self.parts.services.identity
        person, _ = await identity.signup(proof)
        tokens = await identity.login(proof)
        return Wallet(
            proof.wallet_address, person.account, {"Authorization": f"Bearer {tokens.access_token}"}
        )

    async def enrol(self, agent: Agent) -> None:
        answer = await self.client.post("/iot/enrol", json=agent.enrolment())
        assert answer.status_code == 200, answer.text

    async def claim(self, agent: Agent, owner: Wallet) -> None:
        body = agent.claim(owner.address)
        answer = await self.client.post(CLAIM, headers=owner.headers, json=body)
        assert answer.status_code == 200, answer.text

    async def register(self, agent: Agent, operator: Wallet, **changes: Any) -> httpx.Response:
        headers = {**operator.headers, **changes.pop("headers", {})}
        return await self.client.post(
            REGISTER, headers=headers, json=registration(agent, operator.address, **changes)
        )

    async def beat(self, agent: Agent, kwh_routed: float = 0, **headers: str) -> httpx.Response:
        self._counter += 1
        body = {"device_id": agent.device_id, "kwh_routed": kwh_routed}
        request = agent.request(HEARTBEAT, body, self._counter)
        request["headers"] |= headers
        return await self.client.post(HEARTBEAT, **request)

    async def mint(self, agent: Agent, energy_mwh: int = 65, **changes: Any) -> Any:
        """A signed minute at 3.9 V; on a bench each measured mWh stands for 0.001 kWh. The clock moves on."""
        self.clock.advance(60)
        self._reports += 1
        now = self.clock.now()
        values = {
            "report_id": f"rep_{self._reports}",
            "device_id": agent.device_id,
            "sender_uid": "NODE_A",
            "receiver_uid": "NODE_B",
            "started_at": now - timedelta(seconds=60),
            "ended_at": now,
            "duration_ms": 60_000,
            "energy_mwh": energy_mwh,
            "received_mwh": energy_mwh,
            "voltage_mv_mean": 3_900,
            "current_ma_mean": round(energy_mwh * 60 / 3.9),
            "boot_id": "boot_1",
            "synced": True,
        }
        raw = encode(EnergyReport(**values | changes))
        self._counter += 1
        body = {
            "device_id": agent.device_id,
            "sender_uid": values["sender_uid"],
            "receiver_uid": values["receiver_uid"],
            "kwh_transferred": energy_mwh / 1_000,
            "duration_seconds": 60,
            "report": raw.decode(),
            "signature": agent.sign("energy", raw),
        }
        request = agent.request("/iot/energy/report", body, self._counter)
        answer = await self.client.post("/iot/energy/report", **request)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def lt(self, account: str) -> int:
        """10^-7 units."""
        async with self.parts.store.read() as tx:
            return int(await self.parts.services.ledger.balance(tx, account, "LT"))

    async def balances(self) -> str:
        """Every balance there is."""
        async with self.parts.store.read() as tx:
            return str(
                await tx.fetch_all(
                    Balance, "SELECT account, asset, amount FROM balances ORDER BY account, asset"
                )
            )


def registration(agent: Agent, wallet: str, **changes: Any) -> dict[str, Any]:
    return {
        "device_id": agent.device_id,
        "operator_wallet": wallet,
        "hardware_type": "rpi4b",
        "firmware_version": "1.2.0",
        "signature": agent.sign("depin", f"{agent.device_id}\n{wallet}".encode()),
    } | changes


@pytest.fixture
def site(client: httpx.AsyncClient, parts: Parts, clock: ManualClock) -> Site:
    return Site(client, parts, clock)


@pytest.fixture
def depin(parts: Parts) -> Depin:
    return parts.services.depin


@pytest.fixture
async def ana(site: Site) -> Wallet:
    return await site.wallet(1)


@pytest.fixture
async def ben(site: Site) -> Wallet:
    return await site.wallet(2)


@pytest.fixture
async def agent(site: Site) -> Agent:
    """Enrolled, owned by nobody."""
    found = Agent()
    await site.enrol(found)
    return found


@pytest.fixture
def another(site: Site) -> Callable[[int], Any]:
    """More enrolled agents."""

    async def enrolled(number: int) -> Agent:
        found = Agent(f"rpi-{number}", seed=100 + number)
        await site.enrol(found)
        return found

    return enrolled
