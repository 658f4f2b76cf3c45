"""Whatever happens in whatever order: what was paid is what an independent reckoning says, to the unit.

The reckoning knows only what happened when, counts in fractions, and shares no code with the product.
"""

import asyncio
import tempfile
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from cloud.app import Parts, build
from cloud.audit import depin as audit
from cloud.audit.verifier import Verifier
from cloud.depin import rewards
from cloud.depin.model import Hardware
from cloud.depin.proof import Proof
from cloud.devices.enrolment import Enrolment
from cloud.errors import CloudError
from cloud.kit.idempotency import NO_KEY
from cloud.kit.store.database_url import FILE
from cloud.minting.model import Claim
from cloud.settings import Settings
from shared.clock import ManualClock, from_micros, to_micros
from tests.cloud.databases import migrated_file
from tests.cloud.depin.conftest import Site
from tests.cloud.devices.conftest import Agent

HOUR = Fraction(3_600)
DAY = 24 * HOUR
HUNDREDTH = 100_000
"""Of an LT, in 10^-7."""


class Node:
    """What an independent observer notes of a node."""

    def __init__(self, at: Fraction, operator: str, keyed: bool) -> None:
        self.registered = self.last = at
        self.operator = operator
        self.uptime = Fraction(0)
        self.energy = Fraction(0)
        self.months_seen: set[tuple[int, int]] = set()
        self.keyed = keyed


def steps(value: Fraction) -> int:
    return int(value * 100)


