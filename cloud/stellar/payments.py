"""What a payment that custody received stands for. Nothing here asks; what Horizon said comes in."""

from msgspec import Struct

from cloud.ledger.model import Asset
from cloud.stellar.envelopes import LT_CODE
from cloud.stellar.horizon import Payment
from shared.money import TOKEN_DECIMALS, parse_amount

MEMO_MAX = 2**53 - 1
"""Memos are small enough for every JSON reader."""
_PAYMENTS = frozenset({"payment", "path_payment_strict_receive", "path_payment_strict_send"})
_MERGE = "account_merge"
_MEMO_DIGITS_MAX = 20


class Received(Struct, frozen=True, kw_only=True):
    """LT or XLM that custody did not have before."""

    sender: str
    asset: Asset
    amount: int | None
    """None for an account merge, whose amount is asked for."""
    memo: str | None
    """As it came; None where there was none."""


def received(payment: Payment, *, custody: str, issuer: str) -> Received | None:
    """None for what custody sent, what failed, mints, and the payment that created custody itself."""
    if not payment.transaction_successful:
        return None
    if payment.type == _MERGE and payment.into == custody and payment.account is not None:
        return Received(sender=payment.account, asset=Asset.XLM, amount=None, memo=_memo(payment))
    sender, asset = payment.from_, _asset(payment, issuer)
    if (
        payment.type not in _PAYMENTS
        or payment.to != custody
        or sender is None
        or sender == custody
        or asset is None
        or (asset is Asset.LT and sender == issuer)
    ):
        return None
    return Received(sender=sender, asset=asset, amount=units_of(payment.amount), memo=_memo(payment))


def units_of(shown: str | None) -> int | None:
    """An amount as Stellar writes it, in 10^-7 units."""
    return None if shown is None else parse_amount(shown, decimals=TOKEN_DECIMALS, field="amount")


def memo_number(memo: str | None) -> int | None:
    """The number that a memo is; None where it is none that we ever gave."""
    if memo is None or not (memo.isascii() and memo.isdigit()) or len(memo) > _MEMO_DIGITS_MAX:
        return None
    number = int(memo)
    return number if 0 < number <= MEMO_MAX else None


def _memo(payment: Payment) -> str | None:
    """Without U+0000, for which PostgreSQL has no room: the payment would hold up all that come behind it."""
    memo = payment.to_muxed_id or payment.transaction.memo
    return None if memo is None else memo.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _asset(payment: Payment, issuer: str) -> Asset | None:
    if payment.asset_type == "native":
        return Asset.XLM
    return Asset.LT if (payment.asset_code, payment.asset_issuer) == (LT_CODE, issuer) else None
