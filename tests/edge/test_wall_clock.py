"""When the wall clock is believed."""

import ctypes
from pathlib import Path

import pytest

from edge.wall_clock import WallClockTrust, kernel_synchronised


def test_the_file_of_timesyncd_is_believed(tmp_path: Path) -> None:
    file = tmp_path / "synchronized"
    trust = WallClockTrust(file=file, kernel=lambda: False)
    before = trust()

    file.touch()

    assert (before, trust()) == (False, True)


def test_another_time_service_is_believed_by_what_the_kernel_says(tmp_path: Path) -> None:
    answers = iter([False, True])
    trust = WallClockTrust(file=tmp_path / "absent", kernel=lambda: next(answers))

    assert (trust(), trust()) == (False, True)


def test_a_clock_that_was_right_once_stays_believed_when_the_time_server_is_gone(tmp_path: Path) -> None:
    answers = iter([True, False, False])
    trust = WallClockTrust(file=tmp_path / "absent", kernel=lambda: next(answers))

    assert [trust(), trust(), trust()] == [True, True, True]


class Timex(ctypes.Structure):
    """The head of struct timex as linux/timex.h declares it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
    )


@pytest.mark.parametrize(
    "state,error_us,believed",
    [(0, 250_000, True), (0, 15_999_999, True), (5, 16_000_000, False), (-1, 0, False)],
    ids=["synchronised", "drifting", "never set", "forbidden"],
)
def test_the_kernel_is_believed_below_sixteen_seconds_of_error(
    state: int, error_us: int, believed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Kernel:
        def adjtimex(self, timex: ctypes.Array[ctypes.c_char]) -> int:
            Timex.from_buffer(timex).maxerror = error_us
            return state

    monkeypatch.setattr(ctypes, "CDLL", lambda _name: Kernel())

    assert kernel_synchronised() is believed
