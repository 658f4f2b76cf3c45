"""Waiting for something that another thread or process brings about and nobody announces."""

import asyncio
import inspect
from collections.abc import Callable


async def eventually(met: Callable[[], object], *, within_s: float = 40.0) -> None:
    """Return once `met()` (or what it awaits) is true.

    Raises:
        TimeoutError: not within the time.
    """
    async with asyncio.timeout(within_s):
        while True:
            answer = met()
            if inspect.isawaitable(answer):
                answer = await answer
            if answer:
                return
            await asyncio.sleep(0.005)
