"""Which figure was paid: by the words beside it, by arithmetic with the others, by where it stands."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, product

from msgspec import Struct

from cloud.finance.receipts.figures import Figure, Point, figures_in
from cloud.finance.receipts.labels import Label, label_of
from cloud.finance.receipts.model import Line

_WEIGHTS = {
    Label.GRAND: 3.2,
    Label.TOTAL: 2.6,
    Label.SUBTOTAL: 1.0,
    Label.CARD: 1.3,
    Label.TENDER: 0.7,
    Label.NONE: 0.1,
}
_AGAIN = 0.4
"""A second line that says the same counts this part of its weight."""
_PAIRED = 2.2
"""Tender minus change gives it."""
_NEARLY_PAIRED = 1.4
"""The same, but for the few cents that cash is rounded by."""
_CASH_STEP_MINOR = 5
_SUMMED = 1.6
"""Subtotal, tax, charge and rounding give it."""
_SUMMARY = 1.2
"""A tax summary's base and tax give it."""
_ITEMS = 0.8
"""The prices above add up to it."""
_UNROUNDED = -1.6
_TALL = 0.5
_LARGEST = 0.4
_ROUNDING_MAX_MINOR = 50
_UNPRINTED = 0.2
"""Of what tender minus change gives where no line was read so: the total's own line is damaged."""
_UNCOUNTED = 0.15
"""Weight of a figure that names neither a decimal nor a currency."""


class Entry(Struct, frozen=True):
    """A line that holds figures, and what its words say they are."""

    label: Label
    figures: tuple[Figure, ...]
    index: int
    height: float
    confidence: float

    @property
    def last(self) -> Figure:
        return self.figures[-1]


class Total(Struct, frozen=True):
    """The chosen figure and what speaks for it."""

    minor: int
    score: float
    lines: int
    """How many lines print it."""
    paired: bool
    summed: bool
    text_confidence: float
    """The engine's own, of the line it stands on."""


def entries_of(lines: Sequence[Line], *, decimals: int, point: Point) -> list[Entry]:
    """Labelled figures; a label without a figure takes the next line's, where that has no words."""
    entries: list[Entry] = []
    waiting: Label | None = None
    in_summary = False
    for index, line in enumerate(lines):
        figures = tuple(figures_in(line.text, decimals=decimals, point=point))
        label = label_of(line.text)
        if label is Label.SUMMARY:
            in_summary, waiting = True, None
            continue
        if not figures:
            waiting = None if label is Label.NONE else label
            continue
        if label is Label.NONE and waiting is not None and not re.search(r"[^\W\d_]{4}", line.text):
            label = waiting
        waiting = None
        if in_summary and label in {Label.TOTAL, Label.NONE, Label.TAX, Label.SUBTOTAL}:
            label = Label.SUMMARY
        entries.append(Entry(label, figures, index, line.height, line.confidence))
    return entries


def _of(entries: Sequence[Entry], *labels: Label) -> list[int]:
    return [entry.last.minor for entry in entries if entry.label in labels]


def _paired(entries: Sequence[Entry]) -> set[int]:
    """What tender minus change leaves."""
    tenders = _of(entries, Label.TENDER, Label.CARD)
    changes = [abs(value) for value in _of(entries, Label.CHANGE)]
    return {tender - change for tender, change in product(tenders, changes) if tender > change}


def _sums(entries: Sequence[Entry]) -> set[int]:
    """Every subtotal with some of the taxes, charges, discounts and roundings added."""
    parts = [
        (abs(value) if label is not Label.ROUNDING else value, label)
        for label in (Label.TAX, Label.CHARGE, Label.DISCOUNT, Label.ROUNDING)
        for value in dict.fromkeys(_of(entries, label))
        if value
    ][:6]
    sums: set[int] = set()
    for base in set(_of(entries, Label.SUBTOTAL, Label.TOTAL, Label.GRAND)):
        for count in range(1, len(parts) + 1):
            for chosen in combinations(parts, count):
                signs = [
                    (1, -1) if label is Label.ROUNDING else (-1,) if label is Label.DISCOUNT else (1,)
                    for _, label in chosen
                ]
                for sign in product(*signs):
                    sums.add(base + sum(one * value for one, (value, _) in zip(sign, chosen, strict=True)))
    return sums


