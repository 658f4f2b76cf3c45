"""The seller's name among the first lines."""

import pytest

from cloud.finance.receipts.merchant import merchant_of
from cloud.finance.receipts.model import Box, Line


def seller(*rows: str) -> str | None:
    lines = [
        Line((Box(row, 0, 30 * index, 12 * len(row), 30 * index + 22),)) for index, row in enumerate(rows)
    ]
    name = merchant_of(lines)
    return None if name is None else name.text


@pytest.mark.parametrize(
    "rows, name",
    [
        (("SYARIKAT MAJU JAYA", "(81109-A)", "NO 290, JALAN AIR PANAS"), "SYARIKAT MAJU JAYA"),
        (("ann lee mei", "BOOK CORNER (KL) SDN BHD", "789417-W", "JOHOR"), "BOOK CORNER (KL) SDN BHD"),
        (
            ("BLUE WHALE", "SEAFOOD RESTAURANT", "SDN BHD", "NO. 1, TAMAN SRI"),
            "BLUE WHALE SEAFOOD RESTAURANT SDN BHD",
        ),
        (
            ("SIGNATURE", "SIGNATURE HEALTH AND BEAUTY SDN BHD", "LOT 5"),
            "SIGNATURE HEALTH AND BEAUTY SDN BHD",
        ),
        (("BIG STORE CO. (M) BHD (126926-H)", "3RD FLR, TAMAN MALURI"), "BIG STORE CO. (M) BHD"),
        (("31803017", "i", "CITY MART", "Tel: 03-1234567"), "CITY MART"),
        (("Bäckerei Schmitt GmbH", "Hauptstraße 12", "97070 Würzburg"), "Bäckerei Schmitt GmbH"),
        (("株式会社さくら商店", "東京都千代田区1-2-3"), "株式会社さくら商店"),
        (("TAX INVOICE", "HARBOR GRILL LLC", "220 Commerce Street"), "HARBOR GRILL LLC"),
    ],
)
def test_the_name_of_the_seller(rows: tuple[str, ...], name: str) -> None:
    assert seller(*rows) == name


def test_no_name_among_numbers_and_addresses() -> None:
    assert seller("12345", "Tel: 03-123", "Date: 01/01/2018") is None
