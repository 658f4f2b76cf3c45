"""Records become rows exactly once, whatever the network does, and one bad record blocks nobody."""

import random
from types import SimpleNamespace

import msgspec
import pytest
from nacl.signing import SigningKey

from cloud.grid import storage
from cloud.grid.decoding import Leaf
from cloud.grid.ingest import Ingest
from cloud.grid.schedule import carried_out
from cloud.kit.store.errors import ConstraintViolated, StoreUnavailable
from shared.messages import Action, CommandAck, NodeState, Quality, Status, Stream, encode
from shared.signatures import Purpose

from .conftest import Agent, event_types, reading, rows

SEQS = "SELECT seq AS a FROM telemetry ORDER BY stream_id, seq"


async def test_a_batch_becomes_rows_and_one_acknowledgement(ingest, agent, parts) -> None:
    batch = agent.arrive(Leaf.TELEMETRY, *(agent.telemetry(seq) for seq in (1, 2, 3)))
    [ack] = await ingest.apply(batch)
    assert (ack.device_id, ack.journal_id, ack.stream, ack.through, ack.refused) == (
        "pi-1",
        "jrn_1",
        Stream.LIVE,
        3,
        (),
    )
    assert await rows(parts, SEQS) == [(1, None, None), (2, None, None), (3, None, None)]


async def test_what_comes_twice_is_stored_once_and_acknowledged_again(ingest, agent, parts) -> None:
    batch = agent.arrive(Leaf.TELEMETRY, agent.telemetry(1), agent.telemetry(2))
    await ingest.apply(batch)
    [again] = await ingest.apply(batch)
    assert again.through == 2
    assert len(await rows(parts, SEQS)) == 2


async def test_a_gap_is_not_applied_and_the_acknowledgement_asks_for_what_is_missing(
    ingest, agent, parts
) -> None:
    [ack] = await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(1), agent.telemetry(3)))
    assert ack.through == 1
    [ack] = await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(2), agent.telemetry(3)))
    assert ack.through == 3
    assert [seq for seq, *_ in await rows(parts, SEQS)] == [1, 2, 3]


async def test_streams_and_journals_are_counted_apart(ingest, agent, parts, clock) -> None:
    other = Agent("pi-1", clock, journal_id="jrn_2")
    acks = await ingest.apply(
        [
            *agent.arrive(Leaf.TELEMETRY, agent.telemetry(1), agent.telemetry(2)),
            *agent.arrive(Leaf.TELEMETRY, agent.telemetry(1, stream=Stream.BACKLOG, historical=True)),
            *other.arrive(Leaf.TELEMETRY, other.telemetry(1)),
        ]
    )
    assert {(ack.journal_id, ack.stream, ack.through) for ack in acks} == {
        ("jrn_1", Stream.LIVE, 2),
        ("jrn_1", Stream.BACKLOG, 1),
        ("jrn_2", Stream.LIVE, 1),
    }


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda good: good | {"surprise": 1}, id="unknown field"),
        pytest.param(lambda good: good | {"nodes": "none"}, id="wrong type"),
        pytest.param(lambda good: good | {"utc": "2026-01-01T00:00:00"}, id="time without zone"),
        pytest.param(lambda good: good | {"nodes": good["nodes"] * 40}, id="too many nodes"),
        pytest.param(
            lambda good: good | {"nodes": [good["nodes"][0] | {"voltage_mv": 10**18}]}, id="absurd voltage"
        ),
    ],
)
async def test_one_bad_record_is_refused_for_good_and_the_next_goes_on(spoil, ingest, agent, parts) -> None:
    bad = encode(spoil(msgspec.json.decode(agent.telemetry(2))))
    batch = agent.arrive(Leaf.TELEMETRY, agent.telemetry(1), bad, agent.telemetry(3))
    [ack] = await ingest.apply(batch)
    assert ack.through == 3
    assert [refusal.seq for refusal in ack.refused] == [2]
    assert [seq for seq, *_ in await rows(parts, SEQS)] == [1, 3]
    [again] = await ingest.apply(agent.arrive(Leaf.TELEMETRY, bad))
    assert again.refused == ack.refused, "a lost acknowledgement is repeated with its reason"


