"""A message as the rules see it: plain characters, without the sentences that only warn."""

import re
import unicodedata

_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00ad]")
_GROUPING_SPACE = re.compile("(?<=\\d)[\u00a0\u202f\u2009](?=\\d{3}(?!\\d))")
_SPACES = re.compile(r"[^\S\n]+")
_GLUED = re.compile(
    r"(?<=\d)(?=(?:credited|debited|deducted|paid|received|sent|spent|withdrawn)\b)", re.IGNORECASE
)
_LINES = re.compile(r"\s*\n\s*")


def words(*alternatives: str) -> re.Pattern[str]:
    """Any of the alternatives, each a pattern, as whole words and in either case."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(alternatives)})(?!\w)", re.IGNORECASE)


_SHORTENED = ("rs", "re", "no", "ref", "avl", "bal", "dt", "mr", "dr", "vs", "st")
_NOT_SHORTENED = "".join(rf"(?<!\b{word})" for word in _SHORTENED)
_STOP = re.compile(
    rf"(?<=\w\w){_NOT_SHORTENED}(?:\.(?=\s|[A-Z][a-z])|[!?]+|;)\s*|(?<=[)%])\.\s+|\n", re.IGNORECASE
)
_WARNING = words(
    r"(?:(?:pls|please|kindly)\s)?(?:never|do\s?n.?t|do not|not to|avoid)\s(?:ever\s)?"
    r"(?:share|disclose|give|reveal|tell|forward)",
    "(?:we|bank|staff) (?:will )?(?:never|do not)",
    "not (?:you|u)",
    "not done by (?:you|u)",
    "if not (?:you|u|done|initiated|made|authori[sz]ed)",
    "if (?:this (?:was|is)n.?t|you did ?n.?t|you did not|unauthori[sz]ed|not yours)",
    r"call (?:us )?(?:on |at )?[+(]?\d{3}[\d ()-]*",
    r"sms block\w*",
    "for dispute",
    "to (?:dispute|report)",
    "fwd this sms",
    "subject to clearing",
    "reply stop",
)


_CLAUSE_END = re.compile(
    rf"(?<=\w\w){_NOT_SHORTENED}(?:\.\s|[!?]+\.?\s*)(?!(?:from|to|in|on|by|at|via|towards|using)\b)"
    r"|(?<=[)%])\.\s+|,?\s(?:but|however|whereas)\s",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"(?:if|in case|unless|should you)\b", re.IGNORECASE)


def plain(text: str) -> str:
    """Compatibility characters resolved, invisible ones dropped, runs of spaces made one; lines are kept."""
    text = _GROUPING_SPACE.sub("'", _INVISIBLE.sub("", text))
    text = unicodedata.normalize("NFKC", text).replace("’", "'")  # noqa: RUF001
    text = _GLUED.sub(" ", text)
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()


def sentences(text: str) -> list[str]:
    """Split at full stops, marks, semicolons and line ends, but not behind `Rs.`, `No.` and their like.

    A question keeps its mark.
    """
    found, begin = [], 0
    for stop in _STOP.finditer(text):
        mark = "?" if "?" in stop.group() else ""
        found.append(text[begin : stop.start()].strip() + mark)
        begin = stop.end()
    return [sentence for sentence in [*found, text[begin:].strip()] if sentence.strip("?")]


def clauses(text: str) -> list[tuple[int, str]]:
    """What says one thing each, with where it begins: sentences, and what `but` sets against each other.

    `Sent Rs.500. From A/c XX1234. To RAVI.` is one: a preposition goes on with what stands before it.
    """
    found, begin = [], 0
    for stop in _CLAUSE_END.finditer(text):
        found.append((begin, text[begin : stop.start()] + ("?" if "?" in stop.group() else "")))
        begin = stop.end()
    return [*found, (begin, text[begin:])]


def without_warnings(text: str) -> str:
    """What is left without conditions, and the advice at the end of a sentence: `Not you? Call ...`."""
    kept = []
    for sentence in sentences(text):
        if _CONDITION.match(sentence):
            continue
        warning = _WARNING.search(sentence)
        kept.append(sentence if warning is None else sentence[: warning.start()].strip(" ,-"))
    return ". ".join(part for part in kept if part)
