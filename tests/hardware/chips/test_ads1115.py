"""ADS1115 driver on a register table, and the two sensors made of its inputs; codes from TI SBAS444."""

import pytest

from hardware.bench import BenchBus
from hardware.bench.ads1115 import CONVERSION, Ads1115Chip
from hardware.bench.ina import Ina226Chip
from hardware.chips.ads1115 import Ads1115, DividerInput, ThermistorInput
from hardware.chips.thermistor import Beta
from hardware.errors import ChipRestarted, ConversionTimeout, Overrange, WrongChip
from shared.clock import ManualClock

ADDRESS = 0x48


class ScriptedAds(Ads1115Chip):
    """Gives one word as the result of every conversion."""

    word = 0

    def _convert(self):
        self.registers[CONVERSION] = self.word


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def bus(clock):
    made = BenchBus(clock)
    made.attach(ADDRESS, Ads1115Chip(noise_bits=0))
    return made


@pytest.mark.parametrize(
    "range_mv,word,millivolts",
    [
        (4096.0, 0x0001, 0.125),
        (4096.0, 0x0000, 0.0),
        (4096.0, 0xFFFF, -0.125),
        (4096.0, 0x4000, 2048.0),
        (4096.0, 0x8001, -4095.875),
        (6144.0, 0x0001, 0.1875),
        (2048.0, 0x7FFE, 2047.875),
        (256.0, 0xFFFF, -0.0078125),
    ],
)
def test_codes_become_millivolts_in_every_range(clock, range_mv, word, millivolts):
    bus = BenchBus(clock)
    chip = ScriptedAds()
    chip.word = word
    bus.attach(ADDRESS, chip)

    found, raw, _ = Ads1115(bus, ADDRESS, clock).convert(0, range_mv=range_mv)

    assert found == pytest.approx(millivolts)
    assert raw == word


@pytest.mark.parametrize("word", [0x7FFF, 0x8000])
def test_an_end_stop_is_no_measurement(clock, word):
    bus = BenchBus(clock)
    chip = ScriptedAds()
    chip.word = word
    bus.attach(ADDRESS, chip)

    with pytest.raises(Overrange, match="input 2"):
        Ads1115(bus, ADDRESS, clock).convert(2, range_mv=4096.0)


def test_each_input_gives_its_own_voltage(bus, clock):
    bus.chip(ADDRESS).inputs_mv = [100.0, 200.0, 300.0, 400.0]
    adc = Ads1115(bus, ADDRESS, clock)

    assert [adc.convert(channel, range_mv=4096.0)[0] for channel in (3, 0, 2, 1)] == [400, 100, 300, 200]


def test_a_conversion_that_never_ends_is_a_time_out(bus, clock):
    adc = Ads1115(bus, ADDRESS, clock)
    bus.chip(ADDRESS).hung = True
    before = clock.monotonic()

    with pytest.raises(ConversionTimeout):
        adc.convert(0, range_mv=4096.0)

    assert clock.monotonic() - before < 0.2


def test_a_brown_out_during_the_conversion_discards_it_and_tries_once_more(clock):
    class BrowningOut(Ads1115Chip):
        dips = 1

        def run(self, now):
            if self._start and self.dips:
                self.dips -= 1
                self.reset()
            super().run(now)

    bus = BenchBus(clock)
    chip = BrowningOut(noise_bits=0)
    chip.inputs_mv = [7.0, 1850.0, 0.0, 0.0]
    bus.attach(ADDRESS, chip)
    adc = Ads1115(bus, ADDRESS, clock)

    assert adc.convert(1, range_mv=4096.0)[0] == pytest.approx(1850.0)
    assert adc.restarts == 1

    chip.dips = 2
    with pytest.raises(ChipRestarted):
        adc.convert(1, range_mv=4096.0)


def test_an_ina226_at_the_shared_address_is_refused(clock):
    bus = BenchBus(clock)
    bus.attach(ADDRESS, Ina226Chip())

    with pytest.raises(WrongChip, match="0x48"):
        Ads1115(bus, ADDRESS, clock)


def test_a_divider_gives_the_voltage_ahead_of_it(bus, clock):
    bus.chip(ADDRESS).inputs_mv[0] = 1850.0
    cell = DividerInput(Ads1115(bus, ADDRESS, clock), 0, top_ohm=10_000, bottom_ohm=10_000)

    sample = cell.sample()

    assert sample.voltage_mv == pytest.approx(3700.0)
    assert sample.current_ma is None


def test_a_thermistor_at_half_the_supply_has_its_nominal_temperature(bus, clock):
    bus.chip(ADDRESS).inputs_mv[3] = 1650.0
    curve = Beta(r25_ohm=10_000, beta_k=3380)
    ntc = ThermistorInput(Ads1115(bus, ADDRESS, clock), 3, curve=curve, series_ohm=10_000, supply_mv=3300)

    assert ntc.sample().temperature_c == pytest.approx(25.0, abs=0.01)


@pytest.mark.parametrize("input_mv,what", [(3295.0, "cut"), (5.0, "shorted")])
def test_a_broken_thermistor_gives_no_temperature(bus, clock, input_mv, what):
    bus.chip(ADDRESS).inputs_mv[3] = input_mv
    curve = Beta(r25_ohm=10_000, beta_k=3380)
    ntc = ThermistorInput(Ads1115(bus, ADDRESS, clock), 3, curve=curve, series_ohm=10_000, supply_mv=3300)

    with pytest.raises(Overrange, match=what):
        ntc.sample()
