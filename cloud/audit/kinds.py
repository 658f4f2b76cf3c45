"""What each kind of entry may do and say.

The facts of a kind have one shape, or a few told apart by their `reason`; a shape or kind that is not here
was made by a newer version. From the facts and what came before, the postings of every entry follow.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from cloud.audit.defi import PoolBook, PoolFacts
from cloud.audit.depin import Rewards
from cloud.audit.energy import Meters
from cloud.audit.errors import CannotJudge, Lie
from cloud.audit.lines import FORMAT, to_json
from cloud.audit.market import (
    Closed,
    MarketFacts,
    NewOrder,
    Replay,
    TradeBurned,
    TradeDelivered,
    TradeFilled,
    TradeMatched,
    TradeRefunded,
)
from cloud.audit.stellar import Border
from cloud.defi.entries import (
    LiquidationFacts,
    LoanFacts,
    RepayFacts,
    StakeFacts,
    UnstakeFacts,
    YieldFacts,
)
from cloud.depin.entries import RewardFacts
from cloud.ledger.double_entry import is_system
from cloud.ledger.model import Asset, Entry, EntryKind, Leaf, Posting, SystemAccount
from cloud.minting.entries import EnergyFacts, burn_entry, release_entry
from cloud.stellar.entries import DepositFacts, WithdrawalFacts
from shared.money import TOKEN_UNITS, show_amount

F = TypeVar("F")

FAUCET_UNITS = 10_000 * TOKEN_UNITS
"""What a new wallet of a test network starts with."""
ORDERS = "/orders"
FINGERPRINT_BYTES = 16
_NEWER = ("Object contains unknown field", "Invalid enum value", "Invalid value")


class _Facts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Nothing(_Facts, frozen=True, kw_only=True):
    """The faucet's entries explain themselves."""


class HeldReleased(_Facts, frozen=True, kw_only=True, tag_field="reason", tag="held_mint_released"):
    mint_id: int
    mint_hash: str


class HeldBurned(_Facts, frozen=True, kw_only=True, tag_field="reason", tag="held_mint_burned"):
    mint_id: int
    mint_hash: str


class EscrowClaimed(_Facts, frozen=True, kw_only=True, tag_field="reason", tag="escrow_claimed"):
    device_id: str


class TakenBack(_Facts, frozen=True, kw_only=True):
    """Of a reversal."""

    reason: str
    reverses_entry: int
    reverses_index: int


