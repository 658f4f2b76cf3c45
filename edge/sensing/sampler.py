"""Reads every source once a cycle and makes one sample of each node.

A source is a chip, or one input of one. A source that fails costs its own values only: it is counted, told
once when it is lost and once when it is back, and asked more seldom the longer it fails, so that a dead
chip's time-out does not eat the cycle. A converter at its end stop is no silence: the values are implausible
at once.
"""

import logging
from collections.abc import Mapping, Sequence

from msgspec import Struct

from edge.sensing.calibration import Calibration
from edge.sensing.quality import Channel, SensingRules, Span, Watch, missed, overran, received, shown, watched
from edge.snapshot import NodeSample
from hardware.board_model import Board
from hardware.chips.sample import Chip, ChipSample
from hardware.errors import HardwareError, Overrange
from shared.ids import Name
from shared.messages import Action

logger = logging.getLogger(__name__)

EAGER_FAILURES = 4
"""So many failures in a row are retried in the very next cycle; then 2, 4, 8 cycles pass between tries."""
SKIP_MAX = 8
CURRENT_FACTOR_MAX = 5.0
"""So many times the rating is no current any more but a broken chip."""
GAUGE_SPAN = Span(low=0.0, high=110.0)
"""A MAX17048 goes on counting above 100 % (datasheet 19-6171, register SOC)."""


class NodeSources(Struct, frozen=True, kw_only=True):
    """Which source serves which quantity of one node; None: it is not measured."""

    uid: Name
    voltage: str
    current: str | None = None
    temperature: str | None = None
    gauge: str | None = None
    current_ma_max: float = 100_000.0
    """Rating of the link."""
    calibration: Calibration = Calibration()

    def by_quantity(self) -> dict[str, str]:
        """The source of each quantity that is measured."""
        named = {
            "voltage": self.voltage,
            "current": self.current,
            "temperature": self.temperature,
            "gauge": self.gauge,
        }
        return {quantity: source for quantity, source in named.items() if source is not None}


def sources_of(
    board: Board, calibrations: Mapping[str, Calibration] | None = None
) -> tuple[NodeSources, ...]:
    """The sources of a board's nodes, in its order; the board alone says which way a shunt is wired."""
    given = calibrations or {}
    return tuple(
        NodeSources(
            uid=node.uid,
            voltage=node.voltage,
            current=node.current,
            temperature=node.temperature,
            gauge=node.gauge,
            current_ma_max=node.current_a_max * 1000,
            calibration=given.get(node.uid, Calibration(invert_current=node.invert_current)),
        )
        for node in board.nodes
    )


class _Source:
    def __init__(self, name: str, chip: Chip) -> None:
        self.name = name
        self.chip = chip
        self.failures = 0
        self.failures_total = 0
        self.skip = 0
        self.overran = False


class _Node:
    def __init__(self, sources: NodeSources) -> None:
        self.sources = sources
        self.channels = {quantity: Channel() for quantity in ("voltage", "current", "temperature", "gauge")}
        self.watch = Watch()


class Sampler:
    """All nodes of one board.

    Raises:
        KeyError: a node names a source that is not among the chips.
    """

    def __init__(self, nodes: Sequence[NodeSources], chips: Mapping[str, Chip], rules: SensingRules) -> None:
        self._rules = rules
        self._nodes = [_Node(sources) for sources in nodes]
        names = dict.fromkeys(name for sources in nodes for name in sources.by_quantity().values())
        self._sources = {name: _Source(name, chips[name]) for name in names}

    @property
    def failures(self) -> dict[str, int]:
        """Failed readings since the start, by source."""
        return {name: source.failures_total for name, source in self._sources.items()}

    def sample(self, positions: Mapping[str, Action]) -> tuple[NodeSample, ...]:
        """One sample of each node, in order; `positions` says which relays are closed now (absent: open)."""
        readings = {name: self._read(source) for name, source in self._sources.items()}
        return tuple(
            self._compose(
                node, readings, closed=positions.get(node.sources.uid, Action.IDLE) is not Action.IDLE
            )
            for node in self._nodes
        )

    def _read(self, source: _Source) -> ChipSample | None:
        source.overran = False
        if source.skip > 0:
            source.skip -= 1
            return None
        try:
            reading = source.chip.sample()
        except (HardwareError, OSError) as error:
            source.failures += 1
            source.failures_total += 1
            source.overran = isinstance(error, Overrange)
            if source.failures == 1:
                logger.warning("sensor lost source=%s error=%s", source.name, error)
            beyond = source.failures - EAGER_FAILURES
            source.skip = 0 if beyond < 0 else min(2 ** (beyond + 1), SKIP_MAX)
            return None
        if source.failures:
            logger.info("sensor back source=%s failures=%d", source.name, source.failures)
            source.failures = 0
        return reading

    def _compose(self, node: _Node, readings: Mapping[str, ChipSample | None], *, closed: bool) -> NodeSample:
        sources, rules = node.sources, self._rules
        fresh: dict[str, ChipSample | None] = {}
        for quantity, name in sources.by_quantity().items():
            reading = fresh[quantity] = readings[name]
            channel = node.channels[quantity]
            value = None if reading is None else _calibrated(reading, quantity, sources.calibration)
            if self._sources[name].overran:
                node.channels[quantity] = overran(channel)
            elif reading is None or value is None:
                node.channels[quantity] = missed(channel, rules)
            else:
                node.channels[quantity] = received(
                    channel, value, reading.measured_at, _span(quantity, sources, rules), rules
                )
        has_current = sources.current is not None
        node.watch = watched(
            node.watch, _raw(fresh), relay_closed=closed, has_current=has_current, rules=rules
        )
        channels, frozen = node.channels, node.watch.frozen
        return NodeSample(
            uid=sources.uid,
            voltage_mv=shown(channels["voltage"], frozen=frozen),
            current_ma=shown(channels["current"], frozen=frozen),
            temperature_c=channels["temperature"].value,
            gauge_soc_percent=channels["gauge"].value,
        )


def _calibrated(reading: ChipSample, quantity: str, calibration: Calibration) -> float | None:
    match quantity:
        case "voltage":
            return None if reading.voltage_mv is None else calibration.voltage_mv(reading.voltage_mv)
        case "current":
            return None if reading.current_ma is None else calibration.current_ma(reading.current_ma)
        case "temperature":
            return None if reading.temperature_c is None else calibration.temperature_c(reading.temperature_c)
        case _:
            return reading.soc_percent


def _span(quantity: str, sources: NodeSources, rules: SensingRules) -> Span:
    match quantity:
        case "voltage":
            return Span(
                low=1000 * rules.voltage_v_min,
                high=1000 * rules.voltage_v_max,
                jump=1000 * rules.voltage_jump_v_max,
            )
        case "current":
            limit_ma = CURRENT_FACTOR_MAX * sources.current_ma_max
            return Span(low=-limit_ma, high=limit_ma)
        case "temperature":
            return Span(
                low=rules.temperature_c_min,
                high=rules.temperature_c_max,
                jump=rules.temperature_jump_c_max,
            )
        case _:
            return GAUGE_SPAN


def _raw(fresh: Mapping[str, ChipSample | None]) -> tuple[int, ...] | None:
    """The words behind voltage and current; None where one of them is not fresh."""
    voltage, current = fresh["voltage"], fresh.get("current")
    if voltage is None or ("current" in fresh and current is None):
        return None
    if current is None or current is voltage:
        return voltage.raw
    return voltage.raw + current.raw
