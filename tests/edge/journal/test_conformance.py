"""What every journal promises, whichever way it is kept."""

import msgspec
import pytest

from edge.journal.port import LIVE_UNACKNOWLEDGED_MAX, Journal, NewReport, Telemetry
from shared.clock import ManualClock, to_micros
from shared.messages import EnergyRecord, Refusal, Stream, TelemetryRecord, encode
from tests.edge.journal.records import START_US, ack, report_bytes, telemetry


def _energy(journal: Journal, report_id: str) -> int:
    return journal.put_energy([NewReport(report_id, report_bytes(report_id), "sig")])[0]


def test_telemetry_is_live_while_the_link_is_up_and_numbered_from_one(journal: Journal) -> None:
    assert journal.put_telemetry(telemetry(0), link_up=True) is Stream.LIVE
    assert journal.put_telemetry(telemetry(1), link_up=True) is Stream.LIVE

    sent = journal.telemetry_after(Stream.LIVE, 0, 10)
    assert [(r.seq, r.oldest, r.historical) for r in sent] == [(1, 1, False), (2, 1, False)]
    assert sent[0].nodes == telemetry(0).nodes
    assert {r.journal_id for r in sent} == {journal.journal_id}


def test_telemetry_goes_to_the_backlog_while_the_link_is_down(journal: Journal) -> None:
    assert journal.put_telemetry(telemetry(0), link_up=False) is Stream.BACKLOG

    assert journal.telemetry_after(Stream.LIVE, 0, 10) == ()
    (record,) = journal.telemetry_after(Stream.BACKLOG, 0, 10)
    assert (record.seq, record.stream, record.historical) == (1, Stream.BACKLOG, True)


def test_live_takes_sixty_unanswered_records_and_no_more(journal: Journal) -> None:
    went = [journal.put_telemetry(telemetry(n), link_up=True) for n in range(LIVE_UNACKNOWLEDGED_MAX + 2)]

    assert went == [Stream.LIVE] * 60 + [Stream.BACKLOG] * 2
    journal.acknowledge(ack(journal.journal_id, Stream.LIVE, 1))
    assert journal.put_telemetry(telemetry(99), link_up=True) is Stream.LIVE


def test_a_backlog_record_gets_its_sequence_when_it_is_first_sent_and_keeps_it(journal: Journal) -> None:
    for n in range(5):
        journal.put_telemetry(telemetry(n), link_up=False)

    assert journal.next_seq(Stream.BACKLOG) == 1
    first = journal.telemetry_after(Stream.BACKLOG, 0, 2)
    assert [r.seq for r in first] == [1, 2]
    assert journal.next_seq(Stream.BACKLOG) == 3
    assert [r.seq for r in journal.telemetry_after(Stream.BACKLOG, 0, 3)] == [1, 2, 3]
    assert [r.monotonic_us for r in journal.telemetry_after(Stream.BACKLOG, 0, 2)] == [
        r.monotonic_us for r in first
    ]
    assert [r.seq for r in journal.telemetry_after(Stream.BACKLOG, 3, 9)] == [4, 5]


def test_an_acknowledgement_releases_its_stream_up_to_its_sequence_and_nothing_else(journal: Journal) -> None:
    for n in range(3):
        journal.put_telemetry(telemetry(n), link_up=True)
        journal.put_telemetry(telemetry(n), link_up=False)
        _energy(journal, f"rpt_{n}")
    journal.telemetry_after(Stream.BACKLOG, 0, 3)

    assert journal.acknowledge(ack(journal.journal_id, Stream.LIVE, 2)) == 2

    assert [(r.seq, r.oldest) for r in journal.telemetry_after(Stream.LIVE, 0, 9)] == [(3, 3)]
    assert [r.seq for r in journal.telemetry_after(Stream.BACKLOG, 0, 9)] == [1, 2, 3]
    assert [r.seq for r in journal.energy_after(0, 9)] == [1, 2, 3]
    assert journal.acknowledge(ack(journal.journal_id, Stream.BACKLOG, 3)) == 3
    assert journal.acknowledge(ack(journal.journal_id, Stream.ENERGY, 1)) == 1
    assert [(r.seq, r.oldest) for r in journal.energy_after(0, 9)] == [(2, 2), (3, 2)]
    depth = journal.depth()
    assert (depth.live, depth.backlog, depth.energy) == (1, 0, 2)


