"""The corpus: shapes of messages with places for figures, names and dates, drawn anew for each seed."""

import random
import re
import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH = "first", "second", "third", "fourth", "fifth", "sixth"
PARTS = (FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH)
ZONES = {
    "INR": "Asia/Kolkata",
    "USD": "America/New_York",
    "GBP": "Europe/London",
    "EUR": "Europe/Berlin",
    "AED": "Asia/Dubai",
    "SGD": "Asia/Singapore",
}
SHOPS = [
    "SWIGGY",
    "Big Bazaar",
    "AMAZON",
    "Cafe Aroma",
    "Reliance Fresh",
    "IRCTC",
    "Netflix",
    "DMart",
    "Blue Tokai",
    "Tesco",
]
PEOPLE = ["RAVI KUMAR", "Anita Desai", "MOHAMMED ALI", "Priya S", "JOHN SMITH", "Meena Iyer"]
COMPANIES = ["ACME TECHNOLOGIES", "Zenith Retail", "ORBIT SYSTEMS", "Sunrise Foods"]
PLACES = ["MUMBAI", "Andheri", "PUNE", "Koramangala"]
HANDLES = ["okaxis", "ybl", "paytm", "oksbi", "icici"]
_MARK = re.compile(r"\{(\w+)(?::([^}]*))?\}")


@dataclass(frozen=True)
class Message:
    """A text, what is known beside it, and the truth."""

    text: str
    sender: str | None
    received_at: datetime
    zone: ZoneInfo
    home: str
    refused: frozenset[str]
    """Empty: it is to be booked."""
    amount_minor: int
    currency: str
    direction: str
    channels: frozenset[str]
    """Empty: the text leaves it open."""
    merchant: str | None
    day: str | None
    """ISO date where the text tells one."""


def grouped(minor: int, *, indian: bool) -> str:
    """With two decimals, in lakhs and crores or in thousands."""
    whole, cents = divmod(minor, 100)
    digits = str(whole)
    if not indian:
        return f"{whole:,}.{cents:02d}"
    head, tail = digits[:-3], digits[-3:]
    parts = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)][::-1]
    return ",".join([*parts, tail]) + f".{cents:02d}"


def _date(moment: datetime, form: str) -> str:
    named = {
        "ddMonyy": "%d%b%y",
        "dd-Mon-yy": "%d-%b-%y",
        "dd-mm-yy": "%d-%m-%y",
        "dd/mm/yy": "%d/%m/%y",
        "dd-mm-yyyy": "%d-%m-%Y",
        "dd/mm/yyyy": "%d/%m/%Y",
        "dd.mm.yyyy": "%d.%m.%Y",
        "dd.mm.yy": "%d.%m.%y",
        "dd-Mon-yyyy": "%d-%b-%Y",
        "dd Mon yyyy": "%d %b %Y",
        "dd Mon": "%d %b",
        "Mon d, yyyy": "%b %d, %Y",
        "Mon yyyy": "%b %Y",
        "mm/dd/yyyy": "%m/%d/%Y",
        "mm/dd/yy": "%m/%d/%y",
        "mm/dd": "%m/%d",
        "yyyy-mm-dd": "%Y-%m-%d",
        "yyyy:mm:dd": "%Y:%m:%d",
    }
    if form in named:
        return moment.strftime(named[form])
    return moment.strftime({"dd-MON-yy": "%d-%b-%y"}[form]).upper()


def _words(draw: random.Random, minor: int, moment: datetime, *, indian: bool) -> dict[str, str]:
    balance = draw.randrange(100_000, 900_000_000)
    figure = grouped(minor, indian=indian)
    style = draw.randrange(3)
    if style == 1:
        figure = f"{minor // 100}.{minor % 100:02d}"
    elif style == 2 and minor % 100 == 0:
        figure = figure.removesuffix(".00")
    whole, cents = divmod(minor, 100)
    return {
        "amount": figure,
        "amount_eu": f"{whole:,}".replace(",", ".") + f",{cents:02d}",
        "bare": f"{whole}.{cents:02d}" if cents else draw.choice([f"{whole}", f"{whole}.0", f"{whole}.00"]),
        "balance": grouped(balance, indian=indian),
        "balance_plain": f"{balance / 100:.2f}",
        "tail": f"{draw.randrange(1000, 9999)}",
        "ref": f"{draw.randrange(10**11, 10**12)}",
        "otp": f"{draw.randrange(100_000, 999_999)}",
        "shop": draw.choice(SHOPS),
        "person": draw.choice(PEOPLE),
        "company": draw.choice(COMPANIES),
        "place": draw.choice(PLACES),
        "vpa": f"{draw.choice(['ravi.k', 'cafe-aroma', '9812345670', 'q1234567'])}@{draw.choice(HANDLES)}",
        "time": moment.strftime(draw.choice(["%H:%M", "%H:%M:%S"])),
        "time12": moment.strftime("%I:%M %p"),
    }


def _filled(text: str, words: dict[str, str], moment: datetime) -> str:
    def word(match: re.Match[str]) -> str:
        name, form = match.group(1), match.group(2)
        return _date(moment, form) if name == "date" else words[name]

    return _MARK.sub(word, text)


def messages(part: str, seed: int) -> list[Message]:
    """One message of each shape of the part."""
    draw = random.Random(f"{part}{seed}")
    with (HERE / f"{part}.toml").open("rb") as file:
        shapes = tomllib.load(file)["shape"]
    made = []
    for shape in shapes:
        currency = shape.get("currency", "INR")
        home = shape.get("home", currency)
        zone = ZoneInfo(ZONES[home])
        moment = datetime(2026, 1, 1, 9, tzinfo=zone) + timedelta(minutes=draw.randrange(280 * 1440))
        cents = draw.choice([0, 0, 50, draw.randrange(100)])
        minor = draw.choice([draw.randrange(20, 900), draw.randrange(1000, 90_000), 1_23_456]) * 100 + cents
        words = _words(draw, minor, moment, indian=currency == "INR")
        verdict, _, rest = shape["is"].partition(" ")
        refused = frozenset(rest.split("|")) if verdict == "refused" else frozenset()
        stated = re.search(r"\{date:([^}]*)\}", shape["text"])
        made.append(
            Message(
                text=_filled(shape["text"], words, moment),
                sender=shape.get("sender"),
                received_at=moment + timedelta(minutes=draw.randrange(10)),
                zone=zone,
                home=home,
                refused=refused,
                amount_minor=minor,
                currency=currency,
                direction=verdict,
                channels=frozenset() if refused or rest == "any" else frozenset(rest.split("|")),
                merchant=_filled(shape["merchant"], words, moment) if "merchant" in shape else None,
                day=moment.date().isoformat() if stated and "d" in stated.group(1) else None,
            )
        )
    return made
