"""The Merkle tree of RFC 6962 (section 2.1) over SHA-256: hashes, growth and proofs.

A *node* is the root of a complete subtree, named ``(level, index)``: it covers the ``2**level`` leaves
from ``index * 2**level`` on. Proofs are planned as lists of nodes first, so that whoever holds the hashes
(tiles in a database, files) can fetch them in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

Node = tuple[int, int]
Plan = list[list[Node]]


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one entry as a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two neighbouring subtrees' parent."""
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over neighbouring complete subtrees that grow smaller from left to right."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def subtree_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a power of two of neighbouring hashes of one level."""
    level = hashes
    while len(level) > 1:
        level = [sha256(b"\x01" + level[at] + level[at + 1]).digest() for at in range(0, len(level), 2)]
    return level[0]


class CompactRange:
    """What must be remembered of a tree to append to it: the roots of its complete subtrees."""

    __slots__ = ("_odd", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        levels = [level for level in range(size.bit_length()) if size >> level & 1]
        if len(levels) != len(hashes) or any(len(one) != HASH_BYTES for one in hashes):
            raise ValueError(f"a tree of {size} leaves is remembered by {len(levels)} hashes")
        self.size = size
        # By level; the hashes come largest subtree first.
        self._odd = dict(zip(levels, reversed(hashes), strict=True))

    @classmethod
    def decode(cls, size: int, joined: bytes) -> CompactRange:
        """Rebuild the range from its joined hashes; a wrong number of bytes is a ``ValueError``."""
        return cls(size, [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)])

    def encode(self) -> bytes:
        """Return the hashes joined, largest subtree first."""
        return b"".join(self.hashes())

    def hashes(self) -> list[bytes]:
        """Return the roots of the complete subtrees, largest first."""
        return [self._odd[level] for level in sorted(self._odd, reverse=True)]

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        return fold(self.hashes())

    def extend(self, leaves: Sequence[bytes], every: int = 8) -> dict[int, list[bytes]]:
        """Append leaf hashes; returns the nodes that became complete on every ``every``-th level.

        Working level by level costs one short loop per level instead of one long one per leaf.
        """
        made: dict[int, list[bytes]] = {}
        new, level, size = list(leaves), 0, self.size
        self.size += len(new)
        while new:
            if level % every == 0:
                made[level] = new
            nodes = [self._odd.pop(level), *new] if size >> level & 1 else new
            if len(nodes) & 1:
                self._odd[level] = nodes[-1]
            pairs = iter(nodes)
            new = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
            level += 1
        return made


def root(entries: Iterable[bytes], *, chunk: int = 4096) -> bytes:
    """Return the root over ``entries`` in their order, in flat memory."""
    tree, waiting = CompactRange(), []
    for entry in entries:
        waiting.append(leaf_hash(entry))
        if len(waiting) == chunk:
            tree.extend(waiting)
            waiting = []
    tree.extend(waiting)
    return tree.root()


def complete_subtrees(start: int, end: int) -> list[Node]:
    """Split the leaves ``start`` to ``end`` (exclusive) into complete subtrees, from left to right.

    ``start`` must be a multiple of the largest of them, as it is wherever RFC 6962 splits.
    """
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def _split(size: int) -> int:
    """Return the largest power of two smaller than ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def plan_inclusion(index: int, size: int) -> Plan:
    """Name the nodes of the proof that leaf ``index`` is in the tree of ``size`` (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    plan, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            plan.append(complete_subtrees(middle, end))
            end = middle
        else:
            plan.append(complete_subtrees(start, middle))
            start = middle
    return plan[::-1]


def plan_consistency(old: int, new: int) -> Plan:
    """Name the nodes of the proof that the tree of ``new`` extends that of ``old`` (RFC 6962, 2.1.2)."""
    if not 0 < old <= new:
        raise ValueError(f"a tree of {new} cannot be proven to extend one of {old}")
    plan, start, end, whole = [], 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            plan.append(complete_subtrees(middle, end))
            end = middle
        else:
            plan.append(complete_subtrees(start, middle))
            start, whole = middle, False
    if not whole:
        plan.append(complete_subtrees(start, end))
    return plan[::-1]


def prove(plan: Plan, hash_of: Callable[[Node], bytes]) -> list[bytes]:
    """Fill in a plan's hashes."""
    return [fold([hash_of(node) for node in nodes]) for nodes in plan]


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to (RFC 9162, 2.1.3.2); unfit ones are a ValueError."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    at, last, root = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ValueError("the inclusion proof is too long")
        if at & 1 or at == last:
            root = node_hash(sibling, root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise ValueError("the inclusion proof is too short")
    return root


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether ``proof`` shows that the new tree extends the old one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old in (0, new):
        expected = EMPTY_ROOT if old == 0 else new_root
        return not proof and old_root == expected
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    older = newer = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and older == old_root and newer == new_root
