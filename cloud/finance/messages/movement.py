"""Whether money has moved, and which way: each word that says so, in its mood and for whose money."""

import re
from enum import Enum, auto

from msgspec import Struct

from cloud.finance.messages import sides
from cloud.finance.messages.mood import Mood, is_ahead, is_aside, mood_of
from cloud.finance.messages.wording import clauses, words
from cloud.finance.reading import Direction, Found


class Kind(Enum):
    """What a word says of the account or the person it is about."""

    OUT = auto()
    IN = auto()
    BACK = auto()
    PASSED = auto()
    """Paid, sent: the way is told by what stands around it."""
    TAKEN = auto()
    """Received: by the reader, or by whom the reader paid."""


_VERBS = {
    Kind.OUT: (
        "debited|deducted|withdrawn|withdrew|spent|swiped|charged|billed|bought|purchased|recovered",
        "levied|auto-?debited",
        "has a debit|money out|dr[.]?(?= (?:from|to|by|in))|dr(?=[.:]? ?(?:rs|inr)\\b)|took",
        "left (?:your|ur|the) [^.]{0,30}?account|(?:gone|went) out|taken (?:from|out)",
        "cleared(?= (?:your|from|against))",
        "used(?= (?:at|for|to (?:pay|make)|on|in|your|ur|the)\\b)|(?<=thank you for )using(?=.{0,60}card)",
    ),
    Kind.BACK: (
        "refunded|reversed|reimbursed|credited back|returned(?= .{1,40} to (?:you|your|ur)\\b)",
        "returned(?= (?:rs|inr)\\b)|returned(?= [₹$£€])",
        "(?:has|have) (?:been )?returned(?= .{1,40} your)|is back",
    ),
    Kind.IN: (
        "credited|deposited|added(?! (?:as|to (?:the )?(?:queue|list|cart))\\b)",
        "loaded|topped up|disbursed|has (?:arrived|landed)|money in|(?:is",
        "are) in(?=\\.|$)|cr[.]?(?= to )|cr(?=[.:]? ?(?:rs|inr)\\b)|a credit of",
    ),
    Kind.PASSED: (
        "paid|sent|transferred|moved|trf|trfd|trfrd|remitted|auto-?paid|(?<=thanks for )paying",
        "(?<=thank you for )paying",
    ),
    Kind.TAKEN: ("rec(?:ei|ie)ved|recd|rcvd|receipt of|(?<=you )got|(?<=you've )got|(?<=you have )got",),
}
_NOUNS = {
    Kind.OUT: (
        "debit(?= (?:of|by|for|from|at|txn|purchase|rs|inr|usd|aed)\\b)",
        "debit(?=:? ?(?:[₹$£€]|rs\\b|inr\\b)| alert)",
        "withdrawal|wdl|purchase",
        "(?:transaction|txn|trxn|trx[.]?)(?! (?:no|number|id|ref|limit|alert|fees?|charges)\\b)",
        "charge(?= (?:of|at|on)\\b)|toll",
        "on (?:your|ur) (?:\\w+ ){0,5}card(?: (?:no[.]? ?|ending (?:in |with )?)?[x*\\d]+)? at",
    ),
    Kind.IN: (
        "refund of|(?:direct |cash |ach )?deposit(?= (?:of|from|₹|rs|inr|\\$)|:? ?[₹$£€]|:)",
        "credit(?= alert| with amount| of)|cashback of|interest of|salary of",
    ),
    Kind.PASSED: ("payment|(?:funds?|money|bank|neft|imps) transfer|transfer(?= of\\b)|recharge(?= of\\b)",),
}


def _pattern(by_kind: dict[Kind, tuple[str, ...]], prefix: str) -> list[str]:
    return [f"(?P<{prefix}{kind.name}>{'|'.join(parts)})" for kind, parts in by_kind.items()]


_DEEDS = words(*_pattern(_VERBS, "verb"), *_pattern(_NOUNS, "noun"))


_HANDED = frozenset({"sent", "received", "recd", "got"})
"""What is said of papers, too."""


_SOMETHING_DONE = re.compile(
    r"(?:[₹$£€]|\b(?:rs|re|[a-z]{3})\b\.?)\s?\d[\d,.]*(?:/-)?\s(?:(?:has|have|was|were|is|been|auto"
    r"|just|successfully)[\s-])*"
    r"(?!(?:approv|block|earmark|enabl|enhanc|held|hold|increas|limit|link|mark|offer|owed|plac|request"
    r"|reserve|sanction|suspend)\w*)"
    r"[a-z]{2,}(?:ed|en|wn|nt|ft|pt)\b",
    re.IGNORECASE,
)


