"""Receipts read: total, day and seller right; how far the stated confidence holds; seconds a page.

Photos with their truth lie beside the repository; where they are absent only made receipts are read. Beside
the rules stands what a first attempt does with the same text: the largest figure on a line that says TOTAL,
the first thing that looks like a date, the first line. Beside the time of the whole stands the time of the
engine alone, in this process and in the same run.

    benchmarks/receipts.py [--engines] [--made N]

`--engines` also reads the photos with every engine that is installed; `--made N` reads N seeds of 35 made
receipts, rendered and harmed, for the curve (2 by default).
"""

import argparse
import asyncio
import json
import os
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from difflib import SequenceMatcher
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import Struct

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cloud.finance.currencies import decimals_of
from cloud.finance.reading import Reading, Refused
from cloud.finance.receipts.content import Kind
from cloud.finance.receipts.engines import Engine, Paddle, Tesseract
from cloud.finance.receipts.fields import read_fields
from cloud.finance.receipts.figures import Point, figures_in, mended
from cloud.finance.receipts.layout import lines_of
from cloud.finance.receipts.model import Box
from cloud.finance.receipts.pages import picture
from cloud.finance.receipts.reader import ReceiptReader
from shared.clock import SystemClock
from tests.cloud.finance.receipts.made import COUNTRIES, SHAPES, made
from tests.cloud.finance.receipts.rendered import photographed

PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "data" / "receipts"
PROMISED = {"total": 0.92, "day": 0.94, "seller": 0.75}
PAGE_SECONDS_MAX = 0.5
SURE, SURE_RIGHT = 0.9, 0.98
SIMILAR = 0.9
_DAYS = (
    "%d/%m/%Y",
    "%d-%m-%Y",
    "%Y-%m-%d",
    "%d-%m-%y",
    "%d/%m/%y",
    "%d/%b/%Y",
    "%d.%m.%Y",
    "%d %b %Y",
    "%d %b %y",
)
_BINS = (0.0, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)


class Sample(Struct, frozen=True, kw_only=True):
    """A file and what it tells."""

    name: str
    content: bytes
    total_minor: int
    day: date
    seller: str
    currency: str
    locale: str
    zone: str


class Verdict(Struct, frozen=True, kw_only=True):
    """Right or not, and how sure it was; None: not found."""

    name: str
    total: bool
    total_sure: float
    day: bool
    seller: bool
    seconds: float = 0.0


def _day(text: str) -> date:
    for form in _DAYS:
        try:
            return datetime.strptime(text.strip().title(), form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    raise SystemExit(f"{text!r} is no date this benchmark knows")


def photos() -> Iterator[Sample]:
    """The real ones: Malaysian receipts, SROIE."""
    for path in sorted(PHOTOS.glob("*.jpg")):
        truth = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        total = re.sub(r"[^0-9.]", "", truth["total"])
        yield Sample(
            name=path.stem,
            content=path.read_bytes(),
            total_minor=round(float(total) * 100),
            day=_day(truth["date"]),
            seller=truth["company"],
            currency="MYR",
            locale="en-MY",
            zone="Asia/Kuala_Lumpur",
        )


def rendered(seeds: int) -> Iterator[Sample]:
    """Made receipts of seven countries as photos, good ones and bad. Seeds are not those of the fit."""
    for seed in range(100, 100 + seeds):
        for country in COUNTRIES:
            if country.code == "JP":  # the font has no Japanese
                continue
            for shape in range(SHAPES):
                receipt = made(country, shape, seed)
                harm = (0.2, 0.5, 0.8, 1.0)[(seed + shape) % 4]
                yield Sample(
                    name=f"{country.code}{shape}.{seed}",
                    content=photographed(receipt, seed=seed, harm=harm),
                    total_minor=receipt.total_minor,
                    day=receipt.day,
                    seller=receipt.merchant,
                    currency=country.currency,
                    locale=country.locale,
                    zone=country.timezone,
                )


def similar(first: str, second: str) -> float:
    plain = ["".join(one for one in text.casefold() if one.isalnum()) for text in (first, second)]
    return SequenceMatcher(None, *plain).ratio()


def judged(sample: Sample, answer: Reading | Refused, seconds: float) -> Verdict:
    if isinstance(answer, Refused):
        return Verdict(
            name=sample.name, total=False, total_sure=0.0, day=False, seller=False, seconds=seconds
        )
    day = (
        None
        if answer.at_us is None
        else datetime.fromtimestamp(answer.at_us.value / 1e6, ZoneInfo(sample.zone))
    )
    name = answer.merchant
    return Verdict(
        name=sample.name,
        total=answer.amount_minor.value == sample.total_minor,
        total_sure=answer.amount_minor.confidence,
        day=day is not None and day.date() == sample.day,
        seller=name is not None and similar(name.value, sample.seller) >= SIMILAR,
        seconds=seconds,
    )


def naive(sample: Sample, boxes: Sequence[Box]) -> Verdict:
    """Text search: what a first attempt does."""
    texts = [line.text for line in lines_of(boxes)]
    found = [
        figure.minor
        for text in texts
        if "total" in text.casefold()
        for figure in figures_in(text, decimals=decimals_of(sample.currency), point=Point.DOT)
    ]
    shown = (re.search(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}", mended(text)) for text in texts)
    first = next((match.group(0) for match in shown if match), "")
    try:
        day = _day(first.replace(".", "/"))
    except SystemExit:
        day = None
    return Verdict(
        name=sample.name,
        total=max(found, default=0) == sample.total_minor,
        total_sure=0.0,
        day=day == sample.day,
        seller=bool(texts) and similar(texts[0], sample.seller) >= SIMILAR,
    )


def share(verdicts: Sequence[Verdict], field: Callable[[Verdict], bool]) -> str:
    right = sum(map(field, verdicts))
    return f"{right:>3}/{len(verdicts)} {right / len(verdicts):6.1%}"


def exactness(title: str, verdicts: Sequence[Verdict]) -> None:
    fields = (("total", lambda v: v.total), ("day", lambda v: v.day), ("seller", lambda v: v.seller))
    print(f"{title:<34}" + "  ".join(f"{name} {share(verdicts, field)}" for name, field in fields))


def curve(title: str, verdicts: Sequence[Verdict]) -> None:
    print(f"confidence of the total, {title}: stated, right, count")
    for low, high in zip(_BINS, (*_BINS[1:], 1.01), strict=True):
        within = [verdict for verdict in verdicts if low <= verdict.total_sure < high]
        if within:
            stated = statistics.mean(verdict.total_sure for verdict in within)
            print(f"  {low:4.2f} to {min(high, 1):4.2f}   {stated:5.1%}  {share(within, lambda v: v.total)}")


async def through_the_reader(samples: Sequence[Sample]) -> list[Verdict]:
    """As the service does it: another process, bytes in, reading out."""
    reader, verdicts = ReceiptReader(SystemClock()), []
    try:
        for index, sample in enumerate([samples[0], *samples]):
            begun = time.perf_counter()
            answer = await reader.read(
                sample.content,
                timezone=ZoneInfo(sample.zone),
                currency_hint=sample.currency,
                locale=sample.locale,
            )
            if index:  # the first loads the models
                verdicts.append(judged(sample, answer, time.perf_counter() - begun))
    finally:
        await reader.close()
    return verdicts


def alone(
    engine: Engine, samples: Sequence[Sample]
) -> tuple[list[Verdict], list[Verdict], list[float], list[float]]:
    """One engine in this process: by the rules, by the naive search, seconds a page, CPU seconds a page."""
    verdicts, simple, seconds, cpu = [], [], [], []
    today = SystemClock().now().date()
    for sample in samples:
        image = picture(sample.content, Kind.JPEG)
        begun, used = time.perf_counter(), time.process_time()
        boxes = engine.boxes(image)
        seconds.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - used)
        answer = read_fields(
            [boxes],
            timezone=ZoneInfo(sample.zone),
            currency_hint=sample.currency,
            locale=sample.locale,
            today=today,
        )
        verdicts.append(judged(sample, answer, seconds[-1]))
        simple.append(naive(sample, boxes))
    return verdicts, simple, seconds, cpu


def p95(seconds: Sequence[float]) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(0.95 * len(seconds)))]


