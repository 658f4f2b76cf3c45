"""From a question, and what was asked before it, to a query; or to why there is none."""

import re

from msgspec import structs

from cloud.finance.chat import calendar
from cloud.finance.chat.grammar import Parts, parts_of
from cloud.finance.chat.names import Ambiguous, Mention, Names
from cloud.finance.chat.query import Group, Measure, Period, Query, Selection, Seller, Talk, Unclear
from cloud.finance.chat.talk import talk_of
from cloud.finance.chat.times import NotInCalendar, Today
from cloud.finance.chat.wording import QUESTION_LENGTH_MAX, plain
from cloud.finance.reading import Direction

EXAMPLES = (
    "How much did I spend on groceries last month?",
    "Top 5 merchants this year",
    "When did I last pay Uber?",
    "Compare this month with last month",
)
COMPARED_MAX = 6
RANKED_DEFAULT = 5
TREND_MONTHS_DEFAULT = 12

_AHEAD = re.compile(
    r"\b(?:(?:will|would|shall|should) (?:i|my|we|it)|next (?:day|week|month|quarter|year)|tomorrow"
    r"|forecast\w*|predict\w*"
    r"|going to|afford|budget\w*|plan(?:ning)?|upcoming|due|owe)\b"
)
_ELSEWHERE = re.compile(
    r"\b(?:balance|invest\w*|stocks?|mutual funds?|loans?|emi|tax(?:es)?|interest|credit score|weather"
    r"|news|convert"
    r"|exchange rate)\b"
)
_HOLDINGS = re.compile(
    r"\bhow much (?:money |cash )?(?:do|have) i (?:still |got |have )*(?:have|got|left"
    r"|own)\b"
)
_SINGULAR_SELLER = re.compile(r"\b(?:where|who|whom)\b")


def understood(
    question: str, names: Names, today: Today, home: str, previous: Query | None
) -> Query | Talk | Unclear:
    """`home` is the person's currency; `previous` what the session asked last."""
    if len(question) > QUESTION_LENGTH_MAX:
        return Unclear(f"That is too long for me: ask in at most {QUESTION_LENGTH_MAX} characters.")
    talk = talk_of(question)
    if talk is not None:
        return talk
    text = plain(question)
    try:
        parts = parts_of(text, names, today, home)
    except (NotInCalendar, Ambiguous) as error:
        return Unclear(str(error))
    return _refusal(text, parts) or _query(text, parts, today, previous)


def _refusal(text: str, parts: Parts) -> Unclear | None:
    if _AHEAD.search(text):
        return Unclear("I only look at what you have already paid and received; I do not plan or foretell.")
    if parts.strange and _ELSEWHERE.search(text):
        return Unclear("I only know your transactions: no balances, loans, taxes or anything beyond them.")
    if parts.strange:
        words = ", ".join(f"“{word}”" for word in parts.strange[:4])
        return Unclear(
            f"I do not understand {words}, and would rather not answer than leave it out."
            " I know your own categories and merchants, times, amounts and ways to pay."
        )
    if _HOLDINGS.search(text):
        return Unclear("I know what was paid and received, not what you have.")
    if len(parts.periods) > 1 and not (parts.compare or parts.more or parts.together):
        return Unclear("I do not understand how these times belong together.")
    if set(_categories(parts.excluded)) & set(_categories(parts.mentions)):
        return Unclear("That asks for a category and leaves it out.")
    if parts.exists and parts.amounts and not (parts.thing or parts.flagged):
        return Unclear("Do you mean single payments of that amount? Then ask for payments.")
    if parts.mixed and not (parts.compare or parts.more):
        return Unclear("That mixes categories and merchants: ask for one after the other.")
    if len(parts.amounts) > 1 or len(parts.periods) > COMPARED_MAX or len(parts.mentions) > 2 * COMPARED_MAX:
        return Unclear("That is too much at once: ask with one amount and fewer times or names.")
    return None


def _query(text: str, parts: Parts, today: Today, previous: Query | None) -> Query | Unclear:
    follows = previous is not None and _is_follow_up(parts)
    if not follows and not _is_question(parts):
        return Unclear("I do not see what to look up.")
    if parts.why:
        period = parts.periods[0].period if parts.periods else None
        selection = _selection(parts, period, parts.mentions)
        return Query(measure=Measure.WHY, selections=(structs.replace(selection, direction=None),))
    if follows and previous is not None:
        return _carried(text, parts, today, previous)
    shape = _shape(text, parts)
    if isinstance(shape, Unclear):
        return shape
    if parts.number is not None and shape.count_max is None:
        return Unclear(f"I do not understand what {parts.number} is the number of.")
    return _with_selections(shape, parts, today)


