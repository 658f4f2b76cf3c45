"""Where something stands, in degrees of WGS 84; never part of anything public."""

from typing import Annotated

from msgspec import Meta, Struct

Latitude = Annotated[float, Meta(ge=-90, le=90)]
"""Degrees, north positive."""
Longitude = Annotated[float, Meta(ge=-180, le=180)]
"""Degrees, east positive; -180 and 180 are the same meridian."""


class Coordinates(Struct, frozen=True, kw_only=True):
    """A point on the Earth."""

    latitude: Latitude
    longitude: Longitude


def coordinates_of(latitude: float | None, longitude: float | None) -> Coordinates | None:
    """The point that two optional values make; None where neither is given.

    Raises:
        ValueError: one without the other.
    """
    if latitude is None and longitude is None:
        return None
    if latitude is None or longitude is None:
        raise ValueError("latitude and longitude: give both or neither")
    return Coordinates(latitude=latitude, longitude=longitude)
