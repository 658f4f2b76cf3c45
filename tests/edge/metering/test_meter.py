"""Metering against integrals done by hand; what is counted is counted once, and nothing is invented."""

import itertools
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from edge.metering import Meter, MeterSettings, MeterState, sign_report
from edge.metering.meter import Transfer
from edge.snapshot import MISSING, NodeSample, Value
from shared.clock import to_micros
from shared.messages import EnergyReport, Quality
from shared.signatures import BadSignature, Purpose, public_key_of, verify

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOON_US = to_micros(NOON)
AB = Transfer("A", "B")
BENCH = MeterSettings(report_period_s=60.0, report_mwh_min=1, report_mwh_max=10_000)


def a_sample(uid, at, voltage_v, current_a, quality=Quality.GOOD):
    def value(number):
        return MISSING if number is None else Value(value=1000 * number, quality=quality, measured_at=at)

    return NodeSample(
        uid=uid, voltage_mv=value(voltage_v), current_ma=value(current_a), temperature_c=MISSING
    )


class Bench:
    """A meter in time; the monotonic clock begins at 100 s, the wall clock at noon."""

    def __init__(self, state=None, settings=BENCH, held=(), kernel_boot="k1"):
        self.numbers = itertools.count(1)
        self.meter = Meter(
            settings,
            device_id="dev",
            boot_id="boot",
            new_report_id=lambda: f"r{next(self.numbers)}",
            state=state,
            kernel_boot=kernel_boot,
            held=held,
        )
        self.now = 100.0
        self.wall_us = NOON_US
        self.synced = True
        self.reports: list[EnergyReport] = []

    def cycle(
        self, power=(4.0, 0.5), *, transfers=(AB,), received=(3.9, 0.5), after_s=1.0, quality=Quality.GOOD
    ):
        """One cycle: what A sends and B receives as (V, A), its samples taken now."""
        self.now += after_s
        self.wall_us += round(after_s * 1e6)
        volts, amps = received
        samples = {
            "A": a_sample("A", self.now, *power, quality),
            "B": a_sample("B", self.now, volts, None if amps is None else -amps),
        }
        made = self.meter.update(
            transfers, samples, monotonic=self.now, utc_us=self.wall_us, synced=self.synced
        )
        self.reports += made
        return made

    def run(self, seconds, **options):
        for _ in range(seconds):
            self.cycle(**options)

    def stop(self):
        return self.cycle(transfers=())


def seconds_after_noon(moment):
    return (moment - NOON).total_seconds()


def test_two_watts_for_a_minute_are_33_mwh_and_the_third_is_kept():
    # 4.0 V x 0.5 A x 60 s = 120 J = 33.333 mWh; 3.9 V x 0.5 A x 60 s = 32.5 mWh.
    bench = Bench()
    bench.run(61)
    (report,) = bench.stop() or bench.reports
    assert report.energy_mwh == 33
    assert report.received_mwh == 32
    assert (report.voltage_mv_mean, report.current_ma_mean) == (4000, 500)
    assert report.duration_ms == 60_000
    assert (report.sender_uid, report.receiver_uid) == ("A", "B")
    assert seconds_after_noon(report.started_at) == 1.0
    assert seconds_after_noon(report.ended_at) == 61.0


def test_three_minutes_of_thirds_make_a_whole():
    # 33.333 mWh a minute: 33 + 33 + 34 = 100.
    bench = Bench()
    bench.run(181)
    bench.stop()
    assert [report.energy_mwh for report in bench.reports] == [33, 33, 34]
    assert bench.meter.sent_mwh("A") == 100
    # 32.5 mWh a minute at the receiver: 32 + 33 + 32, and half a mWh still waits.
    assert [report.received_mwh for report in bench.reports] == [32, 33, 32]
    assert bench.meter.received_mwh("B") == 97


def test_a_ramp_is_integrated_as_a_trapezoid():
    # From 0 to 3.6 A at 4 V within 4 s, then off: 4 V x 3.6 A x 4 s / 2 = 28.8 J = 8 mWh.
    bench = Bench()
    for amps in (0.0, 0.9, 1.8, 2.7, 3.6):
        bench.cycle((4.0, amps))
    (report,) = bench.stop()
    assert report.energy_mwh == 8
    assert report.current_ma_mean == 1800
    assert report.duration_ms == 4000


def test_the_mean_voltage_is_weighted_by_time():
    # 3 s at 4.2 V, 1 s falling to 3.8 V, 6 s at 3.8 V: (12.6 + 4.0 + 22.8) / 10 = 3.94 V.
    bench = Bench()
    for after_s, volts in ((1.0, 4.2), (3.0, 4.2), (1.0, 3.8), (3.0, 3.8), (3.0, 3.8)):
        bench.cycle((volts, 1.0), after_s=after_s)
    (report,) = bench.stop()
    assert report.voltage_mv_mean == 3940
    assert report.duration_ms == 10_000


