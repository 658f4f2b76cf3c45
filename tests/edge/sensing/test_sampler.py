"""The sampler: one chip's failure costs that chip's values, and nobody else's."""

import logging

import pytest

from edge.sensing import Calibration, NodeSources, Sampler, SensingRules, sources_of
from hardware.board import shipped_board
from hardware.chips.sample import ChipSample
from hardware.errors import ChipAbsent, Overrange
from shared.messages import Action, Quality


class FakeChip:
    """Gives what the script says: a sample, or an error to raise; the last entry for ever."""

    def __init__(self, *script: ChipSample | Exception) -> None:
        self.script = list(script)
        self.asked = 0

    def sample(self) -> ChipSample:
        entry = self.script[min(self.asked, len(self.script) - 1)]
        self.asked += 1
        if isinstance(entry, Exception):
            raise entry
        return entry

    def close(self) -> None:
        pass


def a_reading(at: float = 0.0, **values) -> ChipSample:
    raw = values.pop("raw", tuple(int(value) for value in values.values()))
    return ChipSample(raw=raw, measured_at=at, **values)


def a_sampler(chips, *nodes, **rules):
    sources = nodes or (NodeSources(uid="A", voltage="ina", current="ina", temperature="ntc"),)
    return Sampler(sources, chips, SensingRules(**rules))


def test_one_sample_carries_every_value_with_its_own_time():
    chips = {
        "ina": FakeChip(a_reading(5.0, voltage_mv=3700.0, current_ma=120.0)),
        "ntc": FakeChip(a_reading(5.2, temperature_c=21.5)),
    }
    (sample,) = a_sampler(chips).sample({})
    assert (sample.voltage_mv.value, sample.voltage_mv.measured_at) == (3700.0, 5.0)
    assert (sample.temperature_c.value, sample.temperature_c.measured_at) == (21.5, 5.2)
    assert sample.current_ma.quality is Quality.GOOD
    assert sample.gauge_soc_percent.quality is Quality.MISSING
    assert sample.gauge_soc_percent.value is None


def test_a_dead_thermometer_leaves_voltage_and_current_alone():
    chips = {
        "ina": FakeChip(a_reading(voltage_mv=3700.0, current_ma=0.0)),
        "ntc": FakeChip(ChipAbsent("no answer at 0x48")),
    }
    sampler = a_sampler(chips)
    for _ in range(6):
        (sample,) = sampler.sample({})
    assert sample.voltage_mv.quality is Quality.GOOD
    assert sample.temperature_c.quality is Quality.MISSING
    assert sample.temperature_c.value is None
    assert sampler.failures == {"ina": 0, "ntc": 4}


def test_an_operating_system_error_of_the_bus_is_a_missed_reading():
    (sample,) = a_sampler(
        {"ina": FakeChip(OSError(121, "Remote I/O error")), "ntc": FakeChip(a_reading(temperature_c=20.0))}
    ).sample({})
    assert sample.voltage_mv.quality is Quality.MISSING
    assert sample.temperature_c.value == 20.0


def test_a_defect_in_a_driver_is_not_hidden():
    sampler = a_sampler(
        {"ina": FakeChip(ZeroDivisionError()), "ntc": FakeChip(a_reading(temperature_c=20.0))}
    )
    with pytest.raises(ZeroDivisionError):
        sampler.sample({})


def test_a_failing_chip_is_asked_more_and_more_seldom_but_never_given_up():
    dead = FakeChip(ChipAbsent("gone"))
    sampler = a_sampler({"ina": dead, "ntc": FakeChip(a_reading(temperature_c=20.0))})
    for _ in range(4):
        sampler.sample({})
    assert dead.asked == 4
    for _ in range(96):
        sampler.sample({})
    assert 12 <= dead.asked <= 16


def test_loss_and_return_of_a_chip_are_told_once_each(caplog):
    reading = a_reading(voltage_mv=3700.0, current_ma=0.0)
    chips = {
        "ina": FakeChip(ChipAbsent("gone"), ChipAbsent("gone"), ChipAbsent("gone"), reading),
        "ntc": FakeChip(a_reading(temperature_c=20.0)),
    }
    sampler = a_sampler(chips)
    with caplog.at_level(logging.INFO):
        for _ in range(6):
            sampler.sample({})
    told = [record.getMessage() for record in caplog.records]
    assert told == ["sensor lost source=ina error=gone", "sensor back source=ina failures=3"]


def test_a_chip_at_its_end_stop_makes_the_values_implausible_in_the_same_cycle():
    chips = {
        "ina": FakeChip(a_reading(voltage_mv=3700.0, current_ma=900.0), Overrange("shunt beyond 82 mV")),
        "ntc": FakeChip(a_reading(temperature_c=20.0)),
    }
    sampler = a_sampler(chips)
    sampler.sample({"A": Action.DISCHARGE})
    (sample,) = sampler.sample({"A": Action.DISCHARGE})
    assert sample.current_ma.quality is Quality.IMPLAUSIBLE
    assert sample.voltage_mv.quality is Quality.IMPLAUSIBLE


def test_a_frozen_chip_is_seen_after_ten_samples_with_the_relay_closed():
    chips = {
        "ina": FakeChip(a_reading(voltage_mv=3700.0, current_ma=120.0)),
        "ntc": FakeChip(a_reading(temperature_c=20.0)),
    }
    sampler = a_sampler(chips)
    seen = [sampler.sample({"A": Action.CHARGE})[0] for _ in range(10)]
    assert [sample.voltage_mv.quality for sample in seen] == [Quality.GOOD] * 9 + [Quality.FROZEN]
    assert seen[-1].current_ma.quality is Quality.FROZEN
    assert seen[-1].temperature_c.quality is Quality.GOOD


def test_a_current_no_link_can_carry_is_implausible():
    node = NodeSources(uid="A", voltage="ina", current="ina", current_ma_max=1000.0)
    chips = {"ina": FakeChip(a_reading(voltage_mv=3700.0, current_ma=5001.0))}
    (sample,) = a_sampler(chips, node).sample({})
    assert sample.current_ma.quality is Quality.IMPLAUSIBLE


def test_two_nodes_share_a_chip_and_it_is_read_once():
    chip = FakeChip(a_reading(voltage_mv=3700.0, current_ma=10.0))
    nodes = (
        NodeSources(uid="A", voltage="ina", current="ina"),
        NodeSources(uid="B", voltage="ina", current="ina", calibration=Calibration(invert_current=True)),
    )
    first, second = a_sampler({"ina": chip}, *nodes).sample({})
    assert chip.asked == 1
    assert (first.current_ma.value, second.current_ma.value) == (10.0, -10.0)


def test_a_source_that_does_not_exist_stops_the_start():
    with pytest.raises(KeyError, match="ntc"):
        a_sampler({"ina": FakeChip(a_reading(voltage_mv=1.0))})


def test_the_board_says_which_chip_serves_which_node():
    board = shipped_board("bench_five")
    sources = sources_of(board)
    assert [node.uid for node in sources] == [node.uid for node in board.nodes]
    assert all(
        mine.voltage == theirs.voltage and mine.current_ma_max == 1000 * theirs.current_a_max
        for mine, theirs in zip(sources, board.nodes, strict=True)
    )
