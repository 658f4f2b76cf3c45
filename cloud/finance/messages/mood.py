"""In which mood a clause speaks of a movement: told as a fact, or ahead, failed, in doubt, wanted."""

import re
from enum import Enum, auto

from cloud.finance.messages.wording import words


class Mood(Enum):
    """How a message means a word such as debited."""

    DONE = auto()
    AHEAD = auto()
    FAILED = auto()
    IN_DOUBT = auto()
    """Asked, or under a condition."""
    WANTED = auto()
    """Commanded, requested or offered."""


_NEGATION = words("not|never|nor|without|unable|yet to|instead of|rather than", r"\w+n't|(?:ca|did|was)nt")
_CONDITION = words(
    "if|in case|unless|until|till|once|when(?:ever)?|whether|before|as soon as|should (?:you|it|the)|provided"
)
_MODAL = words(
    r"will|shall|would|may(?= (?:be|get|not|have|also|only|soon|take|attract|apply)\b)|might|can|could",
    r"cannot|must|should|\w+'ll|going to|about to|to (?:be|get)|tomorrow|then",
    "(?:is|are|was|were) being|gets?|getting|due to be|expected|pending|waiting|awaiting|eligible|ready",
    "scheduled(?! (?:payment|transfer|transaction))",
)
_LEANING = re.compile(
    r"\b(?:already|yet|or|than|please|pls|kindly|verify|authori[sz]e|approve|complete|confirm)"
    r"(?:\s(?:be|been|have|has|had|was|is|the|your|you|ur)){0,4}[\s-]*$",
    re.IGNORECASE,
)
"""Directly before a verb."""
_REQUEST = words(
    r"(?<!per your )(?<!on your )(?<!upon your )(?<!per ur )requests?(?! (?:id|no|number|ref)\b)"
)
_LATER = words(
    r"(?:with)?in (?:the next )?(?:\d+|a few|few|some)(?: ?(?:-|to) ?\d+)? ?(?:\w+ )?"
    "(?:s|secs?|seconds?|min(?:ute)?s?|hours?|hrs?|days?|weeks?|months?)",
    "in clearing|under clearing|drop ?box|for (?:processing|clearing|collection|approval)(?! fees?)",
    "(?:on|upon|after) (?:approv|allot|matur|accept|confirm|receiv|success|verif|realis|deliver)\\w+",
    "soon|shortly|tomorrow|next (?:week|month|day)|w\\.?e\\.?f",
    "(?:on|for) (?:every|each)|(?:every|each|per) (?:day|week|month|quarter|year|txn|transaction"
    "|referral|friend)",
    "(?:is|are|was|still|remains?|currently) (?:on hold|held|pending|awaited|under process"
    "|in progress|processing)",
)
"""Behind a verb it is not done, or not once."""
_NOT_YET = words(
    "initiated|scheduled|pending|due|awaited|awaiting|waiting|upcoming|presented|request(?:s|ed)?"
    "|in progress|ensure",
    "unclaimed|(?:being|under|in) process(?:ed|ing)?|will|shall|would|can be|to be|blocked|holds?"
    "|held|lien|earmarked",
    "(?:maintain|keep) (?:sufficient|enough|adequate)|set ?up|registered|created|convert",
)
"""Beside a noun such as payment, which may stand for one to come."""
_COMPLETED = words(
    "made|done|complete[d]?|successful(?:ly)?|success|processed|posted|approved|cleared|executed|confirmed",
    "received|charged|accepted|occurred|had|linked to",
)
_OTHERWISE = words(
    "is|are|was|were|has|have|needs?|expires?|appl(?:y|ies|icable)|accrued|earned",
    "required|revised|saved|noticed",
    "min(?:imum)?|max(?:imum)?|allowed|above|charges",
)
"""What is told of it instead, where nothing says that it was completed."""
_ABOUT_IT = words(
    r"complaint|dispute|query|eligible|convert\w*|into \d+|\d+ (?:emis?|install?ments?)|emi booking|points"
    "|queue|request|suspicious|subject to (?:realisation|approval)|folio|nav",
)
"""Of a payment that was made before, or of none."""
_FAILURE = words(
    "declined|failed|failure|fails|un-?suc+es+ful+|rejected|dishonou?red|returned unpaid|bounced|timed out",
    "(?<!for )cancel(?:l)?ed|denied|refused|aborted|expired|stopped|voided|incomplete",
    "(?:incorrect|wrong|invalid) \\w+|(?:was|is|been) blocked|insufficient (?:funds?|balance)"
    "|(?:funds?|balance) insufficient",
    "(?:che(?:que|ck)|chq|mandate|debit) .{0,80}returned",
)
_ASIDE = words(
    r"t&cs?|terms|thank(?:s| you)|for (?:help|assistance|details|queries|support|more)|offers?|coupon"
    r"|voucher|promo",
    r"\d{1,3}% .{0,24}(?:off|cashback|discount)|up ?to|earn|win|reward points|next purchase|happy"
    r"|enjoy|download|visit",
    "block(?: your)? (?:card|upi|a/?c|account)|contact|helpline|toll ?free|customer care",
)
_NO = words("not|never|unable|cannot|no (?:money|amount|charge)", r"\w+n't|(?:did|could)nt")
_OF_A_FAILED = words(
    r"(?:failed|declined|cancel(?:l)?ed|un-?successful|disputed|rejected|returned|expired)(?= (?:\w+ ){0,2}"
    r"(?:transaction|txn|trxn|payment|order|booking|ticket|transfer|trip|withdrawal|debit|policy))",
    "(?:ticket|order|booking|trip|pnr \\w+) (?:is |was |has been )?cancel(?:l)?ed",
    "(?:return|bounce|dishonou?r|failed?|declined?|insufficient)\\w*(?: \\w+){0,2} (?:charges?|fee|penalty)",
    r"(?:charges?|fee|penalty) (?:for|of|on|towards) (?:\w+ ){0,3}(?:insufficient|return|bounce"
    r"|dishonou?r|declin|fail)\w*"
    "(?: (?:balance|funds))?",
    "towards .{0,24}cancel(?:l)?ed",
)
"""A failure that is only the occasion of what is told."""
_ASKED = re.compile(
    r"(?:did|is|was|are|were|has|have|do|does|why|how|what|where|who)\s(?:it|you|u|this|that|the|your"
    r"|ur|i|we|my|much)\b",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:\w+ ){0,2}(?:declined|failed|unsuccessful|cancel(?:l)?ed|rejected|pending) ?(?:[:!]| -)",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^(?:(?:dear|hi|hello|hey|hurry|good news|congrats|congratulations)\b[^,!:]{0,30}[,!:]\s?"
    r"|[^\s:]+(?: [^\s:]+){0,2}:\s)?",
    re.IGNORECASE,
)
_COMMAND = re.compile(
    r"(?:just |now |simply )?(?:(?:activate|apply|avail|book|block|buy|call|click|contact|convert"
    r"|download|earn|enjoy|ensure|forward|fwd|know|manage|need|report|see|sms|view|write"
    r"|enter|get|grab|ignore|install|invest|invite|join|maintain|open|pay|please|pls|kindly|redeem"
    r"|refer|renew"
    r"|reply|save|send|shop|spend|start|submit|switch|tap|try|update|upgrade|use|verify|visit|win)\s(?!of\b)"
    r"|(?:check|claim|deposit|order|purchase|recharge|refund|return|transfer|withdraw)"
    r"\s(?:rs\b|inr\b|[₹$£€]|an?\s|the\s|your\s|ur\s|my\s|now\b|with\b|today\b))",
    re.IGNORECASE,
)


