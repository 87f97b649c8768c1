"""Affected people typed in: ten of them are entered faster than a file is made."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from incidents.actions import IncidentAction
from incidents.affected.acts import Counted, keep_act, read_note, require_open
from incidents.affected.criteria import Exposure
from incidents.affected.rules import read_channels, settle
from incidents.affected.staging import NAMED, Staged, note_staged, open_stage, staged_people
from incidents.affected.strangers import bring_in
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.categories import CODES, ordered
from notifier.customers.duplicates import search_duplicates
from notifier.customers.faults import Faulty
from notifier.customers.lookup import Kind, match_mailboxes
from notifier.customers.normalise import emails, locales, phones
from notifier.customers.values import word_set
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.store import Transaction
from notifier.words import persons

MOST = 100
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")


def read_person(written: str, position: int) -> dict[str, str]:
    """Read ``name,email[,phone][,locale][,category…]``, or a customer number alone.

    Fields after the first are known by their form. What cannot be read is ``BadInput`` that names the
    person by position, never by value.
    """
    fields = [field.strip() for field in next(csv.reader([written], skipinitialspace=True), [])]
    first, rest = (fields[0], fields[1:]) if fields else ("", [])
    if not first:
        raise _bad(position, "it begins with no name", 'Write --person "name,email".')
    if not rest:
        return {_shape(first): first}
    values = {"name": first}
    exposed: list[str] = []
    for number, field in enumerate((field for field in rest if field), start=2):
        meaning = _shape(field)
        if meaning == "category":
            exposed.append(field.lower())
        elif meaning == "number" or meaning in values:
            raise _bad(
                position,
                f"its field {number} is not understood",
                "After the name: e-mail, phone, locale, categories.",
            )
        else:
            values[meaning] = field
    if not {"email", "phone"} & set(values):
        raise _bad(position, "it has neither an e-mail address nor a phone number", "Add one of them.")
    _check(values, position)
    return {**values, "categories": " ".join(exposed)}


def _shape(field: str) -> str:
    if "@" in field:
        return "email"
    if field.startswith("+"):
        return "phone"
    if field.lower() in CODES:
        return "category"
    return "locale" if _LOCALE.fullmatch(field) and field[:2].islower() else "number"


def _check(values: dict[str, str], position: int) -> None:
    for meaning in {"email", "phone", "locale"} & values.keys():
        try:
            _read(meaning, values[meaning])
        except Faulty as faulty:
            raise _bad(position, f"its {meaning} is wrong ({faulty.code})", "Correct it.") from None


def _read(meaning: str, text: str) -> None:
    if meaning == "email":
        emails.email(text)
    elif meaning == "phone":
        phones.phone(text, "", [])
    else:
        locales.locale(text)


def _bad(position: int, what: str, advice: str) -> BadInput:
    return BadInput(f"person {position}: {what}", advice=advice)


async def by_hand(
    tx: Transaction,
    keys: Keys,
    incident: Incident,
    written: Sequence[str],
    exposure: Exposure,
    *,
    basis: str,
    compromised: Sequence[str] = (),
    actor: str,
) -> Counted:
    """Put the typed people on the list: customers where they are known, else as new people.

    One that names several customers, or a number nobody has, is ``BadInput``, and nothing is changed.
    """
    require_open(incident)
    basis, channels = read_note("the basis", basis), read_channels(compromised)
    if len(written) > MOST:
        raise BadInput(f"{len(written)} people were typed in, the most is {MOST}", advice="Upload a list.")
    staged: dict[int, Staged] = {}
    brought_in = False
    for position, text in enumerate(written, start=1):
        values = read_person(text, position)
        customer_id, new = await _person(tx, keys, values, position, actor=actor)
        brought_in |= new
        staged[customer_id] = _grown(staged.get(customer_id), customer_id, values)
    if brought_in:
        await search_duplicates(tx)
    await open_stage(tx)
    await note_staged(tx, keys, incident, list(staged.values()), exposure, basis=f"typed: {basis}")
    counted = await staged_people(tx)
    await keep_act(
        tx,
        incident,
        kind="typed",
        what=persons(counted.matched),
        exposed=str(exposure),
        note=basis,
        people=counted.matched,
        actor=actor,
    )
    await settle(tx, incident, channels, (NAMED, {}), basis=basis, actor=actor)
    facts: dict[str, str | int] = {
        "incident": incident.code,
        "people": counted.matched,
        "added": counted.added,
    }
    tx.record(
        Event(
            IncidentAction.AFFECTED_TYPED, {**facts, "exposed": str(exposure), "actor": f"operator:{actor}"}
        )
    )
    return counted


def _grown(before: Staged | None, customer_id: int, values: dict[str, str]) -> Staged:
    """Return what was typed of somebody, with what was typed of them before."""
    words = values.get("categories", "").split()
    known = before.exposed.split() if before else []
    usual = not words or (before is not None and before.usual)
    return Staged(customer_id, word_set(ordered((*known, *words))), usual)


async def _person(
    tx: Transaction, keys: Keys, values: dict[str, str], position: int, *, actor: str
) -> tuple[int, bool]:
    """Return who is meant, and whether they were brought in for it."""
    kinds: tuple[Kind, ...] = ("number", "email", "phone")
    for kind in kinds:
        if value := values.get(kind, ""):
            ids = (await match_mailboxes(tx, keys, kind, [value])).ids[value]
            if len(ids) > 1:
                raise _bad(position, "several customers have it", "Give the customer number instead.")
            if ids:
                return ids[0], False
    if set(values) <= {"number", "locale", "category"}:
        raise _bad(position, "nobody has this number", 'Write "name,email" for somebody who is no customer.')
    stranger = await bring_in(tx, keys, values, origin="typed", actor=actor)
    if stranger is None:
        raise _bad(position, "its address cannot be used", "Correct it.")
    return stranger, True
