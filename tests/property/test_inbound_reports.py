"""Reports that were cut, changed and put together: nothing is proven that was not there, nobody is harmed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.channels.email.inbound.meaning import meaning_of
from tests.bounces import ATTEMPT, PATHS, READER, REFERENCE, RETURN_PATH, expected, found, written

SAMPLES = [written(row["sample"]) for row in expected("written")]
SAMPLES += [found(row["sample"]) for row in expected("flufl")]
SIGNED, UNSIGNED = RETURN_PATH.partition("@")[0].encode(), b"b+3f9a02bc77d1e04b-2-aaaaaaaaaaaaaaaa"
UNPROVEN = [sample.replace(SIGNED, UNSIGNED) for sample in SAMPLES]
OURS = [
    written(name)
    for name in ("gmail-dead", "exim-text", "qmail-dead", "token-in-status", "yahoo-abuse", "read")
]
WORDS = st.sampled_from([
    *("user unknown", "no such user", "mailbox unavailable", "does not exist", "account disabled", "mailbox full"),
    *("550", "450", "5.1.1", "5.1.10", "4.2.2", "in reply to RCPT TO", "in reply to end of DATA", "blocked", "\n"),
    *("reader@example.org", "<", ">", ":", ";", ".", "-", "greylisted", "message expired", "return-path: <>"),
])  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, samples: list[bytes]) -> bytes:
    """Return a sample with a few cuts, insertions, swaps and pieces of another."""
    content = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 4))):
        start, end = sorted((draw(st.integers(0, len(content))), draw(st.integers(0, len(content)))))
        other = draw(st.sampled_from(samples))
        piece = draw(st.one_of(st.binary(max_size=40), st.just(other[start:end]), st.just(b"")))
        kept = draw(st.sampled_from([content[end:], content[start:], content[:start]]))
        content = content[:start] + piece + kept
    return content


@settings(max_examples=300)
@given(content=damaged(UNPROVEN), ends=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_nothing_is_proven_that_was_not_there(content: bytes, ends: bytes) -> None:
    """Whatever is done to reports without a signature of ours, none names a delivery, and none fails."""
    reading = READER.read(
        content.replace(b"\n", ends), ["b+3f9a02bc77d1e04b-2-bbbbbbbbbbbbbbbb@bounces.example.com"]
    )
    for receipt in reading.receipts:
        assert (receipt.reference, receipt.attempt) == ("", 0)
        assert receipt.kind not in ("delivered", "displayed")
        assert receipt.address


@settings(max_examples=300)
@given(content=damaged(OURS), with_envelope=st.booleans())
def test_nobody_elses_delivery_is_named(content: bytes, with_envelope: bool) -> None:
    """A report that holds one signature is about that delivery or about none, and makes one receipt at most."""
    receipts = READER.read(content, [RETURN_PATH] if with_envelope else []).receipts
    assert {(one.reference, one.attempt) for one in receipts} <= {(REFERENCE, ATTEMPT), ("", 0)}
    assert sum(bool(one.reference) for one in receipts) <= 1


@given(content=st.binary(max_size=2000), recipients=st.lists(st.text(max_size=80), max_size=3))
def test_bytes_of_any_kind_are_read(content: bytes, recipients: list[str]) -> None:
    """No exception, and the same again for the same bytes."""
    assert READER.read(content, recipients) == READER.read(content, recipients)


@given(
    words=st.lists(WORDS, max_size=12).map(" ".join),
    more=st.lists(WORDS, max_size=12).map(" ".join),
    detail=st.integers(0, 999),
    status=st.sampled_from(["", "5.1.1", "5.0.0", "4.4.7", "5.7.1"]),
)
def test_policy_never_makes_an_address_dead(words: str, more: str, detail: int, status: str) -> None:
    """A 5.7.x anywhere in a failure's explanation, whatever stands around it."""
    assert meaning_of("failure", f"{words} 5.7.{detail} {more}", status).reason != "address-dead"
    assert meaning_of("failure", f"{words} {more}", f"5.7.{detail}").reason != "address-dead"


@settings(max_examples=200)
@given(detail=st.integers(0, 999), data=st.data())
def test_a_policy_bounce_never_makes_an_address_dead(detail: int, data: st.DataObject) -> None:
    """In no form of report: every status code of a sample becomes a 5.7.x, and its words stay."""
    content = data.draw(st.sampled_from(SAMPLES))
    for code in (b"5.1.10", b"5.1.1", b"5.2.2", b"5.4.300", b"5.3.0", b"4.4.7", b"5.6.0"):
        content = content.replace(code, b"5.7.%d" % detail)
    if b"5.7.%d" % detail in content:
        reasons = {one.reason for one in READER.read(content, [PATHS.make("AB", 1)]).receipts}
        assert "address-dead" not in reasons


@given(
    words=st.lists(WORDS, max_size=12).map(" ".join),
    status=st.sampled_from(["4.4.7", "4.0.0", "4.4.1", "4.7.1"]),
)
def test_what_was_given_up_after_a_time_makes_no_address_dead(words: str, status: str) -> None:
    """A temporary status says that the address may be good, as long as no server refused it for good."""
    if not any(code in words for code in ("550", "5.1.1")):
        assert meaning_of("failure", words, status).reason != "address-dead"