def is_command(clause: str) -> bool:
    """`Pay Rs 500 now`, also behind a greeting or a name with a colon."""
    greeting = _GREETING.match(clause)
    return _COMMAND.match(clause, greeting.end() if greeting else 0) is not None


def is_aside(clause: str) -> bool:
    """A command, an offer or a courtesy, which may stand beside what is told."""
    return not has_failed(clause) and (is_command(clause) or _ASIDE.search(clause) is not None)


def has_failed(clause: str) -> bool:
    """It tells of something that did not happen, not merely of what happened because of that."""
    left = _OF_A_FAILED.sub(" ", clause)
    return _FAILURE.search(left) is not None


def is_labelled(text: str) -> bool:
    """It begins with `Failed:` or the like."""
    return _LABEL.match(text) is not None


def is_denied(clause: str) -> bool:
    """It says not, or that something failed."""
    return has_failed(clause) or _NO.search(clause) is not None


def is_ahead(clause: str) -> bool:
    """It speaks of what is to come or under way."""
    return _MODAL.search(clause) is not None or _NOT_YET.search(clause) is not None


def mood_of(clause: str, start: int, end: int, *, is_verb: bool) -> Mood:
    """The mood of the word from `start` to `end` of the clause."""
    before, behind = clause[:start], clause[end:]
    if clause.endswith("?") or _ASKED.match(clause) or _CONDITION.search(before):
        return Mood.IN_DOUBT
    if is_command(clause):
        return Mood.WANTED
    if _NEGATION.search(before) or has_failed(clause):
        return Mood.FAILED
    if _MODAL.search(before) or _LATER.search(behind):
        return Mood.AHEAD
    if _LEANING.search(before) or _REQUEST.search(clause):
        return Mood.WANTED
    if not is_verb and (_NOT_YET.search(clause) or _LATER.search(clause) or _CONDITION.search(behind)):
        return Mood.AHEAD
    if not is_verb and (_ABOUT_IT.search(clause) or _is_otherwise(clause)):
        return Mood.IN_DOUBT
    return Mood.DONE


def _is_otherwise(clause: str) -> bool:
    return _OTHERWISE.search(clause) is not None and _COMPLETED.search(clause) is None
