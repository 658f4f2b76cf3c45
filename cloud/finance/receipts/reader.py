"""Receipts read in processes of their own, each with a limit of time and memory, replaced when they fail."""

import asyncio
import contextlib
import logging
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

from cloud.finance.reading import Refusal, Refused
from cloud.finance.receipts import wire
from cloud.finance.receipts.content import identify
from cloud.finance.receipts.engines import is_installed
from cloud.finance.receipts.port import ReaderUnavailable, ReceiptResult
from shared.clock import Clock

log = logging.getLogger(__name__)

_MODULE = "cloud.finance.receipts.worker"
_START_SECONDS = 60.0
_DYING_SECONDS = 5.0
_COSTLY = Refused(
    Refusal.TOO_COSTLY, "the file takes more time or memory than a receipt needs: send a plain photo"
)


class _Worker:
    """One process and its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None  # noqa: S101  they are pipes
        assert process.stdout is not None  # noqa: S101
        self.process, self._writer, self._reader = process, process.stdin, process.stdout

    @classmethod
    async def started(cls, limits: wire.Limits) -> "_Worker":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            _MODULE,
            str(limits.memory_bytes),
            str(limits.cpu_seconds),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_SECONDS):
                ready = await worker.heard()
        except (asyncio.IncompleteReadError, TimeoutError) as error:
            await worker.kill()
            raise ReaderUnavailable("receipts cannot be read now: the reader does not start") from error
        except BaseException:
            await worker.kill()
            raise
        if not isinstance(ready, wire.Ready):
            await worker.kill()
            problem = ready.problem if isinstance(ready, wire.NotReady) else "it spoke out of turn"
            raise ReaderUnavailable(f"receipts cannot be read now: {problem}")
        log.info("receipt reader started engine=%r pid=%d", ready.engine, process.pid)
        return worker

    async def heard(self) -> wire.Said:
        length = await self._reader.readexactly(wire.LENGTH_BYTES)
        return wire.heard(await self._reader.readexactly(int.from_bytes(length, "big")))

    async def ask(self, question: wire.Question) -> wire.Said:
        self._writer.write(wire.frame(question))
        await self._writer.drain()
        return await self.heard()

    async def kill(self) -> None:
        """End it, or await the end that its closed pipe announces: to kill a dead one loses its reason."""
        if self._reader.at_eof():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DYING_SECONDS):
                    await self.process.wait()
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        await self.process.wait()


class ReceiptReader:
    """Reads one file at a time in each of its processes; the rest wait their turn."""

    def __init__(self, clock: Clock, *, processes: int = 1, limits: wire.Limits | None = None) -> None:
        self._clock = clock
        self._limits = limits or wire.Limits()
        self._turns = asyncio.Semaphore(processes)
        self._idle: list[_Worker] = []

    async def read(
        self, content: bytes, *, timezone: ZoneInfo, currency_hint: str, locale: str
    ) -> ReceiptResult:
        """A JPEG, PNG or PDF by its content as a purchase, or why there is none.

        Raises:
            ReaderUnavailable: the extra is missing, or no process starts (503).
        """
        kind = identify(content)
        if isinstance(kind, Refused):
            return kind
        if not is_installed():
            raise ReaderUnavailable(
                "receipts cannot be read here: the operator must install lumengrid[finance]"
            )
        today = datetime.fromtimestamp(self._clock.now_us() / 1_000_000, timezone).date()
        question = wire.Question(
            content=content, timezone=timezone.key, currency_hint=currency_hint, locale=locale, today=today
        )
        async with self._turns:
            worker = self._idle.pop() if self._idle else await _Worker.started(self._limits)
            return await self._asked(worker, question)

    async def _asked(self, worker: _Worker, question: wire.Question) -> ReceiptResult:
        try:
            async with asyncio.timeout(self._limits.wall_seconds):
                answer = await worker.ask(question)
        except (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError, TimeoutError):
            await worker.kill()
            log.warning(
                "receipt reader ended exit=%s bytes=%d", worker.process.returncode, len(question.content)
            )
            return _COSTLY
        except BaseException:  # also a cancelled question: its late answer must not meet the next one
            await worker.kill()
            raise
        self._idle.append(worker)
        assert isinstance(answer, wire.Answer)  # noqa: S101  it answers what it was asked
        return answer.reading or answer.refused or _COSTLY

    async def close(self) -> None:
        """End the idle processes; a later question starts another."""
        idle, self._idle = self._idle, []
        for worker in idle:
            await worker.kill()
