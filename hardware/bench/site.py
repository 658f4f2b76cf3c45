"""`Bench`: cells, busbar, relays and chips of one site on one clock.

Nothing runs by itself: every bus transfer and every pin change first brings the physics up to
`clock.monotonic()`, in steps of at most one second, so an accelerated clock costs no accuracy. The relays
are read from the pins that the agent really drives.

    sent energy = received energy + converter losses
    charge a cell gained = charge through its terminals - what its coulomb efficiency cost
"""

import os
import tempfile
import threading
import tomllib
from pathlib import Path
from typing import Annotated, Self

import msgspec
from msgspec import Meta, Struct

from hardware.bench.boards import bench_board
from hardware.bench.bus import BenchBus
from hardware.bench.busbar import Link, link_currents_a
from hardware.bench.cell import Cell, CellState
from hardware.bench.pins import BenchPins
from hardware.bench.profile import NOTHING, Profile, house
from hardware.bench.recorded import RecordedCell
from hardware.bench.wiring import Terminals, Wiring
from hardware.board import shipped_board
from hardware.board_model import Board, BoardNode
from hardware.cells import load_chemistry
from hardware.errors import BadBoard
from shared.clock import Clock

STEP_S_MAX = 1.0
IDLE_S = 0.1
"""A bus transfer within this time of the last step reads the present as it was then."""
DAY_US = 86_400_000_000
FIVE_SOC_PERCENT = (82.0, 66.0, 52.0, 38.0, 24.0)


class BenchSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be chosen about a bench; a TOML file may hold it."""

    soc_percent: tuple[Annotated[float, Meta(ge=0, le=100)], ...] = FIVE_SOC_PERCENT
    """At the start, for the nodes in order; begins again where there are more nodes."""
    transfer_current_a: Annotated[float, Meta(gt=0, le=100)] = 1.0
    """Drawn from each sending cell while the receivers take it."""
    receive_current_a_max: Annotated[float, Meta(gt=0, le=100)] = 1.3
    efficiency: Annotated[float, Meta(gt=0, le=1)] = 0.92
    """Of the converters between sending and receiving cell."""
    ambient_c: Annotated[float, Meta(ge=-40, le=80)] = 23.0
    noise_bits: Annotated[float, Meta(ge=0, le=50)] = 1.0
    """Standard deviation of every converter's noise in its least significant bit."""
    houses: bool = True
    """Whether solar and load act at the cells."""
    seed: int = 1


