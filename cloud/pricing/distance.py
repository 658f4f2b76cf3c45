"""How far sellers and buyers are apart: the great circle between the centroids of their sites.

A centroid is the direction of the sum of unit vectors, so that sites on both sides of the antimeridian or
around a pole have theirs between them. The Earth is a sphere here, which is off by at most 0.6 %.
"""

import math
from collections.abc import Sequence

from shared.coordinates import Coordinates

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of WGS 84 (IUGG R1)."""
SUM_MIN = 1e-9
"""A shorter sum has no direction: its sites lie all around the Earth."""

Vector = tuple[float, float, float]


def distance_km(sellers: Sequence[Coordinates], buyers: Sequence[Coordinates]) -> float | None:
    """0 or more; None where a side has no site, or none that has a centroid."""
    here, there = centroid(sellers), centroid(buyers)
    if here is None or there is None:
        return None
    across = math.hypot(
        here[1] * there[2] - here[2] * there[1],
        here[2] * there[0] - here[0] * there[2],
        here[0] * there[1] - here[1] * there[0],
    )
    along = sum(a * b for a, b in zip(here, there, strict=True))
    return EARTH_RADIUS_KM * math.atan2(across, along)  # exact for small and for large angles


def centroid(sites: Sequence[Coordinates]) -> Vector | None:
    """The middle of the sites as a direction from the Earth's middle, of any length; None: there is none."""
    vectors = [_vector(site) for site in sites]
    x, y, z = (math.fsum(vector[axis] for vector in vectors) for axis in range(3))
    return (x, y, z) if math.hypot(x, y, z) > SUM_MIN else None


def _vector(site: Coordinates) -> Vector:
    latitude, longitude = math.radians(site.latitude), math.radians(site.longitude)
    return (
        math.cos(latitude) * math.cos(longitude),
        math.cos(latitude) * math.sin(longitude),
        math.sin(latitude),
    )
