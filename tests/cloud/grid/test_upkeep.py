"""What passes by itself: silence, leases without energy, old telemetry."""

import msgspec

from cloud.grid.decoding import Leaf
from cloud.grid.upkeep import Upkeep
from shared.messages import Status, encode

from .conftest import rows

TRANSFERS = "SELECT state AS a, reports AS b FROM transfers ORDER BY id"


def upkeep(parts) -> Upkeep:
    return Upkeep(
        store=parts.store,
        clock=parts.clock,
        events=parts.events,
        transfers=parts.services.transfers,
        settings=parts.settings,
    )


async def test_a_device_unheard_for_two_minutes_is_offline_and_said_so_once(
    parts, ingest, agent, clock
) -> None:
    here = encode(Status(state="online", boot_id="boot_1", version="1.0"))
    await ingest.apply(agent.arrive(Leaf.STATUS, here))
    clock.advance(119)
    await upkeep(parts).sweep()
    assert (await parts.services.grid.totals()).devices_online == 1
    clock.advance(2)
    await upkeep(parts).sweep()
    await upkeep(parts).sweep()
    assert (await parts.services.grid.totals()).devices_online == 0
    said = [msgspec.json.decode(event.payload)["status"] for event in await parts.events.after(0)]
    assert said == ["online", "offline"]
    clock.advance(1)
    await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(1)))
    assert (await parts.services.grid.totals()).devices_online == 1


async def test_a_lease_that_ends_without_energy_is_a_failed_transfer(parts, agent, clock) -> None:
    await parts.services.transfers.start("pi-1", "NODE_A", "NODE_B")
    clock.advance(30 * 60 - 1)
    await upkeep(parts).sweep()
    assert await rows(parts, TRANSFERS) == [("requested", 0, None)]
    clock.advance(2)
    await upkeep(parts).sweep()
    assert await rows(parts, TRANSFERS) == [("failed", 0, None)]
    async with parts.store.read() as tx:
        conditions = await parts.services.grid.conditions(tx)
    assert (conditions.transfers_successful, conditions.transfers_total) == (0, 1)


async def test_a_transfer_without_reports_for_twenty_minutes_was_delivered(
    parts, ingest, agent, clock
) -> None:
    await ingest.apply_energy(agent.arrive(Leaf.ENERGY, agent.energy(1)))
    clock.advance(20 * 60 + 1)
    await upkeep(parts).sweep()
    assert await rows(parts, TRANSFERS) == [("delivered", 1, None)]
    await ingest.apply_energy(agent.arrive(Leaf.ENERGY, agent.energy(2)))
    assert await rows(parts, TRANSFERS) == [("delivered", 1, None), ("active", 1, None)]


async def test_a_new_transfer_of_a_node_ends_the_one_before(parts, agent) -> None:
    transfers = parts.services.transfers
    await transfers.start("pi-1", "NODE_A", "NODE_B")
    await transfers.start("pi-1", "NODE_C", "NODE_A")
    assert sorted(await rows(parts, TRANSFERS)) == [("requested", 0, None), ("stopped", 0, None)]


async def test_old_telemetry_and_stream_events_go_and_what_is_newer_stays(
    parts, ingest, agent, clock
) -> None:
    await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(1)))
    clock.advance(parts.settings.telemetry_days * 86_400 - 10)
    await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(2)))
    clock.advance(20)
    last_before = await parts.events.last_id()
    await upkeep(parts).trim()
    assert [seq for seq, *_ in await rows(parts, "SELECT seq AS a FROM telemetry")] == [2]
    types = [event.type for event in await parts.events.after(0)]
    assert types.count("node_data") == 1
    assert "schedule" in types
    assert await parts.events.last_id() == last_before


async def test_an_event_id_is_never_given_twice_even_when_everything_old_goes(parts, clock) -> None:
    async with parts.store.write() as tx:
        await parts.events.announce(tx, "heartbeat", {})
    first = await parts.events.last_id()
    clock.advance(10 * 86_400)
    await upkeep(parts).trim()
    async with parts.store.write() as tx:
        await parts.events.announce(tx, "heartbeat", {})
    assert await parts.events.last_id() == first + 1


STREAMS = "SELECT journal_id AS a, stream AS b FROM streams ORDER BY id"


async def test_old_journals_go_with_their_refusals_once_a_newer_one_has_followed(
    parts, ingest, agent, clock
) -> None:
    agent.journal_id = "first"
    await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(1)))
    await ingest.apply_energy(agent.arrive(Leaf.ENERGY, agent.energy(1, raw=b"{}")))
    assert len(await rows(parts, "SELECT seq AS a FROM stream_refusals")) == 1
    clock.advance(60)
    agent.journal_id = "second"
    await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(1)))

    clock.advance(parts.settings.telemetry_days * 86_400 - 30)
    await upkeep(parts).trim()

    assert [tuple(row)[:2] for row in await rows(parts, STREAMS)] == [("first", "energy"), ("second", "live")]
    assert await rows(parts, "SELECT seq AS a FROM stream_refusals") == []


async def test_a_device_that_was_away_for_months_is_not_applied_twice(parts, ingest, agent, clock) -> None:
    await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(1), agent.telemetry(2)))
    clock.advance(200 * 86_400)
    await upkeep(parts).trim()

    (ack,) = await ingest.apply(agent.arrive(Leaf.TELEMETRY, agent.telemetry(2)))

    assert ack.through == 2
    assert await rows(parts, "SELECT seq AS a FROM telemetry") == []
