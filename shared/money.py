"""Money as integers: LT, XLM, tokens and shares in 10^-7 units, fiat in minor units.

No binary float holds money between input and storage. Rounding is half-even, once, at the end, unless
a rule says down; splitting uses the largest remainder, so that the parts add up to the whole.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from fractions import Fraction

TOKEN_DECIMALS = 7
TOKEN_UNITS = 10**TOKEN_DECIMALS
"""Units in one LT, XLM, ownership token or share: Stellar's own precision."""
AMOUNT_MAX = 2**63 - 1
"""The largest amount a 64-bit column holds, in units."""


class BadAmount(ValueError):
    """A number that is not an exact, finite amount of the unit asked for."""


def parse_amount(value: object, *, decimals: int, field: str) -> int:
    """The amount in 10^-decimals units.

    Accepts int, Decimal and numeric str; float only through its shortest decimal form, which is what a
    JSON document wrote.

    Raises:
        BadAmount: not a number, not finite, more decimals than the unit has, or beyond 64 bits.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise BadAmount(f"{field} must be a number, got {value!r}")
    try:
        amount = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise BadAmount(f"{field} must be a number, got {str(value)[:40]!r}") from None
    if not amount.is_finite():
        raise BadAmount(f"{field} must be a finite number, got {str(value)[:40]}")
    _, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)  # noqa: S101  finite, so never 'n' or 'F'
    if amount and len(digits) + exponent > 19:  # noqa: PLR2004  digits of 2^63
        raise BadAmount(f"{field} is out of range: {str(value)[:40]}")
    if not amount:
        return 0
    zeros = 0  # behind the point, at the end
    while exponent + zeros < 0 and digits[-1 - zeros] == 0:
        zeros += 1
    if -(exponent + zeros) > decimals:
        raise BadAmount(f"{field} has more than {decimals} decimals: {str(value)[:40]}")
    units = int(amount.scaleb(decimals))
    if abs(units) > AMOUNT_MAX:
        raise BadAmount(f"{field} is out of range: {str(value)[:40]}")
    return units


def show_amount(units: int, *, decimals: int = TOKEN_DECIMALS) -> Decimal:
    """The amount as a JSON number without trailing zeros: 5333300000 units of LT are 533.33."""
    whole = Decimal(units).scaleb(-decimals)
    return whole.quantize(Decimal(1)) if whole == whole.to_integral_value() else whole.normalize()


def round_half_even(value: Fraction | Decimal, *, to_units: int = 1) -> int:
    """The nearest multiple of `to_units`, ties to the even multiple."""
    steps = Fraction(value) / to_units
    return round(steps) * to_units


def round_down(value: Fraction) -> int:
    """Towards minus infinity."""
    return value.numerator // value.denominator


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Parts in proportion to non-negative integer weights, in order; they sum to `total` exactly.

    Largest remainder; ties go to the earlier weight. `total` may be negative.

    Raises:
        ValueError: no weights, a negative weight, or weights that sum to zero.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must be non-negative and sum to more than zero")
    sign = -1 if total < 0 else 1
    parts = [abs(total) * weight // whole for weight in weights]
    remainders = [(-(abs(total) * weight % whole), position) for position, weight in enumerate(weights)]
    for _, position in sorted(remainders)[: abs(total) - sum(parts)]:
        parts[position] += 1
    return [sign * part for part in parts]


def round_decimal(value: float | Decimal, places: int) -> Decimal:
    """A shown number: half-even on the shortest decimal form of the value."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    return exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
