"""Board files: shipped ones hold, impossible ones are refused by field, value and range."""

from pathlib import Path

import msgspec
import pytest

from hardware.bench import bench_board
from hardware.board import load_board, parse_board, shipped_board
from hardware.board_checks import all_addresses
from hardware.board_text import board_toml
from hardware.errors import BadBoard

GOOD = """
name = "porch"
[[chips]]
id = "ina_a"
kind = "ina226"
address = 0x40
shunt_mohm = 20
[[chips]]
id = "adc"
kind = "ads1115"
address = 0x48
inputs = [
    { id = "ntc", kind = "ntc", input = 0 },
    { id = "cell", kind = "divider", input = 1, top_ohm = 10000, bottom_ohm = 10000 },
]
[[chips]]
id = "temp"
kind = "ds18b20"
serial = "28-0316a2798dff"
[[nodes]]
uid = "NODE_A"
chemistry = "nmc"
capacity_ah = 2.6
current_a_max = 2.0
voltage = "adc.cell"
current = "ina_a"
temperature = "adc.ntc"
charge_pin = 5
discharge_pin = 6
[[nodes]]
uid = "NODE_B"
chemistry = "lfp"
capacity_ah = 2.6
current_a_max = 2.0
voltage = "ina_a"
charge_pin = 12
discharge_pin = 13
"""


def test_a_good_board_is_read():
    board = parse_board(GOOD, origin="test")

    assert [node.uid for node in board.nodes] == ["NODE_A", "NODE_B"]
    assert board.nodes[0].sources() == {"voltage": "adc.cell", "current": "ina_a", "temperature": "adc.ntc"}
    assert board.nodes[0].power_w_max(3.65) == pytest.approx(7.3)
    assert all_addresses(board) == [0x40, 0x48]


@pytest.mark.parametrize(
    "old,new,message",
    [
        pytest.param("discharge_pin = 6", "discharge_pin = 5", r"discharge_pin: 5 is taken", id="pin twice"),
        pytest.param(
            "charge_pin = 12", "charge_pin = 6", r"NODE_B\.charge_pin: 6 is taken", id="pin of another"
        ),
        pytest.param("charge_pin = 5", "charge_pin = 2", r"2 is I2C data, use one of 5 to 27", id="bus pin"),
        pytest.param("charge_pin = 5", "charge_pin = 4", r"4 is 1-Wire data", id="1-Wire pin"),
        pytest.param("charge_pin = 5", "charge_pin = 28", r"<= 27.*charge_pin", id="no such pin"),
        pytest.param("address = 0x40", "address = 0x48", r"0x48 is taken.*share 0x48 to 0x4b", id="overlap"),
        pytest.param("address = 0x40", "address = 0x20", r">= 64.*address", id="no INA address"),
        pytest.param("address = 0x48", "address = 0x4c", r"<= 75.*address", id="no ADS1115 address"),
        pytest.param("shunt_mohm = 20", "shunt_mohm = 50", r"up to 1\.64 A.*at most 41\.0 mohm", id="shunt"),
        pytest.param("shunt_mohm = 20", "shunt_mohm = 0", r"> 0.*shunt_mohm", id="no shunt"),
        pytest.param("current_a_max = 2.0", "current_a_max = 9.0", r"9 is 3\.5 C.*up to 5\.2 A", id="rating"),
        pytest.param('"adc.ntc"', '"adc.nct"', r"temperature: no source 'adc\.nct'", id="unknown source"),
        pytest.param('"adc.ntc"', '"ina_a"', r"ina_a is a ina226 and gives current, voltage", id="quantity"),
        pytest.param("input = 1,", "input = 0,", r"inputs\.input: 0 stands twice", id="input twice"),
        pytest.param("top_ohm = 10000", "top_ohm = 100", r"must stay within 0 to 3300 mV", id="divider"),
        pytest.param('"lfp"', '"lead"', r"chemistry: 'lead' is not one of nmc", id="chemistry"),
        pytest.param('"NODE_B"', '"NODE_A"', r"nodes\.uid: NODE_A stands twice", id="uid twice"),
        pytest.param('"NODE_B"', '"NODE/B"', r"uid", id="uid unfit for a topic"),
        pytest.param('id = "temp"', 'id = "adc"', r"chips\.id: adc stands twice", id="chip twice"),
        pytest.param("28-0316a2798dff", "../../etc", r"serial", id="serial is no path"),
        pytest.param('kind = "ds18b20"', 'kind = "bmp280"', r"bmp280", id="unknown kind"),
        pytest.param("capacity_ah = 2.6", "capacity_ah = nan", r"capacity_ah", id="not a number"),
        pytest.param("capacity_ah = 2.6", "", r"capacity_ah", id="missing field"),
        pytest.param('name = "porch"', 'label = "porch"', r"label", id="misspelt field"),
        pytest.param('name = "porch"', 'name = "porch', r"board test", id="no TOML"),
    ],
)
def test_an_impossible_board_is_refused_by_name(old, new, message):
    assert old in GOOD

    with pytest.raises(BadBoard, match=message):
        parse_board(GOOD.replace(old, new, 1), origin="test")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadBoard, match=r"nowhere\.toml"):
        load_board(tmp_path / "nowhere.toml")


def test_a_file_is_loaded_by_path(tmp_path):
    path = tmp_path / "board.toml"
    path.write_text(GOOD)

    assert load_board(path).name == "porch"


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in Path(__file__).parents[2].joinpath("hardware/boards").glob("*.toml"))
)
def test_shipped_boards_hold_and_survive_being_written(name):
    board = shipped_board(name)

    assert parse_board(board_toml(board), origin=name) == board


def test_an_unknown_shipped_board_names_the_known_ones():
    with pytest.raises(BadBoard, match="bench_five"):
        shipped_board("bench_six")


def test_the_shipped_bench_uses_every_kind_of_chip():
    kinds = set(shipped_board("bench_five").source_kinds().values())

    assert kinds == {"ina219", "ina226", "divider", "ntc", "max17048", "ds18b20"}


@pytest.mark.parametrize("nodes", range(1, 11))
def test_boards_made_to_measure_hold_and_survive_being_written(nodes):
    board = bench_board(nodes)

    assert len(board.nodes) == nodes
    assert parse_board(board_toml(board), origin="bench") == board


@pytest.mark.parametrize("nodes", [0, 11, -1])
def test_a_bench_of_another_size_is_refused(nodes):
    with pytest.raises(BadBoard, match=f"1 to 10, got {nodes}"):
        bench_board(nodes)


def test_notes_become_comments():
    text = board_toml(bench_board(1), notes=("read the marking",))

    assert text.startswith("# read the marking\n")
    assert msgspec.to_builtins(parse_board(text, origin="x").nodes[0])["uid"] == "NODE_A"
