"""MAX17048 driver on a register table; scales from Maxim 19-6171."""

import pytest

from hardware.bench import BenchBus
from hardware.bench.max17048 import SOC, STATUS, VCELL, VERSION, Max17048Chip
from hardware.chips.max17048 import Max17048
from hardware.errors import ChipRestarted, WrongChip
from shared.clock import ManualClock

ADDRESS = 0x36


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def bus(clock):
    made = BenchBus(clock)
    made.attach(ADDRESS, Max17048Chip(noise_bits=0))
    return made


@pytest.mark.parametrize(
    "vcell,soc,voltage_mv,soc_percent",
    [
        (0xC350, 0x3280, 3906.25, 50.5),
        (0x0000, 0x0000, 0.0, 0.0),
        (0x0001, 0x0001, 0.078125, 0.00390625),
        (0xFFFF, 0x6400, 5119.921875, 100.0),
        (0xD200, 0x6600, 4200.0, 102.0),
    ],
)
def test_words_become_volts_and_percent(bus, clock, vcell, soc, voltage_mv, soc_percent):
    gauge = Max17048(bus, ADDRESS, clock)
    bus.chip(ADDRESS).hung = True
    bus.chip(ADDRESS).registers |= {VCELL: vcell, SOC: soc}

    sample = gauge.sample()

    assert (sample.voltage_mv, sample.soc_percent) == (voltage_mv, soc_percent)
    assert sample.current_ma is None


def test_the_words_are_most_significant_byte_first(bus, clock):
    Max17048(bus, ADDRESS, clock)
    bus.chip(ADDRESS).hung = True
    bus.chip(ADDRESS).registers[VCELL] = 0x513D

    assert bus.read_i2c_block_data(ADDRESS, VCELL, 2) == [0x51, 0x3D]
    assert bus.read_word_data(ADDRESS, VCELL) == 0x3D51


@pytest.mark.parametrize(
    "version,accepted", [(0x0010, True), (0x001F, True), (0x0003, False), (0xFFFF, False)]
)
def test_the_version_is_the_identity(bus, clock, version, accepted):
    bus.chip(ADDRESS).registers[VERSION] = version

    if accepted:
        Max17048(bus, ADDRESS, clock)
    else:
        with pytest.raises(WrongChip, match=f"0x{version:04x}"):
            Max17048(bus, ADDRESS, clock)


def test_after_a_reset_of_the_model_one_reading_is_withheld(bus, clock):
    gauge = Max17048(bus, ADDRESS, clock)
    assert bus.chip(ADDRESS).registers[STATUS] & 0x0100 == 0
    bus.brown_out(ADDRESS)

    with pytest.raises(ChipRestarted):
        gauge.sample()

    assert gauge.sample().voltage_mv is not None
    assert gauge.restarts == 1


def test_a_line_stuck_high_is_not_taken_for_a_full_cell(bus, clock):
    gauge = Max17048(bus, ADDRESS, clock)
    chip = bus.chip(ADDRESS)
    chip.hung = True
    chip.registers = dict.fromkeys(chip.registers, 0xFFFF)

    with pytest.raises(WrongChip):
        gauge.sample()
