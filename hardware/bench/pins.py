"""Relay pins without a header: gpiozero's mock pins, which tell the bench before they move.

The real pins have pull resistors to the inactive level, so a pin that is given back opens its contact;
here a pin that becomes an input goes low (or high, for the pins named as active low). Such a resistor is
stronger than the chip's own pull, which moves a pin only after `unsolder`.
"""

from collections.abc import Callable
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin


class BenchPin(MockPin):  # type: ignore[misc]
    """Keeps no history of its states: a bench runs for days."""

    _state: bool

    def _change_state(self, value: bool) -> bool:
        if self._state == value:
            return False
        self.factory.before_change()
        self._state = value
        return True

    def _set_function(self, value: str) -> None:
        super()._set_function(value)
        if value == "input":
            self._come_to_rest()

    def _set_pull(self, value: str) -> None:
        self._pull = value
        self._come_to_rest()

    def _come_to_rest(self) -> None:
        name = self.info.name
        if name not in self.factory.loose:
            self._change_state(name in self.factory.pulled_up)
        elif self._pull != "floating":
            self._change_state(self._pull == "up")


class BenchPins(MockFactory):  # type: ignore[misc]
    """A pin factory for `open_board`."""

    def __init__(self, *, before_change: Callable[[], None], pulled_up: frozenset[int]) -> None:
        super().__init__(pin_class=BenchPin)
        self.before_change = before_change
        self.pulled_up = frozenset(f"GPIO{number}" for number in pulled_up)
        self.loose: set[str] = set()

    def level(self, number: int) -> bool:
        """The electrical level of a BCM pin; one that was never used sits at its pull resistor."""
        name = f"GPIO{number}"
        for pin in self.pins.values():
            if pin.info.name == name:
                return bool(pin.state)
        return name in self.pulled_up

    def unsolder(self, number: int) -> None:
        """Take the pull resistor of a BCM pin away."""
        self.loose.add(f"GPIO{number}")

    def pin_of(self, number: int) -> Any:
        """The mock pin of a BCM number, for tests that hold it stuck."""
        return self.pin(number)
