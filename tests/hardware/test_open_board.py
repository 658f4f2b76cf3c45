"""A board come alive: one bad chip costs its own readings only, and comes back by itself."""

from contextlib import suppress

import pytest
from gpiozero.pins.mock import MockFactory

from hardware.bench import Bench
from hardware.board import shipped_board
from hardware.chips import ChipSample
from hardware.errors import (
    BadBoard,
    BadChecksum,
    ChipAbsent,
    HardwareError,
    Overrange,
    PowerOnValue,
    WrongChip,
)
from hardware.open_board import RETRY_S, BackgroundSensor, open_board, relay_positions
from shared.clock import ManualClock
from shared.messages import Action
from tests.journeys.grid import eventually


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def bench(clock):
    with Bench.five(clock) as made:
        yield made


@pytest.fixture
def site(bench, clock):
    with open_board(
        bench.board, bench.bus, clock, pin_factory=bench.pin_factory, onewire_root=bench.onewire_root
    ) as opened:
        yield opened


def test_every_source_of_every_node_gives_a_reading(site):
    for node in site.nodes:
        assert node.sensors["voltage"].sample().voltage_mv is not None
        assert node.sensors["current"].sample().current_ma is not None
        assert node.sensors["temperature"].sample().temperature_c == pytest.approx(23.0, abs=0.2)
    assert site.nodes[1].sensors["gauge"].sample().soc_percent == pytest.approx(67.5, abs=0.1)


def test_one_chip_for_two_quantities_is_one_sensor(site):
    node = site.nodes[0]

    assert node.sensors["voltage"] is node.sensors["current"]
    assert set(site.sensors) == {source for n in site.board.nodes for source in n.sources().values()}


def test_a_chip_that_is_absent_at_start_stops_nobody_and_is_found_later(bench, clock):
    bench.bus.nack(0x40)
    with open_board(
        bench.board, bench.bus, clock, pin_factory=bench.pin_factory, onewire_root=bench.onewire_root
    ) as site:
        with pytest.raises(ChipAbsent, match="0x40"):
            site.sensors["ina_a"].sample()
        assert site.sensors["ina_b"].sample().voltage_mv is not None

        bench.bus.heal(0x40)
        with pytest.raises(ChipAbsent):
            site.sensors["ina_a"].sample()
        clock.advance(RETRY_S)
        assert site.sensors["ina_a"].sample().voltage_mv == pytest.approx(4050, abs=10)


def test_an_absent_chip_is_not_hammered(bench, site, clock):
    bench.bus.nack(0x40)
    for _ in range(3):
        with pytest.raises(ChipAbsent):
            site.sensors["ina_a"].sample()
    before = bench.bus.transfers

    for _ in range(4):
        clock.advance(1)
        with pytest.raises(ChipAbsent):
            site.sensors["ina_a"].sample()

    assert bench.bus.transfers == before


def test_the_first_conversions_run_side_by_side(site, clock):
    before = clock.monotonic()

    for sensor in site.sensors.values():
        sensor.sample()

    # 0.14 s for all five current meters together, 8 ms for each of five ADS1115 inputs
    assert clock.monotonic() - before < 0.3


def test_a_chip_lost_in_use_is_identified_anew_when_it_returns(bench, site, clock):
    site.sensors["ina_a"].sample()
    bench.bus.nack(0x40)
    for _ in range(3):
        with pytest.raises(ChipAbsent):
            site.sensors["ina_a"].sample()
    bench.bus.heal(0x40)
    bench.bus.chip(0x40).registers[0xFF] = 0x1234
    clock.advance(RETRY_S)

    with pytest.raises(WrongChip):
        site.sensors["ina_a"].sample()


def test_a_cut_thermistor_does_not_take_the_other_inputs_with_it(bench, site, clock):
    bench.wiring.cut("adc_1.ntc_a")
    for _ in range(6):
        clock.advance(0.2)
        with pytest.raises(Overrange, match="cut"):
            site.sensors["adc_1.ntc_a"].sample()
    assert site.sensors["adc_1.ntc_b"].sample().temperature_c == pytest.approx(23, abs=0.2)

    bench.wiring.mend("adc_1.ntc_a")
    clock.advance(1)
    assert site.sensors["adc_1.ntc_a"].sample().temperature_c == pytest.approx(23, abs=0.2)


@pytest.mark.parametrize(
    "fault,error", [("checksum", BadChecksum), ("power_on", PowerOnValue), ("absent", ChipAbsent)]
)
def test_a_failing_thermometer_gives_no_number(bench, site, fault, error):
    bench.wiring.sensor("temp_d").fail(fault)

    with pytest.raises(error):
        site.sensors["temp_d"].sample()


def test_closing_the_board_opens_every_relay(bench, clock):
    site = open_board(
        bench.board, bench.bus, clock, pin_factory=bench.pin_factory, onewire_root=bench.onewire_root
    )
    for node in site.nodes:
        node.relays.set(Action.DISCHARGE)
    assert set(relay_positions(site).values()) == {Action.DISCHARGE}

    site.close()
    site.close()

    for facts in bench.board.nodes:
        assert not bench.pin_factory.level(facts.charge_pin)
        assert not bench.pin_factory.level(facts.discharge_pin)


def test_a_pin_in_use_stops_the_opening_and_leaves_no_pin_behind(clock, bench):
    from gpiozero import DigitalOutputDevice

    factory = MockFactory()
    foreign = DigitalOutputDevice(25, pin_factory=factory)
    with pytest.raises(BadBoard, match="24 and 25"):
        open_board(bench.board, bench.bus, clock, pin_factory=factory, onewire_root=bench.onewire_root)
    foreign.close()

    open_board(bench.board, bench.bus, clock, pin_factory=factory, onewire_root=bench.onewire_root).close()


def test_kept_switch_times_reach_their_relays(bench, clock):
    clock.advance(100)
    with open_board(
        bench.board,
        bench.bus,
        clock,
        pin_factory=bench.pin_factory,
        onewire_root=bench.onewire_root,
        switched_at={"NODE_B": 90.0},
    ) as site:
        reached = {node.uid: node.relays.set(Action.CHARGE) for node in site.nodes}

    assert reached["NODE_A"] is Action.CHARGE
    assert reached["NODE_B"] is Action.IDLE


def test_a_slow_chip_shows_its_latest_reading_with_its_own_time():
    from threading import Event

    asked = Event()

    def read() -> ChipSample:
        if asked.is_set():
            raise ChipAbsent("gone")
        asked.set()
        return ChipSample(temperature_c=20.0, raw=(320,), measured_at=7.0)

    sensor = BackgroundSensor("slow", read, interval_s=3600)

    def latest() -> ChipSample | None:
        with suppress(ChipAbsent):
            return sensor.sample()
        return None

    sample = eventually("the first reading", latest)
    sensor.close()
    sensor._thread.join(60)

    assert sample.measured_at == 7.0
    assert not sensor._thread.is_alive()


def test_the_shipped_single_node_board_names_its_missing_parts(clock, tmp_path):
    from hardware.bench import BenchBus

    board = shipped_board("single_node")
    with open_board(board, BenchBus(clock), clock, pin_factory=MockFactory(), onewire_root=tmp_path) as site:
        for sensor in site.sensors.values():
            with pytest.raises(HardwareError):
                sensor.sample()
        assert site.nodes[0].relays.position is Action.IDLE
