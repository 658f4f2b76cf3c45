"""The isolation forest, and the process in which it grows: `python -m cloud.finance.anomalies.forest`.

It reads one JSON line a question and writes one JSON line an answer, and ends with its standard input, so it
never outlives the service. Nothing here is random: the seed is fixed, so the same purchases give the same
decisions.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import msgspec
from msgspec import Struct

from cloud.finance.anomalies.features import Purchase, features
from cloud.finance.anomalies.score import FOREST_COUNT_MIN

TREES = 100
CONTAMINATION = 0.02
SEED = 42


class Question(Struct, frozen=True, array_like=True):
    """Purchases to learn from and later ones to judge, each in the order of time."""

    learned: tuple[Purchase, ...]
    judged: tuple[Purchase, ...]


def decisions(question: Question) -> Mapping[int, float]:
    """The decision function by transaction id; nothing where there is too little to learn from."""
    learned, judged = question.learned, question.judged
    if len(learned) < FOREST_COUNT_MIN or not judged:
        return {}
    from sklearn.ensemble import IsolationForest

    rows = features(learned, judged)
    forest = IsolationForest(n_estimators=TREES, contamination=CONTAMINATION, random_state=SEED)
    forest.fit(rows[: len(learned)])
    found = forest.decision_function(rows[len(learned) :])
    return {row.transaction_id: float(value) for row, value in zip(judged, found, strict=True)}


def answer_lines(questions: BinaryIO, answers: BinaryIO) -> None:
    """Serve until the questions end."""
    decode = msgspec.json.Decoder(Sequence[Question]).decode
    for line in questions:
        found: dict[int, float] = {}
        for question in decode(line):
            found |= decisions(question)
        answers.write(msgspec.json.encode(found) + b"\n")
        answers.flush()


if __name__ == "__main__":
    answer_lines(sys.stdin.buffer, sys.stdout.buffer)
