"""Which readings of a node may be shown as present, for those who show values without their quality."""

from edge.snapshot import NodeView, Value
from shared.messages import Availability, Presence, Quality

_TRUSTED = frozenset({Quality.GOOD, Quality.ESTIMATED})


def availability(view: NodeView, *, monotonic: float, period_s: float, missed_max: int) -> Availability:
    """Offline with the `missed_max`-th reading in a row that did not come (one each `period_s`), and at once
    with one that is not to be believed.

    The state of charge stands on voltage or current: either of them carries it.
    """
    oldest_s = (missed_max - 0.5) * period_s

    def present(value: Value) -> bool:
        return (
            value.measured_at is not None
            and value.quality in _TRUSTED
            and monotonic - value.measured_at < oldest_s
        )

    sample = view.sample
    voltage, current = present(sample.voltage_mv), present(sample.current_ma)
    return Availability(
        voltage=_word(voltage),
        current=_word(current),
        power=_word(voltage and current),
        temperature=_word(present(sample.temperature_c)),
        soc=_word(view.soc is not None and (voltage or current)),
    )


def _word(present: bool) -> Presence:
    return "online" if present else "offline"
