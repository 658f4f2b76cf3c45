"""Word order, retries and the names of the kernel's errors."""

import errno

import pytest

from hardware.bus import Port, bus_error, open_bus, signed
from hardware.errors import BusAbsent, BusBusy, BusFault, BusTimeout, ChipAbsent, Permanent, Temporary
from shared.clock import ManualClock


class ScriptedBus:
    """Answers from a list; an exception in it is raised."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.written = []

    def read_i2c_block_data(self, i2c_addr, register, length):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def write_i2c_block_data(self, i2c_addr, register, data):
        self.written.append((i2c_addr, register, list(data)))

    def read_byte(self, i2c_addr):
        return 0

    def close(self):
        pass


def nack():
    return OSError(errno.EREMOTEIO, "Remote I/O error")


@pytest.mark.parametrize("word,value", [(0, 0), (1, 1), (0x7FFF, 32767), (0x8000, -32768), (0xFFFF, -1)])
def test_twos_complement(word, value):
    assert signed(word) == value


def test_the_first_byte_on_the_wire_is_the_high_one():
    port = Port(ScriptedBus([0x12, 0x34], [0xFF, 0xFE]), 0x40, ManualClock())

    assert port.read_u16(2) == 0x1234
    assert port.read_s16(1) == -2


def test_a_write_sends_the_high_byte_first():
    bus = ScriptedBus()

    Port(bus, 0x40, ManualClock()).write_u16(5, 0xBEEF)

    assert bus.written == [(0x40, 5, [0xBE, 0xEF])]


def test_retries_wait_twice_as_long_each_time_and_then_give_up():
    clock = ManualClock()
    bus = ScriptedBus(nack(), nack(), nack(), [0, 1])

    with pytest.raises(ChipAbsent):
        Port(bus, 0x40, clock).read_u16(0)

    assert len(bus.answers) == 1
    assert clock.monotonic() == pytest.approx(0.002 + 0.004)


def test_noise_is_bridged():
    bus = ScriptedBus(nack(), OSError(errno.EIO, "Input/output error"), [0, 1])

    assert Port(bus, 0x40, ManualClock()).read_u16(0) == 1


def test_a_short_answer_is_a_fault_not_a_value():
    bus = ScriptedBus([1], [1], [1])

    with pytest.raises(BusFault, match="1 bytes instead of 2"):
        Port(bus, 0x40, ManualClock()).read_u16(0)


@pytest.mark.parametrize(
    "code,kind,base",
    [
        (errno.EREMOTEIO, ChipAbsent, Temporary),
        (errno.ENXIO, ChipAbsent, Temporary),
        (errno.ETIMEDOUT, BusTimeout, Temporary),
        (errno.EIO, BusFault, Temporary),
        (errno.EBUSY, BusBusy, Permanent),
    ],
)
def test_the_kernels_error_numbers_have_names(code, kind, base):
    error = bus_error(OSError(code, "x"), 0x41)

    assert type(error) is kind
    assert isinstance(error, base)
    assert "0x41" in str(error)


def test_a_bus_that_is_not_there_says_how_to_enable_it():
    with pytest.raises(BusAbsent, match="raspi-config"):
        open_bus(29)
