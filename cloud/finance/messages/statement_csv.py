"""A statement in CSV: any delimiter, columns by name behind any preamble, forms by whole columns."""

import csv
import io
import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from msgspec import Struct

from cloud.finance.currencies import CODES
from cloud.finance.messages.cells import Money, Order, has_comma_decimals, moment_in, order_of, read_money
from cloud.finance.messages.columns import Column, Header, header_of
from cloud.finance.messages.dates import MONTH_FIRST
from cloud.finance.messages.money import minor_units
from cloud.finance.messages.refusals import refused
from cloud.finance.messages.statement_line import Line, channel_in, party_of
from cloud.finance.reading import Channel, Direction, Found, Reading, Refusal, Refused

ROWS_MAX = 50_000
PREAMBLE_ROWS_MAX = 60
_DELIMITERS = ",;\t|"
_NO_MOVEMENT = re.compile(
    r"\W*(?:grand total|sub ?total|total|opening bal|closing bal|balance (?:b/?f|c/?f|brought|carried)|b/?f\b"
    r"|c/?f\b|brought forward|carried forward|statement summary|end of statement|generated on|page \d)",
    re.IGNORECASE,
)
_OUT_WORDS = re.compile(
    r"(?:dr|debit|d|out|sale|purchase|withdrawal|card_payment"
    r"|expense|spend|.*_debit|fee|atm)\.?",
    re.IGNORECASE,
)
_IN_WORDS = re.compile(
    r"(?:cr|credit|c|in|deposit|refund|return|income|topup|top-up|.*_credit|salary|interest)\.?",
    re.IGNORECASE,
)
_CHANNELS = {channel.value.casefold(): channel for channel in Channel}
_ENOUGH_LINES, _MOST_NEGATIVE = 10, 0.7
_BANK_S_OWN, _AS_DOCUMENTED, _BY_CUSTOM = 0.99, 0.95, 0.7


class _Row(Struct, frozen=True):
    number: int
    cells: Sequence[str]


class _Form(Struct, frozen=True):
    """What was decided over the whole file."""

    header: Header
    order: Order
    comma: bool
    minus_is_out: bool
    sign_confidence: float
    zone: ZoneInfo
    home: str

    def cell(self, row: _Row, column: Column) -> str:
        """Empty where the row has no such cell."""
        place = self.header.places.get(column)
        return row.cells[place].strip() if place is not None and place < len(row.cells) else ""

    def money(self, row: _Row, column: Column) -> Money | None:
        """None: no amount in that cell."""
        text = self.cell(row, column)
        return read_money(text, currency=self.currency(row), comma=self.comma) if text else None

    def currency(self, row: _Row) -> str:
        """That of the row, else of a title, else the person's."""
        named = self.cell(row, Column.CURRENCY).upper()
        return named if named in CODES else self.header.currency or self.home


def read_csv(text: str, *, zone: ZoneInfo, currency: str) -> tuple[Line, ...] | Refused:
    """A line for each row below the header that is no total and not empty; the others are passed over."""
    rows = _rows(text)
    if rows is None:
        return refused(Refusal.TOO_LARGE)
    found = next(
        ((at, header) for at, row in enumerate(rows[:PREAMBLE_ROWS_MAX]) if (header := header_of(row.cells))),
        None,
    )
    if found is None:
        return Refused(
            Refusal.MALFORMED,
            "no header line: name the columns, at least date and amount (or debit and credit)",
        )
    at, header = found
    body = [row for row in rows[at + 1 :] if _is_movement(row, header)]
    form = _form(body, header, zone, currency)
    return tuple(Line(row.number, _read(row, form)) for row in body)


def _rows(text: str) -> list[_Row] | None:
    """Split by the delimiter that shows the best header; None: more rows than a statement has."""
    head = text[:100_000]
    best = max(_DELIMITERS, key=lambda mark: _known_columns(head, mark))
    quoted = _split(text, best, csv.QUOTE_MINIMAL)
    rows = _split(text, best, csv.QUOTE_NONE) if quoted is None else quoted
    return rows if rows is not None and len(rows) <= ROWS_MAX else None


def _known_columns(head: str, mark: str) -> int:
    lines = list(islice(head.splitlines(), PREAMBLE_ROWS_MAX))
    try:
        rows = list(csv.reader(lines, delimiter=mark))
    except csv.Error:
        rows = [line.split(mark) for line in lines]
    return max((len(header.places) for row in rows if (header := header_of(row))), default=0)


