"""The verifiable log's arithmetic: hashes, roots, inclusion and consistency proofs (RFC 9162, section 2.1).

    leaf hash  SHA-256(0x00 || leaf)          node hash  SHA-256(0x01 || left || right)

Only complete subtrees are ever stored: `Node(level, position)` covers the leaves
[position · 2^level, (position + 1) · 2^level) and never changes once it is complete. Every other subtree, the
root included, is a fold of at most log2(n) of them. Plans say which subtrees are needed, `fold` joins
their hashes, so that this module needs no storage.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

EMPTY_ROOT = sha256(b"").digest()
HASH_BYTES = 32


class Node(NamedTuple):
    """A complete subtree."""

    level: int
    """0 for a leaf."""
    position: int
    """From the left, within the level, from 0."""

    @property
    def last_leaf(self) -> int:
        """The leaf whose arrival completed it."""
        return ((self.position + 1) << self.level) - 1


class Span(NamedTuple):
    """The leaves [first, end) of one subtree of the tree, complete or at its right edge."""

    first: int
    end: int


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def neighbours(leaf_index: int) -> list[Node]:
    """The complete subtrees that this leaf, once appended, completes into larger ones; smallest first."""
    nodes = []
    level = 0
    while leaf_index >> level & 1:
        nodes.append(Node(level, (leaf_index >> level) - 1))
        level += 1
    return nodes


def completed(leaf: bytes, neighbour_hashes: Sequence[bytes]) -> list[bytes]:
    """The hashes of the subtrees a leaf hash completes, levels 1 and up, given those of its neighbours."""
    found = []
    for left in neighbour_hashes:
        leaf = node_hash(left, leaf)
        found.append(leaf)
    return found


def cover(span: Span) -> list[Node]:
    """The complete subtrees that make up a span, left to right, the largest first."""
    nodes = []
    first = span.first
    while first < span.end:
        level = (span.end - first).bit_length() - 1
        nodes.append(Node(level, first >> level))
        first += 1 << level
    return nodes


def fold(span: Span, hashes: Mapping[Node, bytes]) -> bytes:
    """The hash of a span from those of its cover; of no leaves, the hash of nothing."""
    nodes = cover(span)
    if not nodes:
        return EMPTY_ROOT
    joined = hashes[nodes[-1]]
    for node in reversed(nodes[:-1]):
        joined = node_hash(hashes[node], joined)
    return joined


def inclusion_plan(leaf_index: int, tree_size: int) -> list[Span]:
    """The spans whose hashes prove a leaf to be in the tree, from the leaf upwards.

    Raises:
        ValueError: the tree has no such leaf.
    """
    if not 0 <= leaf_index < tree_size:
        raise ValueError(f"leaf {leaf_index} is not in a tree of {tree_size}")
    spans = []
    first, end = 0, tree_size
    while end - first > 1:
        middle = first + _split(end - first)
        if leaf_index < middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(first, middle))
            first = middle
    return spans[::-1]


def consistency_plan(first_size: int, second_size: int) -> list[Span]:
    """The spans whose hashes prove the smaller tree to be a prefix of the larger; empty for equal or 0.

    Raises:
        ValueError: the first is larger than the second, or negative.
    """
    if not 0 <= first_size <= second_size:
        raise ValueError(f"a tree of {first_size} is no prefix of one of {second_size}")
    if first_size in (0, second_size):
        return []
    spans = []
    first, end = 0, second_size
    whole = True  # whether the span to descend into began as the whole smaller tree
    while end != first_size:
        middle = first + _split(end - first)
        if first_size <= middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(first, middle))
            first = middle
            whole = False
    if not whole:
        spans.append(Span(first, end))
    return spans[::-1]


def verify_inclusion(
    leaf: bytes, leaf_index: int, tree_size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Whether a leaf hash is in the tree with this root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= leaf_index < tree_size:
        return False
    fn, sn = leaf_index, tree_size - 1
    joined = leaf
    for step in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            joined = node_hash(step, joined)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            joined = node_hash(joined, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and joined == root


def verify_consistency(
    first_size: int, first_root: bytes, second_size: int, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the larger tree only appended to the smaller one (RFC 9162, section 2.1.4.2)."""
    if not 0 <= first_size <= second_size:
        return False
    if first_size == second_size:
        return not path and first_root == second_root
    if first_size == 0:
        return not path and first_root == EMPTY_ROOT
    steps = list(path)
    if not first_size & (first_size - 1):  # a power of two: the smaller root is a node of the larger tree
        steps.insert(0, first_root)
    if not steps:
        return False
    fn, sn = first_size - 1, second_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old, new = node_hash(step, old), node_hash(step, new)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node_hash(new, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and old == first_root and new == second_root


def _split(leaves: int) -> int:
    """The largest power of two below `leaves`, which is at least 2."""
    return 1 << ((leaves - 1).bit_length() - 1)
