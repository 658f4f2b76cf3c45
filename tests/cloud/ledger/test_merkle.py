"""RFC 9162, section 2.1, against its recursive definitions and the vectors of Certificate Transparency."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ledger import merkle
from cloud.ledger.merkle import Node, Span

# The eight leaves and the roots of their trees as Certificate Transparency's reference tests have them.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(leaves: list[bytes]) -> bytes:
    """The root by its definition, section 2.1.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = half(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """The inclusion proof by its definition, section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = half(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """The consistency proof by its definition, section 2.1.4.1."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = half(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole=whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], whole=False), mth(leaves[:k])]


def half(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def grow(leaves: list[bytes]) -> dict[Node, bytes]:
    """Every complete subtree, as appending leaf by leaf finds it."""
    known: dict[Node, bytes] = {}
    for index, leaf in enumerate(leaves):
        known[Node(0, index)] = merkle.leaf_hash(leaf)
        neighbours = merkle.neighbours(index)
        hashes = merkle.completed(known[Node(0, index)], [known[node] for node in neighbours])
        for level, digest in enumerate(hashes, start=1):
            node = Node(level, index >> level)
            assert node.last_leaf == index
            known[node] = digest
    return known


def proof(plan: list[Span], known: dict[Node, bytes]) -> list[bytes]:
    return [merkle.fold(span, known) for span in plan]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_of_the_reference_trees(size):
    known = grow(LEAVES[:size])

    assert merkle.fold(Span(0, size), known).hex() == ROOTS[size]


def test_the_inclusion_path_of_the_first_leaf_of_eight():
    steps = proof(merkle.inclusion_plan(0, 8), grow(LEAVES))

    assert [step.hex() for step in steps] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_the_consistency_path_from_six_to_eight():
    steps = proof(merkle.consistency_plan(6, 8), grow(LEAVES))

    assert [step.hex() for step in steps] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_the_root_of_nothing_is_the_hash_of_nothing():
    assert merkle.fold(Span(0, 0), {}) == sha256(b"").digest()


trees = st.lists(st.binary(max_size=4), min_size=1, max_size=70)


@given(trees, st.data())
def test_inclusion_proofs_are_those_of_the_definition_and_verify(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    size = data.draw(st.integers(index + 1, len(leaves)))
    known = grow(leaves)

    steps = proof(merkle.inclusion_plan(index, size), known)

    assert steps == path(index, leaves[:size])
    root = mth(leaves[:size])
    leaf = merkle.leaf_hash(leaves[index])
    assert merkle.verify_inclusion(leaf, index, size, steps, root)


@given(trees, st.data())
def test_consistency_proofs_are_those_of_the_definition_and_verify(leaves, data):
    second = data.draw(st.integers(1, len(leaves)))
    first = data.draw(st.integers(1, second))

    steps = proof(merkle.consistency_plan(first, second), grow(leaves))

    assert steps == subproof(first, leaves[:second], whole=True)
    assert merkle.verify_consistency(first, mth(leaves[:first]), second, mth(leaves[:second]), steps)


@given(trees, st.data())
def test_a_changed_inclusion_proof_does_not_verify(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    size = len(leaves)
    steps = path(index, leaves)
    leaf, root = merkle.leaf_hash(leaves[index]), mth(leaves)

    assert not merkle.verify_inclusion(flip(leaf), index, size, steps, root)
    assert not merkle.verify_inclusion(leaf, index, size, steps, flip(root))
    assert not merkle.verify_inclusion(leaf, index, size, [*steps, root], root)
    assert not merkle.verify_inclusion(leaf, size, size, steps, root)
    if steps:
        broken = data.draw(st.integers(0, len(steps) - 1))
        changed = [flip(step) if at == broken else step for at, step in enumerate(steps)]
        assert not merkle.verify_inclusion(leaf, index, size, changed, root)
        assert not merkle.verify_inclusion(leaf, index, size, steps[:-1], root)


@given(trees, st.data())
def test_a_rewritten_past_has_no_consistency_proof(leaves, data):
    second = len(leaves)
    first = data.draw(st.integers(1, second))
    changed_at = data.draw(st.integers(0, first - 1))
    rewritten = [leaf + b"!" if at == changed_at else leaf for at, leaf in enumerate(leaves)]
    honest = subproof(first, leaves, whole=True)
    forged = subproof(first, rewritten, whole=True)

    old, new = mth(leaves[:first]), mth(rewritten)

    assert not merkle.verify_consistency(first, old, second, new, honest)
    assert not merkle.verify_consistency(first, old, second, new, forged)


def test_consistency_with_the_empty_tree_needs_no_proof():
    assert merkle.consistency_plan(0, 5) == []
    assert merkle.verify_consistency(0, merkle.EMPTY_ROOT, 5, b"any root", [])
    assert not merkle.verify_consistency(0, b"not the empty root", 5, b"any root", [])
    assert not merkle.verify_consistency(0, merkle.EMPTY_ROOT, 5, b"any root", [b"step"])


def test_a_tree_is_consistent_with_itself_alone():
    assert merkle.verify_consistency(3, b"a", 3, b"a", [])
    assert not merkle.verify_consistency(3, b"a", 3, b"b", [])
    assert not merkle.verify_consistency(3, b"a", 3, b"a", [b"step"])
    assert not merkle.verify_consistency(4, b"a", 3, b"a", [])
    assert not merkle.verify_consistency(3, b"a", 5, b"b", [])


@pytest.mark.parametrize("index, size", [(0, 0), (5, 5), (-1, 5)])
def test_there_is_no_inclusion_plan_for_a_leaf_outside(index, size):
    with pytest.raises(ValueError, match="not in a tree"):
        merkle.inclusion_plan(index, size)


@pytest.mark.parametrize("first, second", [(2, 1), (-1, 3)])
def test_there_is_no_consistency_plan_backwards(first, second):
    with pytest.raises(ValueError, match="no prefix"):
        merkle.consistency_plan(first, second)


@given(st.integers(0, 2**40))
def test_a_root_needs_no_more_nodes_than_the_size_has_ones(size):
    nodes = merkle.cover(Span(0, size))

    assert len(nodes) == size.bit_count()
    assert sum(1 << node.level for node in nodes) == size


def flip(digest: bytes) -> bytes:
    return bytes([digest[0] ^ 1]) + digest[1:]
