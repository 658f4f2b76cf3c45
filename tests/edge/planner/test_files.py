import json

import pytest

from edge.errors import PlanInputWrong
from edge.planner.files import plan_files

NODE = {
    "capacity_kwh": 10,
    "power_kw_max": 4,
    "efficiency": 0.9,
    "soc": 0.2,
    "soc_min": 0.2,
    "soc_max": 0.9,
}


@pytest.fixture
def plan(tmp_path):
    def run(csv_text, node=NODE, **options):
        prices_csv, node_json = tmp_path / "prices.csv", tmp_path / "node.json"
        prices_csv.write_bytes(csv_text if isinstance(csv_text, bytes) else csv_text.encode())
        node_json.write_text(node if isinstance(node, str) else json.dumps(node))
        return plan_files(prices_csv, node_json, **options)

    return run


def test_it_gives_schedule_reasons_cost_and_the_cost_of_doing_nothing(plan):
    found = plan("slot,buy,sell\n0,0.1,0.1\n1,0.5,0.5\n")
    assert found["cost"] == pytest.approx(0.1 - 0.405)
    assert found["cost_of_doing_nothing"] == 0.0
    assert found["saving"] == pytest.approx(0.305)
    assert found["refused"] is None
    first, second = found["schedule"]
    assert (first["action"], first["discharge_kwh"]) == ("charge", 0.0)
    assert first["charge_kwh"] == -first["energy_kwh"] == pytest.approx(1.0)
    assert first["reason"] == "charge: cheapest slot before the slot 1 peak, saves 0.305"
    assert second["energy_kwh"] == pytest.approx(0.81)
    assert second["soc"] == pytest.approx(0.2)
    json.dumps(found)


def test_stored_energy_is_worth_what_is_said(plan):
    assert plan("slot,buy,sell\n0,0.1,0.1\n", end_value=1.0)["cost"] == pytest.approx(0.1 - 2.9)
    assert plan("slot,buy,sell\n0,0.1,0.1\n")["cost"] == 0.0


def test_slots_may_be_times_and_columns_in_any_order(plan):
    rows = (
        b"Sell, Slot ,buy,note",
        b"0.1,2026-03-01T17:45:00Z,0.1,x",
        b"0.5,2026-03-01T19:00:00+01:00,0.5,",
    )
    found = plan(b"\xef\xbb\xbf" + b"\r\n".join(rows))
    assert found["schedule"][0]["start"] == "2026-03-01T17:45:00Z"
    assert found["schedule"][0]["reason"] == "charge: cheapest 15 min before the 18:00 peak, saves 0.305"


def test_no_rows_make_an_empty_plan(plan):
    assert plan("slot,buy,sell\n")["schedule"] == []


@pytest.mark.parametrize(
    "text,why",
    [
        ("", "needs the columns slot,buy,sell; missing: slot, buy, sell"),
        ("slot,buy\n0,1\n", "missing: sell"),
        ("slot,buy,sell\n0,nan,1\n", "line 2: buy must be a finite number, got 'nan'"),
        ("slot,buy,sell\n0,1,inf\n", "line 2: sell must be a finite number"),
        ("slot,buy,sell\n0,1,\n", "line 2: sell must be a finite number, got ''"),
        ("slot,buy,sell\n0,1,1\n2,1,1\n", "line 3: slot must be 1 after"),
        ("slot,buy,sell\n0,1\n", "line 2 has 2 columns of 3"),
        ("slot,buy,sell\nnoon,1,1\n", "line 2: slot must be a number or a time"),
        ("slot,buy,sell\n2026-03-01T12:00:00,1,1\n", "line 2: slot needs a zone"),
        ("slot,buy,sell\n0,1e200,1\n", r"prices\[0\].buy"),
        (b"slot,buy,sell\n0,\xff,1\n", "not UTF-8"),
    ],
)
def test_prices_that_cannot_be_read_are_refused_with_line_and_column(plan, text, why):
    with pytest.raises(PlanInputWrong, match=why):
        plan(text)


@pytest.mark.parametrize(
    "node,why",
    [
        ("{", "node.json is not JSON"),
        ("[]", "node.json: Expected `object`"),
        ({**NODE, "soc": "half"}, "soc"),
        ({**NODE, "colour": "red"}, "colour"),
        ({key: NODE[key] for key in NODE if key != "efficiency"}, "efficiency"),
        ({**NODE, "efficiency": 90}, "efficiency must be between"),
        ('{"capacity_kwh": NaN}', "not JSON"),
    ],
)
def test_a_node_that_cannot_be_read_is_refused_with_its_field(plan, node, why):
    with pytest.raises(PlanInputWrong, match=why):
        plan("slot,buy,sell\n0,1,1\n", node=node)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PlanInputWrong, match=r"prices.csv cannot be read|node.json cannot be read"):
        plan_files(tmp_path / "prices.csv", tmp_path / "node.json")
