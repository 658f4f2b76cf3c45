"""What the words beside a figure say it is."""

import re
import unicodedata
from enum import StrEnum

_AS_LETTERS = str.maketrans("0158|!ì", "olsblli")


class Label(StrEnum):
    """Ordered by use: what is paid, what leads to it, what it was paid with, and what misleads."""

    GRAND = "grand"
    TOTAL = "total"
    SUBTOTAL = "subtotal"
    TAX = "tax"
    CHARGE = "charge"
    ROUNDING = "rounding"
    DISCOUNT = "discount"
    TENDER = "tender"
    CARD = "card"
    CHANGE = "change"
    SUMMARY = "summary"
    COUNT = "count"
    NONE = "none"


def squashed(text: str) -> str:
    """Small letters only, without accents, spaces and figures; digits inside words read as letters."""
    words = []
    for word in re.split(r"\s+", unicodedata.normalize("NFKC", text)):
        letters = sum(one.isalpha() for one in word)
        if letters * 2 >= len(word):
            words.append(word.translate(_AS_LETTERS))
    plain = unicodedata.normalize("NFKD", "".join(words).casefold().replace("ß", "ss"))
    return "".join(one for one in plain if one.isalpha())


_T = r"(?:[tli]?[oaq]t[ao][lit]|tta?l|jumlah)"
_TAXES = r"(?:gst|sst|vat|tax|mwst|ust|tva|taxe|cgst|sgst|igst|iva|消費税|税|cukai)"

_RULES: tuple[tuple[Label, str], ...] = (
    (Label.SUMMARY, rf"{_TAXES}(?:summary|sunmary|sumnary|analysis|breakdown|details)|^taxcode|summary"),
    (Label.TENDER, r"^accepted|tendered"),
    (Label.ROUNDING, r"round(?:ing|in|ed)?(?:ad|of|dif|$|amt|rm)|^rour|rundung|pembundaran|arrondi|bundar"),
    (
        Label.CHANGE,
        r"ch[ao]n[gc]e(?!able)|^baki|balancereturn|ruckgeld|zuruck|rendu|monnaie|お釣|釣銭|^kembali",
    ),
    (
        Label.COUNT,
        (
            rf"{_T}(?:no)?(?:of)?(?:qty|quantity|item|unit|pcs|piece|line|kuantiti)|(?:item|qty|quantity"
            rf"|unit)s?"
            rf"(?:{_T}|count)|point|saved|saving|youhavesaved|balancepoint|cardbalance|{_T}disc"
            rf"|外税対象"
        ),
    ),
    (
        Label.SUBTOTAL,
        (
            rf"sub[-_]?{_T}|^s(?:ub)?{_T}$|soustotal|zwischensumme|小計|nettosumme|totalht|montantht|taxable"
            rf"|{_T}(?:\w{{0,8}})(?:excl|exc?g|before|beforetax|without|net?oftax)|(?:excl|before)\w*{_T}"
            rf"|^netto(?!tal)"
        ),
    ),
    (
        Label.GRAND,
        (
            rf"grand{_T}|nett?(?:{_T}|p[ao]y|bill|due|cash)|round(?:ed)?{_T}|{_T}(?:due|payable|amtpayable|paid|topay|ttc"
            rf"|inklusive|after)"
            rf"|{_T}(?:sales|amount|amt|{_TAXES})?[il]nc?[cl]|(?:amount|amt|balance|total)(?:due|payable)"
            rf"|nett?(?:amt|amount)"
            rf"|{_T}(?:a[mn]ount|amt|bill|sales|payment|invoice)(?!excl)|(?:bill|invoice)(?:{_T}|amount"
            rf"|amt)|zuzahlen"
            rf"|gesamt(?:betrag|summe)|endbetrag|netapayer|apayer|montant(?:ttc|du)|{_T}eur$|お会計|合計|合计"
            rf"|amountpaid"
            rf"|{_T}(?:rm|myr|inr|rs|usd|gbp|eur)$|{_T}\w{{0,6}}(?:with|w)(?:gst|tax|vat|sst)|youpay"
            rf"|tobepaid"
        ),
    ),
    (Label.TAX, rf"{_TAXES}(?!id|no|reg)|^add{_TAXES}"),
    (
        Label.CHARGE,
        (
            r"service?ch|servicech|svcch|srvch|delivery|shipping|packing|^tip$|gratuity|^bedienung"
            r"|^sccharge"
        ),
    ),
    (Label.DISCOUNT, r"disc(?:ount)?|rabatt|remise|voucher|coupon|promo|diskaun|割引|less"),
    (Label.TOTAL, rf"{_T}|^summe|^gesamt|^betrag|^amount$|計$"),
    (
        Label.CARD,
        (
            r"visa|master|amex|debit|creditcard|cardpay|^card|kreditkarte|eckarte|carte|girocard|mydebit"
            r"|upi|paytm"
        ),
    ),
    (
        Label.TENDER,
        (
            r"^cas[hn]|cash|tunai|tender|received|receive|amountpaid|^paid|^payment|gegeben|^bar$"
            r"|^bareur|especes|お預|預り|現金"
        ),
    ),
)
_COMPILED = tuple((label, re.compile(rule)) for label, rule in _RULES)


def label_of(text: str) -> Label:
    """What the line's words call its figure."""
    words = squashed(text)
    if not words:
        return Label.NONE
    return next((label for label, rule in _COMPILED if rule.search(words)), Label.NONE)
