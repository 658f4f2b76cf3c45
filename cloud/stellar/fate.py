"""What became of a transaction that was sent and not answered, and how a withdrawal reaches its wallet.

Nothing here asks; what Horizon said comes in.
"""

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

from cloud.ledger.model import Asset
from cloud.stellar.envelopes import LT_CODE, UNITS_PER_WHOLE
from cloud.stellar.horizon import Account, Landed
from cloud.stellar.model import Envelope, Form
from shared.units import MICROS_PER_SECOND

SUCCESS = "SUCCESS"
LAG_S = 60
"""Behind one address stand several Horizons; one that lags further answers nothing."""
ACCOUNT_MIN = 1 * UNITS_PER_WHOLE
"""XLM that a new account must hold."""


class Fate(NamedTuple):
    """One of: on the chain; never to be there, for a reason; neither, so that it may yet come."""

    landed: Landed | None = None
    gone: str | None = None


def fate_of(envelope: Envelope, custody: str, recent: Sequence[Landed], closed_at_us: int) -> Fate:
    """By custody's newest transactions, newest first, and the close of the newest ledger, asked before them.

    It can no longer land once its sequence number was passed by another: a list that shows the other and
    goes back far enough would show it too. Nor once a ledger was closed after its time bound.
    """
    own = [landed for landed in recent if landed.source_account == custody]
    for landed in own:
        if landed.is_of(envelope.hash):
            return Fate(landed=landed)
    sequences = [landed.source_account_sequence for landed in own]
    if sequences and min(sequences) <= envelope.sequence <= max(sequences):
        return Fate(gone="another transaction took its sequence number")
    if closed_at_us > envelope.expires_at_us + LAG_S * MICROS_PER_SECOND:
        return Fate(gone="its time bound passed")
    return Fate()


def form_of(asset: Asset, amount: int, destination: Account | None, *, issuer: str) -> Form:
    """How a wallet can be reached that stands like this; None: it has no account yet."""
    if asset is Asset.XLM:
        if destination is not None:
            return Form.PAYMENT
        return Form.CREATE_ACCOUNT if amount >= ACCOUNT_MIN else Form.CLAIMABLE_BALANCE
    if destination is not None and destination.trusts(LT_CODE, issuer):
        return Form.PAYMENT
    return Form.CLAIMABLE_BALANCE


def operation_codes(result_xdr: str) -> list[str]:
    """What became of each operation of a transaction on the chain, `SUCCESS` or Stellar's name of the fault.

    Empty where the transaction failed as a whole.
    """
    from stellar_sdk import xdr

    outer = xdr.TransactionResult.from_xdr_bytes(base64.b64decode(result_xdr)).result
    bumped = outer.inner_result_pair
    results = outer.results if bumped is None else bumped.result.result.results
    return [_operation_code(one) for one in results or []]


def _operation_code(result: Any) -> str:
    if result.tr is None:
        return str(result.code.name)
    inner = next(one for name, one in vars(result.tr).items() if name != "type" and one is not None)
    return SUCCESS if inner.code.value == 0 else str(inner.code.name)
