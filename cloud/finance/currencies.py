"""Currencies as people and banks write them, and how many decimals each has (ISO 4217)."""

import re
from collections.abc import Mapping

_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_TWO = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR
MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD
SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST YER ZAR ZMW
"""
_NO_DECIMALS, _THREE_DECIMALS = frozenset(_NONE.split()), frozenset(_THREE.split())
CODES = _NO_DECIMALS | _THREE_DECIMALS | frozenset(_TWO.split())
"""The ISO 4217 codes a reader knows."""

SIGNS: Mapping[str, str] = {
    "₹": "INR",
    "rs": "INR",
    "rs.": "INR",
    "re.": "INR",
    "rupee": "INR",
    "rupees": "INR",
    "₨": "INR",
    "us$": "USD",
    "$": "USD",
    "dollar": "USD",
    "dollars": "USD",
    "a$": "AUD",
    "c$": "CAD",
    "s$": "SGD",
    "hk$": "HKD",
    "£": "GBP",
    "pound": "GBP",
    "pounds": "GBP",
    "quid": "GBP",
    "€": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "¥": "JPY",
}
"""What stands before or after a figure, in small letters."""

_DOLLARS = frozenset({"AUD", "CAD", "HKD", "NZD", "SGD", "USD"})
_SPACE = re.compile(r"\s+")


def decimals_of(currency: str) -> int:
    """How many decimals the currency's minor unit has; 2 where the code is not known."""
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def currency_of(sign: str, home: str) -> str | None:
    """The ISO 4217 code that a sign, word or code stands for; a bare `$` is the dollar of
    `home`, the person's currency, where that is one.
    """
    word = _SPACE.sub("", sign)
    known = SIGNS.get(word.casefold())
    if word == "$" and home in _DOLLARS:
        return home
    if known is not None:
        return known
    code = word.upper()
    return code if code in CODES else None