def test_a_report_is_made_every_period_and_at_the_stop():
    bench = Bench()
    bench.run(150)
    assert len(bench.reports) == 2
    bench.stop()
    assert len(bench.reports) == 3
    first, second, third = bench.reports
    assert first.ended_at == second.started_at
    assert second.ended_at == third.started_at
    assert len({report.report_id for report in bench.reports}) == 3


def test_on_a_site_less_than_a_thousand_mwh_waits():
    # 4 V x 150 A = 600 W: 10 Wh a minute; 4 V x 10 A = 40 W: 666 mWh a minute.
    bench = Bench(settings=MeterSettings(report_period_s=60.0))
    bench.run(61, power=(4.0, 10.0))
    assert bench.reports == []
    bench.run(60, power=(4.0, 10.0))
    (report,) = bench.reports
    assert report.energy_mwh == 1333
    assert report.duration_ms == 120_000


def test_what_was_too_little_is_carried_into_the_next_transfer_with_its_time():
    # 4 V x 0.5 A for 1 s is 0.556 mWh; twice is 1.111.
    bench = Bench()
    bench.run(2)
    assert bench.stop() == []
    bench.run(100, transfers=())
    bench.run(2)
    (report,) = bench.stop()
    assert report.energy_mwh == 1
    assert report.duration_ms == 2000
    assert (report.voltage_mv_mean, report.current_ma_mean) == (4000, 500)
    assert report.ended_at - report.started_at == timedelta(seconds=2)


@pytest.mark.parametrize("gap_s, energy_mwh", [(5.0, 7), (5.1, 2), (3600.0, 2)])
def test_a_gap_is_not_invented(gap_s, energy_mwh):
    # 4 V x 1 A: 1.111 mWh a second; 1 s before and 1 s after the gap, and the gap itself up to 5 s.
    bench = Bench()
    bench.run(2, power=(4.0, 1.0))
    bench.cycle((4.0, 1.0), after_s=gap_s)
    bench.cycle((4.0, 1.0))
    bench.stop()
    assert sum(report.energy_mwh for report in bench.reports) == energy_mwh
    for report in bench.reports:
        assert report.ended_at - report.started_at == timedelta(milliseconds=report.duration_ms)


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.FROZEN, Quality.IMPLAUSIBLE, Quality.ESTIMATED])
def test_readings_that_are_not_good_carry_no_energy(quality):
    bench = Bench()
    bench.run(30, quality=quality)
    assert bench.stop() == []
    assert bench.meter.sent_mwh("A") == 0


def test_a_missed_sample_is_covered_by_the_next_one():
    bench = Bench()
    bench.run(31)
    held = a_sample("A", bench.now, 4.0, 0.5)
    bench.now += 1
    bench.wall_us += 1_000_000
    bench.meter.update((AB,), {"A": held}, monotonic=bench.now, utc_us=bench.wall_us, synced=True)
    bench.run(29)
    (report,) = bench.reports
    assert report.duration_ms == 60_000
    assert report.energy_mwh == 33


def test_current_against_the_transfer_is_no_delivery():
    bench = Bench()
    bench.run(30, power=(4.0, -0.5), received=(3.9, -0.5))
    assert bench.stop() == []
    assert (bench.meter.sent_mwh("A"), bench.meter.received_mwh("B")) == (0, 0)


def test_a_receiver_without_a_current_sensor_is_not_reported_as_zero():
    bench = Bench()
    bench.run(61, received=(3.9, None))
    assert bench.reports[0].received_mwh is None
    bench.run(60)
    bench.run(60, received=(3.9, None))
    assert bench.reports[1].received_mwh == 31
    assert bench.reports[2].received_mwh is None


def test_a_step_of_the_wall_clock_does_not_distort_the_interval():
    bench = Bench()
    bench.run(30)
    bench.wall_us -= 3_600_000_000
    bench.run(31)
    bench.wall_us += 7_200_000_000
    bench.run(60)
    bench.run(60)
    assert [report.duration_ms for report in bench.reports] == [60_000] * 3
    # Its own report is dated as the transfer began; the ones after it go by the clock of their start.
    starts = [seconds_after_noon(report.started_at) for report in bench.reports]
    assert starts == [1.0, 61.0 - 3600.0, 121.0 + 3600.0]
    for report in bench.reports:
        assert report.ended_at - report.started_at == timedelta(minutes=1)
        assert report.synced