def _split(text: str, mark: str, quoting: int) -> list[_Row] | None:
    """None: a quotation mark that is never closed, or too many rows."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, quoting=quoting)  # type: ignore[arg-type]
    rows, number = [], 1
    try:
        for cells in islice(reader, ROWS_MAX + 1):
            if reader.line_num - number > PREAMBLE_ROWS_MAX and quoting != csv.QUOTE_NONE:
                return None
            rows.append(_Row(number, cells))
            number = reader.line_num + 1
    except csv.Error:
        return None
    return rows


def _is_movement(row: _Row, header: Header) -> bool:
    """Neither empty nor a total, a balance brought forward, a note below the table or the header again."""
    filled = [cell for cell in row.cells if cell.strip()]
    if len(filled) < 2 or header_of(row.cells) is not None:  # noqa: PLR2004
        return False
    named = [filled[0]]
    place = header.places.get(Column.MERCHANT)
    if place is not None and place < len(row.cells):
        named.append(row.cells[place])
    return not any(_NO_MOVEMENT.match(cell) for cell in named)


def _form(body: list[_Row], header: Header, zone: ZoneInfo, home: str) -> _Form:
    currency = header.currency or home
    draft = _Form(
        header, Order.DAY_FIRST, comma=False, minus_is_out=False, sign_confidence=1.0, zone=zone, home=home
    )
    money_cells = [
        draft.cell(row, column) for row in body for column in (Column.AMOUNT, Column.DEBIT, Column.CREDIT)
    ]
    dates = [draft.cell(row, Column.DATE) for row in body]
    comma = has_comma_decimals(money_cells)
    measured = _Form(
        header, Order.DAY_FIRST, comma=comma, minus_is_out=False, sign_confidence=1.0, zone=zone, home=home
    )
    minus_is_out, sure = _sign(body, measured)
    return _Form(
        header,
        order_of(dates, month_first=currency in MONTH_FIRST),
        comma=comma,
        minus_is_out=minus_is_out,
        sign_confidence=sure,
        zone=zone,
        home=home,
    )


def _sign(body: list[_Row], form: _Form) -> tuple[bool, float]:
    """Whether a minus is money out: a running balance proves it; else it is so where nearly all are negative.

    Without such a sign a minus is income, as documented: people's own lists write what they spent as it is.
    """
    signed = [_signed(form.money(row, Column.AMOUNT)) for row in body]
    balances = [_signed(form.money(row, Column.BALANCE)) for row in body]
    own, mirrored = 0, 0
    for (before, earlier), (after, later) in pairwise(zip(balances, signed, strict=True)):
        if None in (before, earlier, after, later) or before is None or after is None:
            continue
        change = after - before
        own += change in {later, -(earlier or 0)}
        mirrored += change in {-(later or 0), earlier}
    if own != mirrored:
        return own > mirrored, _BANK_S_OWN
    known = [value for value in signed if value is not None]
    negative = sum(value < 0 for value in known)
    if len(known) >= _ENOUGH_LINES and negative >= _MOST_NEGATIVE * len(known):
        return True, _BY_CUSTOM
    return False, _AS_DOCUMENTED


def _signed(money: Money | None) -> Decimal | None:
    if money is None:
        return None
    return -money.value if money.negative or money.side == "dr" else money.value


def _read(row: _Row, form: _Form) -> Reading | Refused:
    moment = moment_in(form.cell(row, Column.DATE), form.cell(row, Column.TIME), form.order, form.zone)
    if moment is None:
        shown = form.cell(row, Column.DATE)[:30]
        return Refused(Refusal.MALFORMED, f"date {shown!r} is no date in the order {form.order.value}")
    found = _amount(row, form)
    if isinstance(found, Refused):
        return found
    money, direction = found
    currency = money.currency or form.currency(row)
    amount = minor_units(money.value, currency)
    if amount is None:
        return Refused(Refusal.MALFORMED, f"amount is no exact amount of {currency} above 0")
    narration = form.cell(row, Column.MERCHANT)
    reference, category = form.cell(row, Column.INVOICE)[:100], form.cell(row, Column.CATEGORY)[:100]
    return Reading(
        amount_minor=Found(amount, 1.0),
        currency=Found(currency, 0.99),
        direction=direction,
        at_us=Found(moment[0], 0.98),
        time_known=moment[1],
        merchant=party_of(narration),
        invoice_no=Found(reference, 0.95) if reference.strip("0- ") else None,
        channel=_channel(form.cell(row, Column.CHANNEL), narration),
        category=Found(category, 1.0) if category else None,
    )


def _amount(row: _Row, form: _Form) -> tuple[Money, Found[Direction]] | Refused:
    """The amount and its direction: by the column, by what the cell or a type column says, by its sign."""
    for column in (Column.AMOUNT, Column.DEBIT, Column.CREDIT):
        written = form.cell(row, column)
        if any(char.isalnum() for char in written) and form.money(row, column) is None:
            return Refused(Refusal.MALFORMED, f"{column.value} {written[:30]!r} is no amount")
    sides = {
        direction: money
        for direction, column in ((Direction.DEBIT, Column.DEBIT), (Direction.CREDIT, Column.CREDIT))
        if (money := form.money(row, column)) is not None and money.value
    }
    if len(sides) > 1:
        return Refused(Refusal.UNCLEAR, "both the debit and the credit column are filled")
    if sides:
        direction, money = next(iter(sides.items()))
        back = money.negative and Column.AMOUNT not in form.header.places and direction is Direction.CREDIT
        return money, Found(Direction.DEBIT if back else direction, _BANK_S_OWN)
    single = form.money(row, Column.AMOUNT)
    if single is None or not single.value:
        return Refused(Refusal.NO_AMOUNT, "no amount other than 0 in the line")
    return single, _direction(single, form.cell(row, Column.TYPE), form)


def _direction(money: Money, kind: str, form: _Form) -> Found[Direction]:
    if money.side is not None:
        return Found(Direction.CREDIT if money.side == "cr" else Direction.DEBIT, _BANK_S_OWN)
    if _OUT_WORDS.fullmatch(kind):
        return Found(Direction.DEBIT, _BANK_S_OWN)
    if _IN_WORDS.fullmatch(kind):
        return Found(Direction.CREDIT, _BANK_S_OWN)
    out = money.negative == form.minus_is_out
    return Found(Direction.DEBIT if out else Direction.CREDIT, form.sign_confidence)


def _channel(cell: str, narration: str) -> Found[Channel] | None:
    word = re.sub(r"[\s_-]", "", cell.casefold())
    if word in _CHANNELS:
        return Found(_CHANNELS[word], 1.0)
    return channel_in(cell) or channel_in(narration)
