"""Coordinates in a body: latitude and longitude, both or neither."""

from cloud.errors import BadRequest
from shared.coordinates import Coordinates, coordinates_of


def coordinates(latitude: float | None, longitude: float | None) -> Coordinates | None:
    """None where neither is given.

    Raises:
        BadRequest: one without the other.
    """
    try:
        return coordinates_of(latitude, longitude)
    except ValueError as error:
        raise BadRequest(str(error)) from None
