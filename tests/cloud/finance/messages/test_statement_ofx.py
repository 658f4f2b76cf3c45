"""OFX statements of both versions: by the document's own forms, and nothing that a hostile file can do."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.finance.messages.statement import read_statement
from cloud.finance.reading import Channel, Direction, Reading, Refusal, Refused
from shared.clock import from_micros

LONDON = ZoneInfo("Europe/London")
SGML = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252

<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>GBP
<BANKACCTFROM><BANKID>200000<ACCTID>12345678<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20260101<DTEND>20260131
<STMTTRN>
<TRNTYPE>DEBIT
<DTPOSTED>20260105
<TRNAMT>-45.90
<FITID>F1
<NAME>TESCO STORES &amp; CO
<MEMO>CARD PAYMENT
</STMTTRN>
<STMTTRN><TRNTYPE>DIRECTDEP<DTPOSTED>20260106083000[-5:EST]<TRNAMT>+1200,00<FITID>F2<NAME>ACME</STMTTRN>
</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
XML = """<?xml version="1.0" encoding="UTF-8"?>
<?OFX OFXHEADER="200" VERSION="220"?>
<OFX><CREDITCARDMSGSRSV1><CCSTMTTRNRS><CCSTMTRS><CURDEF>USD</CURDEF>
<CCACCTFROM><ACCTID>4111111111114242</ACCTID></CCACCTFROM><BANKTRANLIST>
<STMTTRN><TRNTYPE>DEBIT</TRNTYPE><DTPOSTED>20260704120000.000[0:GMT]</DTPOSTED><TRNAMT>-9.99</TRNAMT>
<FITID>X</FITID><PAYEE><NAME>Cafe Nero</NAME></PAYEE></STMTTRN>
</BANKTRANLIST></CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1></OFX>
"""


def results(text: str) -> list[Reading | Refused]:
    found = read_statement(text.encode(), zone=LONDON, currency="GBP")
    assert not isinstance(found, Refused), found
    return [line.result for line in found]


def test_version_1_without_closing_tags() -> None:
    shop, salary = results(SGML)

    assert (shop.amount_minor.value, shop.currency.value, shop.direction.value) == (
        4590,
        "GBP",
        Direction.DEBIT,
    )
    assert (shop.merchant.value, shop.invoice_no.value, shop.account.value) == (
        "TESCO STORES & CO",
        "F1",
        "5678",
    )
    assert shop.channel.value is Channel.CARD
    assert (from_micros(shop.at_us.value), shop.time_known) == (datetime(2026, 1, 5, 12, tzinfo=UTC), False)
    assert (salary.amount_minor.value, salary.direction.value) == (120_000, Direction.CREDIT)
    assert (from_micros(salary.at_us.value), salary.time_known) == (
        datetime(2026, 1, 6, 13, 30, tzinfo=UTC),
        True,
    )
    assert salary.channel.value is Channel.BANK_TRANSFER


def test_version_2_of_a_card() -> None:
    (coffee,) = results(XML)

    assert (coffee.amount_minor.value, coffee.currency.value) == (999, "USD")
    assert (coffee.merchant.value, coffee.channel.value) == ("Cafe Nero", Channel.CARD)
    assert from_micros(coffee.at_us.value) == datetime(
        2026, 7, 4, 11, tzinfo=UTC
    )  # noon in London, in summer
    assert not coffee.time_known  # noon of GMT is what banks write for a day


def test_lines_are_numbered_as_in_the_file() -> None:
    found = read_statement(SGML.encode(), zone=LONDON, currency="GBP")

    assert [line.number for line in found] == [11, 19]


@pytest.mark.parametrize(
    "old, new, reason",
    [
        ("-45.90", "zero", Refusal.NO_AMOUNT),
        ("-45.90", "0.00", Refusal.NO_AMOUNT),
        ("20260105", "20260231", Refusal.MALFORMED),
        ("20260105", "soon", Refusal.MALFORMED),
        ("20260105\n", "20260105250000\n", Refusal.MALFORMED),
    ],
)
def test_a_bad_transaction_is_refused_and_the_next_goes_in(old: str, new: str, reason: Refusal) -> None:
    bad, good = results(SGML.replace(old, new))

    assert isinstance(bad, Refused)
    assert bad.reason is reason
    assert isinstance(good, Reading)


def test_a_transaction_that_is_never_closed_ends_where_the_next_begins() -> None:
    assert len(results(SGML.replace("</STMTTRN>\n<STMTTRN>", "<STMTTRN>", 1))) == 2


@pytest.mark.parametrize(
    "declaration", ["<!DOCTYPE x [<!ENTITY a 'b'>]>", "<!entity a SYSTEM 'file:///etc/passwd'>"]
)
def test_declared_entities_refuse_the_file(declaration: str) -> None:
    found = read_statement(XML.replace("<OFX>", declaration + "<OFX>").encode(), zone=LONDON, currency="GBP")

    assert isinstance(found, Refused)
    assert found.reason is Refusal.MALFORMED


def test_an_ofx_file_without_transactions_says_so() -> None:
    found = read_statement(b"OFXHEADER:100\n<OFX></OFX>", zone=LONDON, currency="GBP")

    assert isinstance(found, Refused)
    assert "STMTTRN" in found.detail


@given(st.text(alphabet="<>/STMRNADPOE0123456789.-\n&;", max_size=300))
def test_no_tags_crash_the_reader(body: str) -> None:
    read_statement(("<OFX><STMTTRN>" + body).encode(), zone=LONDON, currency="GBP")
