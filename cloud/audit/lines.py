"""The lines of an export, JSON Lines, each in one canonical form that ends in a newline.

    {"header":{…}}
    {"entry":12,"leaf":{…},"leaf_hash":"…"}     every public entry, in the order of the log
    {"price":{…}}                               every price, oldest first
    {"trailer":{…}}                             counts, and the signature over every byte before it

A leaf stands in its line exactly as it was hashed.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from cloud.ledger.model import Supply
from cloud.pricing.model import Price
from shared.messages import TreeHead
from shared.signatures import PublicKey

FORMAT = 2
"""Rises with every new kind of entry or fact, so that an older verifier says so instead of guessing."""
LINE_BYTES_MAX = 4 * 1024 * 1024

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class _Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Header(_Line, frozen=True, kw_only=True):
    """What the file is about."""

    format: int
    network: str
    """The Stellar network the ledger belongs to: offline, testnet or public."""
    public_key: PublicKey
    """The cloud's key."""
    head: TreeHead
    """Of the log at the moment of the export."""
    after: Count | None
    """The leaves begin behind this index; None: at the first."""
    supply: Supply
    """At the same moment."""


class HeaderLine(_Line, frozen=True, kw_only=True):
    header: Header


class LeafLine(_Line, frozen=True, kw_only=True):
    entry: Count
    """The ledger's own number, which other entries refer to; the private book's numbers are absent."""
    leaf: Raw
    leaf_hash: Digest


class PriceLine(_Line, frozen=True, kw_only=True):
    price: Price


class Trailer(_Line, frozen=True, kw_only=True):
    """Ends the file."""

    leaves: Count
    prices: Count
    sha256: Digest
    """Of every byte before the line of the trailer."""
    signature: Annotated[str, Meta(max_length=120)]
    """Of the cloud, purpose `ledger-export`, over `trailer_bytes`."""


class TrailerLine(_Line, frozen=True, kw_only=True):
    trailer: Trailer


_encode = msgspec.json.Encoder(decimal_format="number").encode


def line_of(line: HeaderLine | PriceLine | TrailerLine) -> bytes:
    """The canonical bytes of a line, its newline included."""
    return bytes(_encode(line)) + b"\n"


def leaf_line(entry: int, leaf: bytes, leaf_hash: str) -> bytes:
    """The canonical bytes of an entry's line, its newline included."""
    return b'{"entry":%d,"leaf":%b,"leaf_hash":"%b"}\n' % (entry, leaf, leaf_hash.encode())


def trailer_bytes(leaves: int, prices: int, sha256: str) -> bytes:
    """What the cloud signs of a whole export: counts and digest, newline after each."""
    return f"{leaves}\n{prices}\n{sha256}\n".encode()


def to_json(value: Any) -> str:
    """For messages."""
    return bytes(_encode(value)).decode()
