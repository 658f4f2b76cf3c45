"""Transactions, built and signed. Nothing here reads a clock or a store.

Every transaction is custody's, so there is one line of sequence numbers; an operation of the issuer names
it as its own source, and then both sign. stellar-sdk builds them all. A single mint or burn, of which a
market makes hundreds a second, costs it 1.1 ms; so it builds one of each kind, and the others differ from it
in three fields only: sequence number, time bound and amount.
"""

import base64
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from cloud.ledger.model import Asset
from cloud.stellar.keys import Keys
from cloud.stellar.model import Form, Operation, OperationKind, Signed
from cloud.stellar.networks import StellarNetwork
from shared.units import MICROS_PER_SECOND

if TYPE_CHECKING:
    from stellar_sdk import Asset as ChainAsset
    from stellar_sdk import TransactionBuilder, TransactionEnvelope

LT_CODE = "LT"
BASE_FEE_STROOPS = 100
"""The least that the network takes of each operation."""
OPERATIONS_MAX = 100
"""The most that the network takes in one transaction."""
UNITS_PER_WHOLE = 10**7

_SEQUENCE = 0x1A2B3C4D5E6F7081
_EXPIRES_S = 0x1122334455667788
_AMOUNT = 0x0F1E2D3C4B5A6978


class _Template(NamedTuple):
    """The XDR of an unsigned envelope and where its three fields stand, 8 bytes each."""

    xdr: bytearray
    sequence: int
    expires: int
    amount: int

    def filled(self, *, sequence: int, expires_s: int, amount: int) -> bytes:
        xdr = self.xdr.copy()
        xdr[self.sequence : self.sequence + 8] = sequence.to_bytes(8, "big")
        xdr[self.expires : self.expires + 8] = expires_s.to_bytes(8, "big")
        xdr[self.amount : self.amount + 8] = amount.to_bytes(8, "big")
        return bytes(xdr)


