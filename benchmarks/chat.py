"""Questions about two generated years, answered by the service and held against plain loops over the list.

    python benchmarks/chat.py [--show]

The generator, the truth and the reading of figures out of an answer know nothing of the product: a stated
amount, number, percentage or day that the loops do not give is wrong, and so is one that is missing. The
first half of the questions was written before the grammar was finished, the second half after it, in other
words, for judging; `AT_FIRST_SIGHT` is what the grammar made of those before it was mended by them.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import _chat_first, _chat_second
from benchmarks._chat_history import TODAY, ZONE, Expected, History, Row, history
from cloud.app import MIGRATIONS, build
from cloud.finance.chat.service import Chat
from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions import storage
from cloud.finance.transactions.merchants import merchant_key
from cloud.finance.transactions.model import SourceType, Transaction
from cloud.identity.model import Person
from cloud.identity.storage import add_person
from cloud.kit.store import WriteTx
from cloud.settings import Settings
from shared.clock import ManualClock, to_micros

SEEDS = (7, 1, 2, 3)
"""The first is the one that was looked at while the grammar grew."""
PROMISED = 0.9
Question = tuple[str, str, Callable[[History], Expected]]

_SIGNS = {"₹": "INR", "$": "USD", "€": "EUR", "£": "GBP"}
_MONEY = re.compile(r"([₹$€£])([\d,]+(?:\.\d+)?)")
_PERCENT = re.compile(r"([\d,]+(?:\.\d+)?) %")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DAY = re.compile(rf"(\d{{1,2}}) ({'|'.join(_MONTHS)})[a-z]* (\d{{4}})")
_LABEL = re.compile(
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December) \d{4}"
    r"|Q\d \d{4}|financial year \d{4}-\d\d|\b(?:in|since|before|after|until|half of|with|is) \d{4}\b"
    r"|in the last \d+ \w+"
)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


_SEALED = re.compile(
    r" (\d+) sealed transactions? (?:has|have) no seller that I can read, so this leaves them out\."
)
_BOUND = re.compile(r" with (?:more than |less than |at least |at most )?([^ ]+)(?: to ([^ ]+))? each")


def asked_again(question: str, text: str) -> str:
    """The answer without the bounds that it repeats from the question, if it repeats them rightly."""
    written = {Decimal(one.replace(",", "")) for one in _NUMBER.findall(question)}
    written |= {one * scale for one in written for scale in (1_000, 100_000)}
    for match in _BOUND.finditer(text):
        told = [Decimal(one.strip("₹$€£").replace(",", "")) for one in match.groups() if one is not None]
        if not set(told) <= written:
            return text
    return _BOUND.sub(" ", text)


def wrong_with(text: str, expected: Expected, sealed: set[int]) -> str | None:
    """What in an answer is not so, or missing; None: nothing."""
    for told in _SEALED.findall(text):
        if int(told) not in sealed:
            return f"states {told} sealed"
    text = _SEALED.sub(" ", text)
    money = [
        (_SIGNS[sign], round(Decimal(figure.replace(",", "")) * 100)) for sign, figure in _MONEY.findall(text)
    ]
    allowed = set(expected.money) | expected.other_money
    for figure in money:
        if figure not in allowed:
            return f"states {figure}"
    missing = Counter(expected.money) - Counter(money)
    if missing and not (set(expected.money) <= set(money)):
        return f"lacks {sorted(missing)[:3]}"
    rest = _MONEY.sub(" ", text)
    for share in _PERCENT.findall(rest):
        if not any(
            abs(Fraction(share.replace(",", "")) - one) <= Fraction(1, 20) for one in expected.percents
        ):
            return f"states {share} %"
    rest = _PERCENT.sub(" ", rest)
    for day, month, year in _DAY.findall(rest):
        told = date(int(year), _MONTHS.index(month) + 1, int(day))
        if expected.days and told not in expected.days and f"{day} {month}" not in _labels(text):
            return f"states {told}"
    rest = _LABEL.sub(" ", _DAY.sub(" ", rest))
    numbers = [int(figure.replace(",", "")) for figure in _NUMBER.findall(rest) if "." not in figure]
    for number in numbers:
        if number not in expected.other_numbers | set(expected.numbers):
            return f"states {number}"
    for number in expected.numbers:
        if number not in numbers:
            return f"lacks {number}"
    return next((f"lacks {name}" for name in expected.names if name not in text), None)


def _labels(text: str) -> str:
    """Days that only repeat what was asked: they are checked by the figures of those days."""
    return " ".join(
        re.findall(r"(?:since|from|to|after|before|until|week of|weekend of|on) (\d+ \w{3})", text)
    )


async def stored(tx: WriteTx, person: Person, rows: list[Row]) -> None:
    """As the pipeline would have left them."""
    for index, row in enumerate(rows, 1):
        merchant = None
        if row.seller is not None:
            key = merchant_key(row.seller)
            merchant = (await storage.merchant_named(tx, person.id, row.seller, key, 1)).id
        made = await storage.insert(
            tx,
            Transaction(
                transaction_id=0,
                person_id=person.id,
                amount_minor=row.amount,
                currency=row.currency,
                direction=Direction.CREDIT if row.is_income else Direction.DEBIT,
                at_us=to_micros(row.at),
                time_known=True,
                merchant_id=merchant,
                merchant_name_raw=row.seller,
                invoice_no=None,
                payment_channel=Channel(row.channel),
                source_type=SourceType(row.source),
                source_id=None,
                category=row.category,
                ocr_confidence=None,
                classification_confidence=None,
                flagged=row.is_flagged,
                anomaly_score=None,
                anomaly_reason=None,
                confirmed=False if row.is_rejected else None,
                notes=None,
                merged_into=row.merged_into,
                encrypted_data=None if row.seller is not None else "{}",
                wrapped_deks=None,
                created_at_us=1,
                updated_at_us=1,
            ),
        )
        assert made.transaction_id == index


async def judge(
    chat: Chat, person: Person, h: History, questions: list[Question], show: bool
) -> Counter[str]:
    """Counts by intent and outcome: right, refused, wrong."""
    found: Counter[str] = Counter()
    for text, intent, truth in questions:
        h.sealed.clear()
        expected = truth(h)
        said = await chat.ask(person, text, None)
        answer = said.answer
        fault = wrong_with(asked_again(text, answer.text), expected, h.sealed)
        if answer.intent == "unknown":
            outcome = "refused"
        elif answer.intent != intent:
            outcome, fault = "wrong", f"intent {answer.intent}"
        elif fault is None and expected.ids is not None and set(answer.ids) != _newest(h, expected.ids):
            outcome, fault = "wrong", "provenance"
        else:
            outcome = "right" if fault is None else "wrong"
        found[f"{intent} {outcome}"] += 1
        found[outcome] += 1
        if outcome != "right" or show:
            print(f"  {outcome}: {text}\n     {answer.text[:400]}\n     {fault or ''}")
    return found


def _newest(h: History, ids: frozenset[int]) -> set[int]:
    """Of long lists a thousand are named."""
    return set(sorted(ids, key=lambda one: (h.rows[one - 1].at, one), reverse=True)[:1_000])


async def not_answered(chat: Chat, person: Person, texts: list[str]) -> int:
    """How many were refused, and without any amount."""
    refused = 0
    for text in texts:
        answer = (await chat.ask(person, text, None)).answer
        good = answer.intent == "unknown" and not _MONEY.search(answer.text)
        refused += good
        if not good:
            print(f"  answered: {text}\n     {answer.text[:200]}")
    return refused


async def run(seed: int, *, show: bool) -> bool:
    """Whether all that is promised held for one generated history."""
    h = History(history(seed))
    with tempfile.TemporaryDirectory() as folder:
        noon = datetime.combine(TODAY + timedelta(days=0), clock_time(23, 59), ZONE)
        parts = build(Settings(data_dir=Path(folder)), ManualClock(noon))
        await parts.store.migrate(MIGRATIONS)
        async with parts.store.write() as tx:
            person = await add_person(tx, wallet_address=None, account="acc_sid", now_us=0)
            await stored(tx, person, h.rows)
        chat = parts.services.chat
        print(f"{len(h.rows)} transactions, seed {seed}")
        good = True
        for name, half in (("first half", _chat_first), ("second half", _chat_second)):
            begun = time.perf_counter()
            found = await judge(chat, person, h, half.QUESTIONS, show)
            each_ms = (time.perf_counter() - begun) / len(half.QUESTIONS) * 1_000
            refused = await not_answered(chat, person, half.REFUSED)
            asked = len(half.QUESTIONS)
            print(
                f"{name}: {asked} questions, {found['right']} answered exactly"
                f" ({found['right'] / asked:.1%}),"
                f" {found['refused']} refused, {found['wrong']} wrong; {refused} of {len(half.REFUSED)}"
                f" that have"
                f" no answer refused; {each_ms:.0f} ms each"
            )
            for intent in ("summary", "trend", "comparison", "exact_lookup"):
                outcomes = ("right", "refused", "wrong")
                print(f"   {intent:13}" + "  ".join(f"{o} {found[f'{intent} {o}']}" for o in outcomes))
            good = good and not found["wrong"] and refused == len(half.REFUSED)
            good = good and found["right"] >= PROMISED * asked
        await parts.store.close()
    return good


async def main(*, show: bool) -> bool:
    held = [await run(seed, show=show) for seed in SEEDS]
    print(f"second half at first sight, seed {SEEDS[0]}: {_chat_second.AT_FIRST_SIGHT}")
    return all(held)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="print every answer")
    sys.exit(0 if asyncio.run(main(show=parser.parse_args().show)) else 1)
