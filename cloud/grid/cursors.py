"""Which record of a stream may be applied now: the rule that makes every effect happen exactly once.

A stream's sequences rise by one under one journal_id. Each record also tells the lowest sequence that its
journal still holds, so a hole that can never be filled is told from one that a resend will fill.
"""

from enum import StrEnum


class Verdict(StrEnum):
    APPLY = "apply"
    """It is the next one: apply it and move the cursor onto it, in one transaction."""
    DUPLICATE = "duplicate"
    """It was applied or refused before: drop it and acknowledge again."""
    GAP = "gap"
    """Records before it are still to come: drop it; the repeated acknowledgement asks for a resend."""


def judge(*, through: int, seq: int, oldest: int) -> Verdict:
    """What to do with record `seq` when everything up to `through` is done (0: nothing yet)."""
    if seq <= through:
        return Verdict.DUPLICATE
    if seq == through + 1 or (seq == oldest and oldest > through + 1):
        return Verdict.APPLY
    return Verdict.GAP
