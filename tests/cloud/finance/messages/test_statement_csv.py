"""CSV statements: columns by name, forms decided over the column, each line read or refused."""

import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.finance.messages.statement import STATEMENT_BYTES_MAX, read_statement
from cloud.finance.messages.statement_line import Line, party_of
from cloud.finance.reading import Channel, Direction, Reading, Refusal, Refused
from shared.clock import from_micros

KOLKATA = ZoneInfo("Asia/Kolkata")


def lines(text: str | bytes, *, currency: str = "INR", zone: ZoneInfo = KOLKATA) -> tuple[Line, ...]:
    data = text if isinstance(text, bytes) else text.encode()
    found = read_statement(data, zone=zone, currency=currency)
    assert not isinstance(found, Refused), found
    return found


def readings(text: str | bytes, **known: object) -> list[Reading]:
    found = [line.result for line in lines(text, **known)]
    assert all(isinstance(one, Reading) for one in found), found
    return found


def refusal(data: bytes) -> Refusal:
    found = read_statement(data, zone=KOLKATA, currency="INR")
    assert isinstance(found, Refused)
    return found.reason


def day_of(reading: Reading) -> str:
    return from_micros(reading.at_us.value).astimezone(KOLKATA).date().isoformat()


def test_the_documented_columns_are_understood() -> None:
    (one,) = readings(
        "date,merchant,amount,currency,category,payment_channel,invoice_no\n"
        "2026-01-19,Taj Restaurant,2450.00,INR,Food & Dining,UPI,INV-7\n"
    )

    assert one.amount_minor.value == 245_000
    assert one.currency.value == "INR"
    assert one.direction.value is Direction.DEBIT
    assert one.merchant.value == "Taj Restaurant"
    assert one.category.value == "Food & Dining"
    assert one.channel.value is Channel.UPI
    assert one.invoice_no.value == "INV-7"
    assert from_micros(one.at_us.value) == datetime(2026, 1, 19, 6, 30, tzinfo=UTC)  # noon at +05:30
    assert not one.time_known


def test_a_negative_amount_is_income() -> None:
    spent, back = readings("date,merchant,amount\n2026-01-19,Shop,250\n2026-01-20,Shop,-100.50\n")

    assert spent.direction.value is Direction.DEBIT
    assert (back.direction.value, back.amount_minor.value) == (Direction.CREDIT, 10_050)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_any_delimiter_and_encoding_reads_alike(mark: str, encoding: str) -> None:
    text = mark.join(["AMOUNT", "Payee", "Txn Date"]) + "\n" + mark.join(["12.50", "Café Noir", "03/02/2026"])

    (one,) = readings(text.encode(encoding))

    assert (one.amount_minor.value, one.merchant.value, day_of(one)) == (1250, "Café Noir", "2026-02-03")


def test_preamble_totals_and_notes_are_passed_over() -> None:
    text = (
        "Account Statement\n"
        "Name:,RAVI KUMAR\n"
        "Period:,01/01/2026 to 31/01/2026\n"
        "\n"
        "Date,Narration,Chq./Ref.No.,Value Dt,Withdrawal Amt.,Deposit Amt.,Closing Balance\n"
        '01/01/26,Opening Balance,,,,,"10,000.00"\n'
        '02/01/26,UPI-SWIGGY-swiggy@icici-ICIC0DC0099-600112345678-food,600112345678,02/01/26,450.00,,"9,550.00"\n'
        '05/01/26,NEFT CR-CITI0000004-ACME LTD-SALARY,N00512,05/01/26,,"1,20,000.00","1,29,550.00"\n'
        ',,,,450.00,"1,20,000.00",\n'
        'Total,,,,450.00,"1,20,000.00",\n'
        "*** End of statement ***\n"
    )

    found = lines(text)

    assert [line.number for line in found] == [7, 8, 9]
    food, salary, blank = (line.result for line in found)
    assert (food.amount_minor.value, food.direction.value, food.channel.value) == (
        45_000,
        Direction.DEBIT,
        Channel.UPI,
    )
    assert (food.merchant.value, food.invoice_no.value) == ("SWIGGY", "600112345678")
    assert (salary.amount_minor.value, salary.direction.value) == (12_000_000, Direction.CREDIT)
    assert salary.channel.value is Channel.BANK_TRANSFER
    assert isinstance(blank, Refused)


def test_a_day_above_twelve_decides_the_order_for_the_whole_column() -> None:
    day_first = readings("date,amount\n03/04/2026,1\n15/04/2026,2\n")
    month_first = readings("date,amount\n03/04/2026,1\n03/15/2026,2\n")

    assert [day_of(one) for one in day_first] == ["2026-04-03", "2026-04-15"]
    assert [day_of(one) for one in month_first] == ["2026-03-04", "2026-03-15"]