def test_after_the_clock_was_set_back_a_little_intervals_still_do_not_overlap():
    bench = Bench()
    bench.run(61)
    bench.stop()
    bench.wall_us -= 200_000_000
    bench.run(61)
    bench.stop()
    first, second = bench.reports
    assert first.ended_at == second.started_at
    assert first.synced
    assert second.synced


@pytest.mark.parametrize("step_s", [-365 * 86_400, -3600, 3600, 365 * 86_400])
def test_after_a_large_step_the_next_transfer_goes_by_the_clock_as_it_is(step_s):
    bench = Bench()
    bench.run(61)
    bench.stop()
    bench.wall_us += step_s * 1_000_000
    bench.run(61)
    bench.stop()
    first, second = bench.reports
    # The first sample of the second transfer is taken in cycle 63.
    assert seconds_after_noon(first.started_at) == 1.0
    assert seconds_after_noon(second.started_at) == 63.0 + step_s
    assert second.synced
    assert bench.meter.sent_mwh("A") == 66


def test_without_a_known_time_a_report_is_held_and_then_dated_by_the_clock_that_is_right():
    bench = Bench()
    bench.synced = False
    bench.wall_us = 0
    bench.run(131)
    bench.stop()
    assert bench.reports == []
    # Two of a minute and one of ten seconds; the wall clock said 1970, the monotonic one 101 s at the first.
    assert [held.report.duration_ms for held in bench.meter.held] == [60_000, 60_000, 10_000]
    bench.synced, bench.wall_us = True, NOON_US
    bench.run(70)
    bench.stop()
    # Noon was after the 132nd cycle; the cells' first sample came 131 s before it.
    starts = [seconds_after_noon(report.started_at) for report in bench.reports]
    assert starts == [-131.0, -71.0, -11.0, 1.0, 61.0]
    assert all(report.synced for report in bench.reports)
    assert bench.meter.held == ()
    assert sum(report.energy_mwh for report in bench.reports) == bench.meter.sent_mwh("A")


def test_a_transfer_that_runs_when_the_time_becomes_known_goes_on_in_it():
    bench = Bench()
    bench.synced, bench.wall_us = False, 0
    bench.run(90)
    bench.synced, bench.wall_us = True, NOON_US
    bench.run(60)
    bench.stop()
    first, second, third = bench.reports
    assert seconds_after_noon(first.started_at) == -89.0
    assert first.ended_at == second.started_at
    assert second.ended_at == third.started_at
    assert seconds_after_noon(third.ended_at) == 60.0


def test_what_was_held_over_a_reboot_is_dated_before_the_present_boot_and_says_so():
    bench = Bench()
    bench.synced = False
    bench.run(131)
    bench.stop()
    again = Bench(state=bench.meter.export(), held=bench.meter.held, kernel_boot="k2")
    again.cycle(transfers=())
    # It ran 130 s and the machine booted 100 s before noon.
    starts = [seconds_after_noon(report.started_at) for report in again.reports]
    assert starts == [-230.0, -170.0, -110.0]
    assert not any(report.synced for report in again.reports)
    again.run(61)
    again.stop()
    assert again.reports[-1].synced
    assert again.reports[-1].started_at > again.reports[2].ended_at


def test_held_reports_never_reach_into_what_was_reported_before():
    bench = Bench()
    bench.run(61)
    bench.stop()
    bench.synced = False
    bench.run(61)
    bench.stop()
    bench.synced = True
    bench.wall_us -= 100_000_000
    bench.cycle(transfers=())
    first, second = bench.reports
    assert first.ended_at == second.started_at


def test_a_first_sample_from_before_the_cycle_makes_no_overlap():
    bench = Bench()
    bench.run(61)
    end = bench.reports[0].ended_at
    late = Transfer("A", "C")
    for step in range(61):
        at = bench.now + step - 0.4
        bench.reports += bench.meter.update(
            (late,),
            {"A": a_sample("A", at, 4.0, 0.5)},
            monotonic=bench.now + step,
            utc_us=bench.wall_us + step * 1_000_000,
            synced=True,
        )
    assert bench.reports[1].started_at >= end


def test_more_than_the_most_is_split_into_reports_that_follow_each_other():
    # 4 V x 900 A = 3600 W = 1000 mWh a second.
    bench = Bench()
    bench.run(31, power=(4.0, 900.0))
    bench.stop()
    assert sum(report.energy_mwh for report in bench.reports) == 30_000
    assert all(report.energy_mwh <= 10_000 for report in bench.reports)
    for earlier, later in itertools.pairwise(bench.reports):
        assert earlier.ended_at == later.started_at