class Deed(Struct, frozen=True):
    """A word that says money moves."""

    start: int
    begin: int
    """Where its clause begins."""
    kind: Kind
    is_verb: bool
    """A noun such as payment says less: it may stand for one to come."""
    mood: Mood
    clause: str
    before: str
    """Of its clause, since the verb before."""
    after: str
    """Of its clause, as far as the next verb."""


def deeds(text: str) -> list[Deed]:
    """In order; what is done, and what is not."""
    found = []
    for begin, clause in clauses(text):
        matches = list(_DEEDS.finditer(clause))
        verbs = [match for match in matches if (match.lastgroup or "").startswith("verb")]
        for match in matches:
            if match.group().casefold() in _HANDED and sides.is_of_paper(
                clause[: match.start()], clause[match.end() :]
            ):
                continue
            group = match.lastgroup or ""
            is_verb = group.startswith("verb")
            since = max((verb.end() for verb in verbs if verb.end() <= match.start()), default=0)
            until = min((verb.start() for verb in verbs if verb.start() >= match.end()), default=len(clause))
            found.append(
                Deed(
                    start=begin + match.start(),
                    begin=begin,
                    kind=Kind[group[4:]],
                    is_verb=is_verb,
                    mood=mood_of(clause, match.start(), match.end(), is_verb=is_verb),
                    clause=clause,
                    before=clause[since : match.start()],
                    after=clause[match.end() : until],
                )
            )
    return found


def essence(text: str) -> str:
    """Where a movement is told as done: what is said beside it, without offers, commands and courtesy."""
    told = {deed.clause for deed in deeds(text) if deed.mood is Mood.DONE}
    kept = [clause for _, clause in clauses(text) if clause in told or not (told and is_aside(clause))]
    return ". ".join(kept)


class Vote(Struct, frozen=True):
    """What one word says of the direction, and how plainly: 1 by custom to 4, beyond doubt."""

    direction: Direction
    weight: int


_IN, _OUT = Direction.CREDIT, Direction.DEBIT
_THE_READER_S = frozenset({sides.Side.OWN, sides.Side.BARE})
_ANOTHER_S = frozenset({sides.Side.NAMED, sides.Side.OTHER})
_CUSTOM, _NAMED, _SAID, _BEYOND_DOUBT = 1, 2, 3, 4


def _votes(deed: Deed) -> list[Vote]:
    """Whose account, who paid whom: each trait of the clause that tells."""
    if deed.kind is Kind.BACK:
        return [Vote(_IN, _BEYOND_DOUBT)]
    if deed.kind is Kind.OUT:
        return [Vote(_OUT, _weight(deed))]
    if deed.kind is Kind.IN:
        return _of_a_credit(deed)
    return _of_a_receipt(deed) if deed.kind is Kind.TAKEN else _of_a_payment(deed)


def _weight(deed: Deed) -> int:
    if not deed.is_verb:
        return _CUSTOM
    around = f"{deed.before}|{deed.after}"
    return _SAID if sides.is_by_reader(deed.before) or sides.names_own(around) else _NAMED


def _of_a_credit(deed: Deed) -> list[Vote]:
    """Into the reader's account, or into the other's: then it left the reader's."""
    if not deed.is_verb:
        return [Vote(_IN, _CUSTOM)]
    side = sides.subject(deed.before, deed.after) or sides.target(deed.after) or sides.named(deed.before)
    if side is sides.Side.OTHER:
        return [Vote(_OUT, _NAMED)]
    if side is sides.Side.OWN or sides.is_money_back(deed.clause):
        return [Vote(_IN, _SAID)]
    if side is sides.Side.NAMED:
        return [Vote(_IN, _CUSTOM), Vote(_OUT, _CUSTOM)]
    told = side is sides.Side.BARE or sides.source(deed.after) in _ANOTHER_S
    return [Vote(_IN, _NAMED if told else _CUSTOM)]


