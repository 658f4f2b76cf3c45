"""The export of one real run, and a forger who makes every lie consistent with the rest."""

import asyncio
import base64
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import Struct, structs
from nacl.signing import SigningKey
from stellar_sdk import StrKey

from cloud.app import MIGRATIONS, Parts, build
from cloud.devices.enrolment import Enrolment
from cloud.identity.service import WalletProof
from cloud.kit.idempotency import NO_KEY
from cloud.minting.errors import ReportRefused
from cloud.minting.model import Claim
from cloud.settings import Settings
from shared.clock import ManualClock, to_micros
from shared.messages import EnergyReport, encode
from shared.signatures import Purpose, public_key_of, sign
from tests.cloud.audit.forgery import Forged

METER = SigningKey(b"m" * 32)
CLOUD_SEED = b"c" * 32


class Run(Struct, frozen=True):
    export: bytes
    cloud_key: bytes
    early_head: bytes
    """An answer of /ledger/root from the middle of the run."""


class Site:
    """Devices that report to a service; each report lasts a minute."""

    def __init__(self, parts: Parts, clock: ManualClock) -> None:
        self.parts, self.clock = parts, clock
        self.number = 0

    async def enrol(self, device_id: str, key: SigningKey) -> None:
        shown = Enrolment(
            device_id=device_id, enrolment_code=None, public_key=public_key_of(key), signature=""
        )
        signature = sign(key, Purpose.ENROL, shown.signed)
        await self.parts.services.devices.enrol(structs.replace(shown, signature=signature), trusted=True)

    async def wallet(self, seed: int):
        key = SigningKey(bytes([seed]) * 32)
        digest = hashlib.sha256(b"Stellar Signed Message:\nlos-tecnicos-auth").digest()
        proof = WalletProof(
            wallet_address=StrKey.encode_ed25519_public_key(bytes(key.verify_key)),
            signature=base64.b64encode(key.sign(digest).signature).decode(),
            message=None,
        )
        person, _ = await self.parts.services.identity.signup(proof)
        return person

    async def signed(self, sender: str, receiver: str, **changes):
        """65 mWh at 3.9 V, of which 60 arrive; a bench's scale makes 0.065 kWh of them."""
        self.clock.advance(60)
        self.number += 1
        now = self.clock.now()
        values = {
            "report_id": f"rep_{self.number}",
            "device_id": "pi-1",
            "sender_uid": sender,
            "receiver_uid": receiver,
            "started_at": now - timedelta(seconds=60),
            "ended_at": now,
            "duration_ms": 60_000,
            "energy_mwh": 65,
            "received_mwh": 60,
            "voltage_mv_mean": 3_900,
            "current_ma_mean": 1_000,
            "boot_id": "boot_1",
            "synced": True,
        }
        raw = encode(EnergyReport(**values | changes))
        device = await self.parts.services.devices.find("pi-1")
        return await self.parts.services.agent_calls.signed_report(
            device, raw.decode(), sign(METER, Purpose.ENERGY, raw), NO_KEY
        )

    async def unsigned(self, device_id: str, **changes):
        """0.2 kWh in an hour at 4.0 V and 0.05 A, times 1000."""
        self.clock.advance(3_600)
        self.number += 1
        now_us = to_micros(self.clock.now())
        claim = Claim(
            report_id=f"rep_{self.number}",
            device_id=device_id,
            sender_uid="NODE_X",
            receiver_uid="NODE_Y",
            started_at_us=now_us - 3_600_000_000,
            ended_at_us=now_us,
            duration_s=3_600.0,
            energy_mwh=200_000,
            received_mwh=200_000,
            voltage_v_mean=4.0,
            current_a_mean=0.05,
        )
        device = await self.parts.services.devices.unsigned_caller(device_id, "127.0.0.1")
        return await self.parts.services.agent_calls.report(device, structs.replace(claim, **changes), NO_KEY)

    async def pool(self, person):
        """3 LT staked for two hours, 205 units of yield minted; then a loan repaid and one overdue."""
        defi = self.parts.services.defi
        stake = await defi.stake(person, 30_000_000, NO_KEY)
        self.clock.advance(7_200)
        await defi.unstake(person, stake.id, NO_KEY)
        await defi.stake(person, 30_000_000, NO_KEY)
        loan = await defi.borrow(person, lots=1, collateral=15_000_000, once=NO_KEY)
        self.clock.advance(100)
        await defi.repay(person, loan.id, NO_KEY)
        await defi.borrow(person, lots=1, collateral=15_000_001, once=NO_KEY)
        self.clock.advance(301)
        await defi.liquidate_due()
        self.clock.advance(600)
        await defi.unstake(person, 2, NO_KEY)


