"""Affected by an uploaded list: rows are matched to customers, and every row is accounted for.

A row that names nobody, several people, or nothing at all is reported with its line and kept; the others
are used. People who are no customers come in where that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from incidents.actions import IncidentAction
from incidents.affected.acts import Counted, keep_act, read_note, require_open
from incidents.affected.criteria import Exposure
from incidents.affected.details import LONGEST, MOST_RECORDS
from incidents.affected.gathering import Matched, gather, open_hints
from incidents.affected.listing import KINDS, Entry, Kind, PeopleList, categories_of
from incidents.affected.rules import read_channels, settle
from incidents.affected.staging import NAMED, note_staged, open_stage, staged_people
from incidents.affected.strangers import already_known, bring_in
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.customers.duplicates import search_duplicates
from notifier.customers.lookup import Matches, match_mailboxes
from notifier.keys import Keys
from notifier.store import Transaction

UNMATCHED = "unmatched"
AMBIGUOUS = "ambiguous"
INVALID = "invalid"
UNKNOWN_DATA = "unknown-data"
PARTLY_USED = "partly-used"
SHORTENED = "shortened"
KEPT = 10_000
"""How many lines that were not used are kept of each list."""
NO_ADDRESS = "no-address"
REMEDIES = {
    UNMATCHED: "Nobody has this value. Correct it, or use --add-unknown.",
    AMBIGUOUS: "Several customers have it. Name them by customer number, or use --all-matches.",
    INVALID: "The row names nobody. Fill in a number, an e-mail address or a phone number.",
    UNKNOWN_DATA: "None of its data categories is known, so it was not used. Correct them.",
    PARTLY_USED: "It was used, without a data category that is unknown. Correct that one.",
    SHORTENED: f"It was used, but cut: a record or a category's hints have {LONGEST} characters, a person has"
    f" {MOST_RECORDS:,} records. Shorten it; a hint uploaded anew replaces all earlier ones of its category.",
    NO_ADDRESS: "It has no e-mail address or phone number that can be read. Correct it.",
}


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """A row that could not be used, or not whole."""

    entry: Entry
    problem: str
    columns: str = ""
    """Which of its columns had to be cut."""

    @property
    def said(self) -> str:
        """The problem with its columns, if it is about some."""
        return f"{self.problem} ({self.columns})" if self.columns else self.problem

    @property
    def line(self) -> int:
        """Where it stands in the file."""
        return self.entry.line


@dataclass(frozen=True, slots=True)
class ListOptions:
    """How a list is used."""

    basis: str
    exposure: Exposure
    compromised: tuple[str, ...] = ()
    add_unknown: bool = False
    all_matches: bool = False
    country: str = ""
    """Of telephone numbers written without one."""


@dataclass(slots=True)
class ListResult:
    """What became of a list's rows."""

    rows: int = 0
    brought_in: int = 0
    counted: Counted = field(default_factory=Counted)
    problems: list[ProblemRow] = field(default_factory=list)
    partly: list[ProblemRow] = field(default_factory=list)
    """Rows that were used, but without a data category nobody knows, or with records or hints cut."""
    respelled: list[int] = field(default_factory=list)
    """Lines whose address nobody has as it stands: a customer has the same mailbox in another spelling."""

    @property
    def doubtful(self) -> list[ProblemRow]:
        """Return every row to be looked at, by line."""
        return sorted([*self.problems, *self.partly], key=lambda one: one.line)

    @property
    def not_kept(self) -> int:
        """Return how many rows were not used beyond those that are kept."""
        return max(0, len(self.problems) - KEPT)