class Reckoning:
    """`paid` is in 0.01 LT, by operator."""

    def __init__(self, beat_max: Fraction) -> None:
        self.beat_max = beat_max
        self.nodes: dict[str, Node] = {}
        self.minted: dict[str, Fraction] = {}
        self.paid: dict[str, int] = {"ana": 0, "ben": 0}

    def register(self, device: str, at: Fraction, operator: str, *, keyed: bool) -> None:
        self.nodes[device] = Node(at, operator, keyed)
        self.paid[operator] += 10_000 if keyed else 0

    def beat(self, device: str, at: Fraction, claimed_kwh: Fraction) -> None:
        node = self.nodes[device]
        self.months(device, at)
        passed = at - node.last
        before = steps(node.uptime * 10 / DAY), steps(node.energy)
        if passed >= 1:
            node.uptime += min(passed, self.beat_max)
            node.last = at
        node.energy += min(claimed_kwh, self.minted.get(device, Fraction(0)) - node.energy)
        self.paid[node.operator] += steps(node.uptime * 10 / DAY) - before[0] + steps(node.energy) - before[1]

    def months(self, device: str, at: Fraction) -> None:
        node = self.nodes[device]
        for year in (2026, 2027):
            for month in range(1, 13):
                start = seconds(year, month)
                end = seconds(year + month // 12, month % 12 + 1)
                if start < node.registered or end > at or (year, month) in node.months_seen:
                    continue
                node.months_seen.add((year, month))
                if node.uptime / (end - node.registered) > Fraction(9, 10):
                    self.paid[node.operator] += 5_000


def seconds(year: int, month: int) -> Fraction:
    return Fraction(to_micros(datetime(year, month, 1, tzinfo=UTC)), 10**6)


class World:
    """The service and its reckoning, side by side."""

    def __init__(self, parts: Parts, clock: ManualClock, beat_max: Fraction) -> None:
        self.parts, self.clock = parts, clock
        self.reckoning = Reckoning(beat_max)
        self.agents = {
            name: Agent(name, seed) for seed, name in enumerate(("pi-a", "pi-b", "pi-keyless"), 50)
        }
        self.people = {}
        self.reports = 0

    @property
    def now(self) -> Fraction:
        return Fraction(self.clock.now_us(), 10**6)

    async def open(self) -> None:
        site = Site(None, self.parts, self.clock)
        self.people = {"ana": await site.wallet(1), "ben": await site.wallet(2)}
        for name in ("pi-a", "pi-b"):
            agent = self.agents[name]
            shown = Enrolment(device_id=name, enrolment_code=None, public_key=agent.public_key, signature="")
            signature = agent.sign("enrol", shown.signed)
            await self.parts.services.devices.enrol(structs.replace(shown, signature=signature), trusted=True)
        await self.parts.services.devices.unsigned_caller("pi-keyless", "127.0.0.1")

    async def register(self, device: str, operator: str) -> None:
        agent, wallet = self.agents[device], self.people[operator]
        keyed = device != "pi-keyless"
        person = await self.person(operator)
        known = device in self.reckoning.nodes
        await self.refused_or(
            known,
            self.parts.services.depin.register(
                person,
                Hardware(device_id=device, hardware_type="rpi", firmware_version="1"),
                operator_wallet=wallet.address,
                proof=Proof(
                    signature=agent.sign("depin", f"{device}\n{wallet.address}".encode()) if keyed else None,
                    trusted=True,
                ),
                once=NO_KEY,
            ),
        )
        if not known:
            self.reckoning.register(device, self.now, operator, keyed=keyed)

    async def beat(self, device: str, claimed_mwh: int) -> None:
        found = await self.parts.services.devices.find(device)
        known = device in self.reckoning.nodes
        await self.refused_or(not known, self.parts.services.depin.heartbeat(found, claimed_mwh, NO_KEY))
        if known:
            self.reckoning.beat(device, self.now, Fraction(claimed_mwh, 10**6))

    async def mint(self, device: str, energy_mwh: int, fate: str) -> None:
        self.reports += 1
        end_us = self.clock.now_us()
        claim = Claim(
            report_id=f"rep-{self.reports}",
            device_id=device,
            sender_uid=f"OUT_{self.reports}",
            receiver_uid=f"IN_{self.reports}",
            started_at_us=end_us - 60_000_000,
            ended_at_us=end_us,
            duration_s=60.0,
            energy_mwh=energy_mwh,
            received_mwh=energy_mwh,
            voltage_v_mean=4.0,
            current_a_mean=energy_mwh * 3.6 / (4.0 * 60 * 1_000) if fate == "free" else 1e-6,
        )
        found = await self.parts.services.devices.find(device)
        mint = await self.parts.services.minting.report(found, claim)
        assert mint.held_mwh == (0 if fate == "free" else energy_mwh)
        if fate == "released":
            await self.parts.services.minting.release_held(mint.id)
        if fate == "burned":
            await self.parts.services.minting.burn_held(mint.id)
        if fate in {"free", "released"}:
            minted = self.reckoning.minted
            minted[device] = minted.get(device, Fraction(0)) + Fraction(energy_mwh, 10**6)

    async def months(self) -> None:
        await self.parts.services.depin.pay_months()
        for device in self.reckoning.nodes:
            self.reckoning.months(device, self.now)

    async def refused_or(self, refused: bool, call) -> None:
        site = Site(None, self.parts, self.clock)
        before = await site.balances() if refused else ""
        try:
            await call
        except CloudError:
            assert refused
            assert await site.balances() == before
        else:
            assert not refused

    async def person(self, name: str):
        async with self.parts.store.read() as tx:
            return await self.parts.services.identity.person(tx, 1 if name == "ana" else 2)

    async def check(self) -> None:
        site = Site(None, self.parts, self.clock)
        reward = 0
        for name, wallet in self.people.items():
            paid = self.reckoning.paid[name] * HUNDREDTH
            assert await site.lt(wallet.account) == paid
            reward += paid
        for node in await self.parts.services.depin.nodes(after="", limit=10):
            noted = self.reckoning.nodes[node.device_id]
            assert Fraction(node.uptime_us, 10**6) == noted.uptime
            assert (
                Fraction(node.energy_mwh, 10**6)
                == noted.energy
                <= self.reckoning.minted.get(node.device_id, 0)
            )
            assert node.uptime_us <= node.counted_until_us - node.registered_at_us
        assert await site.lt("mint/reward") == -reward
        supply = await self.parts.services.books.supply()
        async with self.parts.store.read() as tx:
            held = await tx.fetch_value(
                "SELECT SUM(amount) FROM balances WHERE asset = 'LT' AND account LIKE 'acct_%'"
            )
        assert (held or 0) == supply.minted - supply.burned
        assert (await self.parts.services.books.check()).balance

    async def verify(self) -> None:
        """A stranger accepts the book."""
        export = b"".join([piece async for piece in await self.parts.services.ledger_export.open()])
        verifier = Verifier()
        verifier.read(export.splitlines(keepends=True))
        assert verifier.finish().entries >= 2


DEVICES = st.sampled_from(["pi-a", "pi-b", "pi-keyless"])
STEPS = st.one_of(
    st.tuples(st.just("register"), DEVICES, st.sampled_from(["ana", "ben"])),
    st.tuples(st.just("beat"), DEVICES, st.sampled_from([0, 1, 4_000, 10_000, 65_000, 10**9])),
    st.tuples(
        st.just("mint"),
        DEVICES,
        st.integers(1_000, 90_000),
        st.sampled_from(["free", "held", "released", "burned"]),
    ),
    st.tuples(
        st.just("advance"),
        st.sampled_from([0, 0.3, 0.7, 1, 59, 86.4, 86.399999, 599, 600, 601, 3_600, 86_400, 20 * 86_400]),
    ),
    st.tuples(st.just("step"), st.sampled_from([-700, -5, 5, 700])),
    st.tuples(st.just("months")),
)


async def _lived(script, beat_max: Fraction) -> None:
    clock = ManualClock(from_micros(to_micros(ManualClock().now()) + 5))
    with tempfile.TemporaryDirectory() as folder:
        migrated_file(Path(folder) / FILE)
        parts = build(Settings(data_dir=Path(folder), rate_limit_per_minute=0), clock)
        try:
            world = World(parts, clock, beat_max)
            await world.open()
            for name, *values in script:
                match name:
                    case "register" | "beat" | "mint" | "months":
                        await getattr(world, name)(*values)
                    case "advance":
                        clock.advance(*values)
                    case "step":
                        clock.step_wall(*values)
            await world.check()
            await world.verify()
        finally:
            await parts.store.close()


BEGINNING = [("register", "pi-a", "ana"), ("register", "pi-keyless", "ben")]


@given(script=st.lists(STEPS, min_size=20, max_size=80))
@settings(max_examples=15, deadline=None)
def test_rewards_are_what_happened(script):
    asyncio.run(_lived([*BEGINNING, *script], Fraction(600)))


@given(script=st.lists(STEPS, min_size=20, max_size=80))
@settings(max_examples=10, deadline=None)
def test_months_are_paid_when_reliable(script):
    """With heartbeats that speak for forty days, so that few of them make a reliable month."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (rewards, audit):
            patch.setattr(module, "BEAT_US_MAX", 40 * 86_400 * 10**6)
        asyncio.run(_lived([*BEGINNING, *script], 40 * DAY))
