"""Reads an export line by line and accepts it, or names the first line that lies.

Memory grows with accounts, nodes and entries, by some hundred bytes each. Parts of an interrupted download
are read one after the other: their leaves make one tree, whose root the last part's head signs.
"""

import base64
import binascii
import math
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import InvalidOperation
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from cloud.audit.balances import Balances
from cloud.audit.errors import CannotJudge, Lie
from cloud.audit.kinds import Kinds, Place, read_leaf
from cloud.audit.lines import (
    FORMAT,
    LINE_BYTES_MAX,
    Header,
    HeaderLine,
    LeafLine,
    PriceLine,
    Trailer,
    TrailerLine,
    leaf_line,
    line_of,
    trailer_bytes,
)
from cloud.audit.log import Log
from cloud.ledger.merkle import leaf_hash
from cloud.ledger.model import EntryKind
from cloud.pricing.formula import factors
from cloud.pricing.model import Price, price_ticks
from shared.clock import rfc3339, to_micros
from shared.messages import TreeHead
from shared.signatures import BadSignature, Purpose, tree_head_bytes, verify

_LEAF = b'{"entry":'
_PRICE = b'{"price":'
_TRAILER = b'{"trailer":'

Progress = Callable[[int, int], None]
"""Called with the number of leaves read so far and the number there are."""
PROGRESS_LINES = 256
FACTOR_TOLERANCE = 1e-12
"""Logarithms of two machines may differ in their last bit; what is shown of a factor has 3 decimals."""

_header = msgspec.json.Decoder(HeaderLine).decode
_leaf = msgspec.json.Decoder(LeafLine).decode
_price = msgspec.json.Decoder(PriceLine).decode
_trailer = msgspec.json.Decoder(TrailerLine).decode


class _Version(Struct, frozen=True):
    format: int


class _VersionLine(Struct, frozen=True):
    header: _Version


class Accepted(Struct, frozen=True, kw_only=True):
    """What an export that holds adds up to."""

    entries: int
    mints: int
    prices: int
    devices: int
    keys: int
    """Meters' keys that signed."""
    energy_mwh: int
    """Minted."""
    signed_mwh: int
    """Of that: behind which a meter's own signature stands."""
    policies: tuple[str, ...]
    """What was done with implausible and circular energy."""
    scales: tuple[int, ...]
    """By which measured energy was multiplied."""
    minted: int
    """LT, 10^-7 units."""
    in_existence: int
    """LT, 10^-7 units: minted less burned, and the same counted account by account."""
    head: TreeHead
    public_key: str


class _Part(Struct):
    """What was read of the part under way."""

    header: Header
    lines: int = 0
    leaves: int = 0
    prices: int = 0
    whole: bool = False
    """Whether it ended in its trailer."""