def _items_sum(entries: Sequence[Entry]) -> int | None:
    """What the lines above the first total add up to; None where fewer than two hold a price."""
    prices: list[int] = []
    for entry in entries:
        if entry.label in {Label.SUBTOTAL, Label.TOTAL, Label.GRAND}:
            break
        if entry.label is Label.NONE and entry.last.exact:
            prices.append(entry.last.minor)
    return sum(prices) if len(prices) > 1 else None


def _summary_sums(entries: Sequence[Entry]) -> set[int]:
    rows = [entry.figures for entry in entries if entry.label is Label.SUMMARY]
    return {row[-2].minor + row[-1].minor for row in rows if len(row) > 1}


def _weights(entries: Sequence[Entry]) -> Iterator[tuple[int, float, Entry]]:
    heights = sorted(entry.height for entry in entries)
    usual = heights[len(heights) // 2]
    for entry in entries:
        weight = _WEIGHTS.get(entry.label)
        if weight is None:
            continue
        figure = entry.last
        if entry.label is Label.NONE and not figure.exact:
            continue  # a count, a code, a year
        if not figure.exact:
            weight *= _UNCOUNTED
        if entry.height > 1.35 * usual and entry.label in {Label.GRAND, Label.TOTAL}:
            weight += _TALL
        yield figure.minor, weight, entry


class _Proofs(Struct, frozen=True):
    """What the receipt's other figures work out to."""

    paired: frozenset[int]
    sums: frozenset[int]
    summary: frozenset[int]
    items: int | None
    roundings: frozenset[int]

    def points(self, minor: int) -> float:
        near = any(abs(minor - one) <= _CASH_STEP_MINOR for one in self.paired)
        points = _PAIRED if minor in self.paired else _NEARLY_PAIRED * near
        points += _SUMMED * (minor in self.sums) + _SUMMARY * (minor in self.summary)
        return points + _ITEMS * (minor == self.items)


def _proofs(entries: Sequence[Entry]) -> _Proofs:
    return _Proofs(
        paired=frozenset(_paired(entries)),
        sums=frozenset(_sums(entries)),
        summary=frozenset(_summary_sums(entries)),
        items=_items_sum(entries),
        roundings=frozenset(abs(value) for value in _of(entries, Label.ROUNDING)),
    )


_Heard = dict[int, list[tuple[float, Entry]]]


def _heard(entries: Sequence[Entry], proofs: _Proofs) -> _Heard:
    heard: _Heard = defaultdict(list)
    for minor, weight, entry in _weights(entries) if entries else ():
        if minor > 0:
            heard[minor].append((weight, entry))
    if not any(entry.label in {Label.GRAND, Label.TOTAL} and entry.last.exact for entry in entries):
        for minor in proofs.paired - set(heard):
            heard[minor].append((_UNPRINTED, entries[-1]))
    return heard


def _was_rounded(minor: int, heard: _Heard, roundings: frozenset[int]) -> bool:
    """Whether a rounding leads from it to another figure further down: that one was paid."""
    steps = {step for step in roundings if 0 < step <= _ROUNDING_MAX_MINOR}
    if not steps:
        return False
    rounded = {minor + sign * step for step in roundings for sign in (1, -1)} - {minor}
    first = min(entry.index for _, entry in heard[minor])
    return any(max(entry.index for _, entry in heard[other]) > first for other in rounded & set(heard))


def total_of(entries: Sequence[Entry]) -> Total | None:
    """The best figure; None where no line could be one."""
    proofs = _proofs(entries)
    heard = _heard(entries, proofs)
    if not heard:
        return None
    largest = max(heard)
    scores: dict[int, float] = {}
    for minor, said in heard.items():
        weights = sorted((weight for weight, _ in said), reverse=True)
        score = weights[0] + _AGAIN * sum(weights[1:3]) + proofs.points(minor) + _LARGEST * minor / largest
        scores[minor] = score + _UNROUNDED * _was_rounded(minor, heard, proofs.roundings)
    best = max(scores, key=lambda minor: (scores[minor], minor))
    return Total(
        minor=best,
        score=scores[best],
        lines=len({entry.index for _, entry in heard[best]}),
        paired=best in proofs.paired,
        summed=best in proofs.sums or best in proofs.summary or best == proofs.items,
        text_confidence=max(entry.confidence for _, entry in heard[best]),
    )
