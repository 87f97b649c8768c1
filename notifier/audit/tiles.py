"""The layout of C2SP *tlog-tiles*: where the tree's hashes and entries are, in rows of 256.

A tile of level L and number N holds the nodes of tree level ``8 * L`` from ``256 * N`` on. A full tile
never changes; the last one of a level grows, and its narrower forms are superseded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from notifier.audit.merkle import HASH_BYTES, Node, subtree_root

WIDTH = 256
HEIGHT = 8
FULL_BYTES = WIDTH * HASH_BYTES

Tile = tuple[int, int]


def tile_path(level: int, number: int, width: int = WIDTH) -> str:
    """Return the path of a hash tile below the log's prefix."""
    return f"tile/{level}/{_number(number)}{_partial(width)}"


def bundle_path(number: int, width: int = WIDTH) -> str:
    """Return the path of an entry bundle below the log's prefix."""
    return f"tile/entries/{_number(number)}{_partial(width)}"


def _number(number: int) -> str:
    parts = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        parts.append(f"x{number % 1000:03d}")
    return "/".join(reversed(parts))


def _partial(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"


def bundle(entries: Iterable[bytes]) -> bytes:
    """Return entries as a bundle: each behind its length in 16 bits, big-endian."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def widths(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield for each tile level of a tree its number of full tiles and the width of the growing one."""
    level, nodes = 0, size
    while nodes:
        yield level, nodes // WIDTH, nodes % WIDTH
        level, nodes = level + 1, nodes // WIDTH


def tile_of(node: Node) -> Tile:
    """Return level and number of the tile that a node is computed from."""
    level, index = node
    return level // HEIGHT, index >> (HEIGHT - level % HEIGHT)


def node_in(node: Node, tiles: Mapping[Tile, bytes]) -> bytes:
    """Return a node's hash, computed from its tile; a tile too narrow or absent is a ``LookupError``."""
    level, index = node
    count = 1 << level % HEIGHT
    start = (index * count) % WIDTH * HASH_BYTES
    content = tiles[tile_of(node)][start : start + count * HASH_BYTES]
    if len(content) != count * HASH_BYTES:
        raise LookupError(f"tile {tile_of(node)} is too narrow for node {node}")
    return subtree_root([content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)])


def grow(edges: Mapping[int, tuple[int, bytes]], made: Mapping[int, list[bytes]]) -> Grown:
    """Add the nodes that ``CompactRange.extend`` made to the growing tiles."""
    full: list[tuple[int, int, bytes]] = []
    growing: dict[int, tuple[int, bytes]] = {}
    for tree_level, nodes in made.items():
        level = tree_level // HEIGHT
        number, content = edges.get(level, (0, b""))
        joined = content + b"".join(nodes)
        whole = len(joined) // FULL_BYTES
        full += [(level, number + at, joined[at * FULL_BYTES : (at + 1) * FULL_BYTES]) for at in range(whole)]
        growing[level] = (number + whole, joined[whole * FULL_BYTES :])
    return full, growing


Grown = tuple[list[tuple[int, int, bytes]], dict[int, tuple[int, bytes]]]