class Verifier:
    """One verification. `pinned_key`: the cloud's key as the user knows it; None: the header's is believed.

    `earlier`: a head that the user got before; None: history is not held against anything.
    """

    def __init__(self, *, pinned_key: str | None = None, earlier: TreeHead | None = None) -> None:
        self._key = pinned_key
        self._earlier = earlier
        self._heads: dict[int, list[tuple[str, str]]] = {}
        self._log = Log()
        self._balances = Balances()
        self._kinds: Kinds | None = None
        self._counts: Counter[EntryKind] = Counter()
        self._last_entry = 0
        self._part: _Part | None = None

    @property
    def last_index(self) -> int | None:
        """Of the leaves read so far; what `after` has to be for the rest. None before the first."""
        return self._log.size - 1 if self._log.size else None

    @property
    def whole(self) -> bool:
        """Whether the part that was read last was complete."""
        return self._part is not None and self._part.whole

    def read(self, lines: Iterable[bytes], progress: Progress | None = None) -> None:
        """The lines of one part, each with its newline. A part that ends early is continued by the next.

        Raises:
            Lie, CannotJudge: at the first line that cannot be accepted.
        """
        digest = sha256()
        self._part = None
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                if len(line) > LINE_BYTES_MAX:
                    raise Lie(f"line {number}", f"at most {LINE_BYTES_MAX} bytes", "more")
                return
            if self._part is None:
                self._part = self._begin(line)
            else:
                self._read_line(self._part, number, line, digest.hexdigest)
            digest.update(line)
            if progress is not None and number % PROGRESS_LINES == 0:
                progress(self._log.size, self._part.header.head.tree_size)

    def finish(self) -> Accepted:
        """The sum of it all, once every part was read.

        Raises:
            Lie: the last part is cut short.
        """
        part = self._part
        if part is None or not part.whole or self._kinds is None:
            raise Lie("end of the file", "a trailer", "none: it is cut short")
        for size in self._heads:  # what is left was signed for a larger log than this
            raise Lie("the earlier head", f"a log of at least {size} entries", str(self._log.size))
        supply = part.header.supply
        return Accepted(
            entries=self._log.size,
            mints=supply.mints,
            prices=part.prices,
            devices=self._kinds.devices,
            keys=sum(len(keys) for keys in self._kinds.meters.keys.values()),
            energy_mwh=supply.energy_mwh,
            signed_mwh=self._kinds.signed_mwh,
            policies=tuple(sorted(self._kinds.policies)),
            scales=tuple(sorted(self._kinds.scales)),
            minted=supply.minted,
            in_existence=supply.circulating,
            head=part.header.head,
            public_key=part.header.public_key,
        )

    def _begin(self, line: bytes) -> _Part:
        header = _read_header(line)
        if self._key is not None and header.public_key != self._key:
            raise Lie("header: public_key", self._key, header.public_key)
        self._key = header.public_key
        if header.after != self.last_index:
            raise Lie("header: after", _index(self.last_index), _index(header.after))
        if self._kinds is not None and header.network != self._kinds.network:
            raise Lie("header: network", self._kinds.network, header.network)
        if self._kinds is None:
            self._kinds = Kinds(header.network)
            if self._earlier is not None:
                self._expect("the earlier head", self._earlier)
        self._expect("the head", header.head)
        self._check_heads()
        return _Part(header=header)

    def _expect(self, name: str, head: TreeHead) -> None:
        """Hold the log against a head, once it has that size."""
        assert self._key is not None  # noqa: S101  set by the first header
        signed = tree_head_bytes(head.tree_size, head.root_hash, head.utc)
        try:
            verify(self._key, Purpose.TREE_HEAD, signed, head.signature)
        except BadSignature:
            raise Lie(f"{name}: signature", f"one by {self._key}", "another") from None
        if head.tree_size < self._log.size:
            raise Lie(f"{name}: tree_size", f"at least {self._log.size}", str(head.tree_size))
        self._heads.setdefault(head.tree_size, []).append((name, head.root_hash))

    def _read_line(self, part: _Part, number: int, line: bytes, digest: Callable[[], str]) -> None:
        if part.whole:
            raise Lie(f"line {number}", "nothing after the trailer", _start(line))
        if line.startswith(_LEAF) and not part.prices:
            self._read_leaf(part, number, line)
        elif line.startswith(_PRICE):
            self._check_complete(part)
            part.prices += 1
            _check_price(number, line)
        elif line.startswith(_TRAILER):
            self._check_complete(part)
            self._check_trailer(part, number, line, digest())
        else:
            raise Lie(f"line {number}", "an entry, a price or the trailer", _start(line))

    def _read_leaf(self, part: _Part, number: int, line: bytes) -> None:
        found = _decoded(_leaf, f"line {number}", line)
        document = bytes(found.leaf)
        index = self._log.size
        where = f"entry {found.entry} (leaf {index})"
        if leaf_line(found.entry, document, found.leaf_hash) != line:
            raise Lie(where, "the canonical form of its line", "another")
        computed = leaf_hash(document)
        if computed.hex() != found.leaf_hash:
            raise Lie(f"{where}: leaf_hash", computed.hex(), found.leaf_hash)
        if index >= part.header.head.tree_size:
            raise Lie(where, f"no more than the {part.header.head.tree_size} entries of the head", "one more")
        try:
            self._check_leaf(Place(found.entry, index, found.leaf_hash), document)
        except Lie as lie:
            raise Lie(f"{where}: {lie.where}", lie.expected, lie.found) from None
        except CannotJudge as error:
            raise CannotJudge(f"{where}: {error}") from None
        self._log.append(computed)
        part.leaves += 1
        self._check_heads()

    def _check_leaf(self, place: Place, document: bytes) -> None:
        assert self._kinds is not None  # noqa: S101  made with the first header
        if place.entry <= self._last_entry:
            raise Lie("entry", f"a number above {self._last_entry}", str(place.entry))
        self._last_entry = place.entry
        leaf = read_leaf(document)
        if leaf.index != place.index:
            raise Lie("index", str(place.index), str(leaf.index))
        if not _is_time(leaf.time):
            raise Lie("time", "RFC 3339 in UTC", leaf.time)
        self._balances.apply(leaf.postings)
        self._kinds.check(place, leaf)
        self._counts[leaf.kind] += 1

    def _check_heads(self) -> None:
        for name, root in self._heads.pop(self._log.size, ()):
            found = self._log.root().hex()
            if found != root:
                raise Lie(
                    f"{name}: root of the first {self._log.size} entries",
                    root,
                    f"{found}: one of them is not the one that was signed for",
                )

    def _check_complete(self, part: _Part) -> None:
        """Behind the last leaf: nothing is missing, and the totals are those of the postings."""
        size = part.header.head.tree_size
        if self._log.size != size:
            raise Lie("entries", f"{size}, which the head signs", str(self._log.size))
        if part.prices:
            return
        assert self._kinds is not None  # noqa: S101  made with the first header
        self._kinds.check_end()
        expected = self._balances.supply(
            mints=self._counts[EntryKind.MINT],
            burns=self._counts[EntryKind.BURN],
            trades=self._counts[EntryKind.TRADE],
        )
        for field in expected.__struct_fields__:
            wanted, found = getattr(expected, field), getattr(part.header.supply, field)
            if wanted != found:
                raise Lie(f"header: supply: {field}", f"{wanted} by the postings", str(found))
        counted = self._balances.in_existence()
        if counted != expected.circulating:
            raise Lie("LT in existence", f"{expected.circulating}, minted less burned", str(counted))

    def _check_trailer(self, part: _Part, number: int, line: bytes, digest: str) -> None:
        trailer = _decoded(_trailer, f"line {number}", line).trailer
        if line_of(TrailerLine(trailer=trailer)) != line or not _is_canonical_base64(trailer.signature):
            raise Lie("trailer", "its canonical form", "another")
        for field, wanted in (("leaves", part.leaves), ("prices", part.prices), ("sha256", digest)):
            found = getattr(trailer, field)
            if found != wanted:
                raise Lie(f"trailer: {field}", str(wanted), str(found))
        _check_signature(part.header.public_key, trailer)
        part.whole = True


