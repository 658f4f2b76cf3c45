"""What a chat message wants: confirm, reject, a summary, help, to link a phone, or to note a purchase."""

import difflib
import re
from enum import StrEnum

from msgspec import Struct

from cloud.finance.messages.wording import plain

COMMAND_CHARACTERS_MAX = 200
"""What is longer is a note or a forwarded message."""


class Period(StrEnum):
    """What a summary covers, in the person's time zone."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    THIS_WEEK = "this week"
    LAST_WEEK = "last week"
    THIS_MONTH = "this month"
    LAST_MONTH = "last month"
    THIS_YEAR = "this year"
    LAST_YEAR = "last year"


class Confirm(Struct, frozen=True):
    """It was right."""

    transaction_id: int | None
    """None: the one that was asked about last."""


class Reject(Struct, frozen=True):
    """It was not."""

    transaction_id: int | None


class Summary(Struct, frozen=True):
    """What was spent and received."""

    period: Period


class Help(Struct, frozen=True):
    """What can be said."""


class Link(Struct, frozen=True):
    """The phone belongs to the account that shows the code."""

    code: str
    """In capitals, letters and digits only."""


class Note(Struct, frozen=True):
    """Anything else: perhaps a purchase."""

    text: str


Command = Confirm | Reject | Summary | Help | Link | Note

_YES = (
    "yes y yeah yep yup ok okay k confirm confirmed approve approved correct right true sure done fine accept"
)
_NO = (
    "no n nope nah reject rejected wrong incorrect false cancel deny denied remove delete ignore discard fake"
)
_SUMMARY = "summary summarise summarize report total totals stats statistics spending expenses overview"
_HELP = "help menu commands options start hi hello hey hii namaste info"
_WORDS: dict[str, type[Confirm | Reject | Summary | Help]] = {
    word: kind
    for words, kind in ((_YES, Confirm), (_NO, Reject), (_SUMMARY, Summary), (_HELP, Help))
    for word in words.split()
}
_SIGNS = {"✅": "yes", "👍": "yes", "✔": "yes", "❌": "no", "👎": "no", "✖": "no", "?": "help", "❓": "help"}
_PERIOD = re.compile(
    r"\b(?:(?P<which>this|last|previous|past)\s+)?(?P<unit>today|yesterday|week|month|year)\b"
)
_LINK = re.compile(
    r"(?:link|code|connect|pair)(?: (?:my|this|code|phone|account|number|is|with))*[\s:]+([a-z0-9 -]{4,20})"
)
_BARE_CODE = re.compile(r"(?=[A-Z0-9-]*[A-Z])(?=[A-Z0-9-]*\d)[A-Z0-9]{3,5}-?[A-Z0-9]{3,5}")
_CHOICE = re.compile(
    r"(?P<word>[a-z]+)"
    r"(?: (?:it|this|that|please|pls|transaction|txn|payment|number|no|mine|me|one|is|its|was|thanks)){0,4}"
    r"(?: ?#?(?P<number>\d{1,15}))?(?: (?:please|pls|thanks))?"
)
_NOT_MINE = re.compile(
    r"(?:it ?(?:'s|s|is|was) )?not (?:me|mine|correct|right|my \w+)(?: #?(?P<number>\d{1,15}))?"
)
_ASKED = re.compile(
    r"(?:how much|what) (?:did|have|do) i (?:spen[dt]|pa(?:y|id)|ma[dk]e)"
    r"|(?:show|give|send|get)(?: me)? (?:my |a |the )?(?:\w+ )?(?:summary|report|expenses|spending|stats)"
    r"|my (?:expenses|spending|summary)"
)
_TYPO_LETTERS = 5


def read_command(text: str) -> Command:
    """Case, punctuation, a typing error and polite words do not matter; what is no command is a note."""
    whole = plain(text[: COMMAND_CHARACTERS_MAX + 1])
    if len(whole) > COMMAND_CHARACTERS_MAX:
        return Note(text)
    if _BARE_CODE.fullmatch(whole):
        return Link(whole.replace("-", ""))
    for sign, word in _SIGNS.items():
        whole = f"{word} {whole.replace(sign, ' ')}" if whole.startswith(sign) else whole
    said = re.sub(r"[^\w#': -]|\ufe0f", " ", whole.casefold())
    said = " ".join(said.split()).strip(" -:'")
    return _link(said) or _summary(said) or _choice(said) or Note(text)


def _link(said: str) -> Link | None:
    match = _LINK.fullmatch(said)
    if match is None:
        return None
    code = re.sub(r"[\s-]", "", match[1]).upper()
    return Link(code) if re.fullmatch(r"(?=.*\d)[A-Z0-9]{4,12}", code) else None


def _summary(said: str) -> Summary | None:
    first = _known(said.split(" ", 1)[0]) if said else None
    if first is Summary and re.search(r"\d", said) is None:
        return Summary(_period(said))
    return Summary(_period(said)) if _ASKED.match(said) else None


def _period(said: str) -> Period:
    match = _PERIOD.search(said)
    if match is None:
        return Period.THIS_MONTH
    unit = match["unit"]
    if unit in {"today", "yesterday"}:
        return Period(unit)
    return Period(f"{'last' if match['which'] in {'last', 'previous'} else 'this'} {unit}")


def _choice(said: str) -> Confirm | Reject | Help | None:
    refused = _NOT_MINE.fullmatch(said)
    if refused is not None:
        return Reject(int(refused["number"]) if refused["number"] else None)
    match = _CHOICE.fullmatch(said)
    kind = None if match is None else _known(match["word"])
    if match is None or kind is None or kind is Summary:
        return None
    if kind is Help:
        return Help() if match["number"] is None else None
    number = int(match["number"]) if match["number"] else None
    return Confirm(number) if kind is Confirm else Reject(number)


def _known(word: str) -> type[Confirm | Reject | Summary | Help] | None:
    """The command a word means, also with a typing error in a long word."""
    if word in _WORDS:
        return _WORDS[word]
    if len(word) < _TYPO_LETTERS or len(word) > 2 * _TYPO_LETTERS + 2:
        return None
    close = difflib.get_close_matches(
        word, [known for known in _WORDS if len(known) >= _TYPO_LETTERS], 1, 0.84
    )
    return _WORDS[close[0]] if close else None
