"""The words of the chain: operations that shall happen once, and the envelopes they travel in.

Amounts are integers in 10^-7 units, fees in stroops (10^-7 XLM). Addresses are Stellar public keys, `G…`.
"""

from enum import StrEnum

from msgspec import Struct

from cloud.ledger.model import Asset


class OperationKind(StrEnum):
    TRUSTLINE = "trustline"
    """Custody accepts LT of the issuer: the first of all."""
    MINT = "mint"
    """Issuer to custody."""
    BURN = "burn"
    """Custody to issuer."""
    WITHDRAWAL = "withdrawal"
    """Custody to a person's wallet."""
    ANCHOR = "anchor"
    """Nothing but a memo: the root of the log."""


class OperationState(StrEnum):
    WAITING = "waiting"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    """Given up, and what it stood for was taken back in the ledger."""


class Form(StrEnum):
    """How a withdrawal reaches its wallet."""

    PAYMENT = "payment"
    CREATE_ACCOUNT = "create_account"
    """XLM to a wallet that has no account yet."""
    CLAIMABLE_BALANCE = "claimable_balance"
    """To a wallet that cannot hold it yet: it is the wallet's alone to claim, for ever."""


class EnvelopeState(StrEnum):
    BUILT = "built"
    """Signed and kept; nobody outside has seen its signatures."""
    SENT = "sent"
    """May be on the chain, now or later."""
    CONFIRMED = "confirmed"
    FAILED = "failed"
    """On the chain without effect; its sequence number is used up."""
    REPLACED = "replaced"
    """Can no longer land; its operations went into another."""


class Operation(Struct, frozen=True, kw_only=True):
    """Something that shall happen on the chain once."""

    id: int = 0
    """Rises in the order of sending; 0 before it is stored."""
    kind: OperationKind
    state: OperationState = OperationState.WAITING
    envelope_id: int = 0
    entry_id: int | None = None
    """The ledger entry it stands for; None for trustline and anchor."""
    asset: Asset | None = None
    amount: int | None = None
    """None for trustline and anchor."""
    destination: str | None = None
    """Of a withdrawal."""
    form: Form | None = None
    """Of a withdrawal."""
    root_hash: str | None = None
    """Of an anchor, 64 hex digits."""
    tree_size: int | None = None
    attempts: int = 0
    """How often it failed on the chain."""
    at_us: int = 0


class Signed(Struct, frozen=True, kw_only=True):
    """A transaction, built and signed."""

    hash: str
    """Of the transaction on its network, 64 hex digits."""
    xdr: str
    """The envelope, base64."""
    sequence: int
    fee_stroops: int
    """The most it may cost."""
    expires_at_us: int
    """No ledger closed later takes it."""


class Envelope(Struct, frozen=True, kw_only=True):
    """A transaction as it is kept."""

    id: int
    hash: str
    sequence: int
    fee_stroops: int
    expires_at_us: int
    xdr: str
    state: EnvelopeState
    built_at_us: int
    sent_at_us: int | None
    """When it was stored as sent, before it was."""
    ledger: int | None
    """The Stellar ledger it is in."""
    bump_hash: str | None
    """Of the fee bump around it, if its fee did not suffice."""
    bump_xdr: str | None
    bump_fee_stroops: int | None
    reason: str | None
    """Why it failed or was replaced."""


class EnvelopeHistory(Struct, frozen=True, kw_only=True):
    """An envelope with what it is about, and how that went on."""

    envelope: Envelope
    operations: tuple[Operation, ...]
    """All that it holds or held."""
    replaces: tuple[str, ...]
    """Hashes of earlier envelopes of the same operations, oldest first."""
    replaced_by: tuple[str, ...]
    """Hashes of the envelopes now in force for its operations, if it is not itself."""


class WithdrawalStatus(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    COMPLETED = "completed"
    FAILED = "failed"
    """Refused by the chain; the amount is back on the account."""


class Withdrawal(Struct, frozen=True, kw_only=True):
    """What a person took out."""

    id: str
    account: str
    entry_id: int
    asset: Asset
    amount: int
    destination: str
    form: Form
    status: WithdrawalStatus
    tx_hash: str
    """Of the transaction in force."""
    at_us: int


class Deposit(Struct, frozen=True, kw_only=True):
    """A payment that custody received."""

    operation_id: int
    """Stellar's own number of the operation."""
    tx_hash: str
    sender: str
    asset: Asset
    amount: int
    memo: str | None
    account: str | None
    """Who was credited; None while nobody was."""
    entry_id: int | None
    at_us: int
