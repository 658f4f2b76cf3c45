"""The hard guards: each limit on both sides, its release band, the faults and how they end."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.control.latch import Cause
from edge.control.safety import override
from shared.messages import Action, NodeState, Quality
from tests.edge.control.builders import LIMITS, Site, a_sample

BOTH = (True, True)
NO_CHARGE = (False, True)
NO_DISCHARGE = (True, False)
NEITHER = (False, False)


def one(soc=50.0, **sample):
    site = Site("A")
    site.see(a_sample(**sample), soc={"A": soc})
    return site


@pytest.mark.parametrize(
    "soc, may",
    [
        (50.0, BOTH),
        (20.01, BOTH),
        (20.0, NO_DISCHARGE),
        (3.0, NO_DISCHARGE),
        (94.99, BOTH),
        (95.0, NO_CHARGE),
    ],
)
def test_soc_guards(soc, may):
    assert one(soc).may() == may


@pytest.mark.parametrize(
    "voltage_v, may",
    [
        (3.001, BOTH),
        (3.0, NO_DISCHARGE),
        (2.501, NO_DISCHARGE),
        (2.5, NEITHER),
        (4.199, BOTH),
        (4.2, NO_CHARGE),
        (4.249, NO_CHARGE),
        (4.25, NEITHER),
    ],
)
def test_voltage_guards_of_an_nmc_cell(voltage_v, may):
    assert one(voltage_v=voltage_v).may() == may


@pytest.mark.parametrize(
    "current_ma, may", [(2000.0, BOTH), (2001.0, NEITHER), (-2000.0, BOTH), (-2001.0, NEITHER)]
)
def test_over_current_stops_both_directions(current_ma, may):
    site = Site("A")
    site.see(a_sample(current_ma=current_ma), relays={"A": Action.DISCHARGE})
    assert site.may() == may


@pytest.mark.parametrize(
    "temperature_c, may",
    [
        (0.1, BOTH),
        (0.0, NO_CHARGE),
        (-19.9, NO_CHARGE),
        (-20.0, NEITHER),
        (44.9, BOTH),
        (45.0, NO_CHARGE),
        (59.9, NO_CHARGE),
        (60.0, NEITHER),
    ],
)
def test_temperature_guards(temperature_c, may):
    assert one(temperature_c=temperature_c).may() == may


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.FROZEN, Quality.IMPLAUSIBLE])
@pytest.mark.parametrize("quantity", ["voltage", "current", "temperature"])
def test_a_reading_that_cannot_be_trusted_stops_both_directions_in_the_same_cycle(quantity, quality):
    site = one()
    assert site.may() == BOTH
    site.see(a_sample(**{quantity: quality}))
    assert site.may() == NEITHER
    assert f"{quantity} reading is {quality.value}" in site.safety.guard("A").charge_veto


def test_a_missing_voltage_stops_both_directions():
    assert one(voltage_v=None).may() == NEITHER


def test_a_sensor_that_is_not_fitted_is_not_missed():
    limits = msgspec.structs.replace(LIMITS, has_current=False, has_temperature=False)
    site = Site("A", limits=limits)
    site.see(a_sample(current_ma=None, temperature_c=None))
    assert site.may() == BOTH


def test_a_node_nobody_assessed_may_do_nothing():
    assert Site("A").may() == NEITHER


@pytest.mark.parametrize(
    "trip, hold, free",
    [
        ({"soc": 20.0}, {"soc": 21.9}, {"soc": 22.0}),
        ({"soc": 95.0}, {"soc": 93.1}, {"soc": 93.0}),
        ({"voltage_v": 3.0}, {"voltage_v": 3.049}, {"voltage_v": 3.05}),
        ({"voltage_v": 4.2}, {"voltage_v": 4.151}, {"voltage_v": 4.15}),
        ({"temperature_c": 45.0}, {"temperature_c": 43.1}, {"temperature_c": 43.0}),
        ({"temperature_c": 0.0}, {"temperature_c": 1.9}, {"temperature_c": 2.0}),
    ],
)
def test_a_guard_lets_go_only_behind_its_release_level(trip, hold, free):
    site = Site("A")

    def see(soc=50.0, **sample):
        site.see(a_sample(**sample), soc={"A": soc})
        return site.may()

    assert see(**trip) != BOTH
    assert see(**hold) != BOTH
    assert see(**free) == BOTH
    assert see(**hold) == BOTH


def test_a_sensor_must_be_good_for_thirty_seconds_without_a_break():
    site = one(voltage=Quality.STALE)
    for _ in range(29):
        site.see(a_sample())
    assert site.may() == NEITHER
    site.see(a_sample(voltage=Quality.STALE))
    for _ in range(30):
        site.see(a_sample())
        assert site.may() == NEITHER
    site.see(a_sample())
    assert site.may() == BOTH


@pytest.mark.parametrize("current_ma", [2500.0, -2500.0])
def test_over_current_is_released_thirty_seconds_after_it_ended(current_ma):
    site = Site("A")
    site.see(a_sample(current_ma=current_ma), relays={"A": Action.DISCHARGE})
    site.see(a_sample())
    assert site.may() == NEITHER
    site.see(a_sample(), after_s=29.0)
    assert site.may() == NEITHER
    site.see(a_sample(), after_s=1.0)
    assert site.may() == BOTH


@pytest.mark.parametrize(
    "sample, cause",
    [
        ({"voltage_v": 2.4}, Cause.HARD_UNDER_VOLTAGE),
        ({"voltage_v": 4.3}, Cause.HARD_OVER_VOLTAGE),
        ({"temperature_c": 70.0}, Cause.HARD_TEMPERATURE),
        ({"current_ma": 3001.0}, Cause.HARD_CURRENT),
    ],
)
def test_beyond_the_hard_limits_the_node_is_a_fault_and_recovers_by_itself(sample, cause):
    site = Site("A")
    site.see(a_sample(**sample), relays={"A": Action.CHARGE})
    assert site.snapshot.nodes[0].state is NodeState.FAULT
    assert cause in {latch.cause for latch in site.safety.guard("A").latches}
    site.see(a_sample())
    assert site.snapshot.nodes[0].state is NodeState.FAULT
    site.see(a_sample(), after_s=30.0)
    assert site.snapshot.nodes[0].state is NodeState.IDLE
    assert site.may() == BOTH


@pytest.mark.parametrize("voltage_v", [2.6, 3.04])
def test_a_cell_that_stays_below_the_stop_limit_stays_a_fault(voltage_v):
    site = one(voltage_v=2.4)
    for _ in range(10):
        site.see(a_sample(voltage_v=voltage_v), after_s=600.0)
    assert site.safety.guard("A").fault is not None


@pytest.mark.parametrize("voltage_v", [4.24, 4.16])
def test_a_cell_that_stays_above_the_stop_limit_stays_a_fault(voltage_v):
    site = one(voltage_v=4.3)
    for _ in range(10):
        site.see(a_sample(voltage_v=voltage_v), after_s=600.0)
    assert site.safety.guard("A").fault is not None


def test_a_fault_starts_its_time_again_when_the_reading_leaves_the_limits():
    site = one(voltage_v=4.3)
    site.see(a_sample(voltage_v=4.1))
    site.see(a_sample(voltage_v=4.16), after_s=20.0)
    site.see(a_sample(voltage_v=4.1), after_s=20.0)
    assert site.safety.guard("A").fault is not None
    site.see(a_sample(voltage_v=4.1), after_s=30.0)
    assert site.safety.guard("A").fault is None


def test_a_fault_is_not_forgotten_while_the_reading_is_lost():
    site = one(voltage_v=4.3)
    for _ in range(5):
        site.see(a_sample(voltage_v=None), after_s=600.0)
    assert site.safety.guard("A").fault is not None


def test_current_through_open_relays_is_a_welded_contact_and_stops_the_whole_busbar():
    site = Site("A", "B")
    for cycle in range(3):
        assert site.may("B") == (BOTH if cycle else NEITHER)
        site.see(a_sample("A", current_ma=150.0), a_sample("B"))
    assert site.safety.guard("A").fault == "fault: 150 mA flow though both relays are open"
    assert site.may("B") == NEITHER
    assert "relay of A does not open" in site.safety.guard("B").charge_veto
    assert site.safety.guard("B").fault is None


def test_current_in_the_first_samples_after_opening_is_no_welded_contact():
    site = Site("A")
    site.see(a_sample(current_ma=900.0), relays={"A": Action.DISCHARGE})
    site.see(a_sample(current_ma=900.0))
    site.see(a_sample(current_ma=300.0))
    site.see(a_sample(current_ma=0.0))
    assert site.may() == BOTH


def test_what_the_relays_report_is_a_fault():
    site = Site("A")
    site.see(a_sample(), relay_faults={"A": "pin 5 does not follow"})
    assert site.safety.guard("A").fault == "fault: pin 5 does not follow"


def test_derated_charge_stops_charging_alone_until_the_full_current_is_allowed_again():
    # At 7.5 C the NMC file allows 0.3 of the charge current: 600 of 2000 mA.
    site = Site("A")
    site.see(a_sample(current_ma=-600.0, temperature_c=7.5), relays={"A": Action.CHARGE})
    assert site.may() == BOTH
    site.see(a_sample(current_ma=-601.0, temperature_c=7.5), relays={"A": Action.CHARGE})
    assert site.may() == NO_CHARGE
    site.see(a_sample(temperature_c=14.0), after_s=600.0)
    assert site.may() == NO_CHARGE
    site.see(a_sample(temperature_c=15.0), after_s=1.0)
    site.see(a_sample(temperature_c=15.0), after_s=30.0)
    assert site.may() == BOTH


class TestOverride:
    def overridden(self, minutes=10.0, **sample):
        site = one(**sample)
        site.safety = override(site.safety, "A", minutes=minutes, monotonic=site.now)
        site.see(a_sample(**sample))
        return site

    @pytest.mark.parametrize(
        "sample",
        [
            {"temperature": Quality.STALE},
            {"temperature_c": None},
            {"current": Quality.FROZEN},
            {"voltage": Quality.FROZEN},
            {"voltage": Quality.IMPLAUSIBLE},
        ],
    )
    def test_it_lets_a_node_work_with_a_bad_sensor(self, sample):
        assert one(**sample).may() == NEITHER
        assert self.overridden(**sample).may() == BOTH

    @pytest.mark.parametrize("sample", [{"voltage": Quality.STALE}, {"voltage_v": None}])
    def test_it_does_not_replace_a_voltage(self, sample):
        assert self.overridden(**sample).may() == NEITHER

    def test_it_ends_with_its_time(self):
        site = self.overridden(minutes=1.0, temperature_c=None)
        site.see(a_sample(temperature_c=None), after_s=58.5)
        assert site.may() == BOTH
        site.see(a_sample(temperature_c=None), after_s=1.0)
        assert site.may() == NEITHER

    def test_it_lasts_an_hour_at_most(self):
        site = self.overridden(minutes=1e6, temperature_c=None)
        site.see(a_sample(temperature_c=None), after_s=3600.0)
        assert site.may() == NEITHER

    def test_it_holds_at_low_current_only(self):
        site = self.overridden(temperature_c=None)
        site.see(a_sample(temperature_c=None, current_ma=501.0), relays={"A": Action.DISCHARGE})
        assert site.may() == NEITHER

    def test_it_lifts_no_physical_limit(self):
        assert self.overridden(voltage_v=4.3, temperature_c=None).may() == NEITHER
        assert self.overridden(voltage_v=3.0, temperature_c=None).may() == NO_DISCHARGE


readings = st.builds(
    a_sample,
    voltage_v=st.one_of(st.none(), st.floats(2.0, 4.6)),
    current_ma=st.one_of(st.none(), st.floats(-4000, 4000)),
    temperature_c=st.one_of(st.none(), st.floats(-40, 90)),
    voltage=st.sampled_from(Quality),
    current=st.sampled_from(Quality),
    temperature=st.sampled_from(Quality),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(readings, st.floats(0, 100), st.sampled_from(Action), st.floats(0.5, 100)), max_size=25
    )
)
def test_whatever_happens_no_guard_is_ever_missed(cycles):
    site = Site("A")
    for sample, soc, relay, after_s in cycles:
        site.see(sample, soc={"A": soc}, relays={"A": relay}, after_s=after_s)
        may_charge, may_discharge = site.may()
        good = {Quality.GOOD, Quality.ESTIMATED}
        trusted = all(
            value.quality in good for value in (sample.voltage_mv, sample.current_ma, sample.temperature_c)
        )
        if not trusted:
            assert (may_charge, may_discharge) == NEITHER
            continue
        volts, amps, celsius = sample.voltage_mv.value, sample.current_ma.value, sample.temperature_c.value
        if soc >= 95 or volts >= 4200 or not 0 < celsius < 45:
            assert not may_charge
        if soc <= 20 or volts <= 3000:
            assert not may_discharge
        if abs(amps) > 2000 or not -20 < celsius < 60 or not 2500 < volts < 4250:
            assert (may_charge, may_discharge) == NEITHER
        if site.safety.guard("A").fault is not None:
            assert (may_charge, may_discharge) == NEITHER


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(readings, st.floats(0, 100)), max_size=12))
def test_no_sensor_fault_locks_a_battery_out_for_ever(cycles):
    site = Site("A")
    for sample, soc in cycles:
        site.see(sample, soc={"A": soc})
    for _ in range(2):
        site.see(a_sample())
        site.see(a_sample(), after_s=31.0)
    assert site.may() == BOTH
