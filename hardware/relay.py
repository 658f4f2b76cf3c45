"""The two contacts of one node: charge and discharge, never both closed.

A contact opens at once, whatever anyone says. It closes only after its partner has been open for the
break time and after the pair has kept still for the dwell. `set` never waits: it does what may be done
now and is called again in the next cycle.

Wiring: the coil must be off when the pin floats (a pull resistor to the inactive level), because a dead
agent leaves its pins floating.
"""

import atexit
import logging
from typing import Any, Literal, Self

from gpiozero import DigitalOutputDevice
from gpiozero.exc import GPIOZeroError
from msgspec import Struct

from hardware.errors import BadBoard, RelayStuck
from shared.clock import Clock
from shared.messages import Action

DWELL_S = 60.0
"""Least time between a switch and the next closing."""
BREAK_S = 0.5
"""Least time between one contact's opening and its partner's closing: several times a relay's release."""

logger = logging.getLogger(__name__)


class Move(Struct, frozen=True, kw_only=True):
    """What may be done now, and how long until the rest."""

    do: Literal["stay", "open", "close"]
    wait_s: float = 0.0
    """Seconds until the wanted position may be reached; 0 when this move reaches it."""


def next_move(
    *,
    position: Action,
    wanted: Action,
    since_switch_s: float | None,
    dwell_s: float,
    break_s: float,
) -> Move:
    """The next move of a pair; `since_switch_s` None means it has not switched in living memory."""
    if position == wanted:
        return Move(do="stay")
    pause_s = max(dwell_s, break_s)
    if position is not Action.IDLE:
        return Move(do="open", wait_s=0.0 if wanted is Action.IDLE else pause_s)
    left_s = 0.0 if since_switch_s is None else pause_s - since_switch_s
    if left_s > 0:
        return Move(do="stay", wait_s=left_s)
    return Move(do="close")


class RelayPair:
    """Charge and discharge contact on two pins, open from the first moment.

    `switched_at` is the monotonic time of the last switch before a restart, where the caller kept it.

    Raises:
        BadBoard: a pin cannot be opened; nothing stays open behind it.
    """

    def __init__(
        self,
        *,
        charge_pin: int,
        discharge_pin: int,
        clock: Clock,
        active_high: bool = True,
        pin_factory: Any = None,
        dwell_s: float = DWELL_S,
        break_s: float = BREAK_S,
        switched_at: float | None = None,
    ) -> None:
        if charge_pin == discharge_pin:
            raise BadBoard(f"charge_pin and discharge_pin must differ, both are {charge_pin}")
        self._clock = clock
        self._dwell_s = dwell_s
        self._break_s = break_s
        self.switched_at = switched_at
        """Monotonic seconds of the last switch; None before the first."""
        self.switches = 0
        """Openings and closings since construction."""
        self._contacts: dict[Action, DigitalOutputDevice] = {}
        self._closed = False
        try:
            for action, pin in ((Action.CHARGE, charge_pin), (Action.DISCHARGE, discharge_pin)):
                self._contacts[action] = DigitalOutputDevice(
                    pin, active_high=active_high, initial_value=False, pin_factory=pin_factory
                )
        except (GPIOZeroError, OSError) as error:
            self.close()
            raise BadBoard(f"relay pins {charge_pin} and {discharge_pin}: {error}") from error
        atexit.register(self.close)

    @property
    def position(self) -> Action:
        """What the pins really say.

        Raises:
            RelayStuck: both read closed; both have been commanded open.
        """
        closed = [action for action, contact in self._contacts.items() if contact.value]
        if len(closed) > 1:
            self._open_all()
            raise RelayStuck("charge and discharge contact read closed together; both commanded open")
        return closed[0] if closed else Action.IDLE

    def set(self, action: Action) -> Action:
        """Go towards `action` as far as is allowed now; the position reached.

        Raises:
            RelayStuck: a pin does not follow; both contacts have been commanded open.
        """
        if self._closed:
            return Action.IDLE
        now = self._clock.monotonic()
        move = next_move(
            position=self.position,
            wanted=action,
            since_switch_s=None if self.switched_at is None else now - self.switched_at,
            dwell_s=self._dwell_s,
            break_s=self._break_s,
        )
        if move.do == "open":
            self._open_all()
            self._switched(now, Action.IDLE)
        elif move.do == "close":
            self._contacts[action].on()
            self._switched(now, action)
        return self.position

    def wait_s(self, action: Action) -> float:
        """Seconds until `action` may be reached; 0 when the next `set` reaches it."""
        now = self._clock.monotonic()
        return next_move(
            position=self.position,
            wanted=action,
            since_switch_s=None if self.switched_at is None else now - self.switched_at,
            dwell_s=self._dwell_s,
            break_s=self._break_s,
        ).wait_s

    def close(self) -> None:
        """Open both contacts and give the pins back; safe to call twice."""
        atexit.unregister(self.close)
        self._closed = True
        contacts, self._contacts = self._contacts, {}
        for contact in contacts.values():
            try:
                contact.off()
            finally:
                contact.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_all(self) -> None:
        for contact in self._contacts.values():
            contact.off()

    def _switched(self, now: float, wanted: Action) -> None:
        self.switched_at = now
        self.switches += 1
        found = self.position
        if found is not wanted:
            self._open_all()
            raise RelayStuck(f"relay reads {found.value} after {wanted.value} was set; both commanded open")
