"""The tree against RFC 6962's own recursive definitions."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.audit import merkle, tiles


def mth(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash, as section 2.1 writes it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return sha256(b"\x01" + mth(leaves[:middle]) + mth(leaves[middle:])).digest()


def numbered(count: int) -> list[bytes]:
    return [merkle.leaf_hash(str(number).encode()) for number in range(count)]


def grown(leaves: list[bytes], cuts: list[int]) -> tuple[merkle.CompactRange, dict[tiles.Tile, bytes]]:
    """Append the leaves in the pieces between ``cuts``, keeping tiles as the store does."""
    tree, full, edges, start = merkle.CompactRange(), {}, {}, 0
    for end in [*sorted(cuts), len(leaves)]:
        whole, growing = tiles.grow(edges, tree.extend(leaves[start:end]))
        full |= {(level, number): content for level, number, content in whole}
        edges |= growing
        start = end
    return tree, full | {(level, number): content for level, (number, content) in edges.items() if content}


sizes = st.one_of(st.integers(0, 40), st.integers(200, 1200))


@settings(max_examples=40, deadline=None)
@given(sizes, st.data())
def test_any_split_into_batches_gives_the_same_tree_and_tiles(size: int, data: st.DataObject) -> None:
    """However entries are cut into batches, tree and tiles are those of one single batch."""
    leaves = numbered(size)
    cuts = data.draw(st.lists(st.integers(0, size), max_size=12))
    tree, kept = grown(leaves, cuts)
    once, kept_once = grown(leaves, [])
    assert tree.root() == once.root() == mth(leaves)
    assert tree.encode() == once.encode()
    assert kept == kept_once
    for level, full, width in tiles.widths(size):
        assert all(len(kept[level, number]) == tiles.FULL_BYTES for number in range(full))
        assert len(kept.get((level, full), b"")) == width * 32


@settings(max_examples=60, deadline=None)
@given(sizes.filter(bool), st.data())
def test_inclusion_proofs_from_tiles_lead_to_the_root(size: int, data: st.DataObject) -> None:
    """A proof computed from tiles leads from its leaf to the root, and from no other leaf."""
    leaves = numbered(size)
    _, kept = grown(leaves, [])
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.prove(merkle.plan_inclusion(index, size), lambda node: tiles.node_in(node, kept))
    assert merkle.root_from_inclusion(leaves[index], index, size, proof) == mth(leaves)
    assert merkle.root_from_inclusion(bytes(32), index, size, proof) != mth(leaves)


@settings(max_examples=60, deadline=None)
@given(sizes.filter(bool), st.data())
def test_consistency_proofs_from_tiles_convince_of_the_truth_alone(size: int, data: st.DataObject) -> None:
    """A proof shows that a tree extends its own prefix, and fails with any hash of it changed."""
    leaves = numbered(size)
    _, kept = grown(leaves, [])
    old = data.draw(st.integers(1, size))
    proof = merkle.prove(merkle.plan_consistency(old, size), lambda node: tiles.node_in(node, kept))
    roots = mth(leaves[:old]), mth(leaves)
    assert merkle.is_consistent(old, roots[0], size, roots[1], proof)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.is_consistent(
            old, roots[0], size, roots[1], [*proof[:at], bytes(32), *proof[at + 1 :]]
        )
        assert not merkle.is_consistent(old, roots[0], size, roots[1], proof[:-1])
    assert not merkle.is_consistent(old, bytes(32), size, roots[1], proof)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5000))
def test_a_root_over_many_entries_needs_no_list(count: int) -> None:
    """The streaming root equals the recursive one across its chunks."""
    entries = (str(number).encode() for number in range(count))
    assert merkle.root(entries, chunk=700) == mth(numbered(count))
