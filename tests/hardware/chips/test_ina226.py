"""INA226 driver on a register table; raw words and their values from TI SBOS547B."""

import pytest

from hardware.bench import BenchBus
from hardware.bench.ina import BUS, MASK, SHUNT, Ina219Chip, Ina226Chip
from hardware.chips.ina226 import Ina226
from hardware.errors import (
    BusBusy,
    BusTimeout,
    ChipAbsent,
    ChipRestarted,
    ConversionTimeout,
    Overrange,
    WrongChip,
)
from shared.clock import ManualClock

ADDRESS = 0x40


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def bus(clock):
    made = BenchBus(clock)
    made.attach(ADDRESS, Ina226Chip(noise_bits=0))
    return made


def _showing(bus: BenchBus, *, shunt: int, bus_word: int) -> None:
    chip = bus.chip(ADDRESS)
    chip.hung = True
    chip.registers |= {SHUNT: shunt, BUS: bus_word, MASK: 0x0008}


@pytest.mark.parametrize(
    "shunt,bus_word,current_ma,voltage_mv",
    [
        pytest.param(0x1F40, 0x2570, 10_000.0, 11_980.0, id="the datasheet's 10 A through 2 mohm at 11.98 V"),
        pytest.param(0x8300, 0x0000, -40_000.0, 0.0, id="-80 mV, the datasheet's negative example"),
        pytest.param(0x0000, 0x0000, 0.0, 0.0, id="zero"),
        pytest.param(0xFFFF, 0x0001, -1.25, 1.25, id="one bit below zero"),
        pytest.param(0x7FFE, 0x7FFF, 40_957.5, 40_958.75, id="the last word below the end stop"),
        pytest.param(0x8002, 0x0C80, -40_957.5, 4000.0, id="the last word above the negative end stop"),
    ],
)
def test_words_become_volts_and_amperes(bus, clock, shunt, bus_word, current_ma, voltage_mv):
    chip = Ina226(bus, ADDRESS, clock, shunt_mohm=2)
    _showing(bus, shunt=shunt, bus_word=bus_word)

    sample = chip.sample()

    assert sample.current_ma == pytest.approx(current_ma)
    assert sample.voltage_mv == pytest.approx(voltage_mv)
    assert sample.raw == (shunt, bus_word)
    assert sample.temperature_c is None
    assert sample.soc_percent is None


@pytest.mark.parametrize("shunt", [0x7FFF, 0x8000, 0x8001])
def test_an_end_stop_is_no_measurement(bus, clock, shunt):
    chip = Ina226(bus, ADDRESS, clock, shunt_mohm=2)
    _showing(bus, shunt=shunt, bus_word=3200)

    with pytest.raises(Overrange, match=r"81\.92 mV"):
        chip.sample()


def test_the_stamp_is_the_time_of_the_conversion_not_of_construction(bus, clock):
    chip = Ina226(bus, ADDRESS, clock, shunt_mohm=20)
    clock.advance(100)

    assert chip.sample().measured_at == pytest.approx(100, abs=0.5)


def test_a_reading_waits_for_a_fresh_conversion(bus, clock):
    chip = Ina226(bus, ADDRESS, clock, shunt_mohm=20)
    bus.chip(ADDRESS).bus_mv = 3700
    before = clock.monotonic()

    sample = chip.sample()

    # 64 averages of 1.1 ms shunt and 1.1 ms bus
    assert 0.1408 <= clock.monotonic() - before < 0.3
    assert sample.voltage_mv == 3700.0


@pytest.mark.parametrize("maker,die", [(0x5449, 0x2270), (0x0000, 0x2260), (0xFFFF, 0xFFFF)])
def test_another_identity_is_refused(bus, clock, maker, die):
    bus.chip(ADDRESS).registers |= {0xFE: maker, 0xFF: die}

    with pytest.raises(WrongChip, match="0x5449/0x2260"):
        Ina226(bus, ADDRESS, clock, shunt_mohm=20)


def test_an_ina219_in_its_place_is_refused(clock):
    bus = BenchBus(clock)
    bus.attach(ADDRESS, Ina219Chip())

    with pytest.raises(WrongChip):
        Ina226(bus, ADDRESS, clock, shunt_mohm=20)


def test_a_brown_out_is_noticed_and_the_chip_set_up_again(bus, clock):
    chip = Ina226(bus, ADDRESS, clock, shunt_mohm=20)
    table = bus.chip(ADDRESS)
    table.bus_mv = 3650
    chip.sample()
    setup = table.registers[0]
    clock.advance(1)

    bus.brown_out(ADDRESS)
    assert table.registers[0] == 0x4127 != setup
    sample = chip.sample()

    assert table.registers[0] == setup
    assert sample.voltage_mv == 3650.0
    assert chip.restarts == 1


def test_a_chip_that_does_not_keep_its_setup_gives_no_value(bus, clock):
    chip = Ina226(bus, ADDRESS, clock, shunt_mohm=20)
    bus.brown_out(ADDRESS)
    bus.stick(ADDRESS, 0x00)

    with pytest.raises(ChipRestarted, match="does not keep its setup"):
        chip.sample()


def test_a_frozen_converter_ends_in_a_time_out_not_in_an_old_value(bus, clock):
    chip = Ina226(bus, ADDRESS, clock, shunt_mohm=20)
    chip.sample()
    bus.chip(ADDRESS).hung = True
    before = clock.monotonic()

    with pytest.raises(ConversionTimeout):
        chip.sample()

    assert clock.monotonic() - before < 1.0


def test_two_missing_acknowledges_are_bridged_and_a_third_is_an_absent_chip(bus, clock):
    chip = Ina226(bus, ADDRESS, clock, shunt_mohm=20)
    bus.nack(ADDRESS, times=2)
    chip.sample()
    clock.advance(1)

    bus.nack(ADDRESS, times=3)
    with pytest.raises(ChipAbsent, match="0x40"):
        chip.sample()


def test_an_absent_chip_costs_a_bounded_number_of_transfers(bus, clock):
    bus.nack(ADDRESS)
    before = bus.transfers

    with pytest.raises(ChipAbsent):
        Ina226(bus, ADDRESS, clock, shunt_mohm=20)

    assert bus.transfers - before == 3


def test_a_hanging_bus_is_a_time_out(bus, clock):
    chip = Ina226(bus, ADDRESS, clock, shunt_mohm=20)
    bus.timeout(ADDRESS)

    with pytest.raises(BusTimeout, match="pull-ups"):
        chip.sample()


def test_an_address_claimed_by_the_kernel_is_told_without_retry(bus, clock):
    bus.claim(ADDRESS)
    before = bus.transfers

    with pytest.raises(BusBusy, match="kernel driver"):
        Ina226(bus, ADDRESS, clock, shunt_mohm=20)

    assert bus.transfers - before == 1


def test_a_bit_flipped_on_the_wire_of_the_setup_is_repaired(bus, clock):
    chip = Ina226(bus, ADDRESS, clock, shunt_mohm=20)
    bus.chip(ADDRESS).bus_mv = 3650
    bus.flip(ADDRESS, 0x00, 15)

    assert chip.sample().voltage_mv == 3650.0
    assert chip.restarts == 1