class Envelopes:
    """Builds for one network with one pair of keys."""

    def __init__(self, network: StellarNetwork, keys: Keys) -> None:
        self.network = network
        self.keys = keys
        self._network_id = sha256(network.passphrase.encode()).digest()
        self._template = cache(self._made_template)

    def warm(self) -> None:
        """Import stellar-sdk and make the templates, which takes about a second."""
        self._template(OperationKind.MINT)
        self._template(OperationKind.BURN)

    def single(self, operation: Operation, *, sequence: int, expires_at_us: int) -> Signed:
        """One operation in an envelope; the fast way for a mint or a burn."""
        if operation.kind not in {OperationKind.MINT, OperationKind.BURN}:
            return self.build([operation], sequence=sequence, expires_at_us=expires_at_us)
        assert operation.amount is not None  # noqa: S101  mints and burns have one
        xdr = self._template(operation.kind).filled(
            sequence=sequence, expires_s=expires_at_us // MICROS_PER_SECOND, amount=operation.amount
        )
        digest = sha256(self._network_id + xdr).digest()
        signatures = [key.decorated_signature(digest) for key in self._signers([operation])]
        envelope = xdr + len(signatures).to_bytes(4, "big") + b"".join(signatures)
        return Signed(
            hash=digest.hex(),
            xdr=base64.b64encode(envelope).decode(),
            sequence=sequence,
            fee_stroops=BASE_FEE_STROOPS,
            expires_at_us=expires_at_us // MICROS_PER_SECOND * MICROS_PER_SECOND,
        )

    def build(self, operations: Sequence[Operation], *, sequence: int, expires_at_us: int) -> Signed:
        """Up to 100 operations in one envelope; an anchor stands alone, for its root is the memo."""
        from stellar_sdk import Keypair

        expires_s = expires_at_us // MICROS_PER_SECOND
        envelope = self._unsigned(operations, sequence=sequence, expires_s=expires_s)
        for key in self._signers(operations):
            envelope.sign(Keypair.from_raw_ed25519_seed(key.seed))
        return Signed(
            hash=envelope.hash_hex(),
            xdr=envelope.to_xdr(),
            sequence=sequence,
            fee_stroops=envelope.transaction.fee,
            expires_at_us=expires_s * MICROS_PER_SECOND,
        )

    def fee_bump(self, xdr: str, fee_stroops_each: int) -> Signed:
        """A fee bump around a signed envelope, paid by custody, that offers so much for each operation."""
        from stellar_sdk import Keypair, TransactionBuilder, TransactionEnvelope

        inner = TransactionEnvelope.from_xdr(xdr, self.network.passphrase)
        custody = Keypair.from_raw_ed25519_seed(self.keys.custody.seed)
        bump = TransactionBuilder.build_fee_bump_transaction(
            custody, fee_stroops_each, inner, self.network.passphrase
        )
        bump.sign(custody)
        bounds = inner.transaction.preconditions and inner.transaction.preconditions.time_bounds
        assert bounds  # noqa: S101  every envelope of ours has them
        return Signed(
            hash=bump.hash_hex(),
            xdr=bump.to_xdr(),
            sequence=inner.transaction.sequence,
            fee_stroops=bump.transaction.fee,
            expires_at_us=bounds.max_time * MICROS_PER_SECOND,
        )

    def _signers(self, operations: Sequence[Operation]) -> list[Any]:
        if any(operation.kind is OperationKind.MINT for operation in operations):
            return [self.keys.custody, self.keys.issuer]
        return [self.keys.custody]

    def _unsigned(
        self, operations: Sequence[Operation], *, sequence: int, expires_s: int
    ) -> "TransactionEnvelope":
        from stellar_sdk import Account, TransactionBuilder

        builder = TransactionBuilder(
            Account(self.keys.custody.address, sequence - 1), self.network.passphrase, BASE_FEE_STROOPS
        ).add_time_bounds(0, expires_s)
        for operation in operations:
            self._append(builder, operation)
        return builder.build()

    def _append(self, builder: "TransactionBuilder", operation: Operation) -> None:
        lt = self._chain_asset(Asset.LT)
        issuer, custody = self.keys.issuer.address, self.keys.custody.address
        match operation.kind:
            case OperationKind.TRUSTLINE:
                builder.append_change_trust_op(lt)
            case OperationKind.MINT:
                builder.append_payment_op(custody, lt, _shown(operation), source=issuer)
            case OperationKind.BURN:
                builder.append_payment_op(issuer, lt, _shown(operation))
            case OperationKind.WITHDRAWAL:
                self._append_withdrawal(builder, operation)
            case OperationKind.ANCHOR:
                assert operation.root_hash is not None  # noqa: S101  an anchor has one
                # Bumping a sequence number to zero does nothing: a transaction needs an operation.
                builder.append_bump_sequence_op(0).add_hash_memo(bytes.fromhex(operation.root_hash))

    def _append_withdrawal(self, builder: "TransactionBuilder", operation: Operation) -> None:
        from stellar_sdk import Claimant

        assert operation.destination is not None  # noqa: S101  a withdrawal has both
        assert operation.asset is not None  # noqa: S101
        asset, shown = self._chain_asset(operation.asset), _shown(operation)
        match operation.form:
            case Form.CREATE_ACCOUNT:
                builder.append_create_account_op(operation.destination, shown)
            case Form.CLAIMABLE_BALANCE:
                builder.append_create_claimable_balance_op(asset, shown, [Claimant(operation.destination)])
            case _:
                builder.append_payment_op(operation.destination, asset, shown)

    def _chain_asset(self, asset: Asset) -> "ChainAsset":
        from stellar_sdk import Asset as ChainAsset

        return ChainAsset.native() if asset is Asset.XLM else ChainAsset(LT_CODE, self.keys.issuer.address)

    def _made_template(self, kind: OperationKind) -> _Template:
        operation = Operation(kind=kind, asset=Asset.LT, amount=_AMOUNT)
        unsigned = self._unsigned([operation], sequence=_SEQUENCE, expires_s=_EXPIRES_S)
        xdr = base64.b64decode(unsigned.to_xdr())[:-4]  # the number of signatures, which is none
        return _Template(bytearray(xdr), *(_only(xdr, mark) for mark in (_SEQUENCE, _EXPIRES_S, _AMOUNT)))


def _only(xdr: bytes, mark: int) -> int:
    """Where a field stands; the marks are such that each stands once."""
    field = mark.to_bytes(8, "big")
    assert xdr.count(field) == 1  # noqa: S101
    return xdr.index(field)


def _shown(operation: Operation) -> str:
    """The amount as Stellar writes it, with seven decimals."""
    assert operation.amount is not None  # noqa: S101  only trustline and anchor have none
    whole, part = divmod(operation.amount, UNITS_PER_WHOLE)
    return f"{whole}.{part:07}"


def without_signatures(xdr: str) -> str:
    """An envelope that says what it does, and cannot be sent by whoever reads it."""
    from stellar_sdk import TransactionEnvelope

    envelope = TransactionEnvelope.from_xdr(xdr, "")
    envelope.signatures = []
    return envelope.to_xdr()
