"""One after another, many at a time: commands wait in a line that a single task drains in batches.

A batch is one use case. Each caller is answered when it is durable. A command that a rule refuses is refused
alone. Should anything else go wrong, the commands of that batch run again, each as a use case of its own, so
that one bad command hurts nobody else.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from cloud.errors import CloudError, Unavailable

logger = logging.getLogger(__name__)

BATCH_MAX = 32
"""Commands a batch: while one runs, nothing else does, so it takes no more than some 15 ms.

So many share what a batch costs beside its commands: a commit, the reads of those who follow, pages of keys.
"""

C = TypeVar("C")
R = TypeVar("R")


class _Waiting(NamedTuple, Generic[C, R]):
    command: C
    answer: asyncio.Future[R]


class Sequencer(Generic[C, R]):
    """`run`: carries out commands in one durable use case; for each its result, or why it was refused."""

    def __init__(self, run: Callable[[Sequence[C]], Awaitable[Sequence[R | CloudError]]]) -> None:
        self._run = run
        self._line: deque[_Waiting[C, R]] = deque()
        self._owner: asyncio.Task[None] | None = None
        self.batches = 0
        self.commands = 0

    async def submit(self, command: C) -> R:
        """The command's result, once it is durable. A caller who gives up before its turn takes it back.

        Raises:
            CloudError: the command was refused.
        """
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._line.append(_Waiting(command, answer))
        if self._owner is None or self._owner.done():
            self._owner = asyncio.create_task(self._drain(), name="market-sequencer")
        return await answer

    async def _drain(self) -> None:
        while self._line:
            batch: list[_Waiting[C, R]] = []
            while self._line and len(batch) < BATCH_MAX:
                waiting = self._line.popleft()
                if not waiting.answer.done():
                    batch.append(waiting)
            if batch:
                await self._settle(batch)

    async def _settle(self, batch: Sequence[_Waiting[C, R]]) -> None:
        try:
            outcomes = await self._run([waiting.command for waiting in batch])
        except Unavailable as error:  # stored or not, only the caller can know what to do
            for waiting in batch:
                _refuse(waiting.answer, error)
        except Exception as error:  # noqa: BLE001  it is the caller's to see
            if len(batch) == 1:
                _refuse(batch[0].answer, error)
                return
            logger.warning("batch of commands failed, running each alone commands=%d", len(batch))
            for waiting in batch:
                await self._settle([waiting])
        else:
            self.batches += 1
            self.commands += len(batch)
            for waiting, outcome in zip(batch, outcomes, strict=True):
                if isinstance(outcome, CloudError):
                    _refuse(waiting.answer, outcome)
                elif not waiting.answer.done():
                    waiting.answer.set_result(outcome)


def _refuse(answer: asyncio.Future[R], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