def test_one_step_above_the_most_is_split_evenly():
    # 4 V x 9000 A for 5 s = 50 000 mWh.
    bench = Bench()
    bench.cycle((4.0, 9000.0))
    bench.cycle((4.0, 9000.0), after_s=5.0)
    bench.stop()
    assert [report.energy_mwh for report in bench.reports] == [10_000] * 5
    assert [report.duration_ms for report in bench.reports] == [1000] * 5


def test_two_transfers_at_once_are_metered_apart():
    bench = Bench()
    pairs = (AB, Transfer("C", "D"))
    for _ in range(62):
        bench.now += 1
        samples = {
            "A": a_sample("A", bench.now, 4.0, 0.5),
            "B": a_sample("B", bench.now, 3.9, -0.5),
            "C": a_sample("C", bench.now, 4.0, 1.0),
            "D": a_sample("D", bench.now, 3.8, -1.0),
        }
        bench.reports += bench.meter.update(
            pairs, samples, monotonic=bench.now, utc_us=NOON_US + round(bench.now * 1e6), synced=True
        )
    by_sender = {report.sender_uid: report for report in bench.reports}
    assert (by_sender["A"].energy_mwh, by_sender["C"].energy_mwh) == (33, 66)
    assert by_sender["C"].receiver_uid == "D"


def test_totals_and_fractions_survive_a_restart():
    bench = Bench()
    bench.run(41)
    reports = list(bench.meter.stop())
    saved = msgspec.json.decode(msgspec.json.encode(bench.meter.export()), type=MeterState)
    again = Bench(state=saved)
    again.wall_us = bench.wall_us
    again.run(21)
    again.stop()
    # 40 s + 20 s at 2 W are 33.333 mWh together.
    assert sum(report.energy_mwh for report in (*reports, *again.reports)) == 33
    assert again.meter.sent_mwh("A") == 33
    assert reports[-1].ended_at <= again.reports[0].started_at


def test_what_was_not_reported_before_a_crash_is_reported_after_it():
    bench = Bench()
    bench.run(31)
    again = Bench(state=bench.meter.export())
    again.wall_us = bench.wall_us
    again.run(31)
    again.stop()
    assert again.reports[0].energy_mwh == 33
    assert again.reports[0].duration_ms == 60_000


def test_the_signature_is_over_the_bytes_that_are_sent():
    bench = Bench()
    bench.run(61)
    key = SigningKey(bytes(range(32)))
    raw, signature = sign_report(key, bench.reports[0])
    verify(public_key_of(key), Purpose.ENERGY, raw, signature)
    assert msgspec.json.decode(raw, type=EnergyReport) == bench.reports[0]
    with pytest.raises(BadSignature):
        verify(public_key_of(key), Purpose.ENERGY, raw.replace(b"33", b"34", 1), signature)
    with pytest.raises(BadSignature):
        verify(public_key_of(key), Purpose.COMMAND, raw, signature)


steps = st.tuples(
    st.floats(0.2, 8.0),
    st.floats(2.5, 4.3),
    st.floats(-5.0, 40.0),
    st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.STALE]),
    st.sampled_from([(AB,), (AB,), (AB,), (Transfer("A", "C"),), ()]),
    st.sampled_from([0.0, 0.0, 0.0, -900.0, 900.0]),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(steps, min_size=2, max_size=60), st.integers(0, 60))
def test_however_it_runs_reports_add_up_never_overlap_and_totals_only_grow(run, restart_at):
    bench = Bench()
    total = 0
    for number, (after_s, volts, amps, quality, transfers, wall_step_s) in enumerate(run):
        if number == restart_at:
            earlier, bench = bench, Bench(state=bench.meter.export())
            bench.reports, bench.wall_us = earlier.reports, earlier.wall_us
        bench.wall_us += round(wall_step_s * 1e6)
        bench.cycle((volts, amps), after_s=after_s, quality=quality, transfers=transfers)
        assert bench.meter.sent_mwh("A") >= total
        total = bench.meter.sent_mwh("A")
    bench.reports += bench.meter.stop()
    reported = sum(report.energy_mwh for report in bench.reports)
    assert 0 <= bench.meter.sent_mwh("A") - reported <= 1
    for report in bench.reports:
        assert 1 <= report.energy_mwh <= 10_000
        assert report.ended_at - report.started_at == timedelta(milliseconds=report.duration_ms)
    in_order = sorted(bench.reports, key=lambda report: report.started_at)
    for earlier_report, later in itertools.pairwise(in_order):
        assert earlier_report.ended_at <= later.started_at
