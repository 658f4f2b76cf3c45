"""The corpus of messages, read: right fields by part, refusals, and the same for a naive rule of thumb.

Each shape is drawn anew for every seed, so that figures, names and dates vary. The rules were developed on
the first part. Each later part was written before the rules saw it, judged them as they stood, and only then
mended them; `UNSEEN` keeps what each said at first sight, which is what a new wording may expect.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cloud.finance.messages.sms import read_sms
from cloud.finance.reading import Reading, Refused
from shared.clock import from_micros, to_micros
from tests.cloud.finance.messages.corpus.shapes import FIRST, PARTS, Message, messages

SEEDS = range(20)
PROMISED = 0.97
UNSEEN = {
    "second": (0.966, 1.0),
    "third": (0.8, 1.0),
    "fourth": (0.795, 0.5),
    "fifth": (0.8, 0.769),
    "sixth": (0.788, 0.82),
}
"""By part at first sight: amount, direction and channel all right; negatives not booked.

The sixth is reworded from texts that others had held out: what those scored.
"""
Answer = dict[str, object] | str
"""Fields, or the reason why nothing is booked."""

_FIGURE = re.compile(r"(?:Rs\.?|INR|₹|\$|£|€|AED|SGD|EUR|USD)\s?([\d,]+(?:\.\d+)?)", re.I)


def naive(message: Message) -> Answer:
    """The first figure behind a currency sign, and a word search: what a first attempt does."""
    figure = _FIGURE.search(message.text)
    words = message.text.casefold()
    if figure is None or "otp" in words:
        return "refused"
    channel = next((c for word, c in _NAIVE_CHANNELS if word in words), "BankTransfer")
    day = re.search(r"\d{1,2}[-/]\d{1,2}[-/]\d{2,4}", message.text)
    return {
        "amount": int(Decimal(figure[1].replace(",", "").rstrip(".") or "0") * 100),
        "currency": message.home,
        "direction": "credit" if "credited" in words or "received" in words else "debit",
        "channel": channel,
        "merchant": None,
        "day": _numeric_day(day.group()) if day else None,
    }


def _numeric_day(figures: str) -> str:
    day, month, year = re.split("[-/]", figures)
    return f"{int(year) % 100 + 2000}-{int(month):02d}-{int(day):02d}"


_NAIVE_CHANNELS = (("upi", "UPI"), ("wallet", "Wallet"), ("atm", "Cash"), ("card", "Card"))


def ours(message: Message) -> Answer:
    """By the rules."""
    found = read_sms(
        message.text,
        sender=message.sender,
        received_at_us=to_micros(message.received_at),
        zone=message.zone,
        currency=message.home,
    )
    return found.reason.value if isinstance(found, Refused) else _fields(found, message)


def _fields(found: Reading, message: Message) -> Answer:
    return {
        "amount": found.amount_minor.value,
        "currency": found.currency.value,
        "direction": found.direction.value.value,
        "channel": found.channel.value.value if found.channel else None,
        "merchant": found.merchant.value if found.merchant else None,
        "day": from_micros(found.at_us.value).astimezone(message.zone).date().isoformat()
        if found.at_us
        else None,
    }


def truth(message: Message) -> dict[str, object]:
    """Only what the text tells."""
    known: dict[str, object] = {
        "amount": message.amount_minor,
        "currency": message.currency,
        "direction": message.direction,
    }
    if message.channels:
        known["channel"] = message.channels
    if message.merchant:
        known["merchant"] = message.merchant
    if message.day:
        known["day"] = message.day
    return known


def is_right(field: str, wanted: object, got: object) -> bool:
    """Merchants are compared without case, spaces and punctuation."""
    if isinstance(wanted, frozenset):
        return got in wanted
    if field == "merchant":
        return isinstance(got, str) and _letters(got) == _letters(str(wanted))
    return wanted == got


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def judge(part: str, read: Callable[[Message], Answer], *, show: bool) -> tuple[Counter[str], Counter[str]]:
    """How many of each field were asked and right; negatives count as `refused` and, by reason, `reason`."""
    asked: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for seed in SEEDS:
        for message in messages(part, seed):
            answer = read(message)
            wrong = []
            if message.refused:
                asked.update(["refused", "reason"])
                named = isinstance(answer, str) and answer in message.refused
                right.update(["refused"] * isinstance(answer, str) + ["reason"] * named)
                wrong = [] if named else ["refusal"]
            else:
                facts = truth(message)
                wrong = [
                    name
                    for name, wanted in facts.items()
                    if isinstance(answer, str) or not is_right(name, wanted, answer[name])
                ]
                asked.update([*facts, "whole"])
                right.update(facts.keys() - set(wrong))
                right.update(["whole"] * {"amount", "direction", "channel"}.isdisjoint(wrong))
            if wrong and show and seed == SEEDS[0]:
                print(f"  wrong {wrong}: {message.text!r}\n    {answer}")
    return asked, right


FIELDS = ("amount", "currency", "direction", "channel", "whole", "merchant", "day", "refused", "reason")


def report(part: str, *, show: bool) -> bool:
    """Prints the part; false when a promise is broken."""
    mine_asked, mine = judge(part, ours, show=show)
    _, simple = judge(part, naive, show=False)
    print(f"{part} part: {len(messages(part, 0))} shapes, {len(SEEDS)} draws each")
    if part in UNSEEN:
        whole, negatives = UNSEEN[part]
        print(f"  at first sight: whole {whole:.1%}, negatives refused {negatives:.1%}")
    for field in FIELDS:
        asked = mine_asked[field]
        print(f"  {field:<10} {mine[field] / asked:7.2%}   naive {simple[field] / asked:7.2%}   of {asked}")
    return mine["whole"] >= PROMISED * mine_asked["whole"] and mine["refused"] == mine_asked["refused"]


def main() -> int:
    """0 when amount, direction and channel are right in 97 % and no negative is booked, in each part."""
    show = "--wrong" in sys.argv
    parts = [part for part in PARTS if "--first" not in sys.argv or part == FIRST]
    print("whole: amount, direction and channel of one message all right; refused: negatives not booked")
    good = [report(part, show=show) for part in parts]
    print("as promised" if all(good) else "NOT AS PROMISED")
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
