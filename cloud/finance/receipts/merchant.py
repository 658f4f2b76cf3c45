"""Who sold: a name among the first lines, before address and numbers begin."""

import re
import unicodedata
from collections.abc import Sequence

from msgspec import Struct

from cloud.finance.receipts.model import Line

_HEAD_LINES = 12
_LEGAL = re.compile(
    r"(?i)\bsdn\.?\s?bh[dzo0]\b|sdn\s?\.?bhd|\bs/[b8]\b|\bbhd\b|\bberhad\b|\b(?:pvt|pte"
    r"|private)\.?\s*\(?ltd\b|\bltd\b|\blimited\b"
    r"|\bl\.?l\.?[pc]\b\.?|\binc\b|\bcorp\b|\bplc\b|\bgmbh\b|\be\.?\s?k\.|\bohg\b|\bkg\b(?!\s*\d)"
    r"|\bag\b|\bs\.?a\.?r\.?l\b|\bsas\b"
    r"|株式会社|有限会社|合同会社"
)
_TRADE = re.compile(
    r"(?i)enterprise|trading|hardware|restaurant|restoran|r[ae]?storan|kedai|cafe|café"
    r"|bakery|bakeries|stationery|book|mart\b|market"
    r"|store|stores|shop|pharmacy|farmasi|perniagaan|syarikat|centre|center|supplies|kitchen|house"
    r"|hotel|electrical|food|seafood"
    r"|bistro|grill|pizz|coffee|kopi|clinic|klinik|station|service|motor|auto|fashion|departmental"
    r"|supermarket|hypermarket"
    r"|traders|sweets|bhavan|dhaba|medical|boulangerie|brasserie|apotheke|backerei|bäckerei|markt|店"
)
_NOT_NAME = re.compile(
    r"(?i)\b(?:jalan|jln|jaan|lorong|lrg|taman|tmn|lot\b|bandar|seksyen|section|kampung|kg\."
    r"|persiaran|lebuh\w*|street\b|road\b|avenue|ave\b|floor\b|flr|blk|block"
    r"|plaza\b.*\d|no\.?\s?\d|level\s?\d|unit\s?\d|ground floor|selangor|kuala lumpur|johor|penang"
    r"|nagar|marg\b|sector\s?\d|pincode"
    r"|straße|strasse|str\.\s?\d|platz\s?\d|rue\b|boulevard|bd\.|cedex|tel\b|te[l1i][.:/]|phone|fax"
    r"|mobile|hp\b|email|e-mail|www|http|gst\w*|sst\b|vat\b"
    r"|tin\b|ustid|ust-id|siret|siren|tva|steuer|gstin|fssai|cin\b|reg\.?\s?no|roc\b|co\.?\s?reg"
    r"|company no|invoice|inuoice|receipt|bill\b|cash (?:sale|bill)"
    r"|tax\b|date\b|time\b|cashier\b|table\b|order\b|counter\b|welcome|thank|copy\b|duplicate"
    r"|customer\b|member\b|queue\b|page\b|registrierkasse|rechnung|quittung|beleg|領収書|レシート|電話"
    r"|登録番号|ticket|facture|kassenbon|bon\b|guest check|opening|hours|shopping|mon\b|daily)|@|\.com|〒"
    r"|[都道府県市区町村].*\d"
)
_REGISTRATION = re.compile(
    r"(?i)\s*[({\[]?\s*(?:co\.?|company|reg\.?|roc|no\.?|\s"
    r"|[:#.-])*(?:(?:[A-Z]{1,3})?\d{5,12}\s?[-–]?\s?[A-Z0-9]?|\d{12})\s*[)}\]]?\s*$"
)
_EDGE = re.compile(r"^[^\w(]+|[^\w).!]+$")


class Name(Struct, frozen=True):
    """The seller's name as printed, and what speaks for it."""

    text: str
    legal: bool
    """It carries a legal form, such as SDN BHD or GmbH."""
    trade: bool
    first: bool
    """No other line could have been a name before it."""
    joined: bool
    text_confidence: float


class _Candidate(Struct, frozen=True):
    text: str
    index: int
    line: Line

    @property
    def legal(self) -> bool:
        return _LEGAL.search(self.text) is not None

    @property
    def trade(self) -> bool:
        return _TRADE.search(self.text) is not None

    @property
    def capitals(self) -> bool:
        letters = [one for one in self.text if one.isalpha()]
        return sum(one.isupper() for one in letters) * 10 >= len(letters) * 8