def test_of_two_possible_orders_the_one_that_keeps_the_column_sorted_counts() -> None:
    found = readings("date,amount\n01/12/2026,1\n02/03/2026,1\n02/11/2026,1\n03/01/2026,1\n")

    assert [day_of(one) for one in found] == ["2026-01-12", "2026-02-03", "2026-02-11", "2026-03-01"]


def test_with_nothing_else_to_go_by_dollars_write_the_month_first() -> None:
    text = "date,amount\n03/04/2026,1\n"

    (home,) = readings(text)
    (dollars,) = readings(text, currency="USD")

    assert (day_of(home), day_of(dollars)) == ("2026-04-03", "2026-03-04")


@pytest.mark.parametrize(
    "written, day",
    [
        ("03-Jan-2026", "2026-01-03"),
        ("3 January 2026", "2026-01-03"),
        ("Jan 3, 2026", "2026-01-03"),
        ("Sat, 03 Jan 2026", "2026-01-03"),
        ("03.01.26", "2026-01-03"),
        ("20260103", "2026-01-03"),
        ("2026/01/03", "2026-01-03"),
    ],
)
def test_dates_of_many_forms(written: str, day: str) -> None:
    (one,) = readings(f"date;amount\n{written};10\n")

    assert day_of(one) == day


def test_a_time_and_an_exact_moment_are_kept() -> None:
    local, exact = readings("date,amount\n03/01/2026 14:22:10,10\n2026-01-03T14:22:10Z,10\n")

    assert from_micros(local.at_us.value) == datetime(2026, 1, 3, 8, 52, 10, tzinfo=UTC)
    assert from_micros(exact.at_us.value) == datetime(2026, 1, 3, 14, 22, 10, tzinfo=UTC)
    assert local.time_known
    assert exact.time_known


@pytest.mark.parametrize(
    "cell, minor, direction",
    [
        ("1,23,456.78 Dr", 12_345_678, Direction.DEBIT),
        ("1,234.00 CR", 123_400, Direction.CREDIT),
        ("500.00(Cr)", 50_000, Direction.CREDIT),
        ("₹ 1,200", 120_000, Direction.DEBIT),
        ("Rs.99.50", 9950, Direction.DEBIT),
        ("(45.00)", 4500, Direction.CREDIT),
        ("45.00-", 4500, Direction.CREDIT),
        ("−45.00", 4500, Direction.CREDIT),  # noqa: RUF001
        ("1'234.50", 123_450, Direction.DEBIT),
    ],
)
def test_amounts_of_many_forms(cell: str, minor: int, direction: Direction) -> None:
    (one,) = readings(f'date;amount\n2026-01-03;"{cell}"\n')

    assert (one.amount_minor.value, one.direction.value) == (minor, direction)


def test_a_column_with_decimal_commas_groups_by_points() -> None:
    found = readings(
        "Buchungstag;Betrag;Verwendungszweck\n03.01.2026;1.234;x\n04.01.2026;12,50;y\n", currency="EUR"
    )

    assert [one.amount_minor.value for one in found] == [123_400, 1250]


def test_a_type_column_says_which_way() -> None:
    out, into = readings("date,amount,Dr/Cr\n2026-01-03,10,DR\n2026-01-04,10,CR\n")

    assert (out.direction.value, into.direction.value) == (Direction.DEBIT, Direction.CREDIT)


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_running_balance_proves_that_a_minus_is_money_out(newest_first: bool) -> None:
    rows = ["2026-01-03,Shop,-10.00,90.00", "2026-01-04,Shop,-5.00,85.00", "2026-01-05,Boss,20.00,105.00"]
    if newest_first:
        rows.reverse()

    found = readings("date,description,amount,balance\n" + "\n".join(rows))

    wanted = [Direction.DEBIT, Direction.DEBIT, Direction.CREDIT]
    assert [one.direction.value for one in found] == (wanted[::-1] if newest_first else wanted)


def test_a_long_list_of_negative_amounts_is_a_bank_s_own_with_less_certainty() -> None:
    rows = [f"2026-01-{day:02d},Shop,-{day}.00" for day in range(1, 13)]

    found = readings("date,description,amount\n" + "\n".join([*rows, "2026-01-20,Boss,500.00"]))

    assert {one.direction.value for one in found[:12]} == {Direction.DEBIT}
    assert found[12].direction.value is Direction.CREDIT
    assert found[0].direction.confidence < 0.9