class ReadLeaf(Struct, Generic[F], frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A leaf whose facts are typed."""

    index: int
    time: str
    kind: EntryKind
    postings: tuple[Posting, ...]
    facts: F


class _OnlyKind(Struct, frozen=True):
    kind: str


class Place(Struct, frozen=True):
    """Where an entry stands."""

    entry: int
    index: int
    leaf_hash: str


class _Held(Struct, frozen=True):
    """The held part of a mint, as `release_entry` and `burn_entry` want it."""

    id: int
    leaf_hash: str
    account: str
    held_tokens: int
    held_carbon_credit: int
    device_id: str
    held_mwh: int


_READERS: Mapping[str, msgspec.json.Decoder[Any]] = {
    EntryKind.MINT: msgspec.json.Decoder(ReadLeaf[EnergyFacts | RewardFacts | YieldFacts]),
    EntryKind.CIRCULAR: msgspec.json.Decoder(ReadLeaf[EnergyFacts]),
    EntryKind.BURN: msgspec.json.Decoder(ReadLeaf[HeldBurned | TradeBurned]),
    EntryKind.HOLD: msgspec.json.Decoder(ReadLeaf[NewOrder | TradeMatched]),
    EntryKind.RELEASE: msgspec.json.Decoder(ReadLeaf[HeldReleased | EscrowClaimed | Closed | TradeRefunded]),
    EntryKind.TRADE: msgspec.json.Decoder(ReadLeaf[TradeFilled | TradeDelivered]),
    EntryKind.FAUCET: msgspec.json.Decoder(ReadLeaf[Nothing]),
    EntryKind.REVERSAL: msgspec.json.Decoder(ReadLeaf[TakenBack]),
    EntryKind.STAKE: msgspec.json.Decoder(ReadLeaf[StakeFacts]),
    EntryKind.UNSTAKE: msgspec.json.Decoder(ReadLeaf[UnstakeFacts]),
    EntryKind.LOAN: msgspec.json.Decoder(ReadLeaf[LoanFacts]),
    EntryKind.REPAY: msgspec.json.Decoder(ReadLeaf[RepayFacts]),
    EntryKind.LIQUIDATION: msgspec.json.Decoder(ReadLeaf[LiquidationFacts]),
    EntryKind.WITHDRAWAL: msgspec.json.Decoder(ReadLeaf[WithdrawalFacts]),
    EntryKind.DEPOSIT: msgspec.json.Decoder(ReadLeaf[DepositFacts]),
}
_only_kind = msgspec.json.Decoder(_OnlyKind).decode

KNOWN_KINDS = frozenset(_READERS)


def read_leaf(document: bytes) -> ReadLeaf[Any]:
    """The leaf, typed by its kind.

    Raises:
        Lie: not a leaf in its canonical form.
        CannotJudge: a kind or facts that this version does not know.
    """
    try:
        kind = _only_kind(document).kind
        reader = _READERS.get(kind)
        if reader is None:
            raise CannotJudge(_newer(f"the kind {kind!r}"))
        leaf: ReadLeaf[Any] = reader.decode(document)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        if str(error).startswith(_NEWER):
            raise CannotJudge(_newer(str(error))) from None
        raise Lie("leaf", "a leaf", str(error)) from None
    if any(posting.asset.is_private for posting in leaf.postings):
        raise Lie("postings", "assets of the public book", _shown(leaf.postings))
    if _canonical(leaf) != document:
        raise Lie("leaf", "its canonical form", "another form of the same JSON")
    return leaf


def _canonical(leaf: ReadLeaf[Any]) -> bytes:
    return Leaf(
        index=leaf.index, time=leaf.time, kind=leaf.kind, postings=leaf.postings, facts=_builtins(leaf.facts)
    ).document()


def _builtins(facts: Any) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(facts, builtin_types=(Decimal,))
    return built


def _newer(what: str) -> str:
    return f"{what} is not known to this version, which knows format {FORMAT}: verify with a newer lumengrid"


class Kinds:
    """What came before, as far as later entries refer to it."""

    def __init__(self, network: str) -> None:
        self.meters = Meters()
        self.signed_mwh = 0
        """Minted energy behind which a meter's own signature stands."""
        self.policies: set[str] = set()
        self.scales: set[int] = set()
        """By which measured energy was multiplied."""
        self.network = network
        self._rewards = Rewards(network)
        self._market = Replay()
        self._pool = PoolBook()
        self._border = Border(network)
        self._pool_entries: set[int] = set()
        self._given: set[str] = set()
        self._held: dict[int, _Held] = {}
        self._payees: dict[str, set[str]] = {}
        self._opposites: list[tuple[int, bytes]] = []
        self._taken_back: set[int] = set()

    @property
    def devices(self) -> int:
        """That took part in a mint so far."""
        return len(self._payees)

    def check(self, place: Place, leaf: ReadLeaf[Any]) -> None:
        """Raise Lie unless the postings, and what of the facts can be worked out, are what must be."""
        self._pool.check_order(leaf.facts)
        self._market.check_follows(leaf.facts)
        match leaf.facts:
            case EnergyFacts():
                self._energy(place, leaf)
            case RewardFacts():
                self._reward(leaf)
            case HeldReleased() | HeldBurned():
                self._decided(leaf)
            case EscrowClaimed():
                self._escrow(leaf)
            case MarketFacts():
                _compare(self._market.entry(leaf, leaf.facts), leaf)
            case TakenBack():
                self._reversal(leaf)
            case Nothing():
                self._faucet(leaf)
            case (
                StakeFacts() | UnstakeFacts() | YieldFacts() | LoanFacts() | RepayFacts() | LiquidationFacts()
            ):
                self._pool_entry(place, leaf)
            case WithdrawalFacts() | DepositFacts():
                _compare(self._border.entry(leaf.facts, leaf.postings), leaf)
        self._border.moved(leaf.postings)
        self._pool.moved(leaf.postings)
        self._opposites.append((place.entry, _fingerprint(leaf.postings, -1)))

    def _energy(self, place: Place, leaf: ReadLeaf[EnergyFacts]) -> None:
        if self.network == "public" and leaf.facts.policy != "reject":
            raise Lie("policy", "reject, on the public network", leaf.facts.policy)
        self.policies.add(leaf.facts.policy)
        self.scales.add(leaf.facts.energy_scale)
        weighed = self.meters.weigh(leaf.facts, leaf.postings)
        _compare(weighed.entry, leaf)
        plan = weighed.plan
        if leaf.kind is not EntryKind.MINT:
            return
        self._payees.setdefault(leaf.facts.device_id, set()).add(plan.account)
        self._rewards.minted(leaf.facts.device_id, plan.verdict.free_mwh)
        if leaf.facts.evidence is not None:
            self.signed_mwh += plan.verdict.minted_mwh
        if plan.verdict.held_mwh:
            self._held[place.entry] = _Held(
                place.entry,
                place.leaf_hash,
                plan.account,
                plan.held_tokens,
                plan.held_carbon_credit,
                leaf.facts.device_id,
                plan.verdict.held_mwh,
            )

    def _reward(self, leaf: ReadLeaf[RewardFacts]) -> None:
        operator = _receiver(leaf.postings)
        if not _is_own(operator):
            raise Lie("postings", "a reward to someone's own account", _shown(leaf.postings))
        _compare(self._rewards.entry(leaf.facts, time=leaf.time, account=operator), leaf)

    def _decided(self, leaf: ReadLeaf[HeldReleased] | ReadLeaf[HeldBurned]) -> None:
        """A held part goes to a payee or to nobody, whole and once."""
        held = self._held.pop(leaf.facts.mint_id, None)
        if held is None:
            raise Lie("mint_id", "a mint of which a part is still held", str(leaf.facts.mint_id))
        if isinstance(leaf.facts, HeldBurned):
            expected = burn_entry(held)
        else:
            payee = _receiver(leaf.postings)
            expected = release_entry(held, payee) if _is_own(payee) else None
            self._rewards.minted(held.device_id, held.held_mwh)
        if expected is None:
            raise Lie("postings", "what was held, to someone's own account", _shown(leaf.postings))
        _compare(expected, leaf)

    def _escrow(self, leaf: ReadLeaf[EscrowClaimed]) -> None:
        """All goes from one account that the device paid to one other; what orders reserve stays reserved."""
        postings = leaf.postings
        escrow = postings[0].account.removesuffix(ORDERS) if postings else ""
        owner = postings[1].account.removesuffix(ORDERS) if len(postings) > 1 else ""
        expected: list[Posting] = []
        for given in postings[::2]:
            hold = ORDERS if given.account == escrow + ORDERS else ""
            expected += [
                Posting(escrow + hold, given.asset, -abs(given.amount)),
                Posting(owner + hold, given.asset, abs(given.amount)),
            ]
        if list(postings) != expected or not _is_own(owner):
            raise Lie("postings", _shown(expected) or "some", _shown(postings))
        if escrow not in self._payees.get(leaf.facts.device_id, ()):
            raise Lie("postings", f"from an account that {leaf.facts.device_id} was minted to", escrow)
        self._payees[leaf.facts.device_id].add(owner)
        self._market.hand_over(escrow, owner)

    def _pool_entry(self, place: Place, leaf: ReadLeaf[PoolFacts]) -> None:
        account = leaf.postings[0].account
        if isinstance(leaf.facts, StakeFacts | LoanFacts) and not _is_own(account):
            raise Lie("postings", "someone's own account first", _shown(leaf.postings))
        expected = self._pool.entry(leaf.facts, number=place.entry, time=leaf.time, account=account)
        _compare(expected, leaf)
        self._pool_entries.add(place.index)

    def check_end(self) -> None:
        """Raise Lie where the log cannot end here."""
        self._pool.check_end()
        self._market.check_end()

    def _reversal(self, leaf: ReadLeaf[TakenBack]) -> None:
        index = leaf.facts.reverses_index
        self._market.check_stands(index)
        if not 0 <= index < len(self._opposites):
            raise Lie("reverses_index", f"an earlier entry, 0 to {len(self._opposites) - 1}", str(index))
        entry, opposite = self._opposites[index]
        if leaf.facts.reverses_entry != entry:
            raise Lie("reverses_entry", str(entry), str(leaf.facts.reverses_entry))
        if index in self._taken_back:
            raise Lie("reverses_index", "an entry that still stands", f"{index}, taken back before")
        if index in self._pool_entries:
            raise Lie("reverses_index", "an entry that can be taken back", f"{index}, of the pool")
        if _fingerprint(leaf.postings, 1) != opposite:
            raise Lie("postings", f"the opposite of those of entry {entry}", _shown(leaf.postings))
        self._taken_back.add(index)

    def _faucet(self, leaf: ReadLeaf[Nothing]) -> None:
        account = _receiver(leaf.postings)
        expected = (
            Posting(SystemAccount.FAUCET, Asset.XLM, -FAUCET_UNITS),
            Posting(account, Asset.XLM, FAUCET_UNITS),
        )
        if leaf.postings != expected or not _is_own(account):
            raise Lie("postings", _shown(expected), _shown(leaf.postings))
        if self.network == "public":
            raise Lie("kind", "no faucet on the public network", "faucet")
        if account in self._given:
            raise Lie("postings", "an account new to the faucet", account)
        self._given.add(account)


def _compare(expected: Entry, leaf: ReadLeaf[Any]) -> None:
    if expected.kind is not leaf.kind:
        raise Lie("kind", expected.kind.value, leaf.kind.value)
    found = _builtins(leaf.facts)
    for field in sorted(found.keys() | expected.facts.keys()):
        if found.get(field) != expected.facts.get(field):
            raise Lie(field, to_json(expected.facts.get(field)), to_json(found.get(field)))
    if expected.postings != leaf.postings:
        _name_posting(expected.postings, leaf.postings)


def _name_posting(expected: Sequence[Posting], found: Sequence[Posting]) -> None:
    for wanted, given in zip(expected, found, strict=False):
        if wanted != given:
            raise Lie("posting", _shown([wanted]), _shown([given]))
    raise Lie("postings", _shown(expected), _shown(found))


def _is_own(account: str) -> bool:
    """Whether it is someone's account, and neither a hold nor the system's."""
    return not is_system(account) and "/" not in account


def _receiver(postings: Sequence[Posting]) -> str:
    return next((posting.account for posting in postings if posting.amount > 0), "")


def _shown(postings: Sequence[Posting]) -> str:
    return "; ".join(
        f"{show_amount(posting.amount, decimals=posting.asset.decimals):f} {posting.asset}"
        f" on {posting.account}"
        for posting in postings
    )


def _fingerprint(postings: Sequence[Posting], sign: int) -> bytes:
    """Of the postings, in any order, each amount times `sign`."""
    rows = sorted(f"{p.account} {p.asset} {sign * p.amount}" for p in postings)
    return blake2b("\n".join(rows).encode(), digest_size=FINGERPRINT_BYTES).digest()
