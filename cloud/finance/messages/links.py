"""Texts that want a click: a link to nobody known, and a reason to hurry, is how fraud looks."""

import re

from cloud.finance.messages.wording import words

_ENDS = (
    "com|net|org|info|xyz|top|online|site|club|link|live|shop|io|in|co|ly|me|uk|app|apk|cc|tk|ru|cn|biz|icu"
)
_LINK = re.compile(
    r"(?:https?://|www\.)(?P<rest>[^\s<>\"]{1,300})"
    rf"|(?<![\w@.])(?<!from )(?<!by )(?P<bare>(?:[a-z0-9-]{{1,40}}\.){{1,4}}(?:{_ENDS})"
    r"(?:/[^\s<>\"]{0,200})?)(?![\w@])",
    re.IGNORECASE,
)
_DOMAINS = """
sbi.co.in onlinesbi.sbi onlinesbi.com sbicard.com hdfcbank.com hdfcbk.io icicibank.com icici.bank
axisbank.com axisbank.co.in axbk.in kotak.com kotak.bank.in pnbindia.in bankofbaroda.in bobfinancial.com
canarabank.com unionbankofindia.co.in idfcfirstbank.com yesbank.in indusind.com federalbank.co.in
rblbank.com aubank.in dbs.com hsbc.co.in hsbc.co.uk sc.com citi.com citibank.com chase.com
bankofamerica.com wellsfargo.com capitalone.com americanexpress.com usbank.com barclays.co.uk
lloydsbank.com natwest.com monzo.com starlingbank.com revolut.com n26.com paypal.com venmo.com
paytm.com paytm.me phonepe.com phon.pe g.co google.com amazon.in amazon.com amazon.co.uk amzn.in
amzn.to mobikwik.com freecharge.in cred.club bajajfinserv.in airtel.in jio.com swiggy.com zomato.com
uber.com irctc.co.in flipkart.com npci.org.in sihub.in amzn.com cash.app
"""
_KNOWN = frozenset(_DOMAINS.split())
"""Domains whose owner is known: they and what lies under them."""
_HURRY = words(
    "immediately",
    "urgent(?:ly)?",
    r"within \d+\s?(?:min|minutes?|hours?|hrs)",
    "right now|today only",
    "expires?",
    r"block(?:ed)?|suspend(?:ed)?|deactivat\w+|frozen|freeze",
    "kyc|pan card|update (?:your )?pan",
    "verify|verification",
    "on hold|held",
    "claim|won|winner|lottery|lucky|prize|reward points",
    "reverse|cancel|dispute|refund",
    "lose|avoid|unlock|restore",
    "click|tap",
)
_CLOCK = re.compile(r"\d{1,4}\.[a-z]+")
"""`07:02:53.Info`: a full stop without a space."""
_TELEPHONE = re.compile(r"\+?\d{8,15}")
_TOLL_FREE = re.compile(r"\+?1?8(?:00|33|44|55|66|77|88)\d{7}")


def hosts(text: str) -> list[str]:
    """The host of each link, in small letters, without port and without what stands before an @."""
    found = []
    for match in _LINK.finditer(text):
        rest = match["rest"] or match["bare"]
        authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
        found.append(authority.rsplit("@", 1)[-1].split(":", 1)[0].strip(".,;)").casefold())
    return [host for host in found if host and not _CLOCK.fullmatch(host)]


def is_known(host: str) -> bool:
    """It is a known institution's own domain, not one that merely holds its name."""
    return any(host == domain or host.endswith("." + domain) for domain in _KNOWN)


def from_a_person(sender: str | None) -> bool:
    """A telephone number that is nobody's hotline: banks write from names and short codes."""
    number = re.sub(r"[\s()-]", "", sender or "")
    return _TELEPHONE.fullmatch(number) is not None and _TOLL_FREE.fullmatch(number) is None


def looks_like_fraud(text: str, sender: str | None) -> bool:
    """A link that is no known institution's, with a reason to hurry or from a private number."""
    strange = [host for host in hosts(text) if not is_known(host)]
    if not strange:
        return False
    return from_a_person(sender) or _HURRY.search(text) is not None