def test_a_late_or_repeated_acknowledgement_releases_nothing(journal: Journal) -> None:
    for n in range(3):
        _energy(journal, f"rpt_{n}")
    journal.acknowledge(ack(journal.journal_id, Stream.ENERGY, 2))

    assert journal.acknowledge(ack(journal.journal_id, Stream.ENERGY, 2)) == 0
    assert journal.acknowledge(ack(journal.journal_id, Stream.ENERGY, 1)) == 0
    assert [r.seq for r in journal.energy_after(0, 9)] == [3]


def test_an_acknowledgement_for_another_journal_is_not_taken(journal: Journal) -> None:
    _energy(journal, "rpt_1")

    assert journal.acknowledge(ack("jrn_other", Stream.ENERGY, 1)) is None
    assert journal.depth().energy == 1


def test_an_acknowledgement_beyond_all_that_was_sent_renames_the_journal_and_keeps_all(
    journal: Journal,
) -> None:
    _energy(journal, "rpt_1")
    journal.put_telemetry(telemetry(0), link_up=True)
    before = journal.journal_id

    assert journal.acknowledge(ack(before, Stream.ENERGY, 500)) == 0

    assert journal.journal_id != before
    (record,) = journal.energy_after(0, 9)
    assert (record.journal_id, bytes(record.report)) == (journal.journal_id, report_bytes("rpt_1"))
    assert len(journal.telemetry_after(Stream.LIVE, 0, 9)) == 1


def test_a_report_is_kept_once_and_exactly_as_signed(journal: Journal) -> None:
    first = _energy(journal, "rpt_1")
    again = _energy(journal, "rpt_1")

    assert first == again == 1
    (record,) = journal.energy_after(0, 9)
    assert bytes(record.report) == report_bytes("rpt_1")
    assert record.signature == "sig"
    decoded = msgspec.json.decode(encode(record), type=EnergyRecord)
    assert bytes(decoded.report) == report_bytes("rpt_1")


def test_a_released_report_is_not_taken_a_second_time(journal: Journal) -> None:
    _energy(journal, "rpt_1")
    journal.acknowledge(ack(journal.journal_id, Stream.ENERGY, 1))
    journal.flush(force=True)

    _energy(journal, "rpt_1")

    assert journal.energy_after(0, 9) == ()


def test_a_refused_report_is_released_and_its_reason_is_shown(journal: Journal) -> None:
    _energy(journal, "rpt_1")
    _energy(journal, "rpt_2")
    refusal = Refusal(seq=1, reason="overlaps rpt_0")
    journal.acknowledge(ack(journal.journal_id, Stream.ENERGY, 2, (refusal,)))

    newest, oldest = journal.reports(9)
    assert (newest.report_id, newest.acknowledged, newest.refusal) == ("rpt_2", True, None)
    assert (oldest.report_id, oldest.acknowledged, oldest.refusal) == ("rpt_1", True, "overlaps rpt_0")
    assert journal.depth().refused == 1
    journal.flush(force=True)
    assert journal.depth().refused == 1


def test_every_record_decodes_as_the_wire_message(journal: Journal) -> None:
    journal.put_telemetry(telemetry(0), link_up=True)

    (record,) = journal.telemetry_after(Stream.LIVE, 0, 1)

    assert msgspec.json.decode(encode(record), type=TelemetryRecord) == record


def test_a_live_record_that_waited_is_told_as_historical(journal: Journal, clock: ManualClock) -> None:
    journal.put_telemetry(telemetry(0), link_up=True)
    clock.advance(31)

    (record,) = journal.telemetry_after(Stream.LIVE, 0, 1)

    assert record.historical


