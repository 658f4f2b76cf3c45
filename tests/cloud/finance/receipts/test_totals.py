"""Which figure was paid."""

import pytest

from cloud.finance.receipts.figures import Point
from cloud.finance.receipts.labels import Label, label_of
from cloud.finance.receipts.model import Box, Line
from cloud.finance.receipts.totals import Total, entries_of, total_of


def total(*rows: str) -> Total:
    lines = [Line((Box(row, 0, 30 * index, 300, 30 * index + 20),)) for index, row in enumerate(rows)]
    chosen = total_of(entries_of(lines, decimals=2, point=Point.DOT))
    assert chosen is not None
    return chosen


@pytest.mark.parametrize(
    "text, label",
    [
        ("Grand Total RM", Label.GRAND),
        ("Total Sales (lnclusive of GST)", Label.GRAND),
        ("T0TAL", Label.TOTAL),
        ("Total :", Label.TOTAL),
        ("SubTatal:", Label.SUBTOTAL),
        ("Total (Excluding GST)", Label.SUBTOTAL),
        ("Totai Qty.", Label.COUNT),
        ("Item(s) : 2  Qty(s) : 2", Label.NONE),
        ("Total GST", Label.TAX),
        ("Rounding Adjustment", Label.ROUNDING),
        ("CASH", Label.TENDER),
        ("Accepted total", Label.TENDER),
        ("CHANGE", Label.CHANGE),
        ("EXCHANGEABLE WITHIN 3 DAYS", Label.NONE),
        ("GST Summary", Label.SUMMARY),
        ("VISA", Label.CARD),
        ("Zwischensumme", Label.SUBTOTAL),
        ("Rückgeld", Label.CHANGE),
        ("Net à payer", Label.GRAND),
        ("合計", Label.GRAND),
        ("小計", Label.SUBTOTAL),
        ("お釣り", Label.CHANGE),
        ("", Label.NONE),
    ],
)
def test_words_beside_a_figure(text: str, label: Label) -> None:
    assert label_of(text) is label


def test_the_total_beats_what_was_given_and_what_came_back() -> None:
    chosen = total("Milo 5.60", "Total 5.60", "Cash 50.00", "Change 44.40")
    assert (chosen.minor, chosen.paired) == (560, True)


def test_the_rounded_total_was_paid() -> None:
    assert total("Total 12.33", "Rounding 0.02", "Total 12.35", "Cash 12.35").minor == 1235


def test_the_rounded_total_was_paid_however_often_the_other_is_printed() -> None:
    before = ("Sub Total 11.63", "GST 6% 0.70", "Total 12.33", "Total Incl GST 12.33")
    assert total(*before, "Rounding 0.02", "Rounded Total 12.35").minor == 1235


def test_tax_and_subtotal_prove_the_total() -> None:
    chosen = total("Sub Total 100.00", "GST 6% 6.00", "Total 106.00")
    assert (chosen.minor, chosen.summed) == (10600, True)


def test_a_discount_comes_off() -> None:
    assert total("Total 50.00", "Discount 5.00", "Net Total 45.00").minor == 4500


def test_totals_of_the_tax_table_are_none() -> None:
    assert (
        total("Total 106.00", "GST Summary Amount Tax", "SR 100.00 6.00", "Total 100.00 6.00").minor == 10600
    )


def test_a_label_takes_the_figure_of_the_next_line() -> None:
    assert total("Milo 2.00", "Tea 3.50", "TOTAL", "5.50").minor == 550


def test_where_the_totals_own_line_is_damaged_cash_less_change_tells_it() -> None:
    chosen = total("Basin 21.32", "T0TAL  22-60", "CASH 30.00", "CHANGE 7.40")
    assert chosen.minor == 2260


def test_cash_rounded_by_cents_does_not_replace_the_total() -> None:
    assert total("TOTAL 38.37", "CASH 50.00", "CHANGE 11.65").minor == 3837


def test_a_quantity_is_no_total() -> None:
    assert total("Total Qty 39.00 616.59", "Total Sales 616.60").minor == 61660


def test_no_figure_no_total() -> None:
    assert total_of([]) is None
