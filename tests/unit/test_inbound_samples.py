"""Reports as they are found in the wild, and as the large programs and providers write them."""

from __future__ import annotations

from email import message_from_bytes

import pytest
from flufl.bounce import all_failures

from tests.bounces import ATTEMPT, DATA, READER, REFERENCE, RETURN_PATH, expected, found, written

NO_ADDRESS_TO_ITS_AUTHORS = {"simple_42"}


@pytest.mark.parametrize("row", expected("flufl"), ids=lambda row: row["sample"])
def test_a_bounce_found_in_the_wild_is_classified(row: dict[str, str]) -> None:
    """Its addresses, whether they failed or wait, and why, are as a person reads them; nothing is proven."""
    reading = READER.read(found(row["sample"]))
    assert reading.kind == row["kind"]
    told = {(receipt.kind, receipt.reason, receipt.address) for receipt in reading.receipts}
    assert told == {(row["says"], row["reason"], address) for address in row["addresses"].split()}
    assert {(receipt.reference, receipt.attempt) for receipt in reading.receipts} <= {("", 0)}
    assert reading.understood == (bool(told) or row["kind"] != "bounce")


def test_every_sample_has_its_row() -> None:
    """No sample is left out, and none is named that is not there."""
    for folder, ending in (("flufl", "txt"), ("written", "eml")):
        rows = [row["sample"] for row in expected(folder)]
        assert sorted(rows) == sorted(path.stem for path in (DATA / folder).glob(f"*.{ending}"))


@pytest.mark.parametrize("row", expected("flufl"), ids=lambda row: row["sample"])
def test_the_addresses_are_those_that_flufl_bounce_finds(row: dict[str, str]) -> None:
    """For the whole of each sample, without our bounds."""
    groups = all_failures(message_from_bytes(found(row["sample"])))
    named = {one.decode() for group in groups for one in group if b"@" in one}
    assert named == set(row["addresses"].split()) or row["sample"] in NO_ADDRESS_TO_ITS_AUTHORS


@pytest.mark.parametrize("row", expected("written"), ids=lambda row: row["sample"])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_a_report_becomes_what_its_row_says(row: dict[str, str], ends: bytes) -> None:
    """Servers, providers, languages; the delivery and the attempt where our return path proves them."""
    reading = READER.read(written(row["sample"]).replace(b"\n", ends))
    told = [(one.kind, one.reason, one.address, one.reference, one.attempt) for one in reading.receipts]
    about = (REFERENCE, ATTEMPT) if row["proven"] == "yes" else ("", 0)
    assert told == ([(row["says"], row["reason"], row["address"], *about)] if row["says"] else [])
    assert (reading.kind, reading.understood) == (row["kind"], True)


def test_a_bounce_tells_code_moment_and_words() -> None:
    """What the last server answered is kept, as one line."""
    [receipt] = READER.read(written("gmail-dead")).receipts
    assert (receipt.code, receipt.enhanced) == (550, "5.1.1")
    assert receipt.occurred_at is not None
    assert receipt.occurred_at.isoformat() == "2026-11-02T10:05:00+00:00"
    assert receipt.text.startswith("550-5.1.1 The email account that you tried to reach does not exist.")
    assert "\n" not in receipt.text


@pytest.mark.parametrize("name", ["bounce_01", "simple_43"])
def test_a_bounce_without_an_address_is_about_the_delivery_it_proves(name: str) -> None:
    """Our messages have one recipient each, so the return path alone tells whose it is."""
    content = b"Return-Path: <>\n" + found(name).replace(b"\nReturn-Path:", b"\nX-Was:")
    reading = READER.read(content, [RETURN_PATH])
    assert [(one.kind, one.reference, one.address) for one in reading.receipts] == [
        ("bounced", REFERENCE, "")
    ]


def test_an_unknown_feedback_type_is_shown_to_somebody() -> None:
    """It is no complaint, and it is not passed over either."""
    content = written("fraud").replace(b"Feedback-Type: fraud", b"Feedback-Type: x-new")
    reading = READER.read(content)
    assert (reading.kind, reading.receipts, reading.understood) == ("other", (), False)


def test_an_unknown_action_is_shown_to_somebody() -> None:
    """RFC 3464 knows five; another gives no receipt."""
    content = written("relayed").replace(b"Action: relayed", b"Action: pondered")
    assert (READER.read(content).receipts, READER.read(content).understood) == ((), False)


def test_no_bounce_writes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The library that finds addresses logs what it does; a message may have made it fail."""
    caplog.set_level(0)
    READER.read(found("simple_01"))
    assert caplog.records == []
