"""The process that opens what strangers send: `python -m cloud.finance.receipts.worker MEMORY CPU_SECONDS`.

It writes no file, opens no socket, and is killed by the kernel or its parent when a file costs too much.
"""

import os
import resource
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO
from zoneinfo import ZoneInfo

from cloud.finance.reading import Reading, Refusal, Refused
from cloud.finance.receipts import wire
from cloud.finance.receipts.content import Kind, identify
from cloud.finance.receipts.engines import Engine, NoEngine, first_engine
from cloud.finance.receipts.fields import read_fields
from cloud.finance.receipts.model import Box
from cloud.finance.receipts.pages import Unreadable, pdf_pages, picture
from cloud.finance.receipts.second_look import at_most, better_of, is_unsure

if TYPE_CHECKING:
    from PIL.Image import Image


class Desk:
    """Loads the models once; reads file after file."""

    def __init__(self, engine: Engine, second: Callable[[], Engine] | None) -> None:
        self.engine = engine
        self._second_maker = second
        self._second: Engine | None = None

    def read(self, question: wire.Question) -> Reading | Refused:
        """What the file tells; where the quick engine leaves doubt, the better one looks too."""
        kind = identify(question.content)
        if isinstance(kind, Refused):
            return kind
        try:
            pages = list(_pages(question.content, kind))
        except Unreadable as error:
            return error.refused
        first = self._fields(question, pages, self.engine)
        second = self._second_engine() if is_unsure(first) and _has_pictures(pages) else None
        return first if second is None else better_of(first, self._fields(question, pages, second))

    def _second_engine(self) -> Engine | None:
        if self._second is None and self._second_maker is not None:
            self._second = self._second_maker()
        return self._second

    @staticmethod
    def _fields(
        question: wire.Question, pages: "list[list[Box] | Image]", engine: Engine
    ) -> Reading | Refused:
        reading = read_fields(
            [page if isinstance(page, list) else engine.boxes(page) for page in pages],
            timezone=ZoneInfo(question.timezone),
            currency_hint=question.currency_hint,
            locale=question.locale,
            today=question.today,
        )
        return at_most(reading, engine.sure_at_most if _has_pictures(pages) else 1.0)


def _pages(content: bytes, kind: Kind) -> "Iterator[list[Box] | Image]":
    if kind is Kind.PDF:
        yield from pdf_pages(content)
    else:
        yield picture(content, kind)


def _has_pictures(pages: "list[list[Box] | Image]") -> bool:
    return any(not isinstance(page, list) for page in pages)


def _confine(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _allow_cpu(seconds: int) -> None:
    """So much from now on; the kernel ends the process above it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, hard))


def _answer(desk: Desk, body: bytes) -> wire.Answer:
    try:
        result = desk.read(wire.asked(body))
    except MemoryError:
        result = Refused(Refusal.TOO_COSTLY, "the file needs more memory than a receipt does")
    return wire.Answer(reading=result) if isinstance(result, Reading) else wire.Answer(refused=result)


def _serve(questions: BinaryIO, answers: BinaryIO, cpu_seconds: int) -> None:
    try:
        desk = Desk(*first_engine())
    except NoEngine as error:
        answers.write(wire.frame(wire.NotReady(str(error))))
        answers.flush()
        return
    answers.write(wire.frame(wire.Ready(desk.engine.name)))
    answers.flush()
    while len(length := questions.read(wire.LENGTH_BYTES)) == wire.LENGTH_BYTES:
        body = questions.read(int.from_bytes(length, "big"))
        _allow_cpu(cpu_seconds)
        answers.write(wire.frame(_answer(desk, body)))
        answers.flush()


def main() -> None:
    memory_bytes, cpu_seconds = int(sys.argv[1]), int(sys.argv[2])
    # Native libraries may print: only frames go to the parent.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _confine(memory_bytes)
    _serve(sys.stdin.buffer, answers, cpu_seconds)


if __name__ == "__main__":
    main()
