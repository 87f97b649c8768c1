"""The layout of tlog-tiles, against the specification's own examples."""

from __future__ import annotations

import pytest

from notifier.audit import tiles


def test_paths_are_those_of_the_specification() -> None:
    """Numbers go in groups of three digits, all but the last marked, and partial tiles say their width."""
    assert tiles.tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tiles.tile_path(1, 0, 17) == "tile/1/000.p/17"
    assert tiles.bundle_path(273, 112) == "tile/entries/273.p/112"
    assert tiles.bundle_path(1000) == "tile/entries/x001/000"


def test_widths_are_those_of_the_specification() -> None:
    """A tree of 70,000 has 273 full tiles, and so on up; one of 256 a full tile and one of width 1."""
    assert list(tiles.widths(70_000)) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert list(tiles.widths(256)) == [(0, 1, 0), (1, 0, 1)]
    assert list(tiles.widths(0)) == []


def test_a_bundle_prefixes_each_entry_with_its_length() -> None:
    """Lengths are 16 bits, big-endian; an entry beyond that cannot be written."""
    assert tiles.bundle([b"", b"ab" * 200]) == b"\x00\x00\x01\x90" + b"ab" * 200
    with pytest.raises(OverflowError):
        tiles.bundle([bytes(65_536)])


def test_a_node_beyond_its_tile_is_not_invented() -> None:
    """A tile too narrow for a node is an error, never a shorter hash."""
    with pytest.raises(LookupError):
        tiles.node_in((1, 1), {(0, 0): bytes(32 * 3)})
    with pytest.raises(LookupError):
        tiles.node_in((0, 256), {(0, 0): bytes(32)})
