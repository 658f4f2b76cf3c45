"""Boxes into lines."""

import pytest

from cloud.finance.receipts.layout import below, lines_of, slope_of
from cloud.finance.receipts.model import Box
from tests.cloud.finance.receipts.made import COUNTRIES, boxes, made


@pytest.mark.parametrize("slope", [-0.08, -0.05, 0.0, 0.04, 0.08])
def test_lines_stay_together_on_paper_that_lies_askew(slope: float) -> None:
    receipt = made(COUNTRIES[5], 1)
    texts = [line.text for line in lines_of(boxes(receipt, slope=slope))]
    assert texts == ["  ".join(text for text in row if text) for row in receipt.rows]


def test_the_slope_is_found() -> None:
    assert slope_of(boxes(made(COUNTRIES[0], 0), slope=0.05)) == pytest.approx(0.05, abs=0.006)


def test_a_lone_box_has_no_slope() -> None:
    assert slope_of([Box("TOTAL", 0, 0, 50, 20)]) == 0
    assert lines_of([]) == []


def test_pages_lie_under_each_other() -> None:
    box = Box("a", 0, 10, 10, 20)
    first, second = below([[box], [box]])
    assert second.top > first.bottom
