"""The columns of a statement by their names, in any order, case and with the words banks use for them."""

import re
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from cloud.finance.currencies import CODES


class Column(StrEnum):
    """What a column holds."""

    DATE = "date"
    POSTED = "posted"
    TIME = "time"
    MERCHANT = "merchant"
    AMOUNT = "amount"
    DEBIT = "debit"
    CREDIT = "credit"
    TYPE = "type"
    BALANCE = "balance"
    CURRENCY = "currency"
    CATEGORY = "category"
    CHANNEL = "payment_channel"
    INVOICE = "invoice_no"


_NAMES: dict[Column, str] = {
    Column.DATE: """
        date txndate transactiondate trandate transdate tradedate completeddate dateoftransaction
        purchasedate datetime transactiondatetime timestamp created createdat datum buchungstag
        bookingdate
    """,
    Column.POSTED: "valuedate postingdate postdate posteddate valuedt posted settlementdate starteddate",
    Column.TIME: "time transactiontime txntime",
    Column.MERCHANT: """
        merchant merchantname description narration particulars details payee payeename name memo
        remarks transactiondetails transactionremarks transactiondescription counterparty
        counterpartyname beneficiary vendor store shop narrative partnername verwendungszweck party
    """,
    Column.AMOUNT: """
        amount amt transactionamount txnamount value total sum betrag netamount billedamount
        amountspent price
    """,
    Column.DEBIT: """
        debit debitamount debitamt withdrawal withdrawals withdrawalamt withdrawalamount paidout
        moneyout dr outflow debits spent soll amountdebited paymentsout expense
    """,
    Column.CREDIT: """
        credit creditamount creditamt deposit deposits depositamt depositamount paidin moneyin cr
        inflow credits haben amountcredited paymentsin income
    """,
    Column.TYPE: "type drcr crdr debitcredit creditdebit transactiontype txntype indicator drorcr direction",
    Column.BALANCE: "balance closingbalance runningbalance availablebalance balanceamt accountbalance saldo",
    Column.CURRENCY: "currency ccy currencycode curr waehrung",
    Column.CATEGORY: "category categoryname kategorie",
    Column.CHANNEL: "paymentchannel channel mode paymentmode method paymentmethod paidby",
    Column.INVOICE: """
        invoiceno invoice invoicenumber reference referenceno referencenumber ref refno chqrefno
        chqrefnumber chequeno chequenumber chqno transactionid txnid utr utrno refnochequeno id
        billno orderid
    """,
}
_BY_NAME = {
    name: (column, rank) for column, names in _NAMES.items() for rank, name in enumerate(names.split())
}
_IN_BRACKETS = re.compile(r"\(([^()]{0,40})\)")
_NOT_LETTERS = re.compile(r"[\W\d_]+")


class Header(Struct, frozen=True):
    """Where each known column stands."""

    places: dict[Column, int]
    currency: str | None
    """Where a title names one, as in `Amount (INR)`."""


def _named(title: str) -> tuple[Column, int] | None:
    return _BY_NAME.get(_NOT_LETTERS.sub("", title).casefold())


def column_named(title: str) -> tuple[Column, int, str | None] | None:
    """What a title means, how far down the list of its words, and the currency it names; None: unknown."""
    inside = [code for part in _IN_BRACKETS.findall(title) if (code := part.strip().upper()) in CODES]
    bare = _IN_BRACKETS.sub("", title).strip()
    known = _named(bare)
    if known is not None:
        return *known, inside[0] if inside else None
    *words, last = bare.split() or [""]
    known = _named(" ".join(words).casefold().removesuffix(" in"))
    return (*known, last.upper()) if known is not None and last.upper() in CODES else None


def header_of(row: Sequence[str]) -> Header | None:
    """None: the row does not name both a date and an amount, so it is not the header.

    Of two columns for the same thing the one with the commoner name counts, then the first.
    """
    best: dict[Column, tuple[int, int]] = {}
    currency = None
    for place, title in enumerate(row):
        known = column_named(title[:80])
        if known is not None:
            column, rank, code = known
            best[column] = min(best.get(column, (rank, place)), (rank, place))
            currency = currency or code
    places = {column: place for column, (_, place) in best.items()}
    if Column.DATE not in places and Column.POSTED in places:
        places[Column.DATE] = places.pop(Column.POSTED)
    money = {Column.AMOUNT, Column.DEBIT, Column.CREDIT} & places.keys()
    return Header(places, currency) if Column.DATE in places and money else None
