"""One thread for calls that may block for ever.

The thread is a daemon: a bus or a disk that hangs in the kernel cannot be interrupted, and must not keep the
process from ending after its relays are open. (A thread pool's threads are waited for at exit.)
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class OneThread:
    """Runs calls one after another, in the order they were made."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """The function's answer or exception, for the running event loop."""
        future: Future[T] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except BaseException as error:  # noqa: BLE001  it belongs to the caller
                    future.set_exception(error)

        self._calls.put(work)
        return asyncio.wrap_future(future)

    def close(self) -> None:
        """End the thread after the calls that wait; does not wait for it."""
        self._calls.put(None)

    def _run(self) -> None:
        while (work := self._calls.get()) is not None:
            work()
