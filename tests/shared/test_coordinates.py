"""Coordinates: a point, or none; never half of one."""

import msgspec
import pytest

from shared.coordinates import Coordinates, coordinates_of


def test_both_make_a_point_and_neither_makes_none() -> None:
    assert coordinates_of(12.97, 77.59) == Coordinates(latitude=12.97, longitude=77.59)
    assert coordinates_of(0.0, 0.0) == Coordinates(latitude=0.0, longitude=0.0)
    assert coordinates_of(None, None) is None


@pytest.mark.parametrize("half", [(12.97, None), (None, 77.59), (0.0, None), (None, 0.0)])
def test_one_without_the_other_is_refused(half: tuple[float | None, float | None]) -> None:
    with pytest.raises(ValueError, match="both or neither"):
        coordinates_of(*half)


@pytest.mark.parametrize(
    "latitude,longitude", [(90.001, 0), (-90.001, 0), (0, 180.001), (0, -180.001), (float("nan"), 0)]
)
def test_what_is_not_on_the_earth_is_no_point(latitude: float, longitude: float) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"latitude": latitude, "longitude": longitude}, Coordinates)
