"""One open sandbox: its services, what runs beside its requests, and its clock being moved."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

from cloud.errors import CloudError
from cloud.identity.model import Person
from cloud.sandbox import storage
from cloud.sandbox.clock import MovableClock
from cloud.sandbox.due import Due
from cloud.sandbox.errors import BadMove, SandboxFull
from cloud.sandbox.model import Moved, SandboxRow
from cloud.services import Services
from shared.clock import Clock, rfc3339
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

AHEAD_US_MAX = 100 * 366 * 24 * 3_600 * MICROS_PER_SECOND
MOVE_S_MAX = 20.0
"""A move that takes longer ends where it is, and is asked for again."""
LOOK_AGAIN_S = 60.0
TROUBLE_S = 5.0


class Visit:
    """One request, or one socket, in a sandbox. Nobody closes a sandbox in which a request is."""

    def __init__(self, sandbox: "Sandbox", *, counts: bool) -> None:
        self.sandbox = sandbox
        self._counts = counts
        if counts:
            sandbox.visits += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def end(self) -> None:
        """Also before the answer is sent, where nothing more is asked of the sandbox; once."""
        if self._counts:
            self._counts = False
            self.sandbox.leave()


class Sandbox:
    """`row.person_id` is the developer, `person` is who they are in here."""

    def __init__(
        self,
        row: SandboxRow,
        folder: Path,
        services: Services,
        clock: MovableClock,
        due: Due,
        person: Person,
    ) -> None:
        self.row = row
        self.folder = folder
        self.services = services
        self.clock = clock
        self.person = person
        self.visits = 0
        self.used_at_s = 0.0
        """By the real clock, for those who close what nobody uses."""
        self.has_failed = False
        self._due = due
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._left = asyncio.Event()
        self._ends = asyncio.Event()
        """Set when it shall be closed."""
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_idle(self) -> bool:
        return self.visits == 0 and self.services.platform_socket.clients == 0

    def start(self) -> None:
        """Let time go on in it."""
        s = self.services
        for run in (s.platform_socket.feed, s.webhook_intake.run, s.webhook_sender.run, self._live):
            self._tasks.append(asyncio.create_task(self._guarded(run)))

    async def stop(self) -> None:
        """What is stored is all there is of it then; sockets are closed."""
        self._ends.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.services.payments.close()
        await self.services.kyc.close()
        await self.services.store.close()

    async def emptied(self) -> None:
        """Return when no request is in it; a clock that is being moved stops where it is."""
        self._ends.set()
        while self.visits:
            self._left.clear()
            await self._left.wait()

    def leave(self) -> None:
        """A request is over: it may have made something due."""
        self.visits -= 1
        self._left.set()
        self._news.set()

    def bytes_used(self) -> int:
        """On disk."""
        return sum(
            os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118  a third of pathlib's time
            for folder, _, names in os.walk(self.folder)
            for name in names
        )

    def check_room(self) -> None:
        """Return silently while it may grow.

        Raises:
            SandboxFull
        """
        bytes_max = self.services.settings.sandbox_bytes_max
        if self.bytes_used() >= bytes_max:
            raise SandboxFull(bytes_max)

    async def move(self, to_us: int, real: Clock) -> Moved:
        """Let the time until then pass: whatever is due in between happens, in order, each at its time.

        Raises:
            BadMove: backwards, or too far ahead of the real time.
        """
        async with self._turn:
            if to_us < self.clock.now_us():
                now_us = self.clock.now_us() // MICROS_PER_SECOND * MICROS_PER_SECOND
                raise BadMove(
                    f"The clock stands at {rfc3339(now_us)} and only goes forward; reset the sandbox to begin"
                    " anew"
                )
            if to_us > real.now_us() + AHEAD_US_MAX:
                raise BadMove("At most 100 years ahead of the real time")
            with self.clock.held():
                await self._move(to_us, real)
                moved = Moved(now_us=self.clock.now_us(), is_there=self.clock.now_us() == to_us)
            if not self._ends.is_set():
                await self._due.forget()
        logger.info("sandbox clock moved name=%s is_there=%s", self.row.name, moved.is_there)
        return moved

    async def _move(self, to_us: int, real: Clock) -> None:
        until_s = real.monotonic() + MOVE_S_MAX
        while await self._happen(until_s - real.monotonic()) and self.clock.now_us() < to_us:
            at_us = min(await self._due.next_us(), to_us)
            async with self.services.store.write() as tx:  # before anything bears that time
                await storage.set_ahead(tx, at_us - real.now_us())
            self.clock.move(at_us)

    async def _happen(self, left_s: float) -> bool:
        """What is due now, and what that brings; False: there is no time left to wait for all of it."""
        await self._due.run()
        await self.services.webhook_intake.catch_up()
        waits = {
            asyncio.ensure_future(self.services.webhook_sender.rest()),
            asyncio.ensure_future(self._ends.wait()),
        }
        try:
            done, _ = await asyncio.wait(waits, timeout=max(0, left_s), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        return bool(done) and not self._ends.is_set()

    async def _live(self) -> None:
        while True:
            self._news.clear()
            try:
                async with self._turn:
                    await self._due.run()
                    left_s = (await self._due.next_us() - self.clock.now_us()) / MICROS_PER_SECOND
            except CloudError as error:
                logger.warning("sandbox waits name=%s error=%s", self.row.name, error)
                left_s = TROUBLE_S
            await self._wait(min(left_s, LOOK_AGAIN_S))

    async def _wait(self, seconds: float) -> None:
        waits = {
            asyncio.ensure_future(self.clock.sleep(seconds)),
            asyncio.ensure_future(self._news.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _guarded(self, run: Callable[[], Awaitable[None]]) -> None:
        """A sandbox that fails takes nobody with it: it is opened afresh when it is next used."""
        try:
            await run()
        except Exception:
            logger.exception("sandbox failed name=%s", self.row.name)
            self.has_failed = True

    def __repr__(self) -> str:
        return f"Sandbox(name={self.row.name!r}, generation={self.row.generation})"