async def test_what_has_no_envelope_is_dropped_without_an_acknowledgement(ingest, agent, parts) -> None:
    junk = (b"", b"\xff\xfe", b"[]", b'{"seq":1}', b'{"seq":NaN}', b"[" * 100_000)
    assert await ingest.apply(agent.arrive(Leaf.TELEMETRY, *junk)) == []
    assert await ingest.apply_energy(agent.arrive(Leaf.ENERGY, *junk)) == []
    assert await rows(parts, SEQS) == []


async def test_a_device_that_nobody_knows_is_neither_stored_nor_acknowledged(ingest, parts, clock) -> None:
    stranger = Agent("stranger", clock)
    assert await ingest.apply(stranger.arrive(Leaf.TELEMETRY, stranger.telemetry(1))) == []
    assert await ingest.apply_energy(stranger.arrive(Leaf.ENERGY, stranger.energy(1))) == []
    assert await rows(parts, "SELECT id AS a FROM streams") == []


async def test_the_latest_of_each_node_is_kept_and_late_records_do_not_pass_for_it(
    ingest, agent, parts
) -> None:
    late = agent.telemetry(
        1, stream=Stream.BACKLOG, historical=True, nodes=(reading("NODE_A", soc_percent=5.0),)
    )
    live = agent.telemetry(1, nodes=(reading("NODE_A", soc_percent=61.5, voltage_mv=3_912),))
    await ingest.apply(agent.arrive(Leaf.TELEMETRY, live, late))
    [node] = await rows(parts, "SELECT uid AS a, soc_percent AS b, voltage_mv AS c FROM node_states")
    assert node == ("NODE_A", 61.5, 3_912)


async def test_a_missing_measurement_stays_missing(ingest, agent, parts) -> None:
    absent = reading(
        "NODE_A", voltage_mv=None, current_ma=None, soc_percent=None, quality=Quality.MISSING, age_ms=None
    )
    await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(1, nodes=(absent,))))
    [node] = await rows(parts, "SELECT voltage_mv AS a, soc_percent AS b, quality AS c FROM node_states")
    assert node == (None, None, "missing")


async def test_many_records_cost_few_events(ingest, agent, parts) -> None:
    for first in range(1, 100, 10):
        batch = agent.arrive(Leaf.TELEMETRY, *(agent.telemetry(seq) for seq in range(first, first + 10)))
        await ingest.apply(batch)
    types = list(await event_types(parts))
    assert types.count("node_data") == 1
    assert types.count("heartbeat") == 2  # it came online, and it lives
    assert types.count("schedule") == 1


async def test_a_change_of_what_nodes_do_is_announced_as_a_schedule(ingest, agent, parts) -> None:
    await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(1)))
    moving = (
        reading("NODE_A", state=NodeState.SUPPLYING, soc_percent=80.0),
        reading("NODE_B", state=NodeState.RECEIVING, soc_percent=30.0),
    )
    await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(2, nodes=moving)))
    last = [event for event in await parts.events.after(0) if event.type == "schedule"][-1]
    told = msgspec.json.decode(last.payload)
    assert [(one["node_id"], one["action"]) for one in told["commands"]] == [
        ("NODE_A", "discharge"),
        ("NODE_B", "charge"),
    ]
    assert told["grid_summary"] == {
        "avg_soc": 55.0,
        "discharging_nodes": 1,
        "charging_nodes": 1,
        "idle_nodes": 0,
    }


async def test_a_schedule_is_told_again_every_half_minute_for_those_who_came_later(
    ingest, agent, parts, clock
) -> None:
    await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(1)))
    clock.advance(29)
    await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(2)))
    soon = (await event_types(parts)).count("schedule")
    clock.advance(1)
    await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(3)))
    assert (soon, (await event_types(parts)).count("schedule")) == (1, 2)


async def test_a_database_that_refuses_one_message_does_not_lose_the_others(
    ingest, agent, parts, monkeypatch
) -> None:
    real = storage.insert_telemetry

    async def picky(tx, found) -> None:
        if any(row[1] == 2 for row in found):
            raise ConstraintViolated("CHECK")
        await real(tx, found)

    monkeypatch.setattr(storage, "insert_telemetry", picky)
    batch = agent.arrive(Leaf.TELEMETRY, *(agent.telemetry(seq) for seq in (1, 2, 3)))
    acks = await ingest.apply(batch)
    assert acks[-1].through == 3
    assert [seq for seq, *_ in await rows(parts, SEQS)] == [1, 3]


