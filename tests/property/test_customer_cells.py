"""Whatever stands in a cell: reading goes on, short cuts agree with the libraries, reports are safe."""

from __future__ import annotations

import csv
import io
from datetime import date

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from notifier.customers.faults import FAULTS, Faulty
from notifier.customers.mapping import map_columns
from notifier.customers.normalise import emails, phones
from notifier.customers.normalise.cells import FORMULA_STARTS, clean
from notifier.customers.normalise.plans import plain_number
from notifier.customers.normalise.rows import RowNormaliser, Rules, read_number
from notifier.customers.report import neutralised
from notifier.customers.sealing import CUSTOMER, Sealer
from notifier.keys import Keys

LOCAL = st.text(alphabet="abcXYZ019.+-_!#%'", min_size=1, max_size=70)
DOMAIN = st.one_of(
    st.sampled_from(["example.com", "Mail.Example.ORG", "bücher.example.com", "nodot", "host.invalid", "x..y.com", "-a.com",
                     "aa--b.com", "inbox.test", "xn--bcher-kva.example.com"]),
    st.text(alphabet="abZ09.-ü", min_size=1, max_size=80),
)  # fmt: skip
HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "a\x00b", "\u202eevil", "x" * 5000,
                     "\ud800", "\ufffd", "#N/A", "NULL", '"', "a,b;c|d\te", "<script>", "{{ x }}", "😀" * 30]),
)  # fmt: skip
HEADERS = ("number", "name", "email", "phone", "locale", "time zone", "country", "region", "street", "zip", "city",
           "data held", "marks", "minor", "date of birth", "account", "role", "guardian", "plan", "note")  # fmt: skip
NORMALISER = RowNormaliser(
    Rules(map_columns(HEADERS, given={}, selectable=["plan"]), date(2026, 1, 15), default_country="DE")
)
KEYS = Keys.generate()


@given(LOCAL, DOMAIN)
@settings(max_examples=300)
def test_the_short_cut_for_addresses_agrees_with_the_library(local: str, domain: str) -> None:
    """An address is taken exactly where email-validator takes it, and kept as it says."""
    try:
        valid = validate_email(f"{local}@{domain}", check_deliverability=False, test_environment=True)
        expected = valid.ascii_email
    except EmailNotValidError:
        expected = None
    try:
        found = emails.normalise(f"{local}@{domain}")
    except Faulty:
        found = None
    assert found == expected


@given(
    st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)),
    st.integers(0, 10),
    st.integers(0, 2),
    st.lists(st.tuples(st.integers(0, 14), st.integers(0, 9)), max_size=4),
    st.sampled_from(["", "US", "DE", "BR", "IT", "own"]),
)
@settings(max_examples=400)
def test_the_short_cut_for_numbers_agrees_with_the_library(
    region: str, kind: int, form: int, changes: list[tuple[int, int]], country: str
) -> None:
    """What the short cut is sure of, phonenumbers says too: the same number, of the same kind, assigned."""
    example = phonenumbers.example_number_for_type(region, kind)
    assume(example is not None)
    text = list(phonenumbers.format_number(example, form))
    for place, digit in changes:
        if place < len(text) and text[place].isdigit():
            text[place] = str(digit)
    home = region if country == "own" else country
    found = plain_number("".join(text), home)
    if found is not None:
        channel = "sms" if found[0] else "voice"
        assert phones._by_library("".join(text), home) == (channel, found[1], True)


@given(st.lists(HOSTILE, min_size=len(HEADERS), max_size=len(HEADERS)))
@settings(max_examples=200)
def test_no_row_stops_an_import(cells: list[str]) -> None:
    """Any cells give a record that can be sealed and problems that are known, or a known refusal."""
    try:
        number = read_number(cells[0])
    except Faulty as faulty:
        refusal = FAULTS[faulty.code]
        assert refusal.refuses
        return
    record, problems = NORMALISER.read(7, number, cells)
    assert all(problem.code in FAULTS and problem.column in HEADERS for problem in problems)
    sealed, wrapped, _ = Sealer(KEYS).new(record, b"", 1)
    assert KEYS.subject(sealed.uid, wrapped).open(sealed.sealed, CUSTOMER)
    assert "\x00" not in f"{sealed.number}{sealed.attributes}{record.name}"


@given(HOSTILE)
def test_no_cell_of_a_report_is_a_formula(cell: str) -> None:
    """Whatever the original cell, a spreadsheet program takes what is written for text."""
    memory = io.StringIO(newline="")
    csv.writer(memory).writerow([neutralised(cell)])
    memory.seek(0)
    (written,) = next(csv.reader(memory))
    assert not written.lstrip(" ").startswith(tuple(FORMULA_STARTS))


@given(st.text(alphabet="=+-@abc019 ", min_size=1, max_size=20))
def test_a_report_can_be_imported_again(cell: str) -> None:
    """The apostrophe before what looks like a formula is undone."""
    assume(not cell.strip().startswith('="'))
    assert clean(neutralised(cell), []) == clean(cell, [])