def compare_engines(samples: Sequence[Sample]) -> None:
    for make in (lambda: Paddle("tiny"), lambda: Paddle("small"), Tesseract):
        engine = make()
        verdicts, _, seconds, cpu = alone(engine, samples)
        exactness(f"{engine.name} alone", verdicts)
        print(f"    median {statistics.median(seconds):.2f} s a page, {statistics.median(cpu):.2f} s of CPU")


def main() -> int:
    parser = argparse.ArgumentParser(description="receipts read right, surely and fast")
    parser.add_argument("--engines", action="store_true")
    parser.add_argument("--made", type=int, default=2, metavar="SEEDS")
    options = parser.parse_args()
    real, harmed = list(photos()), list(rendered(options.made))
    if options.engines and real:
        compare_engines(real)
    pages = real or harmed
    _, simple, engine_seconds, engine_cpu = alone(Paddle("tiny"), pages)
    verdicts = asyncio.run(through_the_reader(pages))
    exactness(f"{'photos' if real else 'made'}, by the rules", verdicts)
    exactness("  the same text, searched naively", simple)
    for verdict in verdicts:
        if not (verdict.total and verdict.day and verdict.seller):
            print(f"    {verdict.name}: total {verdict.total}, day {verdict.day}, seller {verdict.seller}")
    seconds = [verdict.seconds for verdict in verdicts]
    median, engine_median = statistics.median(seconds), statistics.median(engine_seconds)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"a page: median {median:.2f} s, p95 {p95(seconds):.2f} s; quick engine alone {engine_median:.2f} s"
        f" ({statistics.median(engine_cpu):.2f} s of CPU), ratio {median / engine_median:.2f};"
        f" the process took {children.ru_maxrss // 1024} MB"
    )
    curve("photos" if real else "made", verdicts)
    everything = verdicts
    if real and harmed:
        more = asyncio.run(through_the_reader(harmed))
        exactness("made, good photos and bad", more)
        curve("made", more)
        everything = verdicts + more
    sure = [verdict for verdict in everything if verdict.total_sure >= SURE]
    right = {name: sum(getattr(one, name) for one in verdicts) / len(verdicts) for name in PROMISED}
    held = sum(verdict.total for verdict in sure) / len(sure) if sure else 1.0
    print(
        f"stated {SURE:.0%} and more: {share(sure, lambda v: v.total)} right"
        if sure
        else "nothing was stated surely"
    )
    good = held >= SURE_RIGHT and (not real or all(right[name] >= least for name, least in PROMISED.items()))
    fast = median <= PAGE_SECONDS_MAX
    print(f"load of the machine meanwhile {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(
        f"{'as promised' if good else 'NOT AS PROMISED'}; {'fast enough' if fast else 'SLOWER than promised'}"
    )
    return 0 if good and fast else 1


if __name__ == "__main__":
    sys.exit(main())
