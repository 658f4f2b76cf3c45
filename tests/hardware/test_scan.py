"""What a scan recognises, what it leaves alone, and the board it proposes."""

import pytest

from hardware.bench import Bench, BenchBus
from hardware.bench.ads1115 import Ads1115Chip
from hardware.bench.ina import Ina219Chip, Ina226Chip
from hardware.bench.max17048 import Max17048Chip
from hardware.bench.onewire import OneWireSensor
from hardware.bench.registers import RegisterChip
from hardware.board import parse_board
from hardware.board_text import board_toml
from hardware.chips.ina219 import Ina219
from hardware.open_board import open_board
from hardware.scan import Found, propose, scan
from shared.clock import ManualClock


class Stranger(RegisterChip):
    """A chip of nobody's acquaintance that must not be written to."""

    RESET = {0: 0x1234, 1: 0x5678}  # noqa: RUF012
    writes = 0

    def write_word(self, register, value):
        self.writes += 1


@pytest.fixture
def clock():
    return ManualClock()


def test_every_chip_of_the_bench_is_recognised(clock):
    with Bench.five(clock) as bench:
        found = scan(bench.bus, clock, onewire_root=bench.onewire_root)

    assert [(item.kind, item.address) for item in found] == [
        ("max17048", 0x36),
        ("ina226", 0x40),
        ("ina226", 0x41),
        ("ina226", 0x44),
        ("ina219", 0x45),
        ("ina226", 0x46),
        ("ads1115", 0x48),
        ("ads1115", 0x49),
        ("ds18b20", None),
    ]


def test_an_ina219_in_use_is_recognised_too(clock, tmp_path):
    bus = BenchBus(clock)
    bus.attach(0x40, Ina219Chip())
    Ina219(bus, 0x40, clock, shunt_mohm=100, current_a_max=1.5)

    assert scan(bus, clock, onewire_root=tmp_path) == (Found(kind="ina219", address=0x40),)


def test_strangers_are_reported_and_never_written_to(clock, tmp_path):
    bus = BenchBus(clock)
    stranger = Stranger()
    for address in (0x20, 0x36, 0x42, 0x4A):
        bus.attach(address, stranger)

    found = scan(bus, clock, onewire_root=tmp_path)

    assert [item.kind for item in found] == ["unknown"] * 4
    assert all(item.detail for item in found)
    assert stranger.writes == 0


def test_a_claimed_address_is_reported_as_claimed(clock, tmp_path):
    bus = BenchBus(clock)
    bus.attach(0x40, Ina226Chip())
    bus.claim(0x40)

    found = scan(bus, clock, onewire_root=tmp_path)

    assert [(item.kind, item.address) for item in found] == [("claimed", 0x40)]
    assert "unbind" in propose(found).notes[0]


def test_an_empty_bus_proposes_nothing_and_says_so(clock, tmp_path):
    proposal = propose(scan(BenchBus(clock), clock, onewire_root=tmp_path / "none"))

    assert proposal.board is None
    assert "nothing found" in proposal.notes[-1]


def test_the_proposed_board_can_be_written_read_and_opened(clock, tmp_path):
    bus = BenchBus(clock)
    bus.attach(0x36, Max17048Chip())
    bus.attach(0x40, Ina226Chip())
    bus.attach(0x41, Ina219Chip())
    OneWireSensor(tmp_path, "28-0316a2798dff").show(21.0)

    proposal = propose(scan(bus, clock, onewire_root=tmp_path))
    board = parse_board(board_toml(proposal.board, notes=proposal.notes), origin="found")

    assert board == proposal.board
    assert [(node.uid, node.current, node.temperature, node.gauge) for node in board.nodes] == [
        ("NODE_A", "meter_1", "temp_1", "gauge_1"),
        ("NODE_B", "meter_2", None, None),
    ]
    from gpiozero.pins.mock import MockFactory

    with open_board(board, bus, clock, pin_factory=MockFactory(), onewire_root=tmp_path) as site:
        assert site.nodes[0].sensors["temperature"].sample().temperature_c == 21.0


def test_a_lone_ads1115_is_taken_for_a_divided_cell(clock, tmp_path):
    bus = BenchBus(clock)
    bus.attach(0x4B, Ads1115Chip())

    board = propose(scan(bus, clock, onewire_root=tmp_path)).board

    assert board.nodes[0].voltage == "adc_1.cell_1"
    assert board.nodes[0].current is None