def load_settings(path: Path) -> BenchSettings:
    """Settings of a bench from a TOML file of `BenchSettings` fields; what it leaves out has its default.

    Raises:
        BadBoard: unreadable, malformed, an unknown field, or a value out of range.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), BenchSettings)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadBoard(f"bench settings {path}: {error}") from error


class Accounts(Struct, kw_only=True):
    """Sums since the bench was built."""

    sent_ah: float = 0.0
    received_ah: float = 0.0
    sent_wh: float = 0.0
    received_wh: float = 0.0
    coulomb_lost_ah: float = 0.0
    solar_ah: float = 0.0
    load_ah: float = 0.0

    @property
    def converter_lost_wh(self) -> float:
        """What the converters turned into heat."""
        return self.sent_wh - self.received_wh


class _Saved(Struct, frozen=True, kw_only=True):
    version: int
    cells: dict[str, CellState]


class _Slot:
    """One node of the bench."""

    def __init__(self, facts: BoardNode, cell: Cell, profile: Profile) -> None:
        self.facts = facts
        self.cell = cell
        self.profile = profile
        self.recorded: RecordedCell | None = None
        self.recorded_from = 0.0
        self.link_a = 0.0
        self.local_a = 0.0


class Bench:
    """A site without copper. Give `bus`, `pin_factory` and `onewire_root` to `open_board`."""

    def __init__(
        self,
        board: Board,
        clock: Clock,
        *,
        settings: BenchSettings | None = None,
        onewire_root: Path | None = None,
    ) -> None:
        self.board = board
        self.settings = settings or BenchSettings()
        self._clock = clock
        self._lock = threading.RLock()
        self._temporary = None if onewire_root else tempfile.TemporaryDirectory(prefix="lumengrid-w1-")
        self.onewire_root = onewire_root or Path(self._temporary.name if self._temporary else ".")
        self.accounts = Accounts()
        self._slots = {
            node.uid: _Slot(node, self._cell(node, index), self._profile(index))
            for index, node in enumerate(board.nodes)
        }
        self.bus = BenchBus(clock, before=self._before_transfer)
        self.wiring = Wiring(
            board, self.bus, self.onewire_root, seed=self.settings.seed, noise_bits=self.settings.noise_bits
        )
        pulled_up = {
            pin
            for node in board.nodes
            if not node.active_high
            for pin in (node.charge_pin, node.discharge_pin)
        }
        self.pin_factory = BenchPins(before_change=self.advance, pulled_up=frozenset(pulled_up))
        self._at = clock.monotonic()
        self._refresh()

    @classmethod
    def five(cls, clock: Clock, *, settings: BenchSettings | None = None) -> Self:
        """The shipped board of five nodes, 82 % down to 24 %, so that balancing starts at once."""
        return cls(shipped_board("bench_five"), clock, settings=settings)

    @classmethod
    def of_nodes(cls, nodes: int, clock: Clock, *, settings: BenchSettings | None = None) -> Self:
        """`nodes` of 1 to 10; five are the shipped board.

        Raises:
            BadBoard: another number.
        """
        if nodes == len(FIVE_SOC_PERCENT):
            return cls.five(clock, settings=settings)
        return cls(bench_board(nodes), clock, settings=settings)

    def cell(self, uid: str) -> Cell:
        """The simulated cell of a node, as it stands."""
        return self._slots[uid].cell

    def terminals(self, uid: str) -> Terminals:
        """What the sensors of a node would measure without noise, now."""
        with self._lock:
            self.advance()
            return self._terminals(self._slots[uid])

    def local_current_a(self, uid: str) -> float:
        """Load minus solar at the cell in the last step; the node's meter does not see it."""
        return self._slots[uid].local_a

    def play(self, uid: str, recording: RecordedCell) -> None:
        """From now on the node's sensors see the recording instead of its simulated cell.

        Its relays still move, but no charge goes with them: a recording cannot answer.
        """
        with self._lock:
            self.advance()
            slot = self._slots[uid]
            slot.recorded, slot.recorded_from = recording, self._at
            self._refresh()

    def advance(self) -> None:
        """Bring the physics up to the clock."""
        with self._lock:
            now = self._clock.monotonic()
            left_s = now - self._at
            if left_s <= 0:
                return
            steps = int(left_s / STEP_S_MAX) + 1
            # Time of day at the start of the stretch; the clock's wall time belongs to its end.
            day_s = self._clock.now_us() % DAY_US / 1e6 - left_s
            dt_s = left_s / steps
            for number in range(steps):
                self._step(dt_s, day_s + number * dt_s)
            self._at = now
            self._refresh()

    def _before_transfer(self) -> None:
        if self._clock.monotonic() - self._at >= IDLE_S:
            self.advance()

    def save(self, path: Path) -> None:
        """Write charge and heat of the cells, whole or not at all."""
        with self._lock:
            self.advance()
            saved = _Saved(version=1, cells={uid: slot.cell.state() for uid, slot in self._slots.items()})
        text = msgspec.json.format(msgspec.json.encode(saved))
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        with fresh.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def load(self, path: Path) -> bool:
        """Take over what was saved; False when there is nothing readable, and nothing changes then.

        Nodes the file does not know keep their cells; nodes that are gone are ignored.
        """
        try:
            saved = msgspec.json.decode(path.read_bytes(), type=_Saved)
        except (OSError, msgspec.DecodeError):
            return False
        with self._lock:
            for uid, state in saved.cells.items():
                if uid in self._slots:
                    self._slots[uid].cell.restore(state)
            self._refresh()
        return True

    def close(self) -> None:
        """Take the imitated 1-Wire files away; safe to call twice."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _cell(self, node: BoardNode, index: int) -> Cell:
        levels = self.settings.soc_percent
        if not levels:
            raise BadBoard("bench soc_percent must name at least one level")
        return Cell(
            load_chemistry(node.chemistry),
            capacity_ah=node.capacity_ah,
            soc=levels[index % len(levels)] / 100,
            temperature_c=self.settings.ambient_c,
        )

    def _profile(self, index: int) -> Profile:
        return house(self.settings.seed * 100 + index) if self.settings.houses else NOTHING

    def _step(self, dt_s: float, day_s: float) -> None:
        slots = list(self._slots.values())
        for slot in slots:
            slot.local_a = 0.0 if slot.recorded else self._local_a(slot, dt_s, day_s)
        self._share(dt_s)
        for slot in slots:
            if slot.recorded is None:
                self._move_charge(slot, dt_s)

    def _share(self, dt_s: float) -> None:
        """Find the link currents of this step."""
        slots = list(self._slots.values())
        currents = link_currents_a(
            [self._link(slot, dt_s) for slot in slots],
            transfer_current_a=self.settings.transfer_current_a,
            receive_current_a_max=self.settings.receive_current_a_max,
            efficiency=self.settings.efficiency,
        )
        for slot, current_a in zip(slots, currents, strict=True):
            slot.link_a = current_a

    def _move_charge(self, slot: _Slot, dt_s: float) -> None:
        """Let both currents flow and book them."""
        moved_ah = abs(slot.link_a) * dt_s / 3600
        moved_wh = slot.cell.terminal_v(slot.link_a + slot.local_a) * moved_ah
        if slot.link_a > 0:
            self.accounts.sent_ah += moved_ah
            self.accounts.sent_wh += moved_wh
        else:
            self.accounts.received_ah += moved_ah
            self.accounts.received_wh += moved_wh
        self.accounts.coulomb_lost_ah += slot.cell.step(
            slot.link_a + slot.local_a, dt_s, ambient_c=self.settings.ambient_c
        )

    def _link(self, slot: _Slot, dt_s: float) -> Link:
        charges, discharges = self._contacts(slot.facts)
        spare_ah = self._spare_ah(dt_s)
        live = slot.recorded is None
        return Link(
            inner_v=slot.cell.inner_v - slot.local_a * slot.cell.r0_ohm,
            r0_ohm=slot.cell.r0_ohm,
            sends=live and discharges and not charges and slot.cell.charge_ah() > spare_ah,
            receives=live and charges and not discharges and slot.cell.room_ah() > spare_ah,
        )

    def _contacts(self, facts: BoardNode) -> tuple[bool, bool]:
        """Whether charge and discharge contact are closed, by the pins' levels."""
        return (
            self.pin_factory.level(facts.charge_pin) == facts.active_high,
            self.pin_factory.level(facts.discharge_pin) == facts.active_high,
        )

    def _spare_ah(self, dt_s: float) -> float:
        """Charge that no step can move; a cell nearer than this to full or empty is out of use."""
        return 2 * max(self.settings.transfer_current_a, self.settings.receive_current_a_max) * dt_s / 3600

    def _local_a(self, slot: _Slot, dt_s: float, day_s: float) -> float:
        """Load minus solar; a full cell takes no sun, an empty one feeds no load."""
        solar_a, load_a = slot.profile.solar_ma(day_s) / 1000, slot.profile.load_ma(day_s) / 1000
        if slot.cell.room_ah() <= self._spare_ah(dt_s) + solar_a * dt_s / 3600:
            solar_a = 0.0
        if slot.cell.charge_ah() <= self._spare_ah(dt_s) + load_a * dt_s / 3600:
            load_a = 0.0
        self.accounts.solar_ah += solar_a * dt_s / 3600
        self.accounts.load_ah += load_a * dt_s / 3600
        return load_a - solar_a

    def _refresh(self) -> None:
        """Put the present at the chips' inputs."""
        self._share(STEP_S_MAX)
        self.wiring.show({uid: self._terminals(slot) for uid, slot in self._slots.items()})

    def _terminals(self, slot: _Slot) -> Terminals:
        if slot.recorded is not None:
            moment = slot.recorded.at(self._at - slot.recorded_from)
            return Terminals(
                voltage_v=moment.voltage_v,
                link_current_a=moment.current_a,
                temperature_c=moment.temperature_c,
                soc=(moment.soc_percent or 0.0) / 100,
            )
        return Terminals(
            voltage_v=slot.cell.terminal_v(slot.link_a + slot.local_a),
            link_current_a=slot.link_a,
            temperature_c=slot.cell.temperature_c,
            soc=slot.cell.soc,
        )
