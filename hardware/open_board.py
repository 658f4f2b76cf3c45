"""A board come alive: sensors that survive an absent chip, relays that start open."""

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from hardware.board_model import (
    Ads1115Part,
    Board,
    BoardNode,
    ChipPart,
    DividerPart,
    Ds18b20Part,
    Ina219Part,
    Ina226Part,
    Max17048Part,
    ThermistorPart,
)
from hardware.bus import I2cBus
from hardware.chips import Chip, ChipSample
from hardware.chips.ads1115 import Ads1115, DividerInput, ThermistorInput
from hardware.chips.ds18b20 import W1_ROOT, Ds18b20
from hardware.chips.ina219 import Ina219
from hardware.chips.ina226 import Ina226
from hardware.chips.max17048 import Max17048
from hardware.chips.thermistor import Beta, SteinhartHart
from hardware.errors import BadChecksum, ChipAbsent, HardwareError, Overrange, PowerOnValue
from hardware.relay import BREAK_S, DWELL_S, RelayPair
from shared.clock import Clock
from shared.messages import Action

RETRY_S = 5.0
"""Least time between two attempts to set up a chip that does not answer."""
FAILURES_MAX = 3
"""Failed readings in a row after which a chip is set up anew, identity check included."""

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Reopening(Generic[T]):
    """A chip that is set up on first use and again after it was lost."""

    def __init__(self, name: str, make: Callable[[], T], clock: Clock) -> None:
        self.name = name
        self._make = make
        self._clock = clock
        self._chip: T | None = None
        self._error: HardwareError | None = None
        self._retry_at = float("-inf")
        self._failures = 0

    def prepare(self) -> None:
        """Set the chip up ahead of its first use, so that its first conversion runs meanwhile.

        A failure is kept for `use` to tell.
        """
        with contextlib.suppress(HardwareError):
            self._set_up()

    def use(self, read: Callable[[T], ChipSample]) -> ChipSample:
        """Read through the chip, setting it up first where needed.

        Raises:
            HardwareError: it cannot be set up (repeated without a bus access until RETRY_S is over), or
                the reading failed.
        """
        chip = self._chip or self._set_up()
        try:
            sample = read(chip)
        except (Overrange, BadChecksum, PowerOnValue):
            # The chip works; its input does not. Other inputs of the same chip must go on.
            raise
        except HardwareError as error:
            self._failures += 1
            if self._failures >= FAILURES_MAX:
                self._lose(error)
            raise
        self._failures = 0
        return sample

    def _set_up(self) -> T:
        now = self._clock.monotonic()
        if self._error is not None and now < self._retry_at:
            raise self._error.with_traceback(None)
        try:
            chip = self._make()
        except HardwareError as error:
            self._lose(error)
            raise
        if self._error is not None:
            logger.info("chip back chip=%s", self.name)
        self._chip, self._error, self._failures = chip, None, 0
        return chip

    def _lose(self, error: HardwareError) -> None:
        if self._error is None:
            logger.warning("chip lost chip=%s reason=%s", self.name, error)
        self._chip, self._error = None, error
        self._retry_at = self._clock.monotonic() + RETRY_S


class Sensor:
    """One source of readings under its board name, such as `ina_a` or `adc_1.ntc_a`."""

    def __init__(self, source: str, read: Callable[[], ChipSample]) -> None:
        self.id = source
        """Equal ids are the same chip: read it once a cycle for all quantities."""
        self._read = read

    def sample(self) -> ChipSample:
        """A fresh reading, or of a slow chip the latest one; `measured_at` tells its age.

        Raises:
            HardwareError: there is none.
        """
        return self._read()

    def close(self) -> None:
        """Nothing is held."""


