"""DS18B20 through the kernel's file; temperature words from Maxim 19-7487, table 1."""

import pytest

from hardware.bench.onewire import OneWireSensor, scratchpad_text
from hardware.chips.ds18b20 import Ds18b20, celsius, crc8, parse_scratchpad
from hardware.errors import BadChecksum, ChipAbsent, Overrange, PowerOnValue
from shared.clock import ManualClock

SERIAL = "28-0316a2798dff"
REAL = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"
"""A file as a Raspberry Pi shows it."""


@pytest.mark.parametrize(
    "word,degrees",
    [
        (0x07D0, 125.0),
        (0x0191, 25.0625),
        (0x00A2, 10.125),
        (0x0008, 0.5),
        (0x0000, 0.0),
        (0xFFF8, -0.5),
        (0xFF5E, -10.125),
        (0xFE6F, -25.0625),
        (0xFC90, -55.0),
    ],
)
def test_the_datasheets_table(word, degrees):
    assert celsius(word) == degrees
    assert parse_scratchpad(scratchpad_text(word)) == word


def test_a_real_file_is_read_and_its_checksum_holds():
    assert celsius(parse_scratchpad(REAL)) == 23.125
    assert crc8(bytes.fromhex("7201 4b46 7fff 0e10")) == 0x57


def test_85_degrees_is_the_value_before_the_first_conversion():
    with pytest.raises(PowerOnValue):
        parse_scratchpad("50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\n50 05 4b 46 7f ff 0c 10 1c t=85000\n")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(REAL.replace("YES", "NO"), id="the kernel says no"),
        pytest.param(REAL.replace("72 01", "73 01"), id="a bit turned over"),
        pytest.param("", id="empty"),
        pytest.param("72 01 4b\n", id="torn"),
        pytest.param("garbage : crc=57 YES\n", id="no bytes"),
        pytest.param("00 00 00 00 00 00 00 00 00 : crc=00 YES\n", id="all zero, whose CRC is zero too"),
    ],
)
def test_damaged_bytes_give_no_temperature(text):
    with pytest.raises(BadChecksum):
        parse_scratchpad(text)


def test_a_word_outside_the_sensors_range_is_refused():
    with pytest.raises(Overrange):
        parse_scratchpad(scratchpad_text(0x0800))


def test_a_sensor_that_leaves_and_comes_back(tmp_path):
    wire = OneWireSensor(tmp_path, SERIAL)
    wire.show(31.5)
    sensor = Ds18b20(tmp_path, SERIAL, ManualClock())
    assert sensor.sample().temperature_c == 31.5

    wire.fail("absent")
    with pytest.raises(ChipAbsent, match=SERIAL):
        sensor.sample()

    wire.fail("checksum")
    with pytest.raises(BadChecksum):
        sensor.sample()

    wire.fail("none")
    assert sensor.sample().temperature_c == 31.5


def test_a_serial_that_is_not_there_is_absent(tmp_path):
    with pytest.raises(ChipAbsent, match="overlay"):
        Ds18b20(tmp_path, SERIAL, ManualClock())