def _is_follow_up(parts: Parts) -> bool:
    if parts.why:
        return False
    is_short = not parts.narrows and parts.direction is None and parts.subject is None and not parts.thing
    is_bare = is_short and not (parts.how_much or parts.net or parts.last_time or parts.compare)
    return parts.follows or parts.points_back or is_bare or not _has_measure(parts)


def _has_measure(parts: Parts) -> bool:
    return bool(
        parts.direction or parts.how_much or parts.thing or parts.count or parts.average or parts.share
        or parts.net or parts.listing or parts.trend or parts.breakdown or parts.subject or parts.by_name
        or parts.by_time or parts.large or parts.small or parts.last_time or parts.compare or parts.first
        or parts.latest
    )  # fmt: skip


def _is_question(parts: Parts) -> bool:
    return parts.why or parts.narrows or _has_measure(parts) or parts.transaction_id is not None


def _shape(text: str, parts: Parts) -> Query | Unclear:
    """The query without its selections."""

    def query(measure: Measure, **more: object) -> Query:
        return structs.replace(Query(measure=measure, selections=()), **more)

    if parts.net:
        return query(Measure.NET, group=parts.by_time, is_trend=False)
    if parts.share:
        return query(Measure.SHARE)
    if parts.average:
        return query(Measure.AVERAGE, per=parts.per) if _averages(parts) else _no_averages()
    ranked = _ranking(text, parts)
    if ranked is not None:
        return ranked
    by_time = parts.by_time or (parts.trend and Group.MONTH)
    if by_time:
        measure = Measure.COUNT if parts.count else Measure.TOTAL
        if parts.by_name:
            return Unclear("I can tell it apart by time or by name, not by both at once.")
        return query(measure, group=by_time, is_trend=True)
    if parts.by_name or parts.breakdown:
        return query(Measure.COUNT if parts.count else Measure.TOTAL, group=parts.by_name or Group.CATEGORY)
    return _plain_shape(text, parts, query)


def _averages(parts: Parts) -> bool:
    return not (parts.by_name or parts.breakdown or parts.subject or parts.trend or parts.by_time)


def _no_averages() -> Unclear:
    return Unclear("I can average over days, weeks, months, years or transactions, one thing at a time.")


def _plain_shape(text: str, parts: Parts, query: object) -> Query | Unclear:
    assert callable(query)  # noqa: S101  made by `_shape`
    found: Query
    is_extreme = parts.large or parts.most or parts.small or parts.least
    if (parts.last_time and not is_extreme) or (parts.latest and parts.number is None and not parts.how_much):
        found = query(Measure.FIRST if parts.first else Measure.LATEST)
    elif parts.latest or (parts.number and parts.thing and not (parts.large or parts.small)):
        found = query(Measure.LIST, count_max=parts.number)
    elif parts.count:
        found = query(Measure.COUNT)
    elif parts.first:
        found = query(Measure.FIRST)
    elif (parts.large or parts.most) and not parts.compare:
        found = query(Measure.LARGEST, count_max=parts.number or 1)
    elif (parts.small or parts.least) and not parts.compare:
        found = query(Measure.SMALLEST, count_max=parts.number or 1)
    elif parts.exists and not (parts.compare or parts.more or parts.how_much):
        found = query(Measure.EXISTS)
    elif not parts.how_much and not parts.compare and _lists(text, parts):
        found = query(Measure.LIST)
    else:
        found = query(Measure.TOTAL)
    return found


_ASKS_LIST = re.compile(r"\b(?:which|what (?:transactions|purchases|payments)|any)\b")
_BOUGHT = re.compile(r"\bwhat (?:all )?(?:did|have) i (?:buy|bought|purchased?|order)")


def _lists(text: str, parts: Parts) -> bool:
    if _BOUGHT.search(text) or parts.transaction_id is not None:
        return True
    asked = parts.listing or _ASKS_LIST.search(text)
    return (
        bool(asked and (parts.thing or parts.flagged))
        or (parts.flagged and parts.direction is None)
        or parts.things_are_transactions
    )


