"""Return paths: made by us, read back whatever relays did to their case."""

from __future__ import annotations

import pytest

from notifier.channels.email.return_path import ReturnPaths
from notifier.keys import Keys

REFERENCE = "3F9A02BC77D1E04B"


@pytest.mark.parametrize("change", [str, str.upper, str.lower, lambda address: f"<{address}>"])
def test_a_return_path_reads_back(keys: Keys, change) -> None:
    """The attempt is known again in any case and within angle brackets."""
    paths = ReturnPaths(keys, "Bounces.example.com")
    assert paths.read(change(paths.make(REFERENCE, 12))) == (REFERENCE, 12)


def test_a_return_path_is_a_valid_short_mailbox(keys: Keys) -> None:
    """Its local part stays within 64 characters."""
    assert len(ReturnPaths(keys, "b.example.com").make(REFERENCE, 999).partition("@")[0]) <= 64


@pytest.mark.parametrize("position", [3, 20, 25, 40])
def test_a_changed_return_path_is_not_ours(keys: Keys, position: int) -> None:
    """Any changed character makes it unreadable."""
    made = ReturnPaths(keys, "b.example.com").make(REFERENCE, 1)
    other = "7" if made[position] != "7" else "6"
    assert ReturnPaths(keys, "b.example.com").read(made[:position] + other + made[position + 1 :]) is None


def test_another_key_or_domain_is_not_ours(keys: Keys) -> None:
    """A path of another installation is not read."""
    made = ReturnPaths(keys, "b.example.com").make(REFERENCE, 1)
    assert ReturnPaths(Keys.generate(), "b.example.com").read(made) is None
    assert ReturnPaths(keys, "c.example.com").read(made) is None


@pytest.mark.parametrize(
    "address", ["", "<>", "b+@b.example.com", "someone@b.example.com", "b+é-1-a@b.example.com"]
)
def test_what_is_no_return_path_is_not_read(keys: Keys, address: str) -> None:
    """Other addresses give None, never an error."""
    assert ReturnPaths(keys, "b.example.com").read(address) is None


@pytest.mark.parametrize(
    "frame", ["<{}@b.example.com>", "SRS0=x1Y2=ZZ=b.example.com={}@forwarder.test", "prvs=0123={}@x.test"]
)
def test_a_return_path_is_found_in_a_text(keys: Keys, frame: str) -> None:
    """Whatever a forwarder has wrapped around its local part, in any case, and once however often it stands."""
    paths = ReturnPaths(keys, "b.example.com")
    local = paths.make(REFERENCE, 12).partition("@")[0]
    text = f"Return-Path: {frame.format(local)}\nSender: {frame.format(local.upper())}\n"
    assert paths.found_in(text.encode()) == [(REFERENCE, 12)]


def test_of_invented_return_paths_twenty_are_tried(keys: Keys) -> None:
    """Who fills a report with them hides their own."""
    paths = ReturnPaths(keys, "b.example.com")
    invented = [f"b+{number}-1-aaaaaaaaaaaaaaaa" for number in range(20)]
    text = " ".join([*invented, paths.make(REFERENCE, 1)]).encode()
    assert paths.found_in(text) == []
    assert paths.found_in(text.partition(b" ")[2]) == [(REFERENCE, 1)]
