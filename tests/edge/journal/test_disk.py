"""What the journal on disk survives: crashes, power cuts, a torn file, a full disk, a month offline."""

import itertools
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.journal.disk import SEQ_RESERVE, DiskJournal
from edge.journal.memory import MemoryJournal
from edge.journal.port import NewReport
from edge.journal.salvage import salvage
from edge.journal.tables import PAGE_BYTES
from edge.journal.worker import JournalWorker, open_journal
from shared.clock import ManualClock
from shared.messages import Stream
from tests.edge.journal.records import ack, report_bytes, telemetry

OpenDisk = Callable[..., DiskJournal]


def _energy(journal: DiskJournal, report_id: str, state: dict[str, bytes] | None = None) -> int:
    return journal.put_energy([NewReport(report_id, report_bytes(report_id), "sig")], state=state)[0]


def _crash(journal: DiskJournal) -> None:
    """What SIGKILL does: the file stays as it is and memory is gone."""
    journal._file.db.close()


def _fill(journal: DiskJournal) -> None:
    pages = journal._file.db.execute("PRAGMA page_count").fetchone()[0]
    journal._file.db.execute(f"PRAGMA max_page_count={pages}")


def _free(journal: DiskJournal) -> None:
    journal._file.db.execute("PRAGMA max_page_count=1000000")


def test_an_energy_report_and_its_state_survive_a_crash_at_once(disk: OpenDisk) -> None:
    journal = disk()
    _energy(journal, "rpt_1", state={"meter": b"7"})
    _crash(journal)

    again = disk()
    assert [bytes(r.report) for r in again.energy_after(0, 9)] == [report_bytes("rpt_1")]
    assert again.get("meter") == b"7"
    assert again.journal_id == journal.journal_id


@pytest.mark.parametrize("crash_s", [70, 89, 119, 149, 600])
def test_a_crash_takes_at_most_a_minute_of_telemetry(
    disk: OpenDisk, clock: ManualClock, crash_s: int
) -> None:
    journal = disk()
    for n in range(crash_s):
        clock.advance(1)
        journal.put_telemetry(telemetry(n, nodes=1, step_us=1_000_000), link_up=False)
        journal.flush()
    _crash(journal)

    kept = disk().telemetry_after(Stream.BACKLOG, 0, 1_000)
    assert crash_s - 1 - kept[-1].monotonic_us / 1e6 <= 60


def test_no_sequence_is_used_twice_after_a_crash(disk: OpenDisk) -> None:
    journal = disk()
    for n in range(3):
        journal.put_telemetry(telemetry(n), link_up=True)
        journal.put_telemetry(telemetry(n), link_up=False)
    sent_live = [r.seq for r in journal.telemetry_after(Stream.LIVE, 0, 9)]
    sent_backlog = {r.seq: r.monotonic_us for r in journal.telemetry_after(Stream.BACKLOG, 0, 2)}
    _energy(journal, "rpt_1")
    _crash(journal)

    again = disk(boot_id="boot-b")
    again.put_telemetry(telemetry(9), link_up=True)
    live = [r.seq for r in again.telemetry_after(Stream.LIVE, max(sent_live), 9)]
    assert live == [1 + SEQ_RESERVE]
    backlog = again.telemetry_after(Stream.BACKLOG, 0, 9)
    assert {r.seq: r.monotonic_us for r in backlog[:2]} == sent_backlog
    assert backlog[2].seq == 1 + SEQ_RESERVE
    assert _energy(again, "rpt_2") == 1 + SEQ_RESERVE


def test_a_good_close_goes_on_without_a_gap(disk: OpenDisk) -> None:
    journal = disk()
    journal.put_telemetry(telemetry(0), link_up=True)
    _energy(journal, "rpt_1")
    journal.close()

    again = disk(boot_id="boot-b")
    assert again.next_seq(Stream.LIVE) == 2
    assert _energy(again, "rpt_2") == 2
    (record,) = again.telemetry_after(Stream.LIVE, 0, 9)
    assert (record.seq, record.boot_id, record.historical) == (1, "boot-a", True)


