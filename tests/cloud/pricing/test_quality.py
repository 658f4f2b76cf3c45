"""The grid's quality from what its nodes report."""

import pytest
from msgspec import structs

from cloud.pricing.quality import GridConditions, grid_quality, voltage_stability

NOTHING = GridConditions(
    soc_mean=None,
    voltages_v=(),
    transfers_successful=0,
    transfers_total=0,
    health_percent=None,
    distance_km=None,
)


def test_the_documents_ping_with_the_devices_own_voltage_is_90_67_stable():
    stability = voltage_stability([3.921, 3.610, 3.921])

    assert stability is not None
    assert round(stability, 2) == 90.67


@pytest.mark.parametrize(
    "voltages, stability",
    [([3.85], 100.0), ([3.5], 0.0), ([4.2], 0.0), ([0.0], 0.0), ([3.675], 50.0), ([3.675, 4.025], 100.0)],
)
def test_voltage_stability(voltages, stability):
    assert voltage_stability(voltages) == pytest.approx(stability)


def test_no_reading_has_no_stability():
    assert voltage_stability([]) is None


def test_all_three_parts():
    conditions = structs.replace(
        NOTHING, voltages_v=(3.675,), transfers_successful=3, transfers_total=4, health_percent=90.0
    )

    # 0.4 · 0.75 + 0.3 · 0.5 + 0.3 · 0.9
    assert grid_quality(conditions) == pytest.approx(0.72)


def test_a_part_without_data_leaves_the_others_their_proportion():
    # 0.3 · 0.5 and 0.3 · 0.9 of 0.6
    conditions = structs.replace(NOTHING, voltages_v=(3.675,), health_percent=90.0)

    assert grid_quality(conditions) == pytest.approx(0.7)


def test_failed_transfers_count_and_missing_ones_do_not():
    assert grid_quality(structs.replace(NOTHING, transfers_total=4)) == 0
    assert grid_quality(NOTHING) is None
