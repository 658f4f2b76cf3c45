"""How sure it is that a transaction is one that was asked for."""

from collections.abc import Sequence

from cloud.finance.chat.query import Selection
from cloud.finance.transactions.model import Transaction


def relevance(row: Transaction, wanted: Selection) -> float:
    """0 to 1: that it was read right, filed right where a category was asked for, and was meant."""
    sure = 1.0 if row.ocr_confidence is None else row.ocr_confidence
    if wanted.categories and row.classification_confidence is not None:
        sure *= row.classification_confidence
    for seller in wanted.sellers:
        if row.merchant_id in seller.ids:
            sure *= seller.likeness
    return round(sure, 2)


def confidence(selections: Sequence[Selection], relevances: Sequence[float]) -> float:
    """Of an answer: the mean of what it rests on; with nothing found, of the names alone."""
    if relevances:
        return round(sum(relevances) / len(relevances), 2)
    likeness = [seller.likeness for one in selections for seller in one.sellers]
    return round(min(likeness, default=1.0), 2)