async def by_list(
    tx: Transaction,
    keys: Keys,
    incident: Incident,
    listed: PeopleList,
    options: ListOptions,
    *,
    actor: str,
) -> ListResult:
    """Put everybody on the list whom the file names; what could not be used is in the result."""
    require_open(incident)
    basis, channels = read_note("the basis", options.basis), read_channels(options.compromised)
    result = ListResult()
    digest = listed.digest(tx)
    await open_stage(tx)
    await open_hints(tx)
    for chunk in listed.chunks():
        result.rows += len(chunk)
        matched, problems = await _resolve(tx, keys, chunk, options, result, actor=actor)
        result.problems += problems
        if matched:
            staged, cut = await gather(tx, keys, incident, matched)
            result.partly += [ProblemRow(entry, SHORTENED, columns) for entry, columns in cut]
            await note_staged(tx, keys, incident, staged, options.exposure, basis=f"list: {basis}")
    if result.brought_in:
        await search_duplicates(tx)
    result.counted = await staged_people(tx)
    await _keep_problems(tx, incident, digest, result.problems)
    await keep_act(
        tx,
        incident,
        kind="list",
        what=digest,
        exposed=str(options.exposure),
        note=basis,
        people=result.counted.matched,
        actor=actor,
    )
    await settle(tx, incident, channels, (NAMED, {}), basis=basis, actor=actor)
    tx.record(
        Event(
            IncidentAction.AFFECTED_BY_LIST,
            {
                "incident": incident.code,
                "list_digest": digest,
                "exposed": str(options.exposure),
                "rows": result.rows,
                "matched": result.counted.matched,
                "added": result.counted.added,
                "brought_in": result.brought_in,
                "problems": len(result.problems),
                "actor": f"operator:{actor}",
            },
        )
    )
    return result


async def _resolve(
    tx: Transaction,
    keys: Keys,
    chunk: Sequence[Entry],
    options: ListOptions,
    result: ListResult,
    *,
    actor: str,
) -> tuple[list[Matched], list[ProblemRow]]:
    found = {kind: await _match(tx, keys, kind, chunk, options.country) for kind in KINDS}
    matched: list[Matched] = []
    problems = []
    for entry in chunk:
        key = entry.key()
        ids, respelled = found[key[0]].of(key[1]) if key else ([], False)
        if entry.fault or key is None:
            problems.append(ProblemRow(entry, INVALID))
            continue
        words, strange = categories_of(entry)
        if strange and not words:
            problems.append(ProblemRow(entry, UNKNOWN_DATA))
            continue
        if not ids and options.add_unknown:
            ids, respelled = await _known_or_new(tx, keys, entry, options, result, actor=actor)
        if len(ids) != 1 and not (ids and options.all_matches):
            problems.append(ProblemRow(entry, AMBIGUOUS if ids else UNMATCHED))
            continue
        if respelled:
            result.respelled.append(entry.line)
        if strange:
            result.partly.append(ProblemRow(entry, PARTLY_USED))
        matched.append(Matched(entry, tuple(ids), words))
    return matched, problems


async def _known_or_new(
    tx: Transaction, keys: Keys, entry: Entry, options: ListOptions, result: ListResult, *, actor: str
) -> tuple[list[int], bool]:
    """Return who a row is about that its first value did not find; whoever is unknown is brought in."""
    # Known by another column, or brought in by a row further up or an earlier upload.
    ids, respelled = await already_known(tx, keys, entry.values, country=options.country)
    if ids:
        return ids, respelled
    stranger = await bring_in(tx, keys, entry.values, origin="list", country=options.country, actor=actor)
    if stranger is None:
        return [], False
    result.brought_in += 1
    return [stranger], False


async def _match(tx: Transaction, keys: Keys, kind: Kind, chunk: Sequence[Entry], country: str) -> Matches:
    values = list(dict.fromkeys(key[1] for entry in chunk if (key := entry.key()) and key[0] == kind))
    return await match_mailboxes(tx, keys, kind, values, country=country)


async def _keep_problems(
    tx: Transaction, incident: Incident, digest: str, problems: Sequence[ProblemRow]
) -> None:
    """Keep which lines were not used, the first ``KEPT``, without their values; a second upload of the file
    replaces them.
    """
    await tx.write(
        "DELETE FROM list_row WHERE incident_id = :id AND list_digest = :digest",
        {"id": incident.id, "digest": digest},
    )
    await tx.insert_many(
        "list_row",
        ("incident_id", "list_digest", "line", "problem", "kind"),
        (
            (incident.id, digest, one.line, one.problem, (one.entry.key() or ("number", ""))[0])
            for one in problems[:KEPT]
        ),
    )
