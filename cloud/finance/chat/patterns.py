"""How people say what a question holds: expressions over lower-case words, and words that narrow nothing."""

import re

from cloud.finance.chat.query import Group
from cloud.finance.chat.wording import NUMBER_WORDS
from cloud.finance.reading import Channel
from cloud.finance.transactions.model import SourceType

THINGS = (
    r"transactions?|purchases?|payments?|expenses?|orders?|charges?|debits?|entries|buys|expenditures?"
    r"|credits"
    r"|spends"
)
SELLERS = r"merchants?|sellers?|shops?|stores?|vendors?|payees?|places?|compan(?:y|ies)|brands?"
CHANNELS = (
    r"(?:payment )?(?:methods?|channels?|modes?)|ways? (?:of paying|to pay)|means of payment"
    r"|payment (?:types?|options?)"
)
TIMES = r"days?|weeks?|months?|quarters?|years?"
NUMBER = r"\d{1,3}|" + "|".join(NUMBER_WORDS)

POLITE = re.compile(
    r"\b(?:please|kindly|(?:can|could|would|will) you(?: please)?(?: tell| show| give| help)?(?: me)?|may"
    r" i know"
    r"|i (?:want|would like|need|like) to (?:know|see|find out)|do you know|tell me|let me know"
    r"|i am (?:wondering|curious)|hey|hi|hello|ok|okay|so|well|thanks|thank you|lumen)\b"
)
WHY = re.compile(
    r"\bwhy\b.*?\b(?:flagged|suspicious|unusual|marked|anomal\w+|odd|strange)\b|\bexplain\b.*\bflag\w*"
)
WHY_WORDS = re.compile(r"\b(?:why|explain|marked|as)\b")
ID = re.compile(r"\btransaction(?: (?:number|id|no))? ?#? ?(\d{1,15})\b|#(\d{1,15})\b")
WITH_SELLER = re.compile(
    r"\b(?:rides?|orders?|visits?|trips?|bills?|subscriptions?|recharges?|tickets?|cabs?|meals?|app)\b"
)
"""What a named seller sells, so that it narrows nothing."""
BILL = re.compile(r"\bbills?\b")
FLAGGED = re.compile(r"\b(?:flagged|suspicious|unusual|anomal(?:y|ies|ous)|odd|strange|irregular)\b")
UNKNOWN_CARD = re.compile(r"\b(?:credit|debit) cards?\b")
CHANNEL = re.compile(
    r"\b(?:(?:paid |pay |paying |made |done )?(?:by|via|with|using|through|in|over|on|from|per) )?(?:my |a"
    r" |the )?"
    r"(?P<channel>upi|cards?|cash|(?:e-?)?wallets?|(?:bank|wire|account) transfers?|net ?banking|neft|imps"
    r"|rtgs)"
    r"(?: (?:payments?|transactions?|purchases?)(?= |$))?(?!\w)"
)
CHANNEL_OF = {"upi": Channel.UPI, "card": Channel.CARD, "cash": Channel.CASH, "wallet": Channel.WALLET}
SOURCE = re.compile(
    r"\b(?:(?:that )?(?:came |come |read |found |imported |taken |booked |were |was |are )*(?:from|by|via"
    r"|in|through) )"
    r"(?:my |an |the |a )?(?P<source>gmail|e-?mails?|mails?|whats ?app|sms(?:es)?|text messages?|uploads?"
    r"|uploaded (?:receipts?|files?)|receipts?|(?:bank )?statements?|upi feed|hand|manual entr(?:y|ies))\b"
    r"|\b(?P<adjective>uploaded|manual(?:ly entered)?)\b"
)
SOURCE_OF = (
    ("gmail", SourceType.GMAIL),
    ("mail", SourceType.GMAIL),
    ("whats", SourceType.WHATSAPP),
    ("sms", SourceType.SMS),
    ("text", SourceType.SMS),
    ("upload", SourceType.UPLOAD),
    ("receipt", SourceType.UPLOAD),
    ("statement", SourceType.STATEMENT),
    ("upi feed", SourceType.UPI_FEED),
    ("hand", SourceType.MANUAL),
    ("manual", SourceType.MANUAL),
)
CURRENCY = re.compile(
    r"\b(?:paid |spent )?in (?P<word>rupees|inr|(?:us )?dollars?|usd|euros?|eur|pounds?|gbp|yen|jpy|aud"
    r"|cad|sgd)\b"
    r"|\b(?P<adjective>rupee|(?:us )?dollar|euro|pound|usd|eur|gbp|inr)(?= (?:spending|expenses?|purchases?"
    r"|transactions?|payments?))"
)
CURRENCY_OF = {"rupee": "INR", "dollar": "USD", "euro": "EUR", "pound": "GBP", "yen": "JPY"}
WEEKDAYS = re.compile(
    r"\b(?:(?:on|over|during|at) )?(?:the )?(?:(?P<weekend>weekends)|(?P<weekday>weekdays|working days))\b"
    r"|\b(?:on |every |each )?(?P<named>(?:mon|tues|wednes|thurs|fri|satur|sun)day)s\b"
    r"|\b(?:every|each) (?P<every>(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b"
)
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

