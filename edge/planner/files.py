"""A plan from two files: prices as CSV with the columns `slot,buy,sell`, the node as JSON."""

import csv
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from edge.errors import PlanInputWrong
from edge.planner.model import SLOT_MINUTES, Plan, PlanNode, PriceSlot
from edge.planner.schedule import make_plan

COLUMNS = ("slot", "buy", "sell")
FILE_BYTES_MAX = 2_000_000


def plan_files(prices_csv: Path, node_json: Path, end_value: float | None = None) -> dict[str, Any]:
    """The plan as plain values for JSON; see `plan_document` for its fields.

    Raises:
        PlanInputWrong: a file that cannot be read, with the line and the column or the field.
    """
    plan = make_plan(read_node(node_json), read_prices(prices_csv), end_value=end_value or 0.0)
    return plan_document(plan)


def plan_document(plan: Plan) -> dict[str, Any]:
    """`cost` and `cost_of_doing_nothing` of the whole, `saving`, `soc_end`, and the schedule with, per slot,
    `energy_kwh` (at the meter, positive while discharging), `charge_kwh`, `discharge_kwh`, `soc` after it,
    `cost`, `doing_nothing_costs` (None where it is not allowed) and `reason`.
    """
    return {
        "node": plan.uid,
        "slot_minutes": plan.slot_minutes,
        "cost": plan.cost,
        "cost_of_doing_nothing": plan.idle_cost,
        "saving": plan.idle_cost - plan.cost,
        "soc_end": plan.soc_end,
        "refused": plan.refused,
        "schedule": [
            {
                "slot": slot.index,
                "start": None if slot.start is None else slot.start.isoformat().replace("+00:00", "Z"),
                "buy": slot.buy,
                "sell": slot.sell,
                "action": str(slot.action),
                "energy_kwh": slot.energy_kwh,
                "charge_kwh": max(0.0, -slot.energy_kwh),
                "discharge_kwh": max(0.0, slot.energy_kwh),
                "soc": slot.soc,
                "cost": slot.cost,
                "doing_nothing_costs": slot.idle_costs,
                "reason": slot.reason,
            }
            for slot in plan.slots
        ],
    }


def read_node(path: Path) -> PlanNode:
    """Raises PlanInputWrong with the field."""
    try:
        return msgspec.json.decode(_read(path), type=PlanNode)
    except msgspec.ValidationError as wrong:
        raise PlanInputWrong(f"{path.name}: {wrong}") from None
    except msgspec.DecodeError as wrong:
        raise PlanInputWrong(f"{path.name} is not JSON: {wrong}") from None


def read_prices(path: Path) -> list[PriceSlot]:
    """`slot` counts up by one from any number, or gives the starts (RFC 3339) 15 min apart.

    Raises:
        PlanInputWrong: with the line and the column.
    """
    try:
        text = _read(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PlanInputWrong(f"{path.name} is not UTF-8 text") from None
    lines = csv.reader(text.splitlines())
    header = [name.strip().lower() for name in next(lines, [])]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise PlanInputWrong(f"{path.name} needs the columns slot,buy,sell; missing: {', '.join(missing)}")
    places = [header.index(name) for name in COLUMNS]
    prices: list[PriceSlot] = []
    before: int | datetime | None = None
    for row in lines:
        if not any(cell.strip() for cell in row):
            continue
        where = f"{path.name} line {lines.line_num}"
        if len(row) <= max(places):
            raise PlanInputWrong(f"{where} has {len(row)} columns of {len(header)}")
        slot, buy, sell = (row[place].strip() for place in places)
        before = _next_slot(slot, before, where)
        prices.append(
            PriceSlot(
                buy=_price(buy, f"{where}: buy"),
                sell=_price(sell, f"{where}: sell"),
                start=before if isinstance(before, datetime) else None,
            )
        )
    return prices


def _next_slot(text: str, before: int | datetime | None, where: str) -> int | datetime:
    found: int | datetime
    try:
        found = int(text)
    except ValueError:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise PlanInputWrong(
                f"{where}: slot must be a number or a time (RFC 3339), got {text!r}"
            ) from None
        if found.tzinfo is None:
            raise PlanInputWrong(f"{where}: slot needs a zone, as in {text}Z") from None
        found = found.astimezone(UTC)
    due: int | datetime | None = None
    if isinstance(before, datetime):
        due = before + timedelta(minutes=SLOT_MINUTES)
    elif before is not None:
        due = before + 1
    if due is not None and found != due:
        raise PlanInputWrong(f"{where}: slot must be {due} after the line before, got {text!r}")
    return found


def _price(text: str, where: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = math.nan
    if not math.isfinite(price):
        raise PlanInputWrong(f"{where} must be a finite number, got {text!r}")
    return price


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise PlanInputWrong(f"{path.name} is above {FILE_BYTES_MAX} bytes")
        return path.read_bytes()
    except OSError as wrong:
        raise PlanInputWrong(f"{path} cannot be read: {wrong.strerror}") from None
