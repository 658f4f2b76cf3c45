"""The register tables on their own: the bits a driver never looks at must be right too."""

import pytest

from hardware.bench import BenchBus
from hardware.bench.ads1115 import Ads1115Chip
from hardware.bench.ina import Ina219Chip, Ina226Chip
from hardware.bench.max17048 import Max17048Chip
from shared.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


def _bus(clock, chip) -> BenchBus:
    bus = BenchBus(clock)
    bus.attach(0x40, chip)
    return bus


def _word(bus, register) -> int:
    high, low = bus.read_i2c_block_data(0x40, register, 2)
    return high << 8 | low


def _write(bus, register, value) -> None:
    bus.write_i2c_block_data(0x40, register, [value >> 8, value & 0xFF])


def test_ina219_computes_current_and_power_as_the_datasheet_does(clock):
    chip = Ina219Chip(noise_bits=0)
    bus = _bus(clock, chip)
    chip.shunt_uv, chip.bus_mv = 20_000, 11_980
    _write(bus, 0x05, 0x5000)
    _write(bus, 0x00, 0x399F)
    bus.read_byte(0x40)
    clock.advance(0.1)

    # SBOS448 section 8.5.2: 2000 * 20480 / 4096 = 10000; 10000 * 2995 / 5000 = 5990
    assert _word(bus, 0x01) == 0x07D0
    assert _word(bus, 0x02) >> 3 == 2995
    assert _word(bus, 0x04) == 0x2710
    assert _word(bus, 0x03) == 0x1766


def test_ina226_computes_current_and_power_as_the_datasheet_does(clock):
    chip = Ina226Chip(noise_bits=0)
    bus = _bus(clock, chip)
    chip.shunt_uv, chip.bus_mv = 20_000, 11_980
    _write(bus, 0x05, 0x0A00)
    _write(bus, 0x00, 0x4127)
    bus.read_byte(0x40)
    clock.advance(0.1)

    # SBOS547B table 1: 8000 * 2560 / 2048 = 10000; 10000 * 9584 / 20000 = 4792
    assert _word(bus, 0x01) == 0x1F40
    assert _word(bus, 0x02) == 0x2570
    assert _word(bus, 0x04) == 0x2710
    assert _word(bus, 0x03) == 0x12B8


def test_ina219_ready_flag_is_cleared_by_reading_power_only(clock):
    bus = _bus(clock, Ina219Chip())
    bus.read_byte(0x40)
    clock.advance(0.1)

    assert _word(bus, 0x02) & 2
    assert _word(bus, 0x02) & 2
    _word(bus, 0x03)
    assert not _word(bus, 0x02) & 2


def test_ina226_ready_flag_is_cleared_by_reading_it(clock):
    bus = _bus(clock, Ina226Chip())
    bus.read_byte(0x40)
    clock.advance(0.1)

    assert _word(bus, 0x06) & 8
    assert not _word(bus, 0x06) & 8


def test_ina219_calibration_bit_0_cannot_be_written(clock):
    bus = _bus(clock, Ina219Chip())
    _write(bus, 0x05, 0xFFFF)

    assert _word(bus, 0x05) == 0xFFFE


@pytest.mark.parametrize("chip,reset", [(Ina219Chip, 0x399F), (Ina226Chip, 0x4127)])
def test_the_reset_bit_clears_everything_and_itself(clock, chip, reset):
    bus = _bus(clock, chip())
    _write(bus, 0x05, 0x1000)
    _write(bus, 0x00, 0x8000)

    assert _word(bus, 0x00) == reset
    assert _word(bus, 0x05) == 0


def test_read_only_registers_keep_their_value(clock):
    bus = _bus(clock, Ina226Chip())
    _write(bus, 0xFE, 0x0000)

    assert _word(bus, 0xFE) == 0x5449


@pytest.mark.parametrize(
    "setup,conversion_s",
    [(0x4127, 2 * 1.1e-3), (0x4527, 16 * 2.2e-3), (0x4727, 64 * 2.2e-3), (0x4FFF, 1024 * 2 * 8.244e-3)],
)
def test_ina226_takes_as_long_as_its_setup_says(clock, setup, conversion_s):
    bus = _bus(clock, Ina226Chip())
    _write(bus, 0x00, setup)
    _word(bus, 0x00)
    clock.advance(conversion_s - 1e-4)
    assert not _word(bus, 0x06) & 8
    clock.advance(2e-4)
    assert _word(bus, 0x06) & 8


