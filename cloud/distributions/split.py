"""Who gets how much of a distribution: per ownership token, to the cent.

The total is split among the holders by largest remainder, then each holder's part among their investments in
the same way; so both add up exactly, and nobody gets more for having invested in many small steps.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cloud.investments.model import TokenHolding
from shared.money import split


class HolderPart(NamedTuple):
    """What one holder gets, in minor units."""

    account: str
    person_id: int
    tokens: int
    amount_minor: int
    by_investment: tuple[tuple[str, int], ...]
    """Investment ids with their parts, which sum to `amount_minor`."""


def parts(total_minor: int, holdings: Sequence[TokenHolding]) -> list[HolderPart]:
    """One for each holder, in the order in which they came; on equal remainders the earlier holder gets more.

    Raises:
        ValueError: nobody holds anything.
    """
    by_holder: dict[str, list[TokenHolding]] = {}
    for holding in holdings:
        by_holder.setdefault(holding.account, []).append(holding)
    tokens = [sum(holding.tokens for holding in held) for held in by_holder.values()]
    amounts = split(total_minor, tokens)
    return [
        HolderPart(
            account=held[0].account,
            person_id=held[0].person_id,
            tokens=whole,
            amount_minor=amount,
            by_investment=tuple(
                zip(
                    (holding.investment_id for holding in held),
                    split(amount, [holding.tokens for holding in held]),
                    strict=True,
                )
            ),
        )
        for held, whole, amount in zip(by_holder.values(), tokens, amounts, strict=True)
    ]
