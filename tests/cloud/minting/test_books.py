"""Whatever devices report, in whatever order and however often: LT in existence are those of the mints."""

import asyncio
import tempfile
from pathlib import Path
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from nacl.signing import SigningKey

from cloud.devices.model import Device
from cloud.kit.events import EventLog
from cloud.kit.store.sqlite import SqliteStore
from cloud.ledger.service import Ledger
from cloud.market.service import Market
from cloud.minting.errors import ReportRefused
from cloud.minting.model import Claim
from cloud.minting.service import Minting
from cloud.pricing.quality import GridConditions
from cloud.pricing.service import Pricing
from cloud.settings import Settings
from shared.clock import ManualClock
from tests.cloud.databases import migrated_file

NODES = ["A", "B", "C"]
DEVICE = Device(
    device_id="pi-1",
    owner_person_id=None,
    account="",
    public_key=None,
    energy_scale=1000,
    power_w_max=10_000.0,
    device_type="raspi",
    location="",
    request_counter=0,
    created_at_us=0,
    seen_at_us=None,
)


class Move(Struct, frozen=True):
    sender: str
    receiver: str
    energy_mwh: int
    voltage_v: float
    current_factor: float
    """1 is what the claim needs; 2 is implausible."""
    overlaps: bool
    repeats: int


moves = st.lists(
    st.builds(
        Move,
        sender=st.sampled_from(NODES),
        receiver=st.sampled_from(NODES),
        energy_mwh=st.integers(500, 10_000_500),
        voltage_v=st.integers(3_400, 4_300).map(lambda mv: mv / 1000),
        current_factor=st.sampled_from([1.0, 1.0, 1.0, 2.0]),
        overlaps=st.sampled_from([False, False, False, True]),
        repeats=st.integers(0, 2),
    ),
    min_size=1,
    max_size=12,
)


class World:
    """A service's minting, a device, and what the books must say."""

    def __init__(self, folder: Path, policy: str) -> None:
        self.clock = ManualClock()
        migrated_file(folder / "store.sqlite")
        self.store = SqliteStore(folder / "store.sqlite")
        self.events = EventLog(self.store, self.clock)
        self.ledger = Ledger(self.store, self.clock, SigningKey(bytes(32)))
        config = Settings(data_dir=folder, plausibility_policy=policy)
        market = Market(self.store, self.clock, self.events, self.ledger, SimpleNamespace())
        grid = SimpleNamespace(conditions=self._conditions)
        pricing = Pricing(self.store, self.clock, self.events, market, grid, config)
        devices = SimpleNamespace(payee=self._payee, get=self._get)
        self.minting = Minting(
            self.store, self.clock, self.events, self.ledger, devices, market, pricing, config
        )
        self.account = ""

    async def _conditions(self, _tx):
        return GridConditions(
            soc_mean=None,
            voltages_v=(),
            transfers_successful=0,
            transfers_total=0,
            health_percent=None,
            distance_km=None,
        )

    async def _payee(self, _tx, _device):
        return self.account

    async def _get(self, _tx, _device_id):
        return DEVICE

    async def value(self, sql: str) -> int:
        async with self.store.read() as tx:
            return int(await tx.fetch_value(sql) or 0)

    async def play(self, sequence: list[Move]) -> None:
        async with self.store.write() as tx:
            self.account = await self.ledger.open_account(tx)
        for number, move in enumerate(sequence):
            claim = self._claim(number, move)
            answers = {await self._answer(claim) for _ in range(1 + move.repeats)}
            assert len(answers) == 1
            await self._check_books()
        for mint in await self.minting.held():
            decide = self.minting.release_held if mint.id % 2 else self.minting.burn_held
            await decide(mint.id)
            await self._check_books()
        assert await self.value("SELECT SUM(amount) FROM balances WHERE account LIKE '%/flagged'") == 0
        await self.store.close()

    def _claim(self, number: int, move: Move) -> Claim:
        if not move.overlaps:
            self.clock.advance(3600)
        end_us = self.clock.now_us()
        return Claim(
            report_id=f"r{number}",
            device_id=DEVICE.device_id,
            sender_uid=move.sender,
            receiver_uid=move.receiver,
            started_at_us=end_us - 3_600_000_000,
            ended_at_us=end_us,
            duration_s=3600.0,
            energy_mwh=move.energy_mwh,
            received_mwh=move.energy_mwh,
            voltage_v_mean=move.voltage_v,
            current_a_mean=move.current_factor * move.energy_mwh / 1e6 / move.voltage_v,
        )

    async def _answer(self, claim: Claim):
        try:
            return await self.minting.report(DEVICE, claim)
        except ReportRefused as refused:
            return refused.message

    async def _check_books(self) -> None:
        minted = await self.value("SELECT SUM(tokens) FROM mints")
        made = await self.value(
            "SELECT SUM(amount) FROM balances WHERE asset = 'LT' AND account = 'mint/energy'"
        )
        there = await self.value(
            "SELECT SUM(amount) FROM balances WHERE asset = 'LT' AND account <> 'mint/energy'"
        )
        assert minted == -made == there
        for asset in ("LT", "kWh", "CO2", "kgCO2", "XLM"):
            assert await self.value(f"SELECT SUM(amount) FROM balances WHERE asset = '{asset}'") == 0
        energy = await self.value("SELECT amount FROM balances WHERE asset = 'kWh' AND account = 'minted'")
        assert energy == await self.value("SELECT SUM(energy_mwh) FROM mints")
        ordered = await self.value("SELECT SUM(lots_open) FROM orders WHERE side = 'sell'")
        reserved = await self.value("SELECT SUM(amount) FROM balances WHERE account LIKE '%/orders'")
        assert reserved == ordered * 10_000_000
        free = await self.value("SELECT SUM(energy_mwh - held_mwh) FROM mints")
        assert free <= await self.value("SELECT SUM(high_water_mwh) FROM node_flows")


@given(sequence=moves, policy=st.sampled_from(["flag", "reject"]))
@settings(max_examples=20, deadline=None)
def test_the_books_balance_and_every_repeat_gets_the_first_answer(sequence, policy):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_play(Path(folder), policy, sequence))


async def _play(folder: Path, policy: str, sequence: list[Move]) -> None:
    await World(folder, policy).play(sequence)
