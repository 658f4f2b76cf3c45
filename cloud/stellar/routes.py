"""The transactions behind the ledger: read by anyone, without signing in."""

from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import PathParameter

from cloud.settings import Settings
from cloud.stellar.envelopes import without_signatures
from cloud.stellar.model import Envelope, EnvelopeState, Operation, OperationKind
from cloud.stellar.networks import NETWORKS, StellarNetwork
from cloud.stellar.outbox import Outbox
from shared.clock import rfc3339
from shared.money import show_amount

TxHash = Annotated[str, PathParameter(pattern="^[0-9a-f]{64}$", description="As `tx_hash` in the lists.")]

_SEEN = frozenset({EnvelopeState.SENT, EnvelopeState.CONFIRMED, EnvelopeState.FAILED})
"""States in which the network has seen the signatures."""


@get("/api/v1/ledger/stellar/{tx_hash:str}", status_code=200, tags=["ledger"])
async def transaction(
    outbox: NamedDependency[Outbox], settings: NamedDependency[Settings], tx_hash: TxHash
) -> dict[str, Any]:
    found = await outbox.history(tx_hash)
    network = NETWORKS[settings.network]
    return {
        **_envelope(found.envelope, network),
        "operations": [_operation(operation) for operation in found.operations],
        "replaces": found.replaces,
        "replaced_by": found.replaced_by,
    }


ROUTES: list[BaseRouteHandler] = [transaction]


def _envelope(envelope: Envelope, network: StellarNetwork) -> dict[str, Any]:
    return {
        "tx_hash": envelope.hash,
        "state": envelope.state,
        "network": network.name,
        "network_passphrase": network.passphrase,
        "sequence": str(envelope.sequence),  # beyond what a JSON number holds everywhere
        "fee_stroops": envelope.fee_stroops,
        "expires_at": rfc3339(envelope.expires_at_us),
        "built_at": rfc3339(envelope.built_at_us),
        "sent_at": None if envelope.sent_at_us is None else rfc3339(envelope.sent_at_us),
        "stellar_ledger": envelope.ledger,
        "fee_bump_hash": envelope.bump_hash,
        "reason": envelope.reason,
        "xdr": _shown_xdr(envelope, network),
    }


def _shown_xdr(envelope: Envelope, network: StellarNetwork) -> str:
    """Whoever reads a signed transaction can send it, also one whose operations went into another."""
    if network.horizon_url is None or envelope.state in _SEEN:
        return envelope.xdr
    return without_signatures(envelope.xdr)


def _operation(operation: Operation) -> dict[str, Any]:
    return {
        "kind": operation.kind,
        "state": operation.state,
        # Wallets stand in withdrawals and pseudonyms in entries: nothing here joins the two.
        "entry": None if operation.kind is OperationKind.WITHDRAWAL else operation.entry_id,
        "asset": operation.asset,
        "amount": None if operation.amount is None else show_amount(operation.amount),
        "form": operation.form,
        "root_hash": operation.root_hash,
        "tree_size": operation.tree_size,
    }