def test_a_currency_comes_from_the_row_the_title_or_the_person() -> None:
    (row,) = readings("date,amount,currency\n2026-01-03,1200,JPY\n")
    (title,) = readings("date,Amount (GBP)\n2026-01-03,12.00\n")
    (cell,) = readings("date,amount\n2026-01-03,€12.00\n")
    (home,) = readings("date,amount\n2026-01-03,12\n", currency="KWD")

    assert (row.currency.value, row.amount_minor.value) == ("JPY", 1200)
    assert (title.currency.value, title.amount_minor.value) == ("GBP", 1200)
    assert cell.currency.value == "EUR"
    assert (home.currency.value, home.amount_minor.value) == ("KWD", 12_000)


@pytest.mark.parametrize(
    "row, reason",
    [
        ("31/02/2026,Shop,10,", Refusal.MALFORMED),
        ("yesterday,Shop,10,", Refusal.MALFORMED),
        ("03/01/2026,Shop,0.00,", Refusal.NO_AMOUNT),
        ("03/01/2026,Shop,,", Refusal.NO_AMOUNT),
        ("03/01/2026,Shop,ten,", Refusal.MALFORMED),
        ("03/01/2026,Shop,10,20", Refusal.UNCLEAR),
        ("03/01/2026,Shop,10.123,", Refusal.MALFORMED),
        ("03/01/2026,Shop,NaN,", Refusal.MALFORMED),
        ("03/01/2026,Shop,1e400,", Refusal.MALFORMED),
        ("03/01/2026,Shop,99999999999999999999,", Refusal.MALFORMED),
    ],
)
def test_a_bad_line_is_refused_with_its_number_and_the_others_go_in(row: str, reason: Refusal) -> None:
    good = "04/01/2026,Shop,10,"

    found = lines(f"date,payee,debit,credit\n{good}\n{row}\n{good}\n")

    assert [line.number for line in found] == [2, 3, 4]
    assert isinstance(found[0].result, Reading)
    assert isinstance(found[1].result, Refused)
    assert found[1].result.reason is reason
    assert isinstance(found[2].result, Reading)


def test_a_quoted_line_break_keeps_the_numbers_of_the_file() -> None:
    found = lines('date,payee,amount\n2026-01-03,"two\nlines",10\n2026-01-04,Shop,10\n')

    assert [line.number for line in found] == [2, 4]


def test_an_unclosed_quotation_mark_swallows_no_line() -> None:
    rows = "".join(f"2026-01-03,Shop {i},{i + 1}\n" for i in range(200))

    found = lines('date,payee,amount\n2026-01-02,"Bob,5\n' + rows)

    assert sum(isinstance(line.result, Reading) for line in found) == 201


@pytest.mark.parametrize(
    "data", [b"", b"   \n", b"hello\nworld\n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"name,city\nA,B\n"]
)
def test_what_is_no_statement_is_refused_as_a_whole(data: bytes) -> None:
    assert refusal(data) is Refusal.MALFORMED


def test_a_file_beyond_the_limit_is_refused_unread() -> None:
    assert refusal(b"date,amount\n" + b"x" * STATEMENT_BYTES_MAX) is Refusal.TOO_LARGE


def test_more_rows_than_an_account_has_are_refused() -> None:
    assert refusal(b"date,amount\n" + b"1,1\n" * 60_000) is Refusal.TOO_LARGE


@pytest.mark.parametrize(
    "narration, party",
    [
        ("UPI/DR/408112345678/SWIGGY/ICIC/swiggy@ici/food", "SWIGGY"),
        ("POS 416021XXXXXX1234 BIG BAZAAR", "BIG BAZAAR"),
        ("NEFT CR-CITI0000004-ACME LTD-SALARY", "ACME LTD"),
        ("IMPS/P2A/408112345678/RAVI KUMAR/HDFC", "RAVI KUMAR"),
        ("TESCO STORES 3021", "TESCO STORES 3021"),
    ],
)
def test_a_machine_s_narration_gives_up_its_name(narration: str, party: str) -> None:
    assert party_of(narration).value == party


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=20), st.sampled_from(",;\t|"), st.randoms())
def test_any_order_of_columns_gives_the_same_amounts(
    minors: list[int], mark: str, draw: random.Random
) -> None:
    columns = ["Date", "Amount", "Payee"]
    draw.shuffle(columns)
    rows = [
        mark.join(
            {"Date": "2026-01-03", "Amount": f"{m // 100}.{m % 100:02d}", "Payee": "Shop"}[c] for c in columns
        )
        for m in minors
    ]

    found = readings("\n".join([mark.join(columns), *rows]))

    assert [one.amount_minor.value for one in found] == minors


@given(st.binary(max_size=600))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    read_statement(data, zone=KOLKATA, currency="INR")


@given(st.text(alphabet="date,mount;\"'\n0123456789.-/ ()CRcr", max_size=300))
def test_no_text_below_a_header_crashes_the_reader(body: str) -> None:
    read_statement(("date,amount,type\n" + body).encode(), zone=KOLKATA, currency="INR")
