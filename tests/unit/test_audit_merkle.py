"""The Merkle tree against the published vectors of Certificate Transparency."""

from __future__ import annotations

import pytest

from notifier.audit import merkle

ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
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
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]


def hash_of(node: merkle.Node) -> bytes:
    level, index = node
    return merkle.subtree_root(LEAVES[index << level : (index + 1) << level])


def test_roots_are_those_of_rfc_6962() -> None:
    """Every prefix of the published entries has its published root."""
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert tuple(merkle.root(ENTRIES[:size]).hex() for size in range(1, 9)) == ROOTS


def test_inclusion_proof_is_the_published_one() -> None:
    """The first leaf's proof in the tree of eight is the published one and leads to its root."""
    proof = merkle.prove(merkle.plan_inclusion(0, 8), hash_of)
    assert [one.hex() for one in proof] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert merkle.root_from_inclusion(LEAVES[0], 0, 8, proof).hex() == ROOTS[7]


def test_consistency_proof_is_the_published_one() -> None:
    """The proof from six leaves to eight is the published one and convinces."""
    proof = merkle.prove(merkle.plan_consistency(6, 8), hash_of)
    assert [one.hex() for one in proof] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    old, new = bytes.fromhex(ROOTS[5]), bytes.fromhex(ROOTS[7])
    assert merkle.is_consistent(6, old, 8, new, proof)
    assert not merkle.is_consistent(6, new, 8, new, proof)


def test_proofs_of_the_wrong_length_are_refused() -> None:
    """A hash too many or too few is a refusal, not a different answer."""
    proof = merkle.prove(merkle.plan_inclusion(2, 7), hash_of)
    for wrong in (proof[:-1], [*proof, LEAVES[0]]):
        with pytest.raises(ValueError):
            merkle.root_from_inclusion(LEAVES[2], 2, 7, wrong)
    with pytest.raises(ValueError):
        merkle.plan_inclusion(7, 7)
    with pytest.raises(ValueError):
        merkle.plan_consistency(8, 7)


def test_a_tree_never_shrinks_and_extends_the_empty_one() -> None:
    """Consistency has no proof from larger to smaller, and needs none from nothing or from itself."""
    root = bytes.fromhex(ROOTS[7])
    assert merkle.is_consistent(0, merkle.EMPTY_ROOT, 8, root, [])
    assert merkle.is_consistent(8, root, 8, root, [])
    assert not merkle.is_consistent(8, root, 7, root, [])
    assert not merkle.is_consistent(3, root, 8, root, [])


def test_a_damaged_compact_range_is_refused() -> None:
    """A stored range whose hashes do not fit its size cannot be continued."""
    tree = merkle.CompactRange()
    tree.extend(LEAVES[:7])
    assert merkle.CompactRange.decode(7, tree.encode()).root().hex() == ROOTS[6]
    for size, joined in ((6, tree.encode()), (7, tree.encode()[:-1]), (7, b"")):
        with pytest.raises(ValueError):
            merkle.CompactRange.decode(size, joined)
