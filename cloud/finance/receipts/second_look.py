"""Two engines' readings of one receipt: when to ask the second, and what to believe."""

from typing import TypeVar

from msgspec import structs

from cloud.finance.reading import Found, Reading, Refused

T = TypeVar("T")

ENOUGH = 0.9
"""Total and date at least this sure need no second look."""
_MERCHANT_ENOUGH = 0.5
_AGREED = 0.7
"""Two engines that agree leave this part of the doubt: both err where the photo is bad."""
_SURE = 0.995


def is_unsure(first: Reading | Refused) -> bool:
    """Whether the better, slower engine shall look too."""
    if isinstance(first, Refused):
        return True
    total, day, name = first.amount_minor, first.at_us, first.merchant
    return (
        total.confidence < ENOUGH
        or day is None
        or day.confidence < ENOUGH
        or name is None
        or name.confidence < _MERCHANT_ENOUGH
    )


def _surer(first: Found[T] | None, second: Found[T] | None) -> Found[T] | None:
    if first is None or second is None:
        return first or second
    if first.value == second.value:
        best = max(first.confidence, second.confidence)
        return Found(first.value, max(best, min(_SURE, 1 - _AGREED * (1 - best))))
    # The second engine is the better one, so it wins unless the first is clearly surer.
    chosen, other = (first, second) if first.confidence > second.confidence + 0.1 else (second, first)
    return Found(chosen.value, chosen.confidence * (1 - 0.3 * other.confidence))


def at_most(reading: Reading | Refused, limit: float) -> Reading | Refused:
    """The reading with no field surer than the limit."""
    if isinstance(reading, Refused) or limit >= 1:
        return reading
    found = {name: getattr(reading, name) for name in reading.__struct_fields__}
    capped = {
        name: Found(field.value, min(field.confidence, limit))
        for name, field in found.items()
        if isinstance(field, Found)
    }
    return structs.replace(reading, **capped)


def better_of(first: Reading | Refused, second: Reading | Refused) -> Reading | Refused:
    """Field by field the surer; the second engine's refusal or the first's yields to a reading."""
    if isinstance(first, Refused) or isinstance(second, Refused):
        return second if isinstance(first, Refused) else first
    total = _surer(first.amount_minor, second.amount_minor)
    currency = _surer(first.currency, second.currency)
    at_us = _surer(first.at_us, second.at_us)
    assert total is not None  # noqa: S101  both readings hold one
    assert currency is not None  # noqa: S101
    of_day = (
        second
        if second.at_us is not None and at_us is not None and at_us.value == second.at_us.value
        else first
    )
    return Reading(
        amount_minor=total,
        currency=currency,
        direction=second.direction,
        at_us=at_us,
        time_known=of_day.time_known,
        merchant=_surer(first.merchant, second.merchant),
        invoice_no=second.invoice_no or first.invoice_no,
        channel=_surer(first.channel, second.channel),
    )
