"""The words of the ledger: entries of postings on accounts, per asset summing to zero.

Amounts are integers: LT, XLM, carbon credits and ownership tokens in 10^-7 units, energy in mWh (as minted,
after scaling), carbon dioxide in mg, fiat money in minor units.
Positive adds to the account. An account is a pseudonym (`acct_…`) or a system account of `SystemAccount`;
a hold is an account of its own, named `<account>/<what for>`.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Literal, Self

import msgspec
from msgspec import Struct

from shared.money import TOKEN_DECIMALS

Book = Literal["public", "private"]
"""Every entry of the public book is a leaf of the verifiable log."""


class Asset(StrEnum):
    """The public book's assets; the private book's are open sets, `fiat/<currency>` and `own/<project>`."""

    LT = "LT"
    XLM = "XLM"
    ENERGY = "kWh"
    """In mWh."""
    CARBON = "CO2"
    """Carbon credits, 10^-7."""
    CO2_SAVED = "kgCO2"
    """Carbon dioxide not emitted, in mg."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls._private(value) if isinstance(value, str) and _PRIVATE.fullmatch(value) else None

    @classmethod
    @cache
    def _private(cls, name: str) -> Self:
        asset = str.__new__(cls, name)
        asset._name_ = asset._value_ = name
        return asset

    @property
    def is_private(self) -> bool:
        """Whether only the private book may move it."""
        return "/" in self

    @property
    def decimals(self) -> int:
        """Places between the integer unit and the number people are shown."""
        if self.is_private:
            return _FIAT_DECIMALS if self.startswith(_FIAT) else TOKEN_DECIMALS
        return DECIMALS[self]


_FIAT = "fiat/"
_OWN = "own/"
_FIAT_DECIMALS = 2
_PRIVATE = re.compile(r"fiat/[A-Z]{3}|own/prj_[a-z0-9_]{1,60}", re.ASCII)


def fiat(currency: str) -> Asset:
    """Money of an ISO 4217 currency, in minor units."""
    return Asset(_FIAT + currency)


def ownership(project_id: str) -> Asset:
    """Tokens that stand for a part of a project, 10^-7."""
    return Asset(_OWN + project_id)


DECIMALS = {Asset.LT: 7, Asset.XLM: 7, Asset.ENERGY: 6, Asset.CARBON: 7, Asset.CO2_SAVED: 6}
"""Places between an asset's integer unit and the number people are shown (LT, XLM, kWh, credits, kg)."""


class SystemAccount(StrEnum):
    """Accounts that belong to no one. Those that create something may fall below zero, without limit."""

    MINT_ENERGY = "mint/energy"
    MINT_REWARD = "mint/reward"
    MINT_YIELD = "mint/yield"
    BURNED = "burned"
    FAUCET = "faucet"
    """Where the XLM of offline and testnet wallets comes from."""
    METER = "meter"
    """Source of measured energy."""
    MINTED = "minted"
    """Energy that has become LT, once."""
    CIRCULAR = "circular"
    """Measured energy that was refused because it only went there and back."""
    CARBON_SOURCE = "carbon"
    POOL = "pool"
    """The liquidity pool: staked LT that are not lent out, and XLM commission not yet paid to stakers."""
    POOL_YIELD = "pool/yield"
    """LT that loans brought the pool; they pay yield before anything is minted for it."""
    OUTSIDE = "outside"
    """Wallets on the Stellar network: deposits come from there, withdrawals go there."""
    RESERVE = "reserve"
    """The reserve's half of liquidations, and commission of times when nothing was staked."""
    PAYMENTS = "payments"
    """The world behind the payment provider: money comes from there and goes there."""
    FEES = "fees"
    """What investors paid the platform on top."""
    ISSUED = "issued"
    """Where ownership tokens come from."""


HOLDS_LT = frozenset(
    {SystemAccount.POOL, SystemAccount.POOL_YIELD, SystemAccount.RESERVE, SystemAccount.OUTSIDE}
)
"""System accounts whose LT are in existence, as those of people are."""
MINTS = (SystemAccount.MINT_ENERGY, SystemAccount.MINT_REWARD, SystemAccount.MINT_YIELD)
"""Where LT come from."""
UNLIMITED = frozenset(
    {
        SystemAccount.MINT_ENERGY,
        SystemAccount.MINT_REWARD,
        SystemAccount.MINT_YIELD,
        SystemAccount.FAUCET,
        SystemAccount.METER,
        SystemAccount.CARBON_SOURCE,
        SystemAccount.OUTSIDE,
        SystemAccount.PAYMENTS,
        SystemAccount.ISSUED,
    }
)
"""Accounts without a floor; every other account never falls below zero."""


