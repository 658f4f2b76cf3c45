"""The words of a text, folded so that a search finds them however they are written.

Case, accents and ligatures do not count: `Elbtal-Süd`, `elbtal sud` and `ELBTAL SÜD` have the same words.
"""

import unicodedata
from collections import Counter

from msgspec import Struct

WORD_LENGTH_MAX = 40
"""Longer ones are cut, in texts and in queries alike."""
IN_NAME = 8
IN_PLACE = 4
IN_DESCRIPTION = 1
COUNTED_MAX = 3
"""A word that a description repeats more often says no more."""

_UNDIVIDED = str.maketrans(
    {
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "ħ": "h",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
    }
)
"""Letters that Unicode does not take for a letter and a mark."""


class Weighed(Struct, frozen=True):
    """A word of a project with how much a hit says."""

    word: str
    weight: int
    in_text: bool
    """Whether it stands in name or description."""


def fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_UNDIVIDED)
    return "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))


def words(text: str) -> list[str]:
    """In their order, repeats included."""
    spaced = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in fold(text))
    return [word[:WORD_LENGTH_MAX] for word in spaced.split()]


def weigh(*, name: str, description: str, place: str) -> list[Weighed]:
    """The index of one project; `place` is where it stands and what technology it has."""
    in_name, in_place, in_description = set(words(name)), set(words(place)), Counter(words(description))
    return [
        Weighed(
            word=word,
            weight=IN_NAME * (word in in_name)
            + IN_PLACE * (word in in_place)
            + IN_DESCRIPTION * min(in_description[word], COUNTED_MAX),
            in_text=word in in_name or word in in_description,
        )
        for word in sorted({*in_name, *in_place, *in_description})
    ]