def _ranking(text: str, parts: Parts) -> Query | None:
    """`which category the most`, `top 5 merchants`, `where do I spend most often`."""
    group = parts.subject
    if group is None:
        return None
    is_ranked = parts.large or parts.small or parts.most or parts.least or parts.often or parts.number
    if parts.count and not (parts.most or parts.often):
        return None if group.is_time else Query(measure=Measure.COUNT, selections=(), group=group)
    if not is_ranked:
        if group.is_time or _SINGULAR_SELLER.search(text):
            return Query(measure=Measure.TOTAL, selections=(), group=group, count_max=RANKED_DEFAULT)
        return Query(measure=Measure.TOTAL, selections=(), group=group)
    several = parts.number or (RANKED_DEFAULT if parts.plural else 1)
    return Query(
        measure=Measure.TOTAL,
        selections=(),
        group=group,
        count_max=several,
        least=parts.small or parts.least,
        by_count=parts.often,
    )


def _with_selections(shape: Query, parts: Parts, today: Today) -> Query | Unclear:
    if shape.measure is Measure.SHARE and not parts.narrows:
        return Unclear("A share of what? Name a category, a merchant or a way to pay.")
    contrasts = _contrasts(parts, today)
    if isinstance(contrasts, Unclear):
        return contrasts
    direction = _direction(shape, parts)
    if shape.measure in {Measure.NET, Measure.SHARE} or len(contrasts) < 2:  # noqa: PLR2004
        period = parts.periods[0].period if parts.periods else None
        if len(parts.periods) > 1 or len(parts.channels) > 1:
            return Unclear("Ask for one of them after the other, or say what to compare.")
        if shape.is_trend and period is not None and period.unit is Group.DAY:
            return Unclear("One day has no steps to tell; name a longer time.")
        if shape.is_trend and period is None:
            period = _latest_months(today)
        selection = _selection(parts, period, parts.mentions)
        return structs.replace(shape, selections=(structs.replace(selection, direction=direction),))
    if shape.measure not in {Measure.TOTAL, Measure.COUNT, Measure.AVERAGE} or shape.group is not None:
        shape = Query(measure=Measure.COUNT if parts.count else Measure.TOTAL, selections=())
    if len(contrasts) > COMPARED_MAX:
        return Unclear(f"I can compare at most {COMPARED_MAX} things.")
    return structs.replace(
        shape,
        is_trend=False,
        selections=tuple(structs.replace(one, direction=direction) for one in contrasts),
    )


def _latest_months(today: Today) -> Period:
    first = calendar.months_on(today.day.replace(day=1), 1 - TREND_MONTHS_DEFAULT)
    label = f"since {calendar.named(Group.MONTH, first)}"
    return Period(first=first, last=today.day, label=label, months=TREND_MONTHS_DEFAULT)


def _contrasts(parts: Parts, today: Today) -> list[Selection] | Unclear:
    """What is held against each other; fewer than two: nothing is."""
    periods = [said.period for said in parts.periods]
    compares = parts.compare or parts.more
    if len(periods) > 1:
        if len(parts.mentions) == len(periods) and compares and _alternate(parts):
            return [
                _selection(parts, period, [mention])
                for period, mention in zip(periods, parts.mentions, strict=True)
            ]
        return [_selection(parts, period, parts.mentions) for period in periods]
    period = periods[0] if periods else None
    if len(parts.channels) > 1:
        return [
            structs.replace(_selection(parts, period, parts.mentions), channel=channel)
            for channel in parts.channels
        ]
    if not compares:
        return []
    if len(parts.mentions) > 1:
        return [_selection(parts, period, [mention]) for mention in parts.mentions]
    if not parts.compare:
        return Unclear("More or less than what? Name two times, categories or merchants.")
    if period is None or period.first is None:
        return Unclear("Compare it with what? Name two times, categories or merchants.")
    pair = _neighbours(period, today)
    if pair is None:
        return Unclear("Compare it with what? Name the other time, too.")
    return [_selection(parts, one, parts.mentions) for one in pair]


def _alternate(parts: Parts) -> bool:
    """Whether each name has a time of its own: `groceries in May vs dining in June`."""
    places = sorted(
        [(mention.start, "name") for mention in parts.mentions]
        + [(said.start, "time") for said in parts.periods]
    )
    kinds = [kind for _, kind in places]
    return all(set(kinds[i : i + 2]) == {"name", "time"} for i in range(0, len(kinds), 2))


def _neighbours(period: Period, today: Today) -> tuple[Period, Period] | None:
    """The time that is told and the one it is held against: the one before it, or this one."""
    if period.unit is not None and period.last is not None and period.last < today.day:
        this = calendar.whole(period.unit, today.day, f"this {period.unit}")
        return (structs.replace(this, label="today") if period.unit is Group.DAY else this), period
    earlier = calendar.before(period)
    return None if earlier is None else (period, earlier)


