"""What people say that is no question about money: hello, a name, thanks, help."""

import re

from cloud.finance.chat.query import Talk

NAME_LENGTH_MAX = 60
_HELLO = r"(?:hi+|hello+|hey+|hiya|namaste|namaskar|good (?:morning|afternoon|evening|day)|greetings|yo)"
_HELLO += r"(?: (?:there|lumen|all|bot))?"
_NAME = r"(?P<name>[^\W\d_][\w.'-]*(?: [^\W\d_][\w.'-]*){0,3})"
_NAME_TOLD = re.compile(
    rf"(?:{_HELLO}[ ,.!]*)?(?:(?:please )?(?:call me|you can call me|you may call me)|my name is|my name's"
    rf"|i am called"
    rf"|name is|(?:and )?(?:i am|i'm|this is)) {_NAME}[ .!]*",
    re.IGNORECASE,
)
_KINDS = (
    ("greeting", rf"{_HELLO}(?:,? how are you(?: doing)?(?: today)?)?|how are you(?: doing)?(?: today)?"),
    (
        "thanks",
        (
            r"(?:ok(?:ay)?,? |great,? |perfect,? )?(?:many thanks|thanks?(?: you)?(?: (?:so|very) much| a"
            r" lot)?|thx|ty|cheers"
            r"|great|perfect|awesome|nice|cool|ok(?:ay)?|got it|well done)"
        ),
    ),
    (
        "help",
        (
            r"(?:help(?: me)?|what (?:can|do) you (?:do|know|answer)(?: for me)?|what can i ask(?: you)?|how"
            r" (?:do|does) (?:you|this|it)"
            r" work|how can you help(?: me)?|who are you|what are you|commands?|examples?)"
        ),
    ),
    (
        "name_asked",
        r"(?:what is|what's|whats|do you (?:know|remember)|tell me) my name|who am i|do you remember me",
    ),
    (
        "memory_asked",
        r"what do you (?:remember|know) about me|what have you (?:stored|saved|remembered)(?: about me)?",
    ),
    ("name_forgotten", r"(?:please )?forget my name|(?:please )?do(?: not|n't) call me that"),
    ("farewell", r"(?:good ?bye|bye+|see you(?: later)?|good night|ciao)(?: lumen)?"),
)
_ENDS = r"[ ?!.,]*"
_PATTERNS = tuple((kind, re.compile(rf"(?:{pattern}){_ENDS}", re.IGNORECASE)) for kind, pattern in _KINDS)
_NO_NAMES = frozenset(
    """
    fine good ok okay well here not a an the looking trying asking wondering curious interested happy sad
    broke going sure lost back new worried spending paying rich poor in on at from very so just
    """.split()  # noqa: SIM905
)
"""`I am looking …` tells no name."""


def talk_of(text: str) -> Talk | None:
    """None: it is a question, or nothing we know."""
    line = " ".join(text.replace("\u2019", "'").split())
    told = _NAME_TOLD.fullmatch(line)
    if told is not None and told["name"].split()[0].casefold() not in _NO_NAMES:
        return Talk(kind="name_told", name=told["name"].rstrip(".'-")[:NAME_LENGTH_MAX])
    for kind, pattern in _PATTERNS:
        if pattern.fullmatch(line):
            return Talk(kind=kind)
    return None