def test_state_is_set_read_listed_and_removed(journal: Journal) -> None:
    journal.put("soc/NODE_A", b"1")
    journal.put("soc/NODE_B", b"2")
    journal.put("total", b"3")
    journal.put("soc/NODE_B", None)
    journal.put("never", None)

    assert journal.keys("soc/") == ("soc/NODE_A",)
    assert (journal.get("total"), journal.get("soc/NODE_B")) == (b"3", None)


def test_history_keeps_one_reading_a_minute(journal: Journal) -> None:
    for n in range(1_000):
        journal.put_telemetry(telemetry(n, nodes=1, step_us=30_000_000), link_up=True)
        journal.flush(force=n % 100 == 0)

    kept = journal.history(0)
    assert [t.utc_us - START_US for t in kept] == [n * 60_000_000 for n in range(500)]
    assert len(journal.history(kept[-2].utc_us)) == 2


def test_depth_tells_the_age_of_the_oldest_record_that_waits(journal: Journal, clock: ManualClock) -> None:
    assert journal.depth().oldest_us is None
    journal.put_telemetry(telemetry(3), link_up=False)
    journal.put_telemetry(telemetry(4), link_up=True)

    assert journal.depth().oldest_us == START_US + 30_000_000
    journal.flush(force=True)
    assert journal.depth().oldest_us == START_US + 30_000_000
    journal.telemetry_after(Stream.BACKLOG, 0, 1)
    journal.acknowledge(ack(journal.journal_id, Stream.BACKLOG, 1))
    assert journal.depth().oldest_us == START_US + 40_000_000


@pytest.mark.parametrize("stream", [Stream.LIVE, Stream.BACKLOG])
def test_sequences_have_no_gap_whatever_the_order_of_calls(journal: Journal, stream: Stream) -> None:
    link_up = stream is Stream.LIVE
    seen: list[int] = []
    for n in range(40):
        journal.put_telemetry(telemetry(n), link_up=link_up)
        if n % 3 == 0:
            journal.flush(force=n % 2 == 0)
        if n % 4 == 0:
            last = seen[-1] if seen else 0
            seen += [r.seq for r in journal.telemetry_after(stream, last, 3)]  # type: ignore[arg-type]
        if n % 5 == 0 and seen:
            journal.acknowledge(ack(journal.journal_id, stream, seen[-1]))
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) > 20


def _undated(number: int, boot_id: str = "boot-a") -> Telemetry:
    """Made while the clock said 1970."""
    made = telemetry(number, boot_id=boot_id)
    return msgspec.structs.replace(made, utc_us=made.monotonic_us, synced=False)


def test_telemetry_from_before_the_time_was_known_is_told_in_it_and_that_of_another_boot_is_not(
    journal: Journal,
) -> None:
    journal.put_telemetry(_undated(1, "boot-z"), link_up=False)
    journal.put_telemetry(_undated(7), link_up=False)
    journal.put_telemetry(_undated(8), link_up=True)
    journal.flush(force=True)
    journal.put_telemetry(_undated(9), link_up=False)

    journal.time_known("boot-a", START_US)
    journal.put_telemetry(telemetry(10), link_up=False)

    (live,) = journal.telemetry_after(Stream.LIVE, 0, 9)
    backlog = journal.telemetry_after(Stream.BACKLOG, 0, 9)
    assert [(to_micros(r.utc), r.synced) for r in (*backlog, live)] == [
        (10_000_000, False),
        (START_US + 70_000_000, True),
        (START_US + 90_000_000, True),
        (START_US + 100_000_000, True),
        (START_US + 80_000_000, True),
    ]
    assert START_US + 70_000_000 in [t.utc_us for t in journal.history(0)]


def test_a_step_of_the_clock_takes_nothing_out_of_the_history(journal: Journal) -> None:
    year_us = 365 * 86_400_000_000
    for number, step_us in ((0, 0), (6, year_us), (12, 0), (18, -year_us), (24, 0)):
        made = telemetry(number)
        journal.put_telemetry(msgspec.structs.replace(made, utc_us=made.utc_us + step_us), link_up=True)
        journal.flush(force=True)

    assert sorted(t.monotonic_us for t in journal.history(-(2**62))) == [n * 60_000_000 for n in range(5)]
