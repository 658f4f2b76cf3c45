"""INA219 driver on a register table; raw words and their values from TI SBOS448."""

import pytest

from hardware.bench import BenchBus
from hardware.bench.ina import BUS, CONFIGURATION, SHUNT, Ina219Chip, Ina226Chip
from hardware.chips.ina219 import Ina219, shunt_range
from hardware.errors import ChipAbsent, ConversionTimeout, Overrange, WrongChip
from shared.clock import ManualClock

ADDRESS = 0x45


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def bus(clock):
    made = BenchBus(clock)
    made.attach(ADDRESS, Ina219Chip(noise_bits=0))
    return made


def _driver(bus, clock, shunt_mohm=100.0, current_a_max=3.2):
    return Ina219(bus, ADDRESS, clock, shunt_mohm=shunt_mohm, current_a_max=current_a_max)


def _showing(bus: BenchBus, *, shunt: int, bus_word: int) -> None:
    chip = bus.chip(ADDRESS)
    chip.hung = True
    chip.registers |= {SHUNT: shunt, BUS: bus_word | 0x0002}


@pytest.mark.parametrize(
    "shunt,bus_word,current_ma,voltage_mv",
    [
        pytest.param(0x07D0, 0x5D98, 10_000.0, 11_980.0, id="the datasheet's 10 A through 2 mohm at 11.98 V"),
        pytest.param(0x0000, 0x0000, 0.0, 0.0, id="zero"),
        pytest.param(0xFFFF, 0x0008, -5.0, 4.0, id="one bit below zero, one bit of bus"),
        pytest.param(0x8301, 0x1CE0, -159_995.0, 3696.0, id="-319.99 mV"),
        pytest.param(0x7CFF, 0x7D00, 159_995.0, 16_000.0, id="319.99 mV, 16 V"),
    ],
)
def test_words_become_volts_and_amperes(bus, clock, shunt, bus_word, current_ma, voltage_mv):
    chip = _driver(bus, clock, shunt_mohm=2, current_a_max=200)
    _showing(bus, shunt=shunt, bus_word=bus_word)

    sample = chip.sample()

    assert sample.current_ma == pytest.approx(current_ma)
    assert sample.voltage_mv == pytest.approx(voltage_mv)


@pytest.mark.parametrize("shunt", [0x7D00, 0x8300])
def test_the_end_stop_of_the_range_is_no_measurement(bus, clock, shunt):
    chip = _driver(bus, clock)
    _showing(bus, shunt=shunt, bus_word=0x1CE0)

    with pytest.raises(Overrange, match="320 mV"):
        chip.sample()


@pytest.mark.parametrize(
    "shunt_mv,code", [(10, 0), (39.9, 0), (40, 1), (79, 1), (120, 2), (160, 3), (319, 3), (500, 3)]
)
def test_the_narrowest_shunt_range_is_chosen(shunt_mv, code):
    assert shunt_range(shunt_mv) == code


def test_the_range_and_128_averages_are_written_to_the_chip(bus, clock):
    _driver(bus, clock, shunt_mohm=100, current_a_max=1.0)

    # 16 V range, PG /4 (10), BADC and SADC 1111, mode 111
    assert bus.chip(ADDRESS).registers[CONFIGURATION] == 0b0001_0111_1111_1111


def test_every_reading_needs_a_new_conversion(bus, clock):
    chip = _driver(bus, clock)
    chip.sample()
    bus.chip(ADDRESS).hung = True

    with pytest.raises(ConversionTimeout):
        chip.sample()


def test_an_ina226_in_its_place_is_refused(clock):
    bus = BenchBus(clock)
    bus.attach(ADDRESS, Ina226Chip())

    with pytest.raises(WrongChip, match="0x4127"):
        _driver(bus, clock)


def test_a_brown_out_in_use_is_repaired(bus, clock):
    chip = _driver(bus, clock)
    table = bus.chip(ADDRESS)
    table.bus_mv, table.shunt_uv = 3652.0, -50_000.0
    chip.sample()
    clock.advance(1)
    bus.brown_out(ADDRESS)

    sample = chip.sample()

    assert (sample.voltage_mv, sample.current_ma) == (3652.0, -500.0)
    assert chip.restarts == 1


def test_an_absent_chip_is_named_by_address(bus, clock):
    bus.detach(ADDRESS)

    with pytest.raises(ChipAbsent, match="0x45"):
        _driver(bus, clock)
