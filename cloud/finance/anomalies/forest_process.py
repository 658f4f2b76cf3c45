"""Asks the forest in its own process, which is started when first needed and ended when idle."""

import asyncio
import importlib.util
import sys
from collections.abc import Mapping, Sequence

import msgspec

from cloud.finance.anomalies.forest import Question

ANSWER_BYTES_MAX = 16 * 1024 * 1024
_MODULE = "cloud.finance.anomalies.forest"


def is_installed() -> bool:
    """Whether the extra `finance` is there."""
    return importlib.util.find_spec("sklearn") is not None


class ForestFailed(Exception):
    """The process ended before it answered."""


class ForestProcess:
    """One question at a time."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def decisions(self, questions: Sequence[Question]) -> Mapping[int, float]:
        """By transaction id, for those that could be judged.

        Raises:
            ForestFailed: the process died; the next question starts another.
        """
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                _MODULE,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=ANSWER_BYTES_MAX,
            )
        reader, writer = self._process.stdout, self._process.stdin
        assert reader is not None  # noqa: S101  they are pipes
        assert writer is not None  # noqa: S101
        try:
            writer.write(msgspec.json.encode(questions) + b"\n")
            await writer.drain()
            line = await reader.readline()
        except ConnectionError as error:
            self._end()
            raise ForestFailed("the forest's process is gone") from error
        except BaseException:  # a cancelled question: its late answer must not meet the next one
            self._end()
            raise
        if not line.endswith(b"\n"):
            self._end()
            raise ForestFailed("the forest's process ended: see its error output")
        return msgspec.json.decode(line, type=dict[int, float])

    async def close(self) -> None:
        """Let the process go; the next question starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None  # noqa: S101
        process.stdin.close()
        await process.wait()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