PAID_TO_ME = re.compile(
    r"\b(?:(?:was|were|been|got|get|getting|being) paid|pa(?:id|ys?) me|(?:money |amount )?(?:came|come"
    r"|coming) in"
    r"|i (?:get|got)|credited)\b"
)
INCOME = re.compile(
    r"\b(?:income|earn(?:ed|ings?|s)?|receiv(?:e|ed|ing)|deposited|credits?|deposits?|inflows?|incoming)\b"
)
SPENDING = re.compile(
    r"\b(?:spen[dt](?:ing|s|ings)?|pa(?:y|id|ying|ys)|bought|buy(?:ing|s)?|purchas(?:e|es|ed|ing)"
    r"|expen(?:se|ses|diture|ditures)"
    r"|cost(?:s|ing)?|payments?|shop(?:ped)?|shopping(?= (?:at|from|with|in)\b)|outgoings?|outflows?|went"
    r" to|gone to|debits?|debited|charge[ds]?"
    r"|order(?:ed|s)?|money go(?:es)?|burn(?:ed|t)?|blow|blew)\b"
)
NET = re.compile(
    r"\b(?:did|have|do|am|was|could) i (?:been )?sav(?:e|ed|ing)\b|\b(?:net|savings?|cash ?flow|surplus"
    r"|deficit)\b"
    r"|\b(?:income|earnings?|earned) (?:and|vs|versus|minus|against|compared (?:to|with)|less|with|to|or)"
    r"(?: my)? (?:spending|expenses?|expenditure|spent)\b"
    r"|\b(?:spending|expenses?|expenditure|spend|spent) (?:and|vs|versus|minus|against|compared (?:to"
    r"|with)|less|with|to|or)"
    r"(?: my)? (?:income|earnings?|earned|earn)\b"
    r"|\b(?:spend|spent) more than i (?:earned|earn|made|received)\b"
    r"|\b(?:earn|earned|receive) more than i (?:spent|spend|paid)\b"
)
SHARE = re.compile(
    r"\b(?:what |which )?(?:percent(?:age)?|share|proportion|fraction|part)(?: of)?(?: (?:all|my|the|total"
    r"|overall))*"
    r"(?: (?:spending|expenses?|spend|expenditure|money|outgoings?))?(?: (?:was|is|went|goes|did i spend"
    r"|do i spend))?"
    r"(?: (?:to|on|for|at))?\b"
)
AVERAGE = re.compile(
    r"\b(?:(?:on |in )?(?:an |the )?average|avg|mean|typically|usually|typical|on an average)\b"
)
PER = re.compile(
    rf"\b(?:per|a|an|each|every) (?P<per>day|week|month|quarter|year|{THINGS}|time|order|ride|visit)(?!\w)"
    r"|\b(?P<adverb>daily|weekly|monthly|quarterly|yearly|annual(?:ly)?)\b"
)
BY_TIME = re.compile(
    r"\b(?:(?:by|per|for each|for every|in each|each|every|across|over)(?: the)? (?P<unit>day|week|month"
    r"|quarter|year)s?"
    r"|(?P<twice>day|week|month|quarter|year) (?:by|over|on|after|to) (?P=twice)"
    r"|(?P<wise>day|week|month|quarter|year)[ -]?wise"
    r"|(?P<adverb>daily|weekly|monthly|quarterly|yearly|annual(?:ly)?))\b"
)
TREND = re.compile(
    r"\b(?:trends?|trending|over time|evolution of|history of|development of"
    r"|(?:changed?|changing|evolv\w+|develop(?:ed|s)?|varied|gone up|gone down|grown|moved|progressed)"
    r"|(?:going|gone) (?:up|down)|increas(?:ed|ing)|decreas(?:ed|ing)|graph|chart|plot)\b"
)
ADVERBS = {"dai": Group.DAY, "wee": Group.WEEK, "mon": Group.MONTH, "qua": Group.QUARTER, "yea": Group.YEAR}
BY_NAME = re.compile(
    rf"\b(?:by|per|for each|each|every|across|for every|in each)(?: my| the)?(?: (?:all|different|various))?"
    rf" (?P<what>categor(?:y|ies)|{SELLERS}|{CHANNELS})\b"
    rf"|\b(?P<wise>category|merchant|seller|shop|channel|payment method)[ -]?wise\b"
)
BREAKDOWN = re.compile(
    r"\b(?:break ?downs?|breaking down|broken down|break (?:it |that |this )?down|split(?: up)?"
    r"|distribution|summar(?:y|ise|ize)"
    r"|overview|divided|distributed|grouped)\b"
)
WHERE_GO = re.compile(
    r"\bwhere (?:did|does|do|has|is|was) (?:all )?(?:my |the |i )?(?:money|cash|income|spending)?"
    r" ?(?:go|going|gone|spent|spend)\b(?: my money| the money| money)?"
)
SUBJECT = re.compile(
    rf"\b(?P<seller>(?:which|what|top|biggest|largest|main|number one|one|my) (?:{SELLERS})|where|who|whom"
    r"|(?:merchant|seller|shop|store|vendor|payee|place|brand)s|companies)\b"
    rf"|\b(?:which |what |my |the )?(?P<category>categor(?:y|ies))\b"
    rf"|\b(?:which |what |my )?(?P<channel>{CHANNELS})\b"
    r"|\b(?:which|what|in which|on which|in what|on what|my|the|top|\d) (?P<time>days?|weeks?|months?"
    r"|quarters?|years?)\b"
)
LARGE = re.compile(
    r"\b(?:largest|biggest|highest|most expensive|greatest|max(?:imum)?|priciest|costliest|expensive|top"
    r"|large)\b"
)
SMALL = re.compile(r"\b(?:smallest|lowest|cheapest|least expensive|min(?:imum)?|tiniest|bottom)\b")
MOST = re.compile(r"\b(?:the )?most(?: money| amount)?\b")
LEAST = re.compile(r"\b(?:the )?least(?: money| amount)?\b")
OFTEN = re.compile(
    r"\b(?:most often|most frequent(?:ly)?|most common(?:ly)?|most times|frequent(?:ly)?|most (?:visited"
    r"|used|visits)"
    rf"|(?:the )?most (?:{THINGS}))\b|\b(?:by|in) (?:the )?number of (?:{THINGS})\b"
)
TOP_COUNT = re.compile(
    rf"\b(?:top|bottom|largest|biggest|highest|smallest|lowest|cheapest|most expensive|latest|newest|most"
    rf" recent"
    rf"|recent|last|previous|past|first|only|show(?: me)?|list)(?: my| the)? (?P<after>{NUMBER})(?= )"
    rf"|\b(?P<before>{NUMBER}) (?=(?:most |least )?(?:largest|biggest|highest|smallest|lowest|cheapest"
    rf"|latest"
    rf"|newest|recent|expensive|frequent|top|{THINGS}|{SELLERS}|categor))"
)
COUNT = re.compile(
    r"\b(?:how many(?: (?:different|distinct|unique|individual|separate))?(?: times)?|how often|number of"
    r"|count(?: of)?"
    r"|how frequently|(?:the )?total number of)\b"
)
LAST_TIME = re.compile(
    r"\bwhen (?:did|have|had|was|were) (?:i|we|the|my)(?: most recent(?:ly)?| last| latest)?\b"
    r"|\b(?:the )?last time\b|\bhow long (?:ago|since)\b"
)
LATEST = re.compile(r"\b(?:latest|most recent(?:ly)?|newest|recent(?:ly)?|last)\b")
FIRST = re.compile(r"\b(?:(?:the )?(?:first|earliest) (?:time|ever)|first|earliest|oldest)\b")
EXISTS = re.compile(
    r"^\s*(?:and )?(?:did|have|has|had|was|were|is|are|do) (?:i|we|there|my)(?: ever| already| any| have|"
    r" an?)*\b"
)
LIST = re.compile(
    r"\b(?:list|show|find|display|see|get|give|view|look(?: up)?|fetch|search|pull up|details?)\b"
)
WHAT_BOUGHT = re.compile(
    r"\bwhat (?:all )?(?:did|have) i (?:buy|bought|purchased?|order(?:ed)?)\b|\bwhat i bought\b"
)
HOW_MUCH = re.compile(
    r"\b(?:how much|total|sum|amount|altogether|overall|in all|combined|spending|expenditure)\b"
)
THING = re.compile(rf"\b(?P<transactions>transactions?|entries)\b|\b(?:{THINGS})\b")
COMPARE = re.compile(
    r"\b(?:vs|versus|v|compar(?:e|ed|es|ing|ison|isons)(?: (?:to|with|between|against|of))?"
    r"|differences?(?: (?:between|in))?"
    r"|than(?: (?:in|on|at|for|from|i did))?|against|relative to|rather than|more or less)\b"
)
MORE = re.compile(
    r"\b(?:more|less|higher|lower|fewer|greater|bigger|smaller|cheaper|dearer|either|up|down)\b"
)
OR = re.compile(r"\bor\b")
WITHOUT = re.compile(
    r"\b(?:except(?:ing)?(?: for)?|excluding|exclude|without(?: counting)?|other than|apart from|aside"
    r" from|besides"
    r"|not (?:counting|including|on|at|for)|ignoring|but not|leaving out|leave out)"
    r"(?: (?:for|on|at|my|the|from|any|all))*\s*$"
)
AND = re.compile(r"^\s*(?:and|or|nor|&|,)?\s*(?:my|the|on|at|from|for)?\s*$")
APART = re.compile(r"\b(?:each|respectively|separately|apart)\b")
JOINED = re.compile(r"\s*(?:and|or|&)\s*(?:on|at|from|for)?\s*")
FOLLOWS = re.compile(
    r"^\s*(?:(?:and|but|what about|how about|only|just|now|also|then|same|what of|of (?:those|these|them"
    r"|that)|again)\b"
    r"\s*)+"
)
POINTS_BACK = re.compile(
    r"\b(?:(?:of |in |about |among |between )?(?:those|these|them|that|this|it|the same|same)(?: (?:ones?"
    r"|transactions?"
    r"|purchases?|payments?|amount|figure|total))?)\b"
)
ONLY = re.compile(r"\b(?:only|just)\b")

VOCABULARY = frozenset(
    """
    a about actually ago all alone altogether am amount amounts an and any anything are as at be been before
    by can could days did different do does doing done during each ever every everything exactly far for
    from get give given go goes going gone got had has have how i in into is it its just kind last list lot
    made make me money much my myself need of on one ones only out over overall per period place please put
    right s show since so some something spend stuff such tell that the their them then there these they
    thing things this those time times to total toward towards transaction transactions up us use used using
    want was we went were what when where which while who whom with within would you your sum amounts value
    worth account name named called under category merchant seller shop store vendor at through throughout
    until single whole entire combined together spends figure figures data finances financial personal own
    across ours our today now currently latest both
    """.split()  # noqa: SIM905
)
"""Words that narrow nothing by themselves."""
NO_NAMES = (
    VOCABULARY
    | frozenset(NUMBER_WORDS)
    | frozenset(["not", "no", "without", "except", "more", "less", "or", "next", "will"])
)
