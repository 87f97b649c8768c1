"""The incident record as a value."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from incidents import examples, records
from incidents.announce import unwritten
from incidents.errors import BadRecord, StepRefused
from incidents.history import changes
from incidents.lifecycle import State, Step, after, not_now, possible_steps
from incidents.records import checks, reading

SCHEMA = Path(__file__).parents[2] / "docs/reference/incident.schema.json"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_every_field_may_be_unknown() -> None:
    """A record of the word unknown alone is the empty record."""
    names = records.IncidentRecord.model_fields
    written = "\n".join(f"{name}: unknown" for name in names if name != "internal").encode()
    assert records.read(written) == records.read(b"title: unknown")
    assert set(checks.unknown(records.read(written))) >= {"title", "detected", "cause", "data_categories"}


@pytest.mark.parametrize(
    "content",
    [
        "texts: {en: unknown}",
        "texts: {en: {variants: unknown}}",
        "texts: {en: {variants: {guardian: unknown}}}",
        "texts: {en: {advice: unknown, measures: unknown}}",
        "texts: {en: {advice: {'*': unknown}}}",
        "internal: {notes: unknown, systems: unknown}",
        "texts: {en: {what_happened: [unknown], advice: {'*': [unknown]}}}",
        "internal: {notes: [unknown]}",
    ],
)
def test_every_part_of_a_field_may_be_unknown(content: str) -> None:
    """Read as not written yet, by the reader and by the published schema."""
    record = records.read(content.encode())
    assert not any(one.summary or one.advice.get("*") for one in record.texts.values())
    assert record.internal.notes == ()
    jsonschema.validate(reading.read(content.encode()).value, records.schema())
    assert records.validated(records.plain(record)) == record


def test_a_language_that_is_not_written_yet_is_named() -> None:
    """One sentence, not one for each of its parts; it is among what is unknown."""
    record = records.read(examples.text(next(iter(examples.TITLES))).encode())
    odd = record.model_copy(update={"texts": {**record.texts, "fi": records.Texts()}})
    assert checks.warnings(odd, NOW) == ["texts.fi is not written yet: nobody reads anything in fi"]
    assert checks.unknown(odd) == [*checks.unknown(record), "texts.fi"]
    assert unwritten(odd) == ["fi"]


@pytest.mark.parametrize("name", list(examples.TITLES))
def test_the_ready_records_are_complete(name: str) -> None:
    """No warning, and plain data reads back as the same record, from YAML and from JSON."""
    record = records.read(examples.text(name).encode())
    assert checks.warnings(record, NOW) == []
    assert records.validated(records.plain(record)) == record
    assert records.read(json.dumps(records.plain(record)).encode()) == record


def test_states_are_said_in_words() -> None:
    """A refusal reads as a sentence, and names the step that helps."""
    refused = not_now("INC-2026-001", State.HOLD, "nobody is frozen")
    assert str(refused) == "INC-2026-001 is on hold: nobody is frozen"
    assert "INC-2026-001 resume" in refused.advice()
    with pytest.raises(StepRefused, match="an incident that is on hold cannot take the step assess"):
        after(State.HOLD, Step.ASSESS)


def test_the_published_schema_is_current() -> None:
    """docs/reference/incident.schema.json is what the command prints."""
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == records.schema()


def test_all_problems_are_named_at_once_with_their_lines() -> None:
    """Path, line and remedy for each."""
    with pytest.raises(BadRecord) as refused:
        records.read(b"titel: x\ndetected: soon\ntexts:\n  de:\n    advice:\n      shoes: [a]\n")
    found = {problem.path: problem.line for problem in refused.value.problems}
    assert found == {"titel": 1, "detected": 2, "texts.de.advice.shoes": 6}


def test_yaml_guesses_nothing() -> None:
    """Words that YAML 1.1 reads as booleans, dates or numbers stay texts."""
    assert reading.read(b"a: no\nb: 2026-03-01\nc: 0123\nd: 1e3\ne: ~\n").value == {
        "a": "no",
        "b": "2026-03-01",
        "c": "0123",
        "d": "1e3",
        "e": None,
    }


def test_odd_orders_are_warned_about() -> None:
    """An end before the beginning, a moment in the future, a promised update that has passed."""
    record = records.read(
        b"occurred: {from: '2026-11-02T00:00:00Z', to: '2026-11-01T00:00:00Z'}\n"
        b"detected: 2030-01-01T00:00:00Z\nnext_update: 2026-11-01\ncontact: {email: no-reply@example.com}\n"
    )
    said = " ".join(checks.warnings(record, NOW))
    for expected in ("occurred.to is before", "detected lies in the future", "has passed", "no-reply"):
        assert expected in said


def test_changes_name_each_field() -> None:
    """Changed, added and removed single values, by path."""
    before = {"a": "1", "b": {"c": ["x", "y"]}, "d": "same"}
    found = changes(before, {"a": "2", "b": {"c": ["x"]}, "d": "same", "e": "new"})
    assert [(one.path, one.before, one.after) for one in found] == [
        ("a", "1", "2"),
        ("b.c[2]", "y", ""),
        ("e", "", "new"),
    ]


def test_every_state_can_be_left_and_reached() -> None:
    """No dead end: even a closed incident can be opened again."""
    reached = {
        after(state, step, held_from=State.DECLARED) for state in State for step in possible_steps(state)
    }
    assert reached | {State.SUSPECTED} == set(State)
    assert all(possible_steps(state) for state in State)
    assert after(State.MONITORING, Step.CLOSE) is State.CLOSED


def test_the_word_unknown_is_never_read_by_customers() -> None:
    """Beside other entries of a list it is refused, with its place."""
    with pytest.raises(BadRecord, match="entry 2 is the word unknown"):
        records.read(b"texts: {en: {measures: [We closed the gap., unknown]}}")


@pytest.mark.parametrize("content", [b"told_by_third_party:\n", b'{"told_by_third_party": null}'])
def test_an_empty_moment_of_being_told_is_unknown(content: bytes) -> None:
    """As every other field that is left empty."""
    assert records.read(content).told_by_third_party is None


def test_a_locale_written_in_two_ways_is_refused() -> None:
    """Neither text is dropped unseen."""
    with pytest.raises(BadRecord) as caught:
        records.read(b"texts:\n  pt-BR: {summary: Um.}\n  pt_BR: {summary: Dois.}\n")
    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == ("texts", 2)
    assert "pt-BR twice" in problem.what
