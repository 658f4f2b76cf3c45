"""What a node earns: for its key, for uptime, for energy, for a reliable month.

LT in 10^-7 units. Uptime and energy are counted exactly and paid in whole steps of 0.01 LT, the precision of
every mint; what does not fill a step stays counted and fills a later one.
"""

from shared.money import TOKEN_UNITS
from shared.units import MICROS_PER_SECOND

STEP_UNITS: int = TOKEN_UNITS // 100
KEY_UNITS: int = 100 * TOKEN_UNITS
"""Once for a device and once for a key."""
MONTH_UNITS: int = 50 * TOKEN_UNITS
UPTIME_US_PER_STEP = 24 * 3_600 * MICROS_PER_SECOND // 1_000
"""10 LT a day: 1000 steps."""
ENERGY_MWH_PER_STEP = 10_000
"""1 LT a kWh."""
BEAT_US_MIN = MICROS_PER_SECOND
"""A heartbeat sooner after the one before is a duplicate."""
BEAT_US_MAX = 600 * MICROS_PER_SECOND
"""A heartbeat speaks for no more time than this."""
SIGNED_DAYS = 7
"""Days (UTC) of paid uptime under one key before the public network pays for the key."""


def uptime_of_beat_us(elapsed_us: int) -> int:
    """Uptime that a heartbeat adds so long after the one before; a clock that went back adds none."""
    return 0 if elapsed_us < BEAT_US_MIN else min(elapsed_us, BEAT_US_MAX)


def energy_of_claim_mwh(*, claimed_mwh: int, plausible_mwh: int, credited_mwh: int) -> int:
    """Of a claim, what was minted as plausible and not credited yet."""
    return max(0, min(claimed_mwh, plausible_mwh - credited_mwh))


def uptime_units(before_us: int, after_us: int) -> int:
    """Due when the uptime counted so far rises."""
    return (after_us // UPTIME_US_PER_STEP - before_us // UPTIME_US_PER_STEP) * STEP_UNITS


def energy_units(before_mwh: int, after_mwh: int) -> int:
    """Due when the energy credited so far rises."""
    return (after_mwh // ENERGY_MWH_PER_STEP - before_mwh // ENERGY_MWH_PER_STEP) * STEP_UNITS


def signed_days_needed(network: str) -> int:
    """How many days a key must have signed before it is paid for."""
    return SIGNED_DAYS if network == "public" else 0
