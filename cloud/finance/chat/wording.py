"""A question as plain small letters, from which each rule takes what it understands.

What was taken leaves a mark of the same length, so places stay comparable; whatever no rule takes and is no
filler is a word we do not understand, and then we do not answer.
"""

import re
import unicodedata
from collections.abc import Iterator

QUESTION_LENGTH_MAX = 400
TAKEN = "\x00"

_QUOTES = {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
_QUOTE_TABLE = str.maketrans(_QUOTES)
_SHORT = (
    (re.compile(r"\b(what|where|which|who|how|when|that|it|there|here|let)'s\b"), r"\1 is"),
    (re.compile(r"\b(can|won|don|didn|doesn|isn|wasn|haven|hasn|couldn|shouldn|wouldn)'?t\b"), r"\1 not"),
    (re.compile(r"\bi'?(m)\b"), "i am"),
    (re.compile(r"\b(i|you|we|they)'(ve)\b"), r"\1 have"),
    (re.compile(r"\b(i|you|we|they|he|she)'(d|ll)\b"), r"\1 would"),
    (re.compile(r"\b(whats)\b"), "what is"),
    (re.compile(r"'s\b"), " s"),
)
_GROUPING = re.compile(r"(?<=\d),(?=\d)")
_STOPS = re.compile(r"[?!;:()\[\]{}\"'`*_,]|(?<!\d)\.(?!\d)|\.(?=\s|$)|(?<=[a-z])\.(?=[a-z])")
_UNITS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
""".split()  # noqa: SIM905
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
NUMBER_WORDS = {word: number for number, word in enumerate(_UNITS)} | {
    word: 10 * number for number, word in enumerate(_TENS, 2)
}
SCALES = {
    "hundred": 100,
    "thousand": 1_000,
    "lakh": 100_000,
    "lakhs": 100_000,
    "lac": 100_000,
    "million": 1_000_000,
    "crore": 10_000_000,
    "crores": 10_000_000,
    "billion": 1_000_000_000,
}
_NUMBER = re.compile(
    r"\b(?:a\s+)?(?:(?:" + "|".join([*NUMBER_WORDS, *SCALES]) + r")(?:[\s-]+(?:and\s+)?)?)+(?<=[a-z])\b"
)


def plain(text: str) -> str:
    """Small letters, one space between words, no marks but those of money and dates."""
    text = unicodedata.normalize("NFKC", text).translate(_QUOTE_TABLE).casefold()
    text = "".join(c if c.isprintable() else " " for c in text)
    for pattern, words in _SHORT:
        text = pattern.sub(words, text)
    text = _STOPS.sub(" ", _GROUPING.sub("", text))
    text = _NUMBER.sub(lambda match: _digits(match.group()), text)
    return f" {' '.join(text.split())} "


def _digits(words: str) -> str:
    """In digits, where a scale makes it surely a number: `one` alone may be a pronoun."""
    parts = re.findall("[a-z]+", words)
    if not any(part in SCALES for part in parts) or parts[0] in SCALES:
        return words
    value = value_of(parts)
    return words if value is None else f"{value}{' ' if words.endswith(' ') else ''}"


def value_of(parts: list[str]) -> int | None:
    """The number that English words say, with lakh and crore; None: none."""
    total = group = 0
    for part in parts:
        if part in {"a", "and"}:
            group = 1 if part == "a" else group
        elif part in NUMBER_WORDS:
            group += NUMBER_WORDS[part]
        elif part == "hundred":
            group = max(group, 1) * 100
        elif part in SCALES:
            total, group = total + max(group, 1) * SCALES[part], 0
        else:
            return None
    return total + group


class Text:
    """What is left of a question."""

    def __init__(self, text: str) -> None:
        self.rest = text

    def take(self, pattern: re.Pattern[str]) -> list[re.Match[str]]:
        """All matches, from now on taken."""
        found = list(pattern.finditer(self.rest))
        for match in found:
            self.mark(match.start(), match.end())
        return found

    def has(self, pattern: re.Pattern[str]) -> bool:
        """Whether it was there; it is taken."""
        return bool(self.take(pattern))

    def mark(self, start: int, end: int) -> None:
        """Take this place."""
        self.rest = self.rest[:start] + TAKEN * (end - start) + self.rest[end:]

    def words(self) -> Iterator[re.Match[str]]:
        """What nobody took, in order."""
        return re.finditer(rf"[^\s{TAKEN}]+", self.rest)
