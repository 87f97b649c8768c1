"""Affected by criteria: a selection over customers, and which of their data was exposed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from incidents.actions import IncidentAction
from incidents.affected.acts import Counted, keep_act, read_note, require_open
from incidents.affected.noting import noting, null_bytes, people
from incidents.affected.rules import read_channels, settle
from incidents.affected.words import held_of
from incidents.selection import Selection
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.categories import ordered
from notifier.customers.values import word_set
from notifier.errors import BadInput
from notifier.store import Transaction

HELD = "held"


@dataclass(frozen=True, slots=True)
class Exposure:
    """Which data was exposed.

    ``held``: whatever is held about each person, and ``codes`` where that is not known. ``intersect``:
    those of ``codes`` that are held, and all of them where that is not known. ``given``: exactly ``codes``.
    """

    codes: tuple[str, ...]
    mode: Literal["held", "intersect", "given"] = "intersect"

    @classmethod
    def read(cls, written: str, incident: Incident, *, as_given: bool = False) -> Exposure:
        """Read ``--exposed``: data categories with commas between, or ``held``; empty means the record's."""
        known = tuple(incident.record.data_categories or ())
        if written.strip().lower() == HELD:
            if as_given:
                raise BadInput("`held` cannot be taken as given", advice="Name the data categories.")
            return cls(ordered(known), "held")
        wanted = [word.strip().lower() for word in written.split(",") if word.strip()] or known
        if not wanted:
            raise BadInput(
                "which data was exposed is not known",
                advice="Give --exposed email,password-hash or --exposed held, or complete the record.",
            )
        return cls(ordered(wanted), "given" if as_given else "intersect")

    def expression(self, held: str) -> str:
        """Return the SQL of the categories exposed for one customer whose held ones are in ``held``."""
        whole = f"'{word_set(self.codes)}'"  # Codes of ours, checked.
        if self.mode == "held":
            return f"CASE WHEN {held} = '' THEN {whole} ELSE {held} END"
        return whole if self.mode == "given" else held_of(self.codes, held)

    def __str__(self) -> str:
        """Return it as reports quote it."""
        listed = ",".join(self.codes)
        return {
            "held": f"held (else {listed or 'unknown'})",
            "intersect": listed,
            "given": f"{listed}, as given",
        }[self.mode]


async def by_criteria(
    tx: Transaction,
    incident: Incident,
    selection: Selection,
    exposure: Exposure,
    *,
    basis: str,
    compromised: Collection[str] = (),
    actor: str,
) -> Counted:
    """Put everybody on the list whom the selection describes; nobody at all is ``BadInput``."""
    require_open(incident)
    basis, channels = read_note("the basis", basis), read_channels(compromised)
    condition, params = selection.condition(tx.dialect)
    exposed = exposure.expression("c.data_held")
    source = f"SELECT c.id AS customer_id, {exposed} AS categories FROM customer c WHERE {condition}"
    row = await tx.row(
        "SELECT count(*) AS matched, count(CASE WHEN categories = '' THEN 1 END) AS none"
        f" FROM ({source}) AS s",
        **params,
    )
    matched, none = (row.matched, row.none) if row else (0, 0)
    if not matched:
        raise BadInput("the selection describes no customer", advice="Check its values; nothing was changed.")
    # With `held` an empty set means: not known which. Otherwise: none of it.
    skipped = none if exposure.mode == "intersect" else 0
    only = "WHERE s.categories <> ''" if exposure.mode == "intersect" else ""
    before = await people(tx, incident)
    statement, values = noting(
        tx,
        incident,
        "SELECT s.customer_id, 0 AS via_account_id, s.categories, CAST(:basis AS text) AS basis,"
        f" {null_bytes(tx.dialect)} AS sealed FROM ({source}) AS s {only}",
    )
    changed = await tx.write(statement, {**params, **values, "basis": f"criteria: {basis}"})
    added = await people(tx, incident) - before
    grown = changed - added
    await keep_act(
        tx,
        incident,
        kind="criteria",
        what=selection.text,
        exposed=str(exposure),
        note=basis,
        people=matched - skipped,
        actor=actor,
    )
    named = (f"SELECT s.customer_id FROM ({source}) AS s {only}", params)
    await settle(tx, incident, channels, named, basis=basis, actor=actor)
    tx.record(
        Event(
            IncidentAction.AFFECTED_BY_CRITERIA,
            {
                "incident": incident.code,
                "selection_digest": tx.commitment("selection", selection.text),
                "exposed": str(exposure),
                "matched": matched,
                "added": added,
                "grown": grown,
                "holding_none": skipped,
                "actor": f"operator:{actor}",
            },
        )
    )
    return Counted(matched, added, grown, matched - skipped - added - grown, skipped)
