"""Distances between centroids. One degree of a great circle is pi/180 * 6371.0088 km = 111.19508 km."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.pricing.distance import distance_km
from shared.coordinates import Coordinates

DEGREE_KM = 111.19508


def at(latitude: float, longitude: float) -> Coordinates:
    return Coordinates(latitude=latitude, longitude=longitude)


@pytest.mark.parametrize(
    "seller,buyer,degrees",
    [
        (at(0, 0), at(1, 0), 1),
        (at(0, 0), at(0, 1), 1),
        (at(60, 10), at(60, 10), 0),
        (at(-90, 0), at(90, 0), 180),
        (at(90, 0), at(0, 123), 90),
        (at(0, 179.995), at(0, -179.995), 0.01),
        (at(0, 180), at(0, -180), 0),
    ],
)
def test_two_sites_are_a_great_circle_apart(seller: Coordinates, buyer: Coordinates, degrees: float) -> None:
    assert distance_km([seller], [buyer]) == pytest.approx(degrees * DEGREE_KM, rel=1e-7, abs=1e-9)


def test_at_60_degrees_north_a_degree_of_longitude_is_half_as_long() -> None:
    # 2 asin(cos 60 sin 0.005°) = 0.005° to nine digits
    assert distance_km([at(60, 24)], [at(60, 24.01)]) == pytest.approx(0.005 * DEGREE_KM, rel=1e-6)


def test_bangalore_to_mysore_is_as_the_haversine_says() -> None:
    # 2 R asin(sqrt(sin²(dlat/2) + cos lat1 cos lat2 sin²(dlon/2)))
    assert distance_km([at(12.9716, 77.5946)], [at(12.2958, 76.6394)]) == pytest.approx(128.01703, abs=1e-4)


def test_a_centroid_lies_between_its_sites_also_across_the_antimeridian() -> None:
    across = [at(0, 179.99), at(0, -179.99)]

    assert distance_km(across, [at(0, 180)]) == pytest.approx(0, abs=1e-6)
    assert distance_km(across, [at(0, -179.97)]) == pytest.approx(0.03 * DEGREE_KM, rel=1e-6)


def test_a_centroid_around_the_pole_is_the_pole() -> None:
    around = [at(89, 0), at(89, 120), at(89, -120)]

    assert distance_km(around, [at(90, 0)]) == pytest.approx(0, abs=1e-6)


def test_each_site_weighs_the_same() -> None:
    sellers = [at(0, 0), at(0, 0), at(0, 0.03)]

    assert distance_km(sellers, [at(0, 0)]) == pytest.approx(0.01 * DEGREE_KM, rel=1e-6)


def test_without_sites_or_without_a_centroid_it_is_unknown() -> None:
    assert distance_km([], []) is None
    assert distance_km([at(0, 0)], []) is None
    assert distance_km([], [at(0, 0)]) is None
    assert distance_km([at(0, 0), at(0, 180)], [at(0, 0)]) is None


sites = st.lists(st.builds(at, st.floats(-80, 80), st.floats(-10, 10)), min_size=1, max_size=5)


@given(sites, sites, st.floats(-170, 170))
def test_turning_the_earth_or_swapping_the_sides_changes_nothing(
    sellers: list[Coordinates], buyers: list[Coordinates], turn: float
) -> None:
    def turned(site: Coordinates) -> Coordinates:
        return at(site.latitude, (site.longitude + turn + 180) % 360 - 180)

    found = distance_km(sellers, buyers)

    assert found is not None
    assert found >= 0
    assert distance_km(buyers, sellers) == pytest.approx(found, rel=1e-9, abs=1e-6)
    there = distance_km([turned(s) for s in sellers], [turned(b) for b in buyers])
    assert there == pytest.approx(found, rel=1e-6, abs=1e-6)