class BackgroundSensor(Sensor):
    """A chip that blocks for most of a second, read by its own thread every `interval_s` real seconds."""

    def __init__(self, source: str, read: Callable[[], ChipSample], *, interval_s: float = 5.0) -> None:
        super().__init__(source, read)
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._latest: ChipSample | HardwareError = ChipAbsent(f"{source}: not read yet")
        self._thread = threading.Thread(target=self._run, name=f"sensor-{source}", daemon=True)
        self._thread.start()

    def sample(self) -> ChipSample:
        latest = self._latest
        if isinstance(latest, HardwareError):
            raise latest.with_traceback(None)
        return latest

    def close(self) -> None:
        """Stop the thread; a reading under way is not waited for."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._latest = self._read()
            except HardwareError as error:
                self._latest = error
            self._stop.wait(self._interval_s)


class OpenNode:
    """One node: its facts, its sensors by quantity, its relays."""

    def __init__(self, facts: BoardNode, sensors: Mapping[str, Sensor], relays: RelayPair) -> None:
        self.facts = facts
        self.sensors = sensors
        """Keys: voltage, and where the board has them current, temperature, gauge."""
        self.relays = relays

    @property
    def uid(self) -> str:
        return self.facts.uid


class OpenBoard:
    """All nodes of a board; closing it opens every relay."""

    def __init__(self, board: Board, nodes: tuple[OpenNode, ...], sensors: Mapping[str, Sensor]) -> None:
        self.board = board
        self.nodes = nodes
        self.sensors = sensors
        """Every source that a node uses, by its id."""

    def close(self) -> None:
        """Open all relays first, then let the sensors go; safe to call twice."""
        for node in self.nodes:
            node.relays.close()
        for sensor in self.sensors.values():
            sensor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_board(
    board: Board,
    bus: I2cBus,
    clock: Clock,
    *,
    pin_factory: Any = None,
    onewire_root: Path = W1_ROOT,
    dwell_s: float = DWELL_S,
    break_s: float = BREAK_S,
    switched_at: Mapping[str, float] | None = None,
) -> OpenBoard:
    """Open all relays' pins, then set up all chips, so that their first conversions run side by side.

    `switched_at` holds monotonic times of last switches by node uid, kept over a restart. DS18B20 sensors
    of the real 1-Wire bus are read by a thread each, since a reading blocks for 750 ms.

    Raises:
        BadBoard: a relay pin cannot be opened; those opened before are closed again.
    """
    chips: list[Reopening[Any]] = []
    used = {source for node in board.nodes for source in node.sources().values()}
    sensors: dict[str, Sensor] = {}
    for part in board.chips:
        for sensor in _sensors_of(part, bus, clock, onewire_root, chips):
            if sensor.id in used:
                sensors[sensor.id] = sensor
            else:
                sensor.close()
    nodes: list[OpenNode] = []
    kept = switched_at or {}
    try:
        for facts in board.nodes:
            relays = RelayPair(
                charge_pin=facts.charge_pin,
                discharge_pin=facts.discharge_pin,
                active_high=facts.active_high,
                clock=clock,
                pin_factory=pin_factory,
                dwell_s=dwell_s,
                break_s=break_s,
                switched_at=kept.get(facts.uid),
            )
            chosen = {quantity: sensors[source] for quantity, source in facts.sources().items()}
            nodes.append(OpenNode(facts, chosen, relays))
    except BaseException:
        OpenBoard(board, tuple(nodes), sensors).close()
        raise
    for chip in chips:
        chip.prepare()
    return OpenBoard(board, tuple(nodes), sensors)


def _sensors_of(
    part: ChipPart, bus: I2cBus, clock: Clock, onewire_root: Path, chips: list[Reopening[Any]]
) -> list[Sensor]:
    """The sources of one chip; the chip itself is added to `chips`."""
    if isinstance(part, Ads1115Part):
        return _inputs_of(part, bus, clock, chips)
    opened = Reopening[Chip](part.id, lambda: _make(part, bus, clock, onewire_root), clock)
    chips.append(opened)

    def read() -> ChipSample:
        return opened.use(lambda chip: chip.sample())

    if isinstance(part, Ds18b20Part) and onewire_root == W1_ROOT:
        return [BackgroundSensor(part.id, read)]
    return [Sensor(part.id, read)]


def _make(part: ChipPart, bus: I2cBus, clock: Clock, onewire_root: Path) -> Chip:
    match part:
        case Ina219Part():
            return Ina219(
                bus, part.address, clock, shunt_mohm=part.shunt_mohm, current_a_max=part.current_a_max
            )
        case Ina226Part():
            return Ina226(bus, part.address, clock, shunt_mohm=part.shunt_mohm)
        case Max17048Part():
            return Max17048(bus, part.address, clock)
        case Ds18b20Part():
            return Ds18b20(onewire_root, part.serial, clock)
        case Ads1115Part():
            raise AssertionError("an ADS1115 is read through its inputs")


def _inputs_of(part: Ads1115Part, bus: I2cBus, clock: Clock, chips: list[Reopening[Any]]) -> list[Sensor]:
    converter = Reopening[Ads1115](part.id, lambda: Ads1115(bus, part.address, clock), clock)
    chips.append(converter)

    def sensor(made: DividerPart | ThermistorPart) -> Sensor:
        def read() -> ChipSample:
            return converter.use(lambda adc: _input(made, adc, part.supply_mv).sample())

        return Sensor(f"{part.id}.{made.id}", read)

    return [sensor(made) for made in part.inputs]


def _input(part: DividerPart | ThermistorPart, adc: Ads1115, supply_mv: float) -> Chip:
    if isinstance(part, DividerPart):
        return DividerInput(adc, part.input, top_ohm=part.top_ohm, bottom_ohm=part.bottom_ohm)
    curve = thermistor_curve(part)
    return ThermistorInput(adc, part.input, curve=curve, series_ohm=part.series_ohm, supply_mv=supply_mv)


def thermistor_curve(part: ThermistorPart) -> Beta | SteinhartHart:
    """The curve of the part as the board file describes it."""
    if part.steinhart is not None:
        a, b, c = part.steinhart
        return SteinhartHart(a=a, b=b, c=c)
    return Beta(r25_ohm=part.r25_ohm, beta_k=part.beta_k)


def relay_positions(board: OpenBoard) -> dict[str, Action]:
    """What the pins of every node really say, by uid.

    Raises:
        RelayStuck: both contacts of a node read closed.
    """
    return {node.uid: node.relays.position for node in board.nodes}
