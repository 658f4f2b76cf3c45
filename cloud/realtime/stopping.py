"""Learning that the service stops before its server begins to wait for open connections.

The server waits for every response to end before it tells the application anything; an event stream never
ends by itself. So streams listen for the same signals, in front of the server.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)

Handler = Callable[[int, FrameType | None], object]


class _InFront:
    """A link in the chain of a signal's handlers."""

    def __init__(self, before: Handler, stop: Callable[[], None]) -> None:
        self.before = before
        self._stop = stop

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._stop()
        self.before(number, frame)


@contextmanager
def told_before_the_server(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at SIGTERM or SIGINT, then whoever handles them already.

    Without a handler in place, or outside the main thread, nothing is changed: nobody stops in good order
    there anyway.
    """
    added = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            before = signal.getsignal(number)
            if callable(before):
                added[number] = _InFront(before, stop)
                signal.signal(number, added[number])
    try:
        yield
    finally:
        for number, link in added.items():
            _take_out(number, link)


def _take_out(number: int, link: _InFront) -> None:
    """Those who came later may still be in front of it."""
    later: object = signal.getsignal(number)
    if later is link:
        signal.signal(number, link.before)
    while isinstance(later, _InFront):
        if later.before is link:
            later.before = link.before
        later = later.before