class EntryKind(StrEnum):
    MINT = "mint"
    BURN = "burn"
    TRADE = "trade"
    HOLD = "hold"
    RELEASE = "release"
    FAUCET = "faucet"
    REVERSAL = "reversal"
    CIRCULAR = "circular"
    """A report refused because all its energy came by transfer: it makes nothing, but counts in the flows."""
    STAKE = "stake"
    UNSTAKE = "unstake"
    LOAN = "loan"
    REPAY = "repay"
    LIQUIDATION = "liquidation"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    ISSUE = "issue"
    """All ownership tokens of a project come into being."""
    INVESTMENT = "investment"
    DISTRIBUTION = "distribution"
    """An operator brings the money of a quarter."""
    CLAIM = "claim"
    PAYOUT = "payout"
    REFUND = "refund"
    """Money that came too late goes back."""


PRIVATE_KINDS = frozenset(
    {
        EntryKind.ISSUE,
        EntryKind.INVESTMENT,
        EntryKind.DISTRIBUTION,
        EntryKind.CLAIM,
        EntryKind.PAYOUT,
        EntryKind.REFUND,
    }
)
"""Of the private book alone; the verifier of the public one does not know them."""


class Posting(Struct, frozen=True):
    account: str
    asset: Asset
    amount: int
    """Never 0."""


class Entry(Struct, frozen=True, kw_only=True):
    """What shall be posted."""

    kind: EntryKind
    postings: tuple[Posting, ...]
    facts: Mapping[str, Any] = {}
    """Public facts that explain it, JSON-ready; they become part of the leaf. No name, no address."""
    book: Book = "public"
    at_us: int | None = None
    """The moment its amounts were worked out for, or a term runs from; None where nothing depends on it."""


class PostedEntry(Struct, frozen=True, kw_only=True):
    """An entry as it stands in the ledger."""

    id: int
    """Rises by one within the whole ledger."""
    leaf_index: int | None
    """Position in the verifiable log, from 0; None in the private book."""
    at_us: int
    kind: EntryKind
    leaf_hash: str | None
    """RFC 9162 leaf hash, 64 hex digits; None in the private book."""
    tx_hash: str | None = None
    """Of the Stellar transaction of what it minted or burned, 64 hex digits; None where it did neither."""


_canonical = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


class Leaf(Struct, frozen=True, kw_only=True):
    """What is hashed: canonical JSON, fields in this order, the keys of facts sorted, no spaces."""

    index: int | None
    """None in the private book, which has no leaves."""
    time: str
    """RFC 3339."""
    kind: EntryKind
    postings: tuple[Posting, ...]
    facts: Mapping[str, Any]

    def document(self) -> bytes:
        """The bytes of the leaf."""
        return _canonical(self)


class LeafRow(Struct, frozen=True, kw_only=True):
    """A public entry as the log has it."""

    id: int
    """Rises within the whole ledger; the private book's entries are the gaps."""
    leaf_index: int
    document: str
    leaf_hash: str


class EntryRecord(Struct, frozen=True, kw_only=True):
    """An entry with its document, as lists show it."""

    id: int
    leaf_index: int | None
    at_us: int
    kind: EntryKind
    leaf_hash: str | None
    document: str
    """The JSON of its `Leaf`."""
    reversed_by: int | None
    """The entry that took it back; None while it stands."""
    tx_hash: str | None = None
    """Of the Stellar transaction in force for it; None where it minted and burned nothing."""


class EntryPage(Struct, frozen=True, kw_only=True):
    """Part of a list, newest first."""

    entries: tuple[EntryRecord, ...]
    total: int
    """How many the whole list has."""


class InclusionProof(Struct, frozen=True, kw_only=True):
    """That an entry is in the log: RFC 9162, section 2.1.3. Hashes are 64 hex digits."""

    entry: int
    leaf_index: int
    tree_size: int
    leaf: str
    """The JSON text that was hashed."""
    leaf_hash: str
    inclusion_path: tuple[str, ...]
    """From the leaf upwards; empty in a tree of one."""
    root_hash: str


class ConsistencyProof(Struct, frozen=True, kw_only=True):
    """That the log only appended between two sizes: RFC 9162, section 2.1.4. Hashes are 64 hex digits."""

    first: int
    second: int
    first_root: str
    second_root: str
    consistency_path: tuple[str, ...]


class Anchor(Struct, frozen=True, kw_only=True):
    """A head of the log in the memo of a Stellar transaction. Hashes are 64 hex digits."""

    tx_hash: str
    """Of the transaction in force for it."""
    tree_size: int
    root_hash: str
    at_us: int


class Supply(Struct, frozen=True, kw_only=True):
    """What was made and unmade so far, from the balances of the system accounts."""

    minted: int
    """LT of every kind of mint, 10^-7 units."""
    burned: int
    """LT, 10^-7 units."""
    energy_mwh: int
    """Energy that has become LT."""
    co2_saved_mg: int
    carbon_credit: int
    """Issued and not burned, 10^-7 units."""
    mints: int
    """Number of mint entries."""
    burns: int
    trades: int

    @property
    def circulating(self) -> int:
        return self.minted - self.burned


class BooksCheck(Struct, frozen=True, kw_only=True):
    """The outcome of recounting everything."""

    discrepancies: tuple[str, ...]
    """In words; empty when derived and stored agree everywhere and every asset sums to zero."""
    entries: int
    """How many entries were there."""
    at_us: int

    @property
    def balance(self) -> bool:
        return not self.discrepancies
