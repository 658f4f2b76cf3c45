"""The rule: how unusual one purchase is, from what the person did in the 90 days before it.

Each signal gives a part of the score, 0 to 1; the score is the chance that at least one of them is right
if they were independent: 1 - product of (1 - part).
"""

import math
from collections.abc import Iterable
from fractions import Fraction

from msgspec import Struct

WINDOW_DAYS = 90
HABIT_COUNT_MIN = 5
"""So many purchases in the category make a habit."""
FOREST_COUNT_MIN = 30
"""So many purchases in all can train a forest."""
DEVIATION_SHARE_MIN = 0.05
"""Of the mean: a habit that never varies is not broken by a cent."""
Z_FLAG = 3.0
Z_FAR = 5.0
"""From here on the reason says `significantly`."""
DECISION_FLAG = -0.10
NIGHT_HOURS = range(2, 6)
"""02:00 to 05:59 where the person lives."""
NIGHT_PART = 0.5
DUPLICATE_PART = 0.8


class Habit(Struct, frozen=True):
    """What is usual in a category, in minor units."""

    count: int
    mean_minor: float
    deviation_minor: float
    """The population's standard deviation; 0 where all are equal."""

    @classmethod
    def of_sums(cls, count: int, total: int, squares: int) -> "Habit | None":
        """From the number of amounts, their sum and the sum of their squares; None: too few to tell."""
        if count < HABIT_COUNT_MIN:
            return None
        variance = Fraction(squares * count - total * total, count * count)
        return cls(count, total / count, math.sqrt(variance))


class Signals(Struct, frozen=True, kw_only=True):
    """All that the score of one purchase is made of."""

    z: float | None
    """None: no habit in the category yet."""
    decision: float | None
    """The isolation forest's decision function, below 0 for outliers; None: not asked or too little known."""
    night: bool
    duplicate: bool
    """The same merchant's invoice number came before."""


class Verdict(Struct, frozen=True):
    score: float
    """0 to 1."""
    flagged: bool
    reason: str | None
    """None: not flagged."""


def z_score(amount_minor: int, habit: Habit) -> float:
    """How many standard deviations above (below: negative) the mean."""
    spread = max(habit.deviation_minor, DEVIATION_SHARE_MIN * habit.mean_minor)
    return (amount_minor - habit.mean_minor) / spread


def judge(signals: Signals) -> Verdict:
    """The score, whether to ask the person, and why."""
    reasons = tuple(_reasons(signals))
    return Verdict(
        1 - math.prod(1 - part for part in _parts(signals)), bool(reasons), "; ".join(reasons) or None
    )


def _parts(signals: Signals) -> Iterable[float]:
    if signals.z is not None and signals.z > 0:
        yield 1 - math.exp(-signals.z / 3)
    if signals.decision is not None:
        yield min(1.0, 2 * max(0.0, -signals.decision))
    if signals.night:
        yield NIGHT_PART
    if signals.duplicate:
        yield DUPLICATE_PART


def _reasons(signals: Signals) -> Iterable[str]:
    if signals.z is not None and signals.z > Z_FAR:
        yield f"Amount significantly exceeds normal (z-score: {signals.z:.1f})"
    elif signals.z is not None and signals.z > Z_FLAG:
        yield f"Amount exceeds 3σ threshold (z-score: {signals.z:.1f})"  # noqa: RUF001  the document's word
    if signals.decision is not None and signals.decision <= DECISION_FLAG:
        yield "Isolation Forest flagged as outlier"
    if signals.night:
        yield "Unusual hour of the night"
    if signals.duplicate:
        yield "Duplicate invoice number"