def _of_a_payment(deed: Deed) -> list[Vote]:
    found = []
    if sides.is_by_reader(deed.before):
        found.append(Vote(_OUT, _SAID))
    to, source = sides.target(deed.after), sides.source(deed.after) or sides.source(deed.before)
    if sides.is_to_reader(deed.before, deed.after) or to is sides.Side.OWN:
        found.append(Vote(_IN, _SAID))
    if to is sides.Side.BARE and sides.is_into(deed.after):
        found.append(Vote(_IN, _NAMED))
    if to in _ANOTHER_S:
        found.append(Vote(_OUT, _NAMED))
    if source in _ANOTHER_S:
        found.append(Vote(_IN, _NAMED))
    elif source is not None:
        found.append(Vote(_OUT, _SAID if source is sides.Side.OWN else _NAMED))
    if sides.is_money_back(deed.clause):
        found.append(Vote(_IN, _SAID))
    elif sides.is_income(deed.before):
        found.append(Vote(_IN, _NAMED))
    return found or [Vote(_OUT, _CUSTOM)]


def _of_a_receipt(deed: Deed) -> list[Vote]:
    """`You received` and `received in your account` came; `we received` and `received for your policy` went.

    A payment that a card's own account received came to that account.
    """
    if sides.is_by_reader(deed.before):
        return [Vote(_IN, _SAID)]
    to, source = sides.target(deed.after), sides.source(deed.after) or sides.source(deed.before)
    if to is sides.Side.OWN:
        return [Vote(_IN, _SAID)]
    if source is sides.Side.OWN:
        return [Vote(_OUT, _SAID)]
    if sides.is_money_back(deed.clause) or sides.is_income(deed.before):
        return [Vote(_IN, _NAMED)]
    came = to is sides.Side.BARE or source in _ANOTHER_S
    taken = sides.is_taken_by_another(deed.before, deed.after)
    went = taken or sides.is_by_biller(deed.before, deed.after) or (not came and sides.is_bill(deed.before))
    if went and sides.is_of_a_card(deed.clause):
        return [Vote(_IN, _NAMED)]
    found = [Vote(_OUT, _NAMED)] if went else []
    return [*found, Vote(_IN, _NAMED)] if came and not taken else found


def _implied(text: str) -> list[Vote]:
    """Where no word is known: an amount that something was done with, out of an account or into one."""
    found = []
    for _, clause in clauses(text):
        done = _SOMETHING_DONE.search(clause)
        if done is None or is_ahead(clause):
            continue
        if mood_of(clause, len(clause), len(clause), is_verb=True) is not Mood.DONE:
            continue
        to, source = sides.target(clause[done.end() :]), sides.source(clause[done.end() :])
        if source in _THE_READER_S:
            found.append(Vote(_OUT, _NAMED))
        elif to in _THE_READER_S:
            found.append(Vote(_IN, _NAMED))
    return found


_SURE, _MIXED, _ORDER, _IMPLIED = 0.97, 0.93, 0.9, 0.75
BY_CUSTOM = 0.85
"""How sure a direction is of which only the custom of words tells, not whose account it was."""


def _speaking(done: list[Deed]) -> list[Deed]:
    """The verbs, or the nouns where there is none."""
    return [deed for deed in done if deed.is_verb] or done


def plainest(done: list[Deed]) -> list[Deed]:
    """The words that tell most plainly whose money moved."""
    weights = [max((vote.weight for vote in _votes(deed)), default=0) for deed in _speaking(done)]
    return [deed for deed, weight in zip(_speaking(done), weights, strict=True) if weight == max(weights)]


def direction_of(text: str, done: list[Deed]) -> Found[Direction] | None:
    """Which way, seen from the reader: by what is said most plainly; None where that says both, or nothing.

    Of two accounts of which one was debited and the other credited the first is the reader's.
    """
    speaking = _speaking(done)
    votes = [vote for deed in speaking for vote in _votes(deed)] if done else _implied(text)
    if not votes:
        return None
    top = max(vote.weight for vote in votes)
    ways = {vote.direction for vote in votes if vote.weight == top}
    if len(ways) == 1 and not done:
        return Found(ways.pop(), _IMPLIED)
    if len(ways) == 1:
        sure = _SURE if len({vote.direction for vote in votes}) == 1 else _MIXED
        return Found(ways.pop(), sure if top > _CUSTOM or not speaking[0].is_verb else BY_CUSTOM)
    if {deed.kind for deed in speaking} == {Kind.OUT, Kind.IN}:
        return Found(_OUT if speaking[0].kind is Kind.OUT else _IN, _ORDER)
    return None
