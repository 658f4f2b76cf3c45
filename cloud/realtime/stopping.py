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


@contextmanager
def told_before_the_server(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at SIGTERM or SIGINT, then whoever handles them already.

    Without a handler in place, or outside the main thread, nothing is changed: nobody stops in good order
    there anyway.
    """
    replaced = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            before = signal.getsignal(number)
            if callable(before):
                handler = _in_front_of(before, stop)
                signal.signal(number, handler)
                replaced[number] = (before, handler)
    try:
        yield
    finally:
        for number, (before, handler) in replaced.items():
            if signal.getsignal(number) is handler:
                signal.signal(number, before)


def _in_front_of(
    before: Callable[[int, FrameType | None], object], stop: Callable[[], None]
) -> Callable[[int, FrameType | None], object]:
    def handler(number: int, frame: FrameType | None) -> None:
        stop()
        before(number, frame)

    return handler