async def test_a_store_that_cannot_write_acknowledges_nothing(ingest, agent, parts, monkeypatch) -> None:
    async def full(*_: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(storage, "insert_telemetry", full)
    with pytest.raises(StoreUnavailable):
        await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(1)))
    assert await rows(parts, "SELECT id AS a FROM streams") == []


# Status, answers, events


async def test_a_device_is_online_until_its_will_speaks(ingest, agent, parts) -> None:
    here = encode(Status(state="online", boot_id="boot_1", version="1.0"))
    gone = encode(Status(state="offline", boot_id="boot_1", version="1.0"))
    online = "SELECT online AS a, version AS b FROM device_presence"
    await ingest.apply(agent.arrive(Leaf.STATUS, here))
    assert await rows(parts, online) == [(1, "1.0", None)]
    await ingest.apply(agent.arrive(Leaf.STATUS, gone))
    assert await rows(parts, online) == [(0, "1.0", None)]


async def test_a_refused_command_fails_the_transfer_that_needs_it(ingest, agent, parts) -> None:
    transfers = parts.services.transfers
    _, commands = await transfers.start("pi-1", "NODE_A", "NODE_B")
    refusal = encode(CommandAck(id=commands[0].id, accepted=False, reason="under-voltage"))
    stranger = encode(CommandAck(id="cmd_other", accepted=False, reason="no"))
    await ingest.apply(agent.arrive(Leaf.COMMAND_ACK, stranger))
    state = "SELECT state AS a FROM transfers"
    assert await rows(parts, state) == [("requested", None, None)]
    await ingest.apply(agent.arrive(Leaf.COMMAND_ACK, refusal))
    assert await rows(parts, state) == [("failed", None, None)]


# Energy


async def test_a_signed_report_is_minted_once_however_often_it_comes(ingest, agent, parts) -> None:
    record = agent.arrive(Leaf.ENERGY, agent.energy(1))
    for _ in range(3):
        [ack] = await ingest.apply_energy(record)
        assert (ack.stream, ack.through, ack.refused) == (Stream.ENERGY, 1, ())
    supply = await parts.services.books.supply()
    assert (supply.mints, supply.energy_mwh) == (1, 65_000)
    # 0.065 kWh · 1000 · (1 + (3.9 - 3.6)/6) = 68.25 LT
    assert supply.minted == 682_500_000


async def test_a_report_whose_journal_was_forgotten_is_still_minted_once(ingest, agent, parts, clock) -> None:
    await ingest.apply_energy(agent.arrive(Leaf.ENERGY, agent.energy(1)))
    healed = Agent("pi-1", clock, journal_id="jrn_healed")
    [ack] = await ingest.apply_energy(
        healed.arrive(Leaf.ENERGY, healed.energy(7, oldest=7, report_id="rep_pi-1_1", **_same(agent)))
    )
    assert ack.through == 7
    assert (await parts.services.books.supply()).mints == 1


def _same(agent: Agent) -> dict[str, object]:
    first = agent.report(1)
    return {"started_at": first.started_at, "ended_at": first.ended_at}


@pytest.mark.parametrize(
    "forge,word",
    [
        pytest.param(lambda a: a.energy(2, key=SigningKey(bytes(32))), "signature", id="foreign key"),
        pytest.param(lambda a: a.energy(2, purpose=Purpose.REQUEST), "signature", id="signed as a request"),
        pytest.param(
            lambda a: a.energy(2, signed=encode(a.report(2)) + b" "), "signature", id="signed but for a byte"
        ),
        pytest.param(lambda a: a.energy(2, device_id="pi-2"), "pi-2", id="another device's report"),
        pytest.param(lambda a: a.energy(2, raw=b'{"report_id":"x"}'), "malformed", id="no report"),
        pytest.param(
            lambda a: a.energy(2, raw=encode(a.report(2))[:-1] + b',"more":1}'),
            "malformed",
            id="unknown field",
        ),
        pytest.param(lambda a: a.energy(2, receiver_uid="NODE_A"), "same node", id="to itself"),
        pytest.param(lambda a: a.energy(2, energy_mwh=11_000), "10", id="more than 10 kWh"),
    ],
)
async def test_a_forged_or_impossible_report_is_refused_for_good_and_blocks_nothing(
    forge, word, ingest, agent, parts
) -> None:
    batch = agent.arrive(Leaf.ENERGY, agent.energy(1), forge(agent), agent.energy(3))
    [ack] = await ingest.apply_energy(batch)
    assert ack.through == 3
    [refusal] = ack.refused
    assert refusal.seq == 2
    assert word in refusal.reason
    assert (await parts.services.books.supply()).mints == 2
    [again] = await ingest.apply_energy(batch)
    assert again.refused == ack.refused


