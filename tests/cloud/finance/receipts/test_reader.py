"""The reader with its real process: receipts in, bombs refused, the process replaced."""

import asyncio
import io
import resource
import signal
import sys
from collections.abc import AsyncIterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from PIL import Image

from cloud.finance.reading import Reading, Refusal, Refused
from cloud.finance.receipts import reader as reader_module
from cloud.finance.receipts.engines import NoEngine, Tesseract, first_engine
from cloud.finance.receipts.port import ReaderUnavailable, ReceiptResult
from cloud.finance.receipts.reader import ReceiptReader
from cloud.finance.receipts.wire import Limits, Question
from cloud.finance.receipts.worker import Desk
from shared.clock import ManualClock
from tests.cloud.finance.receipts import bombs
from tests.cloud.finance.receipts.made import COUNTRIES, Made, made
from tests.cloud.finance.receipts.rendered import photographed

MALAYSIA = next(country for country in COUNTRIES if country.code == "MY")
RECEIPT = made(MALAYSIA, 1)
LINES = [
    "CITY MART LTD",
    "12 High Street",
    "Date: 05/03/2018 20:15",
    "Milk 2.50",
    "Total GBP 2.50",
    "CASH 2.50",
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def reader() -> AsyncIterator[ReceiptReader]:
    reader = ReceiptReader(ManualClock())
    yield reader
    await reader.close()


async def read(reader: ReceiptReader, content: bytes) -> ReceiptResult:
    zone = ZoneInfo("Asia/Kuala_Lumpur")
    return await reader.read(content, timezone=zone, currency_hint="MYR", locale="en-MY")


def assert_tells(answer: ReceiptResult, receipt: Made) -> None:
    assert isinstance(answer, Reading)
    assert answer.amount_minor.value == receipt.total_minor
    assert answer.at_us is not None
    assert (
        datetime.fromtimestamp(answer.at_us.value / 1e6, ZoneInfo("Asia/Kuala_Lumpur")).date() == receipt.day
    )


def reason(answer: ReceiptResult) -> Refusal:
    assert isinstance(answer, Refused)
    assert answer.detail
    return answer.reason


@pytest.mark.asyncio(loop_scope="module")
async def test_a_photo_is_read(reader: ReceiptReader) -> None:
    assert_tells(await read(reader, photographed(RECEIPT, seed=1, harm=0.2)), RECEIPT)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_photo_turned_by_its_camera_is_read_upright(reader: ReceiptReader) -> None:
    image = Image.open(io.BytesIO(photographed(RECEIPT, seed=1, harm=0.2))).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    turned = io.BytesIO()
    image.save(turned, "JPEG", exif=exif)
    assert_tells(await read(reader, turned.getvalue()), RECEIPT)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_png_with_transparent_paper_is_read(reader: ReceiptReader) -> None:
    image = Image.open(io.BytesIO(photographed(RECEIPT, seed=1, harm=0.0))).convert("L")
    clear = Image.new("RGBA", image.size, (0, 0, 0, 0))
    clear.putalpha(image.point(lambda value: 255 - value))
    encoded = io.BytesIO()
    clear.save(encoded, "PNG")
    assert_tells(await read(reader, encoded.getvalue()), RECEIPT)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_pdf_with_text_is_read_without_an_engine(reader: ReceiptReader) -> None:
    answer = await read(reader, bombs.pdf_of_text(LINES))
    assert isinstance(answer, Reading)
    assert (answer.amount_minor.value, answer.currency.value) == (250, "GBP")
    assert answer.merchant is not None
    assert answer.merchant.value == "CITY MART LTD"
    assert answer.at_us is not None
    assert answer.time_known


@pytest.mark.asyncio(loop_scope="module")
async def test_a_pdf_of_a_scan_is_read(reader: ReceiptReader) -> None:
    scan = bombs.pdf_of_scan(photographed(RECEIPT, seed=1, harm=0.2))
    assert_tells(await read(reader, scan), RECEIPT)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_white_page_holds_no_amount(reader: ReceiptReader) -> None:
    assert reason(await read(reader, bombs.png(400, 300))) is Refusal.NO_AMOUNT


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "name, content, refusal",
    [
        ("100 megapixels", bombs.png(10_000, 1, claimed=(10_000, 10_000)), Refusal.TOO_COSTLY),
        ("a PNG that ends early", bombs.png(400, 300)[:-40], Refusal.DAMAGED),
        ("a JPEG that ends early", photographed(RECEIPT, seed=1, harm=0.0)[:9_000], Refusal.DAMAGED),
        (
            "a JPEG that is a PDF too",
            photographed(RECEIPT, seed=1, harm=0.0) + b"%PDF-1.4",
            Refusal.UNSUPPORTED,
        ),
        ("500 pages", bombs.pdf_of_pages(500), Refusal.TOO_COSTLY),
        ("a page as large as a field", bombs.pdf_of_text(LINES, box=(200_000, 200_000)), Refusal.TOO_COSTLY),
        ("text without end", bombs.pdf_of_text(["x" * 100] * 500), Refusal.TOO_COSTLY),
        ("a page tree that holds itself", bombs.pdf_that_loops(), Refusal.DAMAGED),
        ("a PDF of its first line alone", b"%PDF-1.7\n", Refusal.DAMAGED),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_bomb_is_refused_and_the_process_lives(
    reader: ReceiptReader, name: str, content: bytes, refusal: Refusal
) -> None:
    assert reason(await read(reader, content)) is refusal


@pytest.mark.asyncio(loop_scope="module")
async def test_the_process_is_confined(reader: ReceiptReader) -> None:
    await read(reader, bombs.png(40, 30))
    pid = reader._idle[0].process.pid
    assert resource.prlimit(pid, resource.RLIMIT_AS)[0] == Limits().memory_bytes
    assert resource.prlimit(pid, resource.RLIMIT_FSIZE)[0] == 0
    assert 0 < resource.prlimit(pid, resource.RLIMIT_CPU)[0] < 300


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "limits, ended_by",
    [
        (Limits(memory_bytes=700 * 1024**2), signal.SIGABRT),
        (Limits(memory_bytes=8 * 1024**3, cpu_seconds=0), signal.SIGXCPU),
    ],
    ids=["memory", "time"],
)
async def test_a_file_above_its_share_ends_the_process_and_the_next_file_is_read(
    limits: Limits, ended_by: int, caplog: pytest.LogCaptureFixture
) -> None:
    reader = ReceiptReader(ManualClock(), limits=limits)
    costly = bombs.pdf_with_stream(100_000_000)
    assert len(costly) < 1_000
    try:
        assert reason(await read(reader, costly)) is Refusal.TOO_COSTLY
        assert f"exit={-ended_by}" in caplog.text
        reader._limits = Limits()
        assert_tells(await read(reader, photographed(RECEIPT, seed=1, harm=0.0)), RECEIPT)
    finally:
        await reader.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_stuck_process_is_killed(monkeypatch: pytest.MonkeyPatch, reader: ReceiptReader) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    await read(reader, bombs.png(40, 30))
    worker = reader._idle[0]
    monkeypatch.setattr(worker, "ask", never)
    monkeypatch.setattr(reader, "_limits", Limits(wall_seconds=0.01))
    assert reason(await read(reader, bombs.png(40, 30))) is Refusal.TOO_COSTLY
    assert worker.process.returncode == -9
    assert reader._idle == []


@pytest.mark.asyncio(loop_scope="module")
async def test_a_cancelled_question_takes_its_process_along(
    monkeypatch: pytest.MonkeyPatch, reader: ReceiptReader
) -> None:
    await read(reader, bombs.png(40, 30))
    worker = reader._idle[0]
    asked = asyncio.Event()

    async def never(*_: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(worker, "ask", never)
    asking = asyncio.create_task(read(reader, bombs.png(40, 30)))
    await asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert worker.process.returncode is not None
    assert reason(await read(reader, bombs.png(40, 30))) is Refusal.NO_AMOUNT


@pytest.mark.asyncio(loop_scope="module")
async def test_without_the_extra_the_operator_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader_module, "is_installed", lambda: False)
    with pytest.raises(ReaderUnavailable, match=r"lumengrid\[finance\]"):
        await read(ReceiptReader(ManualClock()), bombs.png(40, 30))


@pytest.mark.asyncio(loop_scope="module")
async def test_a_process_that_does_not_start_is_no_fault_of_the_file() -> None:
    reader = ReceiptReader(ManualClock(), limits=Limits(memory_bytes=64 * 1024**2))
    with pytest.raises(ReaderUnavailable):
        await read(reader, bombs.png(40, 30))


def test_the_fallback_reads_a_good_photo_and_says_so_with_care() -> None:
    question = Question(
        content=photographed(RECEIPT, seed=1, harm=0.0),
        timezone="Asia/Kuala_Lumpur",
        currency_hint="MYR",
        locale="en-MY",
        today=date(2026, 11, 22),
    )
    answer = Desk(Tesseract(), None).read(question)
    assert_tells(answer, RECEIPT)
    assert isinstance(answer, Reading)
    assert answer.amount_minor.confidence <= 0.85


def test_where_no_paddle_model_loads_the_fallback_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_paddle", None)
    engine, second = first_engine()
    assert (engine.name, second) == ("tesserocr", None)
    monkeypatch.setitem(sys.modules, "tesserocr", None)
    with pytest.raises(NoEngine, match=r"lumengrid\[finance\]"):
        first_engine()