def _read_header(line: bytes) -> Header:
    try:
        version = msgspec.json.decode(line, type=_VersionLine).header.format
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise Lie("header", "the header of an export", str(error)) from None
    if version != FORMAT:
        raise CannotJudge(
            f"header: format {version} is not known to this version, which knows {FORMAT}:"
            " verify with a newer lumengrid"
        )
    header: Header = _decoded(_header, "header", line).header
    if line_of(HeaderLine(header=header)) != line:
        raise Lie("header", "its canonical form", "another")
    return header


def _check_price(number: int, line: bytes) -> None:
    where = f"price (line {number})"
    price: Price = _decoded(_price, where, line).price
    if line_of(PriceLine(price=price)) != line:
        raise Lie(where, "its canonical form", "another")
    try:
        made = factors(price.inputs, price.coefficients)
        ticks = price_ticks(price.factors, price.base_xlm_per_kwh)
    except (InvalidOperation, OverflowError, ValueError):
        raise Lie(where, "numbers that make a price", "numbers that make none") from None
    for name in made.__struct_fields__:
        expected, found = getattr(made, name), getattr(price, name)
        if not math.isclose(expected, found, rel_tol=FACTOR_TOLERANCE):
            raise Lie(f"{where}: {name}", f"{expected!r} by its inputs and coefficients", repr(found))
    if ticks != price.price_ticks:
        raise Lie(f"{where}: price_ticks", f"{ticks} by its factors", str(price.price_ticks))


def _check_signature(public_key: str, trailer: Trailer) -> None:
    signed = trailer_bytes(trailer.leaves, trailer.prices, trailer.sha256)
    try:
        verify(public_key, Purpose.EXPORT, signed, trailer.signature)
    except BadSignature:
        raise Lie("trailer: signature", f"one by {public_key}", "another") from None


def _decoded(decode: Callable[[bytes], Struct], where: str, line: bytes) -> Any:
    try:
        return decode(line)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise Lie(where, "a line of an export", str(error)) from None


def _is_canonical_base64(text: str) -> bool:
    """Whether no other text stands for the same bytes: the last digit's spare bits are zero."""
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except (binascii.Error, ValueError):
        return False


def _is_time(text: str) -> bool:
    try:
        return rfc3339(to_micros(datetime.fromisoformat(text))) == text
    except (ValueError, TypeError):
        return False


def _index(index: int | None) -> str:
    return "none" if index is None else str(index)


def _start(line: bytes) -> str:
    return repr(line[:40].decode(errors="replace"))