def test_ads1115_is_busy_until_its_conversion_ends(clock):
    chip = Ads1115Chip(noise_bits=0)
    chip.inputs_mv[2] = 1000
    bus = _bus(clock, chip)
    _write(bus, 0x01, 0xE383)

    assert not _word(bus, 0x01) & 0x8000
    assert _word(bus, 0x00) == 0
    clock.advance(0.008)
    assert _word(bus, 0x01) == 0xE383
    # 1000 mV at 125 uV
    assert _word(bus, 0x00) == 8000


def test_ads1115_differential_inputs_are_signed(clock):
    chip = Ads1115Chip(noise_bits=0)
    chip.inputs_mv[:2] = [100, 350]
    bus = _bus(clock, chip)
    _write(bus, 0x01, 0x8383)
    _word(bus, 0x01)
    clock.advance(0.008)

    assert _word(bus, 0x00) == 0x10000 - 2000


def test_ads1115_runs_on_its_own_in_continuous_mode(clock):
    chip = Ads1115Chip(noise_bits=0)
    bus = _bus(clock, chip)
    _write(bus, 0x01, 0x4283)
    _word(bus, 0x00)
    chip.inputs_mv[0] = 500
    clock.advance(0.01)

    assert _word(bus, 0x00) == 4000


def test_max17048_runs_on_to_the_next_register_in_one_read(clock):
    chip = Max17048Chip()
    bus = _bus(clock, chip)
    bus.read_byte(0x40)
    chip.hung = True
    chip.registers |= {0x02: 0xC350, 0x04: 0x3280}

    assert bus.read_i2c_block_data(0x40, 0x02, 4) == [0xC3, 0x50, 0x32, 0x80]


def test_max17048_does_not_acknowledge_its_own_reset(clock):
    bus = _bus(clock, Max17048Chip())
    _write(bus, 0x1A, 0x0000)

    with pytest.raises(OSError, match="Remote I/O"):
        _write(bus, 0xFE, 0x5400)

    assert _word(bus, 0x1A) == 0x0100


def test_a_write_sets_the_pointer_for_plain_reads(clock):
    bus = _bus(clock, Ina226Chip())
    bus.write_i2c_block_data(0x40, 0xFE, [])

    assert bus.read_byte(0x40) == 0x54


def test_a_write_of_one_byte_changes_no_register(clock):
    bus = _bus(clock, Ina226Chip())
    bus.write_i2c_block_data(0x40, 0x05, [0x12])

    assert _word(bus, 0x05) == 0


def test_an_smbus_word_arrives_swapped(clock):
    bus = _bus(clock, Ina226Chip())

    assert bus.read_word_data(0x40, 0xFE) == 0x4954


def test_faults_act_as_told_and_heal(clock):
    bus = _bus(clock, Ina226Chip())
    bus.stick(0x40, 0x05)
    assert _word(bus, 0x05) == 0
    _write(bus, 0x05, 0x1000)
    assert _word(bus, 0x05) == 0
    bus.flip(0x40, 0xFE, 0)
    assert [_word(bus, 0xFE), _word(bus, 0xFE)] == [0x5448, 0x5449]

    bus.heal(0x40)
    assert _word(bus, 0x05) == 0x1000


def test_the_noise_is_about_one_bit_and_repeats_by_seed(clock):
    def words(seed: int) -> list[int]:
        chip = Ina226Chip(seed=seed)
        chip.bus_mv = 3700
        bus = _bus(ManualClock(), chip)
        found = []
        for _ in range(400):
            bus._clock.advance(0.1)
            found.append(_word(bus, 0x02))
        return found[10:]

    first = words(1)

    assert first == words(1) != words(2)
    mean = sum(first) / len(first)
    assert mean == pytest.approx(2960, abs=0.2)
    assert (sum((word - mean) ** 2 for word in first) / len(first)) ** 0.5 == pytest.approx(1.0, abs=0.15)
