"""What every notice is checked for, on lines and messages."""

from __future__ import annotations

import pytest

from notifier.preflight.checks import LineChecks, Neighbours, check_message, field_names, words_of

CHECKS = LineChecks(hosts=frozenset({"example.com"}), addresses=frozenset({"privacy@example.com"}))
MESSAGE = b"From: a@example.com\r\nTo: Eva Roth <eva@mail.test>\r\nSubject: x\r\n\r\nHello\r\n"
FIELDS = (b"from", b"to", b"subject")


def _codes(line: str, name: str = "") -> list[str]:
    return sorted({one.code for one in CHECKS.of(line, name=name, own=("eva@mail.test",))})


@pytest.mark.parametrize(
    "line",
    [
        "Dear Eva Roth,",
        "Write to privacy@example.com or answer to eva@mail.test.",
        "https://example.com/check and https://shop.example.com/",
        '<a href="https://example.com/">example.com</a> <a href="mailto:privacy@example.com">',
        '<a href="tel:+4930901820">',
        '<html xmlns="http://www.w3.org/1999/xhtml" lang="en">',
        "Nanette had none of it; the nanny insisted.",
        "50 % of 100 people",
        "\u2068محمد\u2069",
    ],
)
def test_good_lines_pass(line: str) -> None:
    """Ordinary words, own and the organisation's addresses, and allowed hosts are no findings."""
    assert _codes(line) == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Dear {{ name }},", "leftover-token"),
        ("Dear %%NAME%%,", "leftover-token"),
        ("Dear [CUSTOMER NAME],", "leftover-token"),
        ("Dear &lt;NAME&gt;,", "leftover-token"),
        ("Dear None,", "leftover-token"),
        ("Your number: undefined", "leftover-token"),
        ("Call XXXX.", "leftover-token"),
        ("http://example.com/", "link-scheme"),
        ('<a href="javascript:alert(1)">', "link-scheme"),
        ('<img src="data:image/png;base64,AA">', "link-scheme"),
        ("https://example.com@evil.test/", "link-host"),
        ("https://example.com:8443/", "link-host"),
        ("https://notexample.com/", "link-host"),
        ("https://xn--exmple-cua.com/", "link-host"),
        ("go to WWW.evil.test now", "link-host"),
        ("ask max@mail.test", "foreign-address"),
        ("ask max&#64;mail.test or x@y.test", "foreign-address"),
        ("\u202eover", "direction-marks"),
        ("\u2067open", "direction-marks"),
    ],
)
def test_bad_lines_are_found(line: str, code: str) -> None:
    """Each kind of trouble has its code."""
    assert code in _codes(line)


def test_a_person_may_be_called_null() -> None:
    """The reader's own name is no left-over value; a bracket in it is."""
    assert _codes("Dear Jennifer null,", name="Jennifer null") == []
    assert _codes("Dear {{Eva}},", name="{{Eva}}") == ["leftover-token"]


def test_neighbours_are_found_by_whole_names() -> None:
    """Another's full name is found in any case; parts of one's own name and words of the template are not."""
    people = Neighbours(["Eva Roth", "Max Meier", "Schwarzenegger", "Li", "Your Account"])
    common = set(words_of("about your account"))

    def found(line: str, own: str = "Eva Roth") -> bool:
        return people.in_lines([line], own=(own, ""), common=common)

    assert found("Dear MAX  meier,")
    assert found("for Max&#32;Meier")
    assert found("c/o Schwarzenegger")
    assert not found("Dear Eva Roth,")
    assert not found("Dear Max Meier-Roth,", own="Max Meier-Roth")
    assert found("Dear Max Meier-Roth, see Max Meier", own="Max Meier-Roth")
    assert not found("about Your Account")
    assert not found("Li wrote")


def test_vowel_signs_tell_names_apart() -> None:
    """Signs and accents belong to their word: other words of the same consonants are nobody's name."""
    people = Neighbours(["राम", "José Núñez", "कविता शर्मा"])
    assert not people.in_lines(["रीमा और रूमी"], own=(), common=())
    assert people.in_lines(["Jose\u0301 Nunez"], own=(), common=())
    assert people.in_lines(["कविता शर्मा,"], own=("राम",), common=())


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"To: Eva", b"Bcc: x@mail.test\r\nTo: Eva", "header-fields"),
        (b"To: Eva Roth <eva@mail.test>", b"To: eva@mail.test, max@mail.test", "one-recipient"),
        (b"To: Eva Roth <eva@mail.test>", b"To: max@mail.test, Eva <eva@mail.test>", "one-recipient"),
        (b"<eva@mail.test>", b"<max@mail.test>", "one-recipient"),
        (b"Subject: x", b"Subject: x\r\nCc: max@mail.test", "one-recipient"),
        (b"Hello", b"Hello" * 20_000, "too-large"),
        (b"Subject: x", b"X-Notifier-Drill: yes", "drill-mark"),
    ],
)
def test_whole_messages_are_checked(old: bytes, new: bytes, code: str) -> None:
    """A copy, a second reader, another reader, too much, or a stray mark is found."""
    assert not list(check_message(MESSAGE, recipient="eva@mail.test", fields=FIELDS, drill=False))
    changed = MESSAGE.replace(old, new)
    found = check_message(changed, recipient="eva@mail.test", fields=FIELDS, drill=False)
    assert code in {one.code for one in found}


@pytest.mark.parametrize(
    "to",
    [b"eva@mail.test", b'"Roth, Eva" <eva@mail.test>', b'"E \\" x@y.test" <eva@mail.test>',
     b"=?utf-8?q?Ev=C3=A4?=\r\n =?utf-8?b?w6Q=?= <eva@mail.test>"],
)  # fmt: skip
def test_every_lawful_way_to_write_one_reader_passes(to: bytes) -> None:
    """Bare, quoted, encoded and folded."""
    message = MESSAGE.replace(b"Eva Roth <eva@mail.test>", to)
    assert field_names(message) == FIELDS
    assert not list(check_message(message, recipient="eva@mail.test", fields=FIELDS, drill=False))