def _direction(shape: Query, parts: Parts) -> Direction | None:
    if shape.measure is Measure.NET:
        return None
    if parts.direction is not None:
        return parts.direction
    open_ones = {Measure.COUNT, Measure.LIST, Measure.LATEST, Measure.FIRST, Measure.EXISTS}
    if shape.measure in open_ones and shape.group is None:
        is_any = parts.things_are_transactions or parts.flagged or parts.transaction_id is not None
        return None if is_any else Direction.DEBIT
    return Direction.DEBIT


def _selection(parts: Parts, period: Period | None, mentions: list[Mention]) -> Selection:
    amount = parts.amounts[0] if parts.amounts else None
    return Selection(
        period=period,
        weekdays=tuple(sorted(set(parts.weekdays))),
        categories=_categories(mentions),
        sellers=_sellers(mentions),
        without_categories=_categories(parts.excluded),
        without_sellers=_sellers(parts.excluded),
        low=None if amount is None else amount.low,
        low_is_in=amount is None or amount.low_is_in,
        high=None if amount is None else amount.high,
        high_is_in=amount is None or amount.high_is_in,
        currency=parts.currency or (None if amount is None else amount.currency),
        channel=parts.channels[0] if len(parts.channels) == 1 else None,
        source=parts.source,
        direction=parts.direction,
        flagged=parts.flagged,
        transaction_id=parts.transaction_id,
    )


def _categories(mentions: list[Mention]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m.category for m in mentions if m.category is not None))


def _sellers(mentions: list[Mention]) -> tuple[Seller, ...]:
    return tuple({m.seller.ids: m.seller for m in mentions if m.seller is not None}.values())


def _carried(text: str, parts: Parts, today: Today, previous: Query) -> Query | Unclear:
    """The question before with what this one changes."""
    shape = previous
    if _has_measure(parts):
        told = _shape(text, parts)
        if isinstance(told, Unclear):
            return told
        is_same = told.measure is Measure.TOTAL and told.group is None and not parts.how_much
        if not is_same or parts.points_back:
            shape = structs.replace(told, selections=previous.selections)
    if shape.measure is Measure.WHY:
        shape = Query(measure=Measure.LIST, selections=previous.selections)
    told_own = _contrasts(parts, today) if parts.compare or parts.more else []
    if isinstance(told_own, Unclear):
        return told_own
    base = previous.selections[:1] if _settles(parts, previous) else previous.selections
    if len(told_own) > 1:
        return structs.replace(
            shape,
            selections=tuple(_changed(base[0], one, parts) for one in told_own),
        )
    if len(parts.periods) > 1 or len(parts.channels) > 1:
        return Unclear("Ask for one of them after the other, or say what to compare.")
    if parts.number is not None and shape.measure in {Measure.LIST, Measure.LARGEST, Measure.SMALLEST}:
        shape = structs.replace(shape, count_max=parts.number)
    period = parts.periods[0].period if parts.periods else None
    new = _selection(parts, period, parts.mentions)
    return structs.replace(shape, selections=tuple(_changed(one, new, parts) for one in base))


def _settles(parts: Parts, previous: Query) -> bool:
    """Whether it names anew just what was compared, so that one thing is left."""
    if len(previous.selections) == 1:
        return True
    one, other = previous.selections[:2]
    return bool(
        (parts.periods and one.period != other.period)
        or (parts.mentions and (one.categories, one.sellers) != (other.categories, other.sellers))
        or (parts.channels and one.channel != other.channel)
    )


def _changed(old: Selection, new: Selection, parts: Parts) -> Selection:
    """What the new one tells, else the old one; `only` adds a name of the other kind."""
    named = bool(new.categories or new.sellers)
    keeps = not named or parts.only
    return Selection(
        period=new.period or old.period,
        weekdays=new.weekdays or old.weekdays,
        categories=new.categories or (old.categories if keeps else ()),
        sellers=new.sellers or (old.sellers if keeps else ()),
        without_categories=new.without_categories or (old.without_categories if not named else ()),
        without_sellers=new.without_sellers or (old.without_sellers if not named else ()),
        low=new.low if parts.amounts else old.low,
        low_is_in=new.low_is_in if parts.amounts else old.low_is_in,
        high=new.high if parts.amounts else old.high,
        high_is_in=new.high_is_in if parts.amounts else old.high_is_in,
        currency=new.currency or old.currency,
        channel=new.channel or old.channel,
        source=new.source or old.source,
        direction=new.direction or old.direction,
        flagged=new.flagged or old.flagged,
        transaction_id=new.transaction_id,
    )