async def test_a_keyless_device_is_told_to_enrol_first(ingest, parts, clock) -> None:
    async with parts.store.write() as tx:
        await parts.services.devices.first_contact(tx, "old-pi", "127.0.0.1")
    keyless = Agent("old-pi", clock)
    [ack] = await ingest.apply_energy(keyless.arrive(Leaf.ENERGY, keyless.energy(1)))
    assert ack.refused[0].reason.startswith("enrol first")


async def test_a_mint_that_fails_by_itself_is_not_acknowledged_and_comes_again(ingest, agent, parts) -> None:
    minting = ingest._minting
    calls = []

    async def mint(tx, device, claim):
        calls.append(claim.report_id)
        if len(calls) == 1:
            raise StoreUnavailable("not now")
        return await minting.mint(tx, device, claim)

    ingest._minting = SimpleNamespace(mint=mint)
    batch = agent.arrive(Leaf.ENERGY, agent.energy(1), agent.energy(2))
    assert await ingest.apply_energy(batch) == []
    assert len(calls) == 1, "the second waits for the first"
    [ack] = await ingest.apply_energy(batch)
    assert ack.through == 2
    assert (await parts.services.books.supply()).mints == 2


async def test_a_crash_between_commit_and_acknowledgement_repeats_no_effect(ingest, agent, parts) -> None:
    energy = agent.arrive(Leaf.ENERGY, agent.energy(1))
    telemetry = agent.arrive(Leaf.TELEMETRY, agent.telemetry(1))
    await ingest.apply(telemetry)
    await ingest.apply_energy(energy)  # committed; the acknowledgements never leave
    services = parts.services
    restarted = Ingest(
        store=parts.store,
        clock=parts.clock,
        devices=services.devices,
        minting=services.minting,
        grid=services.grid,
        transfers=services.transfers,
    )
    assert [ack.through for ack in await restarted.apply(telemetry)] == [1]
    assert [ack.through for ack in await restarted.apply_energy(energy)] == [1]
    assert len(await rows(parts, SEQS)) == 1
    assert (await services.books.supply()).mints == 1


async def test_reports_of_one_pair_are_one_transfer(ingest, agent, parts) -> None:
    await ingest.apply_energy(agent.arrive(Leaf.ENERGY, *(agent.energy(seq) for seq in (1, 2, 3))))
    [transfer] = await rows(parts, "SELECT state AS a, reports AS b, energy_mwh AS c FROM transfers")
    assert transfer == ("active", 3, 195_000)


async def test_over_a_lossy_network_with_crashes_each_record_is_one_row(ingest, agent, parts, clock) -> None:
    for seed in range(12):
        chance = random.Random(seed)
        sender = Agent("pi-1", clock, journal_id=f"jrn_lossy_{seed}")
        held = list(range(1, 13))
        for _ in range(200):
            if not held:
                break
            wire = [sender.telemetry(seq, oldest=held[0]) for seq in held if chance.random() > 0.3]
            wire += [sender.telemetry(seq, oldest=held[0]) for seq in held if chance.random() < 0.2]
            if chance.random() < 0.5:
                chance.shuffle(wire)
            acks = await ingest.apply(sender.arrive(Leaf.TELEMETRY, *wire)) if wire else []
            if acks and chance.random() > 0.3:
                held = [seq for seq in held if seq > acks[0].through]
        assert not held
        stored = await rows(
            parts,
            "SELECT seq AS a FROM telemetry JOIN streams ON streams.id = stream_id"
            f" WHERE journal_id = 'jrn_lossy_{seed}' ORDER BY seq",
        )
        assert [seq for seq, *_ in stored] == list(range(1, 13))


def test_an_action_is_what_a_state_carries_out() -> None:
    told = carried_out([("A", NodeState.SUPPLYING), ("B", NodeState.RECEIVING), ("C", NodeState.FAULT)])
    assert [one.action for one in told] == [Action.DISCHARGE, Action.CHARGE, Action.IDLE]
