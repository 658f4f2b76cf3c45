"""The parts of a question: what is measured, what is told apart, what it is about.

Each part takes its words. A word that no part takes and that says nothing by itself either is one we do not
understand; then nothing is answered, for a figure that leaves out a condition is a wrong figure.
"""

import itertools
import re

from msgspec import Struct

from cloud.finance.chat import patterns
from cloud.finance.chat.amounts import Bounds, take_amounts
from cloud.finance.chat.names import Mention, Names
from cloud.finance.chat.query import Group
from cloud.finance.chat.times import Said, Today, take_periods
from cloud.finance.chat.wording import NUMBER_WORDS, Text
from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions.model import SourceType


class Parts(Struct, kw_only=True):
    """What a question said, part by part."""

    periods: list[Said]
    amounts: list[Bounds]
    mentions: list[Mention]
    excluded: list[Mention]
    channels: list[Channel]
    source: SourceType | None = None
    currency: str | None = None
    weekdays: tuple[int, ...] = ()
    flagged: bool = False
    transaction_id: int | None = None
    direction: Direction | None = None
    why: bool = False
    net: bool = False
    share: bool = False
    average: bool = False
    per: Group | None = None
    by_time: Group | None = None
    trend: bool = False
    by_name: Group | None = None
    breakdown: bool = False
    subject: Group | None = None
    plural: bool = False
    """Of the subject: `merchants`, not `merchant`."""
    large: bool = False
    small: bool = False
    most: bool = False
    least: bool = False
    often: bool = False
    number: int | None = None
    count: bool = False
    last_time: bool = False
    latest: bool = False
    first: bool = False
    exists: bool = False
    listing: bool = False
    how_much: bool = False
    thing: bool = False
    things_are_transactions: bool = False
    compare: bool = False
    more: bool = False
    follows: bool = False
    points_back: bool = False
    only: bool = False
    together: bool = True
    """Several times are joined by `and` or stand side by side."""
    mixed: bool = False
    """A category and a seller joined by `and`."""
    strange: tuple[str, ...] = ()
    """Words that nothing explains."""

    @property
    def narrows(self) -> bool:
        return bool(
            self.periods or self.amounts or self.mentions or self.excluded or self.channels or self.weekdays
            or self.source or self.currency or self.flagged
        )  # fmt: skip


def parts_of(plain_text: str, names: Names, today: Today, home: str) -> Parts:
    """All that is told.

    Raises:
        NotInCalendar, Ambiguous
    """
    text = Text(patterns.POLITE.sub(" ", plain_text))
    follows = text.has(patterns.FOLLOWS)
    mentions = names.take_categories(text)
    mentions += names.take_sellers(text, patterns.NO_NAMES, least_words=2)
    found = Parts(periods=[], amounts=[], mentions=mentions, excluded=[], channels=[], follows=follows)
    found.only = bool(patterns.ONLY.search(plain_text))
    _take_flags(text, found)
    found.number = _number(text)
    found.amounts = take_amounts(text, home)
    _take_before_times(text, found)
    found.periods = take_periods(text, today)
    _take_conditions(text, found)
    mentions += names.take_synonyms(text)
    _take_measures(text, found)
    mentions += names.take_sellers(text, patterns.NO_NAMES, least_words=1)
    mentions += names.take_misspelt(text, patterns.NO_NAMES)
    mentions.sort()
    if any(mention.seller for mention in mentions):
        text.take(patterns.WITH_SELLER)
    elif mentions:
        text.take(patterns.BILL)
    found.compare = found.compare or (len(mentions) > 1 and text.has(patterns.APART))
    found.together = all(
        patterns.AND.match(text.rest[one.end : other.start])
        for one, other in itertools.pairwise(found.periods)
    )
    found.mixed = any(
        (one.seller is None) != (other.seller is None)
        and patterns.JOINED.fullmatch(text.rest[one.end : other.start])
        for one, other in itertools.pairwise(mentions)
    )
    _exclude(text, found)
    if len(mentions) > 1 or len(found.periods) > 1 or len(found.channels) > 1:
        text.has(patterns.OR)
    found.strange = tuple(match.group() for match in text.words() if not _says_nothing(match.group()))
    return found


def _says_nothing(word: str) -> bool:
    return word in patterns.VOCABULARY or not any(map(str.isalnum, word))


def _number(text: Text) -> int | None:
    """How many are asked for: its word is taken, those around it are not."""
    for match in patterns.TOP_COUNT.finditer(text.rest):
        name = "after" if match["after"] else "before"
        rest = text.rest[match.end() :].lstrip()
        reaches_back = re.match(r"last|past|previous|recent", match.group())
        if reaches_back and re.match(rf"(?:{patterns.TIMES})\b", rest):
            continue  # the last 3 months
        word = match[name]
        text.mark(match.start(name), match.end(name))
        return int(word) if word.isdigit() else NUMBER_WORDS[word]
    return None


def _take_flags(text: Text, found: Parts) -> None:
    found.why = bool(patterns.WHY.search(text.rest))
    for match in text.take(patterns.ID):
        found.transaction_id = int(match[1] or match[2])
    is_flagged = text.has(patterns.FLAGGED)
    if found.why:
        text.take(patterns.WHY_WORDS)
    else:
        found.flagged = is_flagged


