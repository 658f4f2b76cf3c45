"""When two spellings of a merchant are one merchant."""

import re
import unicodedata

NAME_LENGTH_MAX = 200
_LEGAL_FORM = re.compile(
    r"\b(pvt|private|ltd|limited|llp|llc|inc|corp|gmbh|ag|plc|sdn|bhd|s a|co)\b\.?", re.IGNORECASE
)
_NOT_A_WORD = re.compile(r"[\W_]+")


def merchant_key(name: str) -> str:
    """The same for names that differ in case, accents, punctuation, spaces or legal form; never empty."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    words = _NOT_A_WORD.sub(" ", plain)
    bare = _NOT_A_WORD.sub(" ", _LEGAL_FORM.sub(" ", words)).strip()
    return bare or words.strip() or name.strip().casefold()


def shown_name(name: str) -> str:
    """As kept: one line, printable, of bounded length; may be empty."""
    visible = "".join(c for c in name if c.isprintable() or c.isspace())
    return " ".join(unicodedata.normalize("NFC", visible).split())[:NAME_LENGTH_MAX].strip()
