"""Q, the quality of the grid's energy, from what its nodes report.

    Q = 0.4 · delivery success + 0.3 · voltage stability / 100 + 0.3 · battery health / 100     0..1

    delivery success    successful / all transfers
    voltage stability   clamp(100 - |mean V - 3.85| / 0.35 · 100, 0, 100)
    battery health      mean SoH in percent, else the battery level

A part without data leaves the sum and the others keep their proportion, for a missing measurement is no
bad one; with none of the three there is no Q.
"""

from collections.abc import Sequence

from msgspec import Struct

DELIVERY_WEIGHT = 0.4
STABILITY_WEIGHT = 0.3
HEALTH_WEIGHT = 0.3
VOLTAGE_NOMINAL_V = 3.85
VOLTAGE_SPAN_V = 0.35


class GridConditions(Struct, frozen=True, kw_only=True):
    """The grid at one moment, as far as the price cares."""

    soc_mean: float | None
    """0..1, over the nodes seen in the last 2 min; None: there is none."""
    voltages_v: tuple[float, ...]
    """Of those nodes, and the device's own reading where it sent one. Empty: nothing measured."""
    transfers_successful: int
    transfers_total: int
    health_percent: float | None
    """Mean state of health, else the battery level, 0..100; None: unknown."""
    distance_km: float | None
    """Between the centroids of open sellers' and buyers' sites; None: unknown."""


def voltage_stability(voltages_v: Sequence[float]) -> float | None:
    """0..100; None without a reading."""
    if not voltages_v:
        return None
    off_v = abs(sum(voltages_v) / len(voltages_v) - VOLTAGE_NOMINAL_V)
    return min(max(100 - off_v / VOLTAGE_SPAN_V * 100, 0.0), 100.0)


def grid_quality(conditions: GridConditions) -> float | None:
    """Q; None where there is no data at all."""
    total = conditions.transfers_total
    stability = voltage_stability(conditions.voltages_v)
    health = conditions.health_percent
    parts = [
        (DELIVERY_WEIGHT, conditions.transfers_successful / total if total else None),
        (STABILITY_WEIGHT, None if stability is None else stability / 100),
        (HEALTH_WEIGHT, None if health is None else health / 100),
    ]
    known = [(weight, value) for weight, value in parts if value is not None]
    if not known:
        return None
    return sum(weight * value for weight, value in known) / sum(weight for weight, _ in known)
