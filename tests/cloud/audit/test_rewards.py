"""Rewards in an export: a real run is accepted, and a cloud that pays more than was due is told so."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from nacl.signing import SigningKey

from cloud.app import MIGRATIONS, Parts, build
from cloud.audit import depin as audit
from cloud.audit.errors import CannotJudge, Lie
from cloud.audit.verifier import Accepted, Verifier
from cloud.depin import rewards
from cloud.depin.entries import RewardFacts
from cloud.depin.model import Hardware, Reason
from cloud.depin.proof import Proof
from cloud.kit.idempotency import NO_KEY
from cloud.settings import Settings
from shared.clock import ManualClock
from shared.signatures import Purpose, sign
from tests.cloud.audit.conftest import CLOUD_SEED, METER, Site
from tests.cloud.audit.forgery import Forged, compact, parsed

LT = 10_000_000
DAY_S = 86_400
KEY = bytes(METER.verify_key).hex()


class Node:
    """One node in a running service."""

    def __init__(self, parts: Parts, clock: ManualClock) -> None:
        self.parts, self.clock = parts, clock
        self.site = Site(parts, clock)

    async def register(self) -> None:
        ana = await self.site.wallet(1)
        await self.site.enrol("pi-1", METER)
        await self.parts.services.depin.register(
            ana,
            Hardware(device_id="pi-1", hardware_type="rpi4b", firmware_version="1.2.0"),
            operator_wallet=ana.shown_id,
            proof=Proof(signature=sign(METER, Purpose.DEPIN, f"pi-1\n{ana.shown_id}".encode())),
            once=NO_KEY,
        )

    async def beat(self, seconds: float, claimed_mwh: int = 0) -> None:
        self.clock.advance(seconds)
        device = await self.parts.services.devices.find("pi-1")
        await self.parts.services.depin.heartbeat(device, claimed_mwh, NO_KEY)


async def _days_of_energy(node: Node) -> None:
    """Key; uptime; energy of one report, and of a second that was held and released."""
    await node.register()
    for _ in range(3):
        await node.beat(600)
    await node.site.signed("NODE_A", "NODE_B")  # 0.065 kWh
    await node.beat(100, 30_000)
    held = await node.site.signed("NODE_C", "NODE_D", current_ma_mean=1)
    await node.parts.services.minting.release_held(held.id)
    await node.beat(100, 10**9)
    await node.beat(4_000)


async def _months(node: Node) -> None:
    """Registered as January begins; heartbeats that speak for days; two months rewarded."""
    await node.register()
    for _ in range(7):
        await node.beat(10 * DAY_S)


async def _export(folder, happen: Callable[[Node], Any]) -> bytes:
    clock = ManualClock()
    parts = build(Settings(data_dir=folder), clock)
    await parts.store.migrate(MIGRATIONS)
    try:
        await happen(Node(parts, clock))
        return b"".join([piece async for piece in await parts.services.ledger_export.open()])
    finally:
        await parts.store.close()


def _exported(tmp_path_factory, happen: Callable[[Node], Any]) -> bytes:
    folder = tmp_path_factory.mktemp("rewards")
    (folder / "cloud_key").write_text(CLOUD_SEED.hex())
    (folder / "cloud_key").chmod(0o600)
    return asyncio.run(_export(folder, happen))


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return _exported(tmp_path_factory, _days_of_energy)


@pytest.fixture
def forged(export: bytes) -> Forged:
    return Forged(export, SigningKey(CLOUD_SEED), METER)


def rewarded(forged: Forged, reason: str) -> list[dict[str, Any]]:
    leaves = [leaf for _, leaf in forged.leaves if leaf["facts"].get("source") == "reward"]
    return [leaf for leaf in leaves if leaf["facts"]["reason"] == reason]


def verified(export: bytes) -> Accepted:
    verifier = Verifier()
    verifier.read(export.splitlines(keepends=True))
    return verifier.finish()


def lie_in(forged: Forged) -> Lie:
    with pytest.raises(Lie) as caught:
        verified(forged.render())
    return caught.value


def lie_at(forged: Forged, leaf: dict[str, Any], field: str) -> None:
    entry = next(entry for entry, other in forged.leaves if other is leaf)
    assert lie_in(forged).where == f"entry {entry} (leaf {leaf['index']}): {field}"


def paid(leaf: dict[str, Any], units: int) -> None:
    leaf["postings"][0]["amount"], leaf["postings"][1]["amount"] = -units, units


def again(forged: Forged, leaf: dict[str, Any]) -> dict[str, Any]:
    """The entry once more, at the end of the book."""
    copy = parsed(compact(leaf))
    copy |= {"index": len(forged.leaves), "time": forged.leaves[-1][1]["time"]}
    forged.leaves.append([forged.leaves[-1][0] + 1, copy])
    return copy


def test_what_was_earned_is_accepted(export, forged):
    found = [
        (leaf["facts"]["reason"], leaf["postings"][1]["amount"])
        for _, leaf in forged.leaves
        if leaf["facts"].get("source") == "reward"
    ]

    # 600 s each: 6.9 steps, 13.9, 20.8; 1960 s: 22.7; 2120 s: 24.5; 600 more of the last 4000 s: 31.5.
    steps = [6, 7, 7, 2, 2, 7]
    assert [units for reason, units in found if reason == "uptime"] == [n * LT // 100 for n in steps]
    # 0.03 of 0.065 kWh; then all 0.13.
    assert [units for reason, units in found if reason == "energy"] == [3 * LT // 100, 10 * LT // 100]
    assert [units for reason, units in found if reason == "register"] == [100 * LT]
    assert verified(export).mints == 9 + 2
    assert forged.render() == export


@pytest.mark.parametrize("reason", ["register", "uptime", "energy"])
@pytest.mark.parametrize("more", [1, -1, 100_000])
def test_a_reward_is_worth_what_it_is_for(forged, reason, more):
    leaf = rewarded(forged, reason)[-1]
    paid(leaf, leaf["postings"][1]["amount"] + more)

    lie_at(forged, leaf, "posting")


def test_a_reward_goes_to_somebody(forged):
    leaf = rewarded(forged, "energy")[0]
    leaf["postings"][1]["account"] = "burned"

    lie_at(forged, leaf, "postings")


def test_rewards_are_minted_as_such(forged):
    leaf = rewarded(forged, "uptime")[0]
    leaf["postings"][0]["account"] = "mint/energy"

    lie_at(forged, leaf, "posting")


@pytest.mark.parametrize("reason", ["register", "uptime", "energy"])
def test_nothing_is_rewarded_twice(forged, reason):
    copy = again(forged, rewarded(forged, reason)[-1])
    copy["facts"] |= {
        name: rewarded(forged, "uptime")[-1]["facts"][name]
        for name in ("counted_until", "uptime_us", "energy_mwh")
    }

    lie_at(forged, copy, {"register": "public_key"}.get(reason, "reason"))


def test_a_device_is_not_rewarded_for_another_key(forged):
    copy = again(forged, rewarded(forged, "register")[0])
    copy["facts"] |= {
        name: rewarded(forged, "uptime")[-1]["facts"][name]
        for name in ("counted_until", "uptime_us", "energy_mwh")
    }
    copy["facts"]["public_key"] = "ab" * 32

    lie_at(forged, copy, "device_id")


def test_another_device_is_not_rewarded_for_the_same_key(forged):
    copy = again(forged, rewarded(forged, "register")[0])
    copy["facts"]["device_id"] = "pi-2"

    lie_at(forged, copy, "public_key")


def test_no_key_no_reward_for_it(forged):
    leaf = rewarded(forged, "register")[0]
    leaf["facts"]["public_key"] = None

    lie_at(forged, leaf, "public_key")


def test_uptime_grows_no_faster_than_time(forged):
    leaf = rewarded(forged, "uptime")[1]
    leaf["facts"]["uptime_us"] += 1  # of 600 s

    lie_at(forged, leaf, "uptime_us")


def test_uptime_never_shrinks(forged):
    leaf = rewarded(forged, "uptime")[-1]
    leaf["facts"]["uptime_us"] = rewarded(forged, "uptime")[-2]["facts"]["uptime_us"] - 1

    lie_at(forged, leaf, "uptime_us")


def test_an_outage_is_not_paid_however_long(forged):
    """4000 s went by before the last heartbeat, which speaks for ten minutes and what was left before."""
    leaf = rewarded(forged, "uptime")[-1]
    step_us, before_us = 86_400_000, rewarded(forged, "uptime")[-2]["facts"]["uptime_us"]
    leaf["facts"]["uptime_us"] = before_us // step_us * step_us + step_us - 1 + 600_000_000
    paid(leaf, LT * 7 // 100)
    verified(forged.render())

    leaf["facts"]["uptime_us"] += 1
    lie_at(forged, leaf, "uptime_us")


def test_time_to_come_is_not_counted(forged):
    leaf = rewarded(forged, "uptime")[-1]
    leaf["facts"]["counted_until"] = "2026-01-01T02:00:00Z"
    assert leaf["time"] < "2026-01-01T01:50:00Z"

    lie_at(forged, leaf, "counted_until")


@pytest.mark.parametrize("until", ["2026-01-01T00:10:00Z", "2026-01-01T00:20:00+00:00", "soon"])
def test_time_is_counted_once_and_written_in_one_way(forged, until):
    leaf = rewarded(forged, "uptime")[2]
    leaf["facts"]["counted_until"] = until

    assert lie_in(forged).where.endswith((": counted_until", ": uptime_us"))


def test_a_node_is_registered_once(forged):
    leaf = rewarded(forged, "uptime")[-1]
    leaf["facts"]["registered_at"] = "2026-01-01T00:00:01Z"

    lie_at(forged, leaf, "registered_at")


def test_no_more_energy_is_credited_than_was_minted(forged):
    leaf = rewarded(forged, "energy")[-1]
    assert leaf["facts"]["energy_mwh"] == 130_000
    leaf["facts"]["energy_mwh"] += 10_000
    paid(leaf, leaf["postings"][1]["amount"] + LT // 100)

    # The uptime entry of the same heartbeat comes first and knows less.
    lie_at(forged, leaf, "energy_mwh")


def test_held_energy_is_not_credited_before_its_release(forged):
    first = rewarded(forged, "energy")[0]
    first["facts"]["energy_mwh"] = 70_000
    paid(first, 7 * LT // 100)

    lie_at(forged, first, "energy_mwh")


def test_energy_of_another_device_counts_nothing(forged):
    leaf = rewarded(forged, "energy")[0]
    leaf["facts"]["device_id"] = "pi-2"

    assert lie_in(forged).where.endswith((": energy_mwh", ": uptime_us"))


def test_a_month_belongs_to_a_monthly_reward(forged):
    leaf = rewarded(forged, "uptime")[0]
    leaf["facts"]["month"] = "2026-01"

    lie_at(forged, leaf, "month")


def test_a_reason_that_is_not_known_cannot_be_judged(forged):
    rewarded(forged, "uptime")[0]["facts"]["reason"] = "loyalty"

    with pytest.raises(CannotJudge):
        verified(forged.render())


def _be_patient(patch: pytest.MonkeyPatch) -> None:
    for module in (rewards, audit):
        patch.setattr(module, "BEAT_US_MAX", 10 * DAY_S * 10**6)


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        _be_patient(patch)
        return _exported(tmp_path_factory, _months)


class TestMonths:
    """With heartbeats that speak for ten days, lest a month need thousands of them."""

    @pytest.fixture(autouse=True)
    def patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _be_patient(monkeypatch)

    @pytest.fixture
    def forged(self, months: bytes) -> Forged:
        return Forged(months, SigningKey(CLOUD_SEED), METER)

    def test_reliable_months_are_accepted(self, months, forged):
        found = [
            (leaf["facts"]["month"], leaf["postings"][1]["amount"]) for leaf in rewarded(forged, "monthly")
        ]

        # 30 of 31 days when January ended; 50 of 59 when February did, which is less than 90 %.
        assert found == [("2026-01", 50 * LT)]
        assert verified(months).minted == (100 + 50 + 700) * LT

    def test_a_month_is_rewarded_once(self, forged):
        copy = again(forged, rewarded(forged, "monthly")[0])
        copy["facts"] |= {
            name: rewarded(forged, "uptime")[-1]["facts"][name] for name in ("counted_until", "uptime_us")
        }

        lie_at(forged, copy, "month")

    @pytest.mark.parametrize("month", ["2025-12", "2026-02", "2026-1", "2026-13", "", "January"])
    def test_a_month_is_a_whole_one_that_is_over(self, forged, month):
        leaf = rewarded(forged, "monthly")[0]
        leaf["facts"]["month"] = month

        lie_at(forged, leaf, "month")

    def test_a_monthly_reward_names_its_month(self, forged):
        leaf = rewarded(forged, "monthly")[0]
        leaf["facts"]["month"] = None

        lie_at(forged, leaf, "month")

    def test_uptime_of_the_next_month_does_not_count(self, forged):
        """The heartbeat of 10 February is counted after January was looked at."""
        leaf = rewarded(forged, "monthly")[0]
        leaf["facts"]["counted_until"] = "2026-02-01T00:00:00Z"

        lie_at(forged, leaf, "counted_until")

    @pytest.mark.parametrize("more", [1, -1, LT])
    def test_a_month_is_worth_fifty(self, forged, more):
        leaf = rewarded(forged, "monthly")[0]
        paid(leaf, 50 * LT + more)

        lie_at(forged, leaf, "posting")

    def test_an_unreliable_month_is_not_rewarded(self, forged):
        """February ended with 50 of 59 days."""
        copy = again(forged, rewarded(forged, "monthly")[0])
        position = next(i for i, (_, leaf) in enumerate(forged.leaves) if leaf["time"] >= "2026-03-01")
        before = forged.leaves[position - 1][1]["facts"]
        forged.leaves.insert(position, forged.leaves.pop())
        copy["facts"] |= {"month": "2026-02"} | {
            name: before[name] for name in ("counted_until", "uptime_us")
        }
        copy["time"] = forged.leaves[position + 1][1]["time"]
        for index, (row, entry) in enumerate(
            zip(forged.leaves, sorted(e for e, _ in forged.leaves), strict=True)
        ):
            row[0], row[1]["index"] = entry, index

        lie_at(forged, copy, "uptime_us")


class TestPublic:
    """On the public network a key is paid for after seven days."""

    FACTS: ClassVar[dict[str, Any]] = {
        "device_id": "pi-1",
        "public_key": KEY,
        "registered_at": "2026-01-01T00:00:00Z",
        "energy_mwh": 0,
        "month": None,
    }

    def days(self, network: str, count: int, key: str | None = KEY) -> audit.Rewards:
        """One paid heartbeat a day, at six in the morning."""
        found = audit.Rewards(network)
        for day in range(1, count + 1):
            at = f"2026-01-{day:02}T06:00:00Z"
            facts = RewardFacts(
                **self.FACTS | {"public_key": key},
                reason=Reason.UPTIME,
                counted_until=at,
                uptime_us=day * 600_000_000,
            )
            found.entry(facts, time=at, account="acct_x")
        return found

    def key_reward(self, days: int) -> RewardFacts:
        at = f"2026-01-{max(days, 1):02}T06:00:00Z"
        return RewardFacts(
            **self.FACTS, reason=Reason.REGISTER, counted_until=at, uptime_us=days * 600_000_000
        )

    @pytest.mark.parametrize("network, days", [("offline", 0), ("testnet", 0), ("public", 7), ("public", 9)])
    def test_then_it_is_accepted(self, network, days):
        facts = self.key_reward(days)

        entry = self.days(network, days).entry(facts, time=facts.counted_until, account="acct_x")

        assert entry.postings[1].amount == 100 * LT

    def test_sooner_it_is_a_lie(self):
        facts = self.key_reward(6)

        with pytest.raises(Lie, match="7 days"):
            self.days("public", 6).entry(facts, time=facts.counted_until, account="acct_x")

    @pytest.mark.parametrize("other", ["ab" * 32, None], ids=["another key", "no key"])
    def test_days_of_another_key_do_not_count(self, other):
        facts = self.key_reward(8)

        with pytest.raises(Lie, match="7 days"):
            self.days("public", 8, other).entry(facts, time=facts.counted_until, account="acct_x")
