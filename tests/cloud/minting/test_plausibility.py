"""What a report's own numbers give away."""

import math

import pytest
from msgspec import structs

from cloud.minting.errors import ReportRefused
from cloud.minting.model import Claim, Evidence
from cloud.minting.plausibility import doubts, validate

EVIDENCE = Evidence(report="{}", signature="", public_key="")


def a_claim(**changes) -> Claim:
    """The document's example: 3.92 V · 0.27 A · 1800 s = 0.5292 Wh, called 0.5 kWh at scale 1000."""
    claim = Claim(
        report_id="r",
        device_id="pi-1",
        sender_uid="NODE_A",
        receiver_uid="NODE_B",
        started_at_us=0,
        ended_at_us=1_800_000_000,
        duration_s=1800.0,
        energy_mwh=500_000,
        received_mwh=500_000,
        voltage_v_mean=3.92,
        current_a_mean=0.27,
    )
    return structs.replace(claim, **changes)


def doubts_about(claim: Claim, *, scale=1000, rating_w=10_000.0, overlaps=False) -> str:
    return "; ".join(
        doubts(claim, energy_scale=scale, power_w_max=rating_w, tolerance=0.25, overlaps=overlaps)
    )


def test_the_documents_example_is_plausible_on_a_bench():
    assert doubts_about(a_claim()) == ""


def test_the_documents_example_is_not_plausible_on_a_real_site():
    assert "off the claim" in doubts_about(a_claim(), scale=1)


# 4 V · 0.25 A · 1800 s · 1000 = 0.5 kWh exactly.
@pytest.mark.parametrize(
    "energy_mwh, plausible",
    # 0.5 lies within a quarter of a claim from 0.5/1.25 = 0.4 to 0.5/0.75 = 0.6667.
    [(500_000, True), (400_000, True), (399_999, False), (666_666, True), (666_667, False)],
)
def test_v_times_i_times_t_must_lie_within_a_quarter_of_the_claim(energy_mwh, plausible):
    claim = a_claim(voltage_v_mean=4.0, current_a_mean=0.25, energy_mwh=energy_mwh)

    assert (doubts_about(claim) == "") is plausible


def test_a_signed_report_may_be_off_by_the_meters_last_digit():
    # 1.4 mWh measured are reported as 1 mWh: 40 % off, but no lie.
    claim = a_claim(
        energy_mwh=1_000, voltage_v_mean=4.0, current_a_mean=0.021, duration_s=60.0, ended_at_us=60_000_000
    )

    assert "off the claim" in doubts_about(claim)
    assert doubts_about(structs.replace(claim, evidence=EVIDENCE)) == ""


@pytest.mark.parametrize("missing", ["voltage_v_mean", "current_a_mean"])
def test_a_claim_that_cannot_be_checked_is_not_plausible(missing):
    assert "no voltage and current" in doubts_about(a_claim(**{missing: None}))


def test_a_negative_current_is_no_discharge():
    assert "off the claim" in doubts_about(a_claim(current_a_mean=-0.27))


def test_power_above_the_rating_is_not_plausible():
    # 3.92 V · 0.27 A · 1000 = 1058.4 W.
    assert doubts_about(a_claim(), rating_w=1058.4) == ""
    assert "rating" in doubts_about(a_claim(), rating_w=1058.3)


def test_an_overlap_is_not_plausible():
    assert "overlaps" in doubts_about(a_claim(), overlaps=True)


def test_an_interval_that_ends_before_it_starts_is_not_plausible():
    assert "ends before" in doubts_about(a_claim(ended_at_us=0))
    assert "ends before" in doubts_about(a_claim(ended_at_us=-1))


def test_a_duration_must_fit_into_its_interval():
    # 1800 s fit into 1439.2 s · 1.25 + 1 s.
    assert doubts_about(a_claim(ended_at_us=1_439_200_000)) == ""
    assert "do not fit" in doubts_about(a_claim(ended_at_us=1_439_199_999))


@pytest.mark.parametrize(
    "limits",
    [
        {"energy_mwh": 1_000},
        {"energy_mwh": 10_000_000},
        {"started_at_us": -62_135_596_800_000_000, "ended_at_us": 253_402_300_799_999_999},
    ],
    ids=str,
)
def test_the_limits_of_a_report_are_inclusive(limits):
    validate(a_claim(**limits))


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"energy_mwh": 999}, "kwh_transferred: 0.000999 is outside 0.001 to 10"),
        ({"energy_mwh": 10_000_001}, "kwh_transferred: 10.000001 is outside"),
        ({"energy_mwh": 0}, "kwh_transferred"),
        ({"energy_mwh": -500_000}, "kwh_transferred"),
        ({"voltage_v_mean": math.nan}, "avg_voltage"),
        ({"voltage_v_mean": math.inf}, "avg_voltage"),
        ({"current_a_mean": -math.inf}, "avg_current"),
        ({"duration_s": math.nan}, "duration_seconds"),
        ({"duration_s": 0.0}, "duration_seconds"),
        ({"duration_s": -1.0}, "duration_seconds"),
        ({"received_mwh": -1}, "received"),
        ({"receiver_uid": "NODE_A"}, "NODE_A"),
        ({"started_at_us": -62_135_596_800_000_001}, "started_at, ended_at"),  # the year before the first
        ({"ended_at_us": 253_402_300_800_000_000}, "started_at, ended_at"),  # the year 10000
    ],
)
def test_what_no_policy_may_let_in_is_refused_with_its_field(changes, field):
    with pytest.raises(ReportRefused, match=field):
        validate(a_claim(**changes))