def test_live_records_that_are_answered_in_time_never_touch_the_disk(
    disk: OpenDisk, clock: ManualClock
) -> None:
    journal = disk()
    for n in range(20):
        journal.put_telemetry(telemetry(n), link_up=True)
        journal.acknowledge(ack(journal.journal_id, Stream.LIVE, n + 1))
    clock.advance(60)
    assert journal.flush()

    assert journal._file.db.execute("SELECT count(*) FROM live").fetchone() == (0,)


def test_acknowledged_reports_are_kept_to_be_looked_at_and_bounded(
    disk: OpenDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.journal.rows.DONE_REPORTS_MAX", 5)
    journal = disk()
    for n in range(1, 21):
        _energy(journal, f"rpt_{n}")
        journal.acknowledge(ack(journal.journal_id, Stream.ENERGY, n))
    journal.flush(force=True)

    kept = journal.reports(100)
    assert [r.report_id for r in kept] == [f"rpt_{n}" for n in range(20, 15, -1)]


def test_history_goes_when_its_days_are_over(disk: OpenDisk) -> None:
    journal = disk(history_days=1)
    for n in range(3_000):
        journal.put_telemetry(telemetry(n, nodes=1, step_us=60_000_000), link_up=True)
        journal.flush(force=n % 500 == 0)
    journal.flush(force=True)

    assert len(journal.history(0)) == 1_441


def test_several_reports_and_the_state_are_kept_together_or_not_at_all(disk: OpenDisk) -> None:
    journal = disk()
    _fill(journal)
    reports = [NewReport(f"rpt_{n}", report_bytes(f"rpt_{n}"), "sig") for n in range(40)]
    journal.put_energy(reports, state={"meter": b"after"})
    assert journal.depth().problem is not None
    _crash(journal)

    again = disk()
    assert again.energy_after(0, 100) == ()
    assert again.get("meter") is None


# -- a full disk


def test_a_full_disk_keeps_everything_in_memory_and_writes_it_when_there_is_room(disk: OpenDisk) -> None:
    journal = disk()
    _fill(journal)
    for n in range(100):
        _energy(journal, f"rpt_{n}")
        journal.put_telemetry(telemetry(n), link_up=False)
    depth = journal.depth()
    assert depth.problem is not None
    assert "full" in depth.problem
    assert depth.energy == 100
    sent = journal.energy_after(0, 1_000)
    assert len(sent) == 100
    journal.acknowledge(ack(journal.journal_id, Stream.ENERGY, sent[9].seq))
    assert journal.energy_after(0, 1)[0].seq == sent[10].seq

    _free(journal)
    assert journal.flush(force=True)
    assert journal.depth().problem is None
    _crash(journal)
    again = disk()
    assert [r.seq for r in again.energy_after(0, 1_000)] == [r.seq for r in sent[10:]]
    assert len(again.telemetry_after(Stream.BACKLOG, 0, 1_000)) == 100


def test_a_full_disk_bounds_telemetry_in_memory_and_counts_what_it_gives_up(
    disk: OpenDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.journal.disk.MEMORY_ROWS_MAX", 100)
    journal = disk()
    _fill(journal)
    _energy(journal, "rpt_big" * 8)
    for n in range(1_000):
        journal.put_telemetry(telemetry(n, nodes=1), link_up=False)

    depth = journal.depth()
    assert depth.backlog <= 100
    assert depth.backlog + depth.thinned == 1_000


def test_a_disk_that_cannot_be_opened_gives_a_journal_in_memory_with_the_reason(
    tmp_path: Path, clock: ManualClock
) -> None:
    (tmp_path / "journal.db").mkdir()

    journal = open_journal(tmp_path / "journal.db", clock=clock, boot_id="boot-a")

    assert isinstance(journal, MemoryJournal)
    problem = journal.depth().problem
    assert problem is not None
    assert "kept in memory" in problem


def test_a_read_only_journal_still_gives_its_totals(
    tmp_path: Path, clock: ManualClock, disk: OpenDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = disk()
    journal.put("totals", b"42")
    journal.close()

    def refuse(_self: DiskJournal, _db: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(DiskJournal, "_reserve", refuse)

    in_memory = open_journal(tmp_path / "journal.db", clock=clock, boot_id="boot-b")

    assert isinstance(in_memory, MemoryJournal)
    assert in_memory.get("totals") == b"42"
    assert in_memory.journal_id != journal.journal_id


# -- a torn file


def _filled(disk: OpenDisk, reports: int = 40, records: int = 400) -> tuple[str, int]:
    journal = disk()
    for n in range(reports):
        _energy(journal, f"rpt_{n}")
    for n in range(records):
        journal.put_telemetry(telemetry(n), link_up=False)
    journal.put("totals", b"42")
    journal.close()
    return journal.journal_id, reports


def test_a_journal_truncated_at_any_byte_opens_and_keeps_what_can_be_read(
    disk: OpenDisk, tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    old_id, reports = _filled(disk)
    whole = path.read_bytes()
    cuts = [*random.Random(7).sample(range(len(whole)), 40), 0, 1, 99, 100, 4095, 4096, len(whole) - 1]
    kept, healed = [], 0
    for cut in cuts:
        for name in tmp_path.iterdir():
            name.unlink()
        path.write_bytes(whole[:cut])

        journal = disk()

        if journal.journal_id == old_id:
            # Only a page that holds nothing was cut.
            assert (journal.depth().energy, journal.depth().backlog) == (reports, 400)
        else:
            assert (tmp_path / "journal.corrupt-1").read_bytes() == whole[:cut]
        assert journal._file.db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        records = journal.energy_after(0, 1_000)
        assert [r.seq for r in records] == list(range(1, len(records) + 1))
        assert {bytes(r.report) for r in records} <= {report_bytes(f"rpt_{n}") for n in range(reports)}
        kept.append((cut, len(records)))
        healed += journal.journal_id != old_id
        assert _energy(journal, "rpt_new") == journal.next_seq(Stream.ENERGY) - 1
        journal.put_telemetry(telemetry(1), link_up=True)
        journal.close()
    assert healed >= len(cuts) - 3
    # The reports were written first, so a file that lost only its last quarter still has all of them.
    assert all(count == reports for cut, count in kept if cut > len(whole) * 3 // 4)


def test_a_torn_page_gives_no_row_twice(disk: OpenDisk, tmp_path: Path) -> None:
    """Where the file ends inside this page SQLite gives the last row that it can read again and again."""
    _, reports = _filled(disk)
    torn = tmp_path / "torn.db"
    torn.write_bytes((tmp_path / "journal.db").read_bytes()[:24_675])

    found = salvage(torn)

    ids = [row[0] for row in found.energy]
    assert len(ids) == len(set(ids)) > 0
    assert set(ids) <= {f"rpt_{n}" for n in range(reports)}


def test_a_journal_with_a_garbage_header_gives_back_every_report_and_the_totals(
    disk: OpenDisk, tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    _, reports = _filled(disk)
    whole = bytearray(path.read_bytes())
    whole[:4_096] = random.Random(1).randbytes(4_096)
    path.write_bytes(whole)

    journal = disk()

    assert len(journal.energy_after(0, 1_000)) == reports
    assert len(journal.telemetry_after(Stream.BACKLOG, 0, 1_000)) == 400
    assert journal.get("totals") == b"42"


def test_garbage_in_the_middle_never_stops_the_start(disk: OpenDisk, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    _filled(disk)
    whole = path.read_bytes()
    draw = random.Random(3)
    for _ in range(25):
        for name in tmp_path.iterdir():
            name.unlink()
        torn = bytearray(whole)
        start = draw.randrange(len(whole) - 6_000)
        torn[start : start + 6_000] = draw.randbytes(6_000)
        path.write_bytes(torn)

        journal = disk()

        for stream in (Stream.LIVE, Stream.BACKLOG):
            journal.telemetry_after(stream, 0, 1_000)
        journal.energy_after(0, 1_000)
        assert _energy(journal, "rpt_new") >= 1
        journal.close()


def test_a_report_in_the_write_ahead_log_is_salvaged_with_the_rest(disk: OpenDisk, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = disk()
    _energy(journal, "rpt_wal")
    spare = tmp_path / "spare"
    spare.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        shutil.copy(tmp_path / name, spare / name)
    _crash(journal)
    for name in ("journal.db", "journal.db-wal"):
        shutil.copy(spare / name, tmp_path / name)
    torn = bytearray(path.read_bytes())
    torn[:100] = bytes(100)
    path.write_bytes(torn)

    again = disk()

    assert [bytes(r.report) for r in again.energy_after(0, 9)] == [report_bytes("rpt_wal")]


def test_damage_that_appears_while_running_is_healed_without_losing_what_is_in_memory(
    disk: OpenDisk, tmp_path: Path
) -> None:
    journal = disk()
    _energy(journal, "rpt_1")
    journal.put_telemetry(telemetry(0), link_up=True)
    before = journal.journal_id
    journal._file.db.execute("DROP TABLE backlog")

    journal.put_telemetry(telemetry(1), link_up=False)
    assert journal.flush(force=True)

    assert journal.journal_id != before
    assert [bytes(r.report) for r in journal.energy_after(0, 9)] == [report_bytes("rpt_1")]
    backlog = journal.telemetry_after(Stream.BACKLOG, 0, 9)
    assert [r.monotonic_us for r in backlog] == [0, 10_000_000]
    assert journal.depth().problem is None


def test_at_most_three_torn_files_are_kept(disk: OpenDisk, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for n in range(6):
        path.write_bytes(bytes([n]) * 5_000)
        disk().close()

    kept = sorted(name.name for name in tmp_path.glob("*.corrupt-*"))
    assert kept == ["journal.corrupt-4", "journal.corrupt-5", "journal.corrupt-6"]


def test_acknowledged_reports_of_a_torn_journal_are_not_sent_again(disk: OpenDisk, tmp_path: Path) -> None:
    journal = disk()
    _energy(journal, "rpt_1")
    _energy(journal, "rpt_2")
    journal.acknowledge(ack(journal.journal_id, Stream.ENERGY, 1))
    journal.close()
    path = tmp_path / "journal.db"
    torn = bytearray(path.read_bytes())
    torn[:16] = bytes(16)
    path.write_bytes(torn)

    again = disk()

    assert [bytes(r.report) for r in again.energy_after(0, 9)] == [report_bytes("rpt_2")]


# -- a bounded file


def test_the_cap_thins_old_telemetry_keeps_the_recent_whole_and_every_report(disk: OpenDisk) -> None:
    cap = 3 * 1024 * 1024
    journal = disk(bytes_max=cap)
    count = 40_000
    for n in range(count):
        journal.put_telemetry(telemetry(n, nodes=2), link_up=False)
        if n % 100 == 0:
            journal.flush(force=True)
        if n % 2_000 == 0:
            _energy(journal, f"rpt_{n}")
    journal.flush(force=True)

    depth = journal.depth()
    assert depth.bytes_used <= cap
    assert depth.thinned > 0
    assert depth.backlog + depth.thinned == count
    assert depth.energy == 20
    times = [row[0] for row in journal._file.db.execute("SELECT made_us FROM backlog ORDER BY id").fetchall()]
    assert times == sorted(times)
    steps = [(b - a) // 10_000_000 for a, b in itertools.pairwise(times)]
    quarter = len(steps) // 4
    assert set(steps[-quarter:]) == {1}
    assert min(steps[: quarter // 2]) >= 2
    pages = journal._file.db.execute("PRAGMA page_count").fetchone()[0]
    assert pages * PAGE_BYTES <= cap


def test_reports_alone_may_pass_the_cap_and_none_is_given_up(disk: OpenDisk) -> None:
    journal = disk(bytes_max=256 * 1024)
    for n in range(700):
        _energy(journal, f"rpt_{n}")
        journal.put_telemetry(telemetry(n), link_up=False)

    depth = journal.depth()
    assert depth.energy == 700
    assert depth.backlog + depth.thinned == 700
    assert depth.thinned > 0


async def test_the_worker_keeps_the_order_of_calls_and_closes_last(
    tmp_path: Path, clock: ManualClock
) -> None:
    worker = JournalWorker(DiskJournal(tmp_path / "journal.db", clock=clock, boot_id="boot-a"))
    await worker.call(lambda journal: journal.put("key", b"1"))
    await worker.call(lambda journal: journal.put("key", b"2"))
    await worker.close()

    again = DiskJournal(tmp_path / "journal.db", clock=clock, boot_id="boot-b")
    assert again.get("key") == b"2"
    again.close()
    assert worker.done == 3