def _cleaned(line: Line) -> str:
    text = unicodedata.normalize("NFKC", " ".join(box.text for box in line.boxes))
    text = _REGISTRATION.sub("", text)
    text = re.sub(r"(?i)\s*\((?:co\.?|company|gst|reg|roc)[^)]*\)?\s*$", "", text)
    return " ".join(_EDGE.sub("", text).split())


def _is_name(text: str) -> bool:
    letters = sum(one.isalpha() for one in text)
    wide = any(ord(one) > 0x2E80 for one in text)  # where Chinese and Japanese begin
    if letters < (2 if wide else 3):
        return False
    digits = sum(one.isdigit() for one in text)
    if _LEGAL.search(text) is not None and digits * 2 < letters:
        return True
    return digits * 3 < letters and _NOT_NAME.search(text) is None


def _candidates(lines: Sequence[Line]) -> list[_Candidate]:
    found: list[_Candidate] = []
    for index, line in enumerate(lines[:_HEAD_LINES]):
        text = _cleaned(line)
        if _is_name(text):
            found.append(_Candidate(text, index, line))
        elif (
            found and _NOT_NAME.search(line.text) is not None and any(one.legal or one.trade for one in found)
        ):
            break  # the address begins: what follows is no name
        elif len(found) > 1 and _NOT_NAME.search(line.text) is not None:
            break
    return found


def _score(one: _Candidate, usual: float) -> float:
    score = 3.0 * one.legal + 1.5 * one.trade + 0.5 * one.capitals - 0.45 * one.index
    score += min(one.line.height / usual - 1.0, 1.0) if usual else 0.0
    score -= 0.8 * one.text.islower()  # a note rather than a name
    score += 0.5 * (len(one.text) >= 6) + 0.4 * (" " in one.text.strip())
    return score - (1.5 if one.line.confidence < 0.75 else 0.0)


def _belongs(upper: _Candidate, lower: _Candidate) -> bool:
    """Whether two lines are one name: next to each other, equally tall, the first unfinished."""
    if lower.index != upper.index + 1 or upper.legal:
        return False
    ratio = lower.line.height / upper.line.height
    if not 0.72 < ratio < 1.4:
        return False
    gap = lower.line.top - upper.line.top - upper.line.height
    if gap > 0.9 * upper.line.height or upper.capitals != lower.capitals:
        return False
    return upper.text.casefold() not in lower.text.casefold()


def merchant_of(lines: Sequence[Line]) -> Name | None:
    """The seller's name; None where the head of the receipt holds nothing like one."""
    found = _candidates(lines)
    if not found:
        return None
    heights = sorted(line.height for line in lines)
    usual = heights[len(heights) // 2]
    best = max(found, key=lambda one: _score(one, usual))
    start, end = _span(found, found.index(best))
    return Name(
        text=" ".join(one.text for one in found[start : end + 1]),
        legal=any(one.legal for one in found[start : end + 1]),
        trade=any(one.trade for one in found[start : end + 1]),
        first=start == 0,
        joined=end > start,
        text_confidence=best.line.confidence,
    )


def _span(found: Sequence[_Candidate], place: int) -> tuple[int, int]:
    """First and last candidate of the name that runs over the line at `place`: at most three lines."""
    start = end = place
    if found[place].legal:
        while start > max(place - 2, 0) and _belongs(found[start - 1], found[start]):
            if _stands_alone(found[place], found[start - 1]):
                break
            start -= 1
    else:
        while end < min(place + 2, len(found) - 1) and _belongs(found[end], found[end + 1]):
            end += 1
            if not found[end].legal and found[end].index > found[place].index + 1:
                end -= 1  # three lines are one name only where the last ends in a legal form
                break
    return start, end


def _stands_alone(legal: _Candidate, above: _Candidate) -> bool:
    """A legal form with a name of its own; the line above is another word: a brand, somebody's note."""
    own = _LEGAL.split(legal.text)[0]
    words = [word for word in re.findall(r"[^\W\d_]{2,}", own) if _TRADE.search(word) is None]
    return bool(words) or not above.capitals
