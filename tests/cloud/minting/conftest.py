"""Minting over a real store, ledger and market; only the people and the grid are imitated."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs

from cloud.devices.model import Device
from cloud.kit.events import EventLog
from cloud.kit.store.sqlite import SqliteStore
from cloud.ledger.service import Ledger
from cloud.market.service import Market
from cloud.minting.model import Claim
from cloud.minting.service import Minting
from cloud.pricing.quality import GridConditions
from cloud.pricing.service import Pricing
from cloud.settings import Settings
from shared.clock import ManualClock, to_micros

CONDITIONS = GridConditions(
    soc_mean=0.65,
    voltages_v=(),
    transfers_successful=0,
    transfers_total=0,
    health_percent=80.0,
    distance_km=1.0,
)


class Owners:
    """Every device pays into one account, until a test says otherwise."""

    def __init__(self, account: str, device: Device) -> None:
        self.account = account
        self.device = device

    async def payee(self, tx, device: Device) -> str:
        return self.account

    async def get(self, tx, device_id: str) -> Device | None:
        return self.device if device_id == self.device.device_id else None


class CalmGrid:
    def __init__(self) -> None:
        self.now = CONDITIONS

    async def conditions(self, tx) -> GridConditions:
        return self.now


@pytest.fixture
def device() -> Device:
    return Device(
        device_id="pi-1",
        owner_person_id=None,
        account="acct_escrow",
        public_key=None,
        energy_scale=1000,
        power_w_max=10_000.0,
        device_type="raspi",
        location="",
        request_counter=0,
        created_at_us=0,
        seen_at_us=None,
    )


@pytest.fixture
async def payee(store: SqliteStore, ledger: Ledger) -> str:
    async with store.write() as tx:
        return await ledger.open_account(tx)


@pytest.fixture
def owners(payee: str, device: Device) -> Owners:
    return Owners(payee, device)


@pytest.fixture
def make_minting(
    store: SqliteStore,
    clock: ManualClock,
    events: EventLog,
    ledger: Ledger,
    owners: Owners,
    settings: Settings,
) -> Callable[..., Minting]:
    """Minting with some settings changed, over the same books."""

    def make(**changes: Any) -> Minting:
        changed = structs.replace(settings, **changes)
        market = Market(store, clock, events, ledger, SimpleNamespace())
        pricing = Pricing(store, clock, events, market, CalmGrid(), changed)
        return Minting(store, clock, events, ledger, owners, market, pricing, changed)

    return make


@pytest.fixture
def minting(make_minting: Callable[..., Minting]) -> Minting:
    """With the default policy, `flag`."""
    return make_minting()


@pytest.fixture
def a_claim(clock: ManualClock) -> Callable[..., Claim]:
    """A plausible claim of 0.5 kWh at 3.92 V on a bench, ending now; the clock moves on by its duration."""

    def make(**changes: Any) -> Claim:
        clock.advance(changes.get("duration_s", 1800.0))
        end_us = to_micros(clock.now())
        energy_mwh = changes.get("energy_mwh", 500_000)
        duration_s = changes.get("duration_s", 1800.0)
        voltage_v = changes.get("voltage_v_mean", 3.92)
        claim = Claim(
            report_id=f"report-{end_us}",
            device_id="pi-1",
            sender_uid="NODE_A",
            receiver_uid="NODE_B",
            started_at_us=end_us - round(duration_s * 1e6),
            ended_at_us=end_us,
            duration_s=duration_s,
            energy_mwh=energy_mwh,
            received_mwh=energy_mwh,
            voltage_v_mean=voltage_v,
            # The current that V·I·t needs to agree with the claim: mWh · 3.6 / (V · s · scale).
            current_a_mean=energy_mwh * 3.6 / ((voltage_v or 3.92) * duration_s * 1000),
        )
        return structs.replace(claim, **changes)

    return make