async def _exported(parts: Parts) -> bytes:
    return b"".join([piece async for piece in await parts.services.ledger_export.open()])


async def _head(parts: Parts) -> bytes:
    return encode(await parts.services.ledger.tree_head())


async def _live(folder: Path) -> Run:
    """Signed and unsigned mints, held ones of every fate, a claim of escrow, a reversal, both policies."""
    clock = ManualClock()
    settings = Settings(data_dir=folder)
    parts = build(settings, clock)
    await parts.store.migrate(MIGRATIONS)
    try:
        site = Site(parts, clock)
        ana = await site.wallet(1)
        await site.wallet(2)
        await site.enrol("pi-1", METER)
        first = await site.signed("NODE_A", "NODE_B")
        await site.signed("NODE_A", "NODE_B", voltage_mv_mean=4_300, current_ma_mean=907)
        circular = await site.signed("NODE_B", "NODE_A")
        partly = await site.signed("NODE_B", "NODE_C", received_mwh=None)
        overlapping = await site.signed("NODE_A", "NODE_B", started_at=clock.now() - timedelta(minutes=9))
        assert (first.held_mwh, circular.held_mwh) == (0, 65_000)
        assert 0 < partly.held_mwh < partly.energy_mwh
        assert overlapping.held_mwh == 65_000
        early_head = await _head(parts)
        await parts.services.pricing.current()
        await parts.services.minting.burn_held(circular.id)
        message = f"pi-1\n{ana.shown_id}".encode()
        await parts.services.devices.claim(ana, "pi-1", sign(METER, Purpose.CLAIM, message))
        await parts.services.minting.release_held(overlapping.id)
        await site.pool(ana)
        await site.unsigned("pi-2")
        await site.unsigned("pi-2", report_id=None, voltage_v_mean=None, arrival_timed=True)
        await parts.services.pricing.current()
        async with parts.store.write() as tx:
            await parts.services.ledger.reverse(tx, 2, "wallet closed")
    finally:
        await parts.store.close()

    strict = structs.replace(settings, plausibility_policy="reject", carbon_credit_per_kg=0.06)
    parts = build(strict, clock)
    await parts.store.migrate(MIGRATIONS)
    try:
        site.parts = parts
        await site.signed("NODE_D", "NODE_E", received_mwh=65)
        with pytest.raises(ReportRefused):  # wholly circular: in the book, without a mint
            await site.signed("NODE_E", "NODE_D", energy_mwh=40, current_ma_mean=615)
        with pytest.raises(ReportRefused):  # implausible: nowhere
            await site.signed("NODE_E", "NODE_D", current_ma_mean=1)
        rest = await site.signed("NODE_E", "NODE_A")
        assert rest.energy_mwh == 40_000
        assert rest.held_mwh == 0
        return Run(await _exported(parts), CLOUD_SEED, early_head)
    finally:
        await parts.store.close()


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    key = folder / "cloud_key"
    key.write_text(CLOUD_SEED.hex())
    key.chmod(0o600)
    return asyncio.run(_live(folder))


@pytest.fixture
def forged(run: Run) -> Forged:
    """The run's export, taken apart, to be changed and signed again with the cloud's own key."""
    return Forged(run.export, SigningKey(run.cloud_key), METER)