def _take_before_times(text: Text, found: Parts) -> None:
    """What would be mistaken for a time, or hides one."""
    found.last_time = text.has(patterns.LAST_TIME)
    if found.last_time:
        text.has(_LATEST_ALONE)
    found.net = text.has(patterns.NET)
    for match in text.take(patterns.WEEKDAYS):
        if match["weekend"]:
            found.weekdays = (*found.weekdays, 5, 6)
        elif match["weekday"]:
            found.weekdays = (*found.weekdays, 0, 1, 2, 3, 4)
        else:
            name = (match["named"] or match["every"])[:3]
            found.weekdays = (*found.weekdays, patterns.WEEK.index(name))


_LATEST_ALONE = re.compile(
    r"\b(?:last|latest)\b(?! (?:week|month|quarter|year|weekend|monday|tuesday|wednesday|thursday|friday"
    r"|saturday"
    r"|sunday|\d))"
)


def _take_conditions(text: Text, found: Parts) -> None:
    for match in text.take(patterns.SOURCE):
        word = match["source"] or match["adjective"]
        found.source = next(source for beginning, source in patterns.SOURCE_OF if beginning in word)
    for match in text.take(patterns.CURRENCY):
        word = (match["word"] or match["adjective"]).removeprefix("us ").rstrip("s")
        found.currency = patterns.CURRENCY_OF.get(word, word.upper())
    if not patterns.UNKNOWN_CARD.search(text.rest):
        for match in text.take(patterns.CHANNEL):
            word = match["channel"].removeprefix("e-").removeprefix("e").rstrip("s")
            found.channels.append(patterns.CHANNEL_OF.get(word, Channel.BANK_TRANSFER))
            found.thing = found.thing or bool(re.search(patterns.THINGS, match.group()))


def _take_measures(text: Text, found: Parts) -> None:
    found.exists = bool(patterns.EXISTS.search(text.rest))
    found.share = text.has(patterns.SHARE)
    found.trend = text.has(patterns.TREND)
    found.average = text.has(patterns.AVERAGE)
    _take_groups(text, found)
    found.often = text.has(patterns.OFTEN)
    found.count = text.has(patterns.COUNT)
    found.large = text.has(patterns.LARGE)
    found.small = text.has(patterns.SMALL)
    found.most, found.least = text.has(patterns.MOST), text.has(patterns.LEAST)
    found.first = text.has(patterns.FIRST)
    found.listing = text.has(patterns.LIST) | text.has(patterns.WHAT_BOUGHT)
    found.compare = text.has(patterns.COMPARE)
    found.more = text.has(patterns.MORE)
    found.how_much = text.has(patterns.HOW_MUCH)
    found.latest = text.has(patterns.LATEST)
    is_income = text.has(patterns.PAID_TO_ME) | text.has(patterns.INCOME)
    things = list(patterns.THING.finditer(text.rest))
    found.thing = found.thing or bool(things)
    found.things_are_transactions = any(match["transactions"] for match in things)
    is_spending = text.has(patterns.SPENDING)
    text.take(patterns.THING)
    if is_income:
        found.direction = Direction.CREDIT
    elif is_spending:
        found.direction = Direction.DEBIT
    found.points_back = text.has(patterns.POINTS_BACK)


def _take_groups(text: Text, found: Parts) -> None:
    if found.average:
        for match in text.take(patterns.PER):
            found.per = _time_group(match["per"] or match["adverb"]) or found.per
    else:
        for match in text.take(patterns.BY_TIME):
            word = match["unit"] or match["twice"] or match["wise"] or match["adverb"]
            found.by_time = _time_group(word)
    for match in text.take(patterns.BY_NAME):
        found.by_name = _name_group(match["what"] or match["wise"])
    found.breakdown = text.has(patterns.BREAKDOWN)
    if text.has(patterns.WHERE_GO):
        found.breakdown = True
        if (
            patterns.MOST.search(text.rest)
            or patterns.LEAST.search(text.rest)
            or patterns.OFTEN.search(text.rest)
            or found.number
        ):
            found.breakdown, found.subject = False, Group.MERCHANT
    for match in text.take(patterns.SUBJECT):
        word = match["seller"] or match["category"] or match["channel"] or match["time"]
        found.subject = _time_group(word) if match["time"] else _name_group(word)
        found.plural = word.endswith("s")


def _time_group(word: str) -> Group | None:
    if word.startswith("ann"):
        return Group.YEAR
    return patterns.ADVERBS.get(word[:3]) or (Group.DAY if word.startswith("day") else None)


def _name_group(word: str) -> Group:
    if word.startswith("categor"):
        return Group.CATEGORY
    return Group.CHANNEL if re.search(r"channel|pay|method|mode|means", word) else Group.MERCHANT


def _exclude(text: Text, found: Parts) -> None:
    """Move what stands behind `except` and its like to the other list."""
    end = None
    for mention in list(found.mentions):
        head = text.rest[: mention.start]
        word = patterns.WITHOUT.search(head)
        if word is not None:
            text.mark(word.start(), word.end())
        elif end is None or not patterns.AND.match(text.rest[end : mention.start]):
            end = None
            continue
        found.mentions.remove(mention)
        found.excluded.append(mention)
        end = mention.end
