"""Preflight: every notice is made and checked before anybody can approve.

A person whose notice fails is set aside in a counted group and holds nobody back; what is wrong with
everybody's notice stops the preflight. Chunks are committed as they are made; a crash leaves a draft, and
the next run goes on where it stopped if nothing has changed, else it begins anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import orjson

from notifier.announcements import UNRELEASED, Announcement, announcement, canonical_digest, channels_digest
from notifier.audit import frozen
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.channels import Finding
from notifier.drafts import set_state, void_approvals
from notifier.errors import Conflict, Refused
from notifier.keys import Keys
from notifier.linting import blocks
from notifier.preflight import members
from notifier.preflight.census import refuse_named
from notifier.preflight.digests import texts_digest
from notifier.preflight.later import check_later
from notifier.preflight.making import Aside, Made, Maker, Recipe, new_dictionary
from notifier.preflight.naming import SomebodyNamed
from notifier.preflight.pool import FOR_MANY, make_all
from notifier.preflight.readers import Member
from notifier.preflight.recipe import ingredients, inputs_digest, later_digest, recipe_for
from notifier.preflight.report import PreflightReport, report
from notifier.preflight.templates import TemplateFiles
from notifier.settings import Settings
from notifier.store import Store, Transaction
from notifier.words import persons

__all__ = ["NotReady", "Preflight", "PreflightReport", "report"]

Progress = Callable[[int, int], None]
_NOTICE = ("announcement_id", "member_id", "reference", "channel", "occasion", "locale", "dictionary_id")


class NotReady(Refused):
    """Something is wrong with everybody's notice."""

    def __init__(self, found: list[tuple[str, Finding]]) -> None:
        said = "; ".join(f"{where}: {one.detail} ({one.code})" for where, one in found)
        super().__init__(
            f"nothing was made, because every notice would be wrong: {said}",
            advice="Correct the record or the templates, then run the preflight again.",
        )
        self.findings = found


class Preflight:
    """Makes and checks the notices of announcements; ``processes`` share the work where there are many."""

    def __init__(self, store: Store, keys: Keys, settings: Settings, *, processes: int = 2) -> None:
        self._store = store
        self._keys = keys
        self._settings = settings
        self._processes = processes

    async def run(
        self, announcement_id: int, progress: Progress = lambda _done, _all: None
    ) -> PreflightReport:
        """Make the notice of everyone who is due one. Replaces an earlier preflight completely.

        ``progress`` counts them, then the other customers, whose names are looked for in the texts.
        """
        recipe, done, warnings = await self._open(announcement_id)
        async with self._store.read() as tx:
            now = await announcement(tx, announcement_id)
            total = await tx.scalar(
                "SELECT count(*) FROM audience_member WHERE audience_id = :id AND state = 'due'",
                id=now.audience_id,
            )
            after = int(await tx.scalar(_REACHED, id=announcement_id) or 0)
            everybody = done + await tx.scalar("SELECT count(*) FROM customer")
        seen = int(total)

        def looked(many: int) -> None:
            nonlocal seen
            seen = min(seen + many, everybody)
            progress(seen, everybody)

        people = members.due(self._store, now.audience_id, after=after)
        opened_after: int | None = after
        try:
            await self._make(
                now,
                recipe,
                people,
                progress=lambda made, _due: progress(made, everybody),
                done=done,
                total=int(total),
            )
        except SomebodyNamed:
            opened_after = None  # One is enough to stop; now everybody is looked for.
        await refuse_named(self._store, self._keys, now, opened_after=opened_after, looked=looked)
        return replace(await self._close(announcement_id, recipe), warnings=warnings)

    async def repair(
        self, announcement_id: int, progress: Progress = lambda _done, _all: None
    ) -> PreflightReport:
        """Make the notices of those set aside once more, their data as it is now; others' stay."""
        async with self._store.read() as tx:
            now = await announcement(tx, announcement_id)
            if now.state not in ("preflighted", "approved"):
                raise Refused(f"{now.code} is in state {now.state}", advice="Run its preflight first.")
            await frozen.require(tx, now.audience_id)
            recipe = await recipe_for(tx, now, self._settings, self._keys)
            if now.inputs != await inputs_digest(tx, now, self._settings):
                raise Refused(
                    "the facts, texts or channels changed since the preflight", advice="Run it again."
                )
            total = await tx.scalar(
                "SELECT count(*) FROM set_aside WHERE announcement_id = :id AND NOT repaired", id=now.id
            )
        async with self._store.begin() as tx:
            await void_approvals(
                tx, now.id, "people who were set aside are being repaired", state="preflighted"
            )
            await tx.write("UPDATE announcement SET state = 'draft' WHERE id = :id", {"id": now.id})
        people = members.set_aside(self._store, now.id)
        try:
            await self._make(now, recipe, people, progress=progress, done=0, total=int(total), again=True)
        except SomebodyNamed:
            await refuse_named(self._store, self._keys, now, opened_after=None)
        return await self._close(announcement_id, recipe)

    async def _open(self, announcement_id: int) -> tuple[Recipe, int, tuple[str, ...]]:
        """Get ready: check what concerns everybody, make the dictionaries, clear what an earlier run left."""
        async with self._store.read() as tx:
            now = await announcement(tx, announcement_id)
            if now.drill is not self._settings.drill:
                raise Refused(
                    "a drill is sent from a drill installation only, and nothing else from there",
                    advice="Set `drill` in the configuration of an installation of its own.",
                )
            await frozen.require(tx, now.audience_id)
            inputs = await inputs_digest(tx, now, self._settings)
            recipe = await recipe_for(tx, now, self._settings, self._keys)
            cohorts = await ingredients(tx, now, Maker(recipe))
            later = await check_later(tx, now, self._settings, recipe)
        maker = Maker(recipe)
        made: dict[tuple[str, str], bytes] = {}
        found = later
        for (locale, variant), (categories, new_categories) in cohorts.items():
            rendered, made[locale, variant] = maker.invented(locale, variant, categories, new_categories)
            found += [(f"{locale}, {variant}", one) for one in maker.objections(rendered, locale)]
        if blocking := [(where, one) for where, one in found if blocks(one)]:
            raise NotReady(blocking)
        async with self._store.begin() as tx:
            now = await announcement(tx, announcement_id, lock=True)
            if now.state not in UNRELEASED or now.state == "countdown":
                raise Refused(f"{now.code} is in state {now.state} and cannot be preflighted any more")
            if now.inputs != inputs or now.state != "draft":
                await self._begin_anew(tx, now, inputs, made)
            recipe = await recipe_for(tx, now, self._settings, self._keys)
            done = await tx.scalar(_DONE, id=now.id)
        return recipe, int(done), tuple(f"{where}: {one.detail} ({one.code})" for where, one in found)

    async def _begin_anew(
        self, tx: Transaction, now: Announcement, inputs: str, made: dict[tuple[str, str], bytes]
    ) -> None:
        await void_approvals(tx, now.id, "the preflight was run again")
        for table in ("set_aside", "notice", "notice_dictionary"):
            await tx.write(f"DELETE FROM {table} WHERE announcement_id = :id", {"id": now.id})
        for (locale, variant), message in made.items():
            await tx.write(
                "INSERT INTO notice_dictionary (announcement_id, locale, variant, content)"
                " VALUES (:id, :locale, :variant, :content)",
                {
                    "id": now.id,
                    "locale": locale,
                    "variant": variant,
                    "content": new_dictionary(message),
                },
            )
        await tx.write(
            "UPDATE announcement SET state = 'draft', preflight_inputs = :inputs, preflighted_at = NULL,"
            " audience_digest = '', texts_digest = '', plan_digest = '', channels_digest = '' WHERE id = :id",
            {"inputs": inputs, "id": now.id},
        )
        tx.record(Event(AuditAction.PREFLIGHT_BEGUN, {"announcement": now.code, "inputs_digest": inputs}))

    async def _make(
        self,
        now: Announcement,
        recipe: Recipe,
        people: AsyncIterator[list[Member]],
        *,
        progress: Progress,
        done: int,
        total: int,
        again: bool = False,
    ) -> None:
        processes = self._processes if total - done > FOR_MANY else 0
        progress(done, total)
        async for made, aside in make_all(recipe, Maker(recipe), people, processes=processes):
            async with self._store.begin() as tx:
                await self._keep(tx, now, made, aside, again=again)
            done += len(made) + len(aside)
            progress(done, total)

    async def _keep(
        self, tx: Transaction, now: Announcement, made: list[Made], aside: list[Aside], *, again: bool
    ) -> None:
        current = await announcement(tx, now.id, lock=True)
        if current.state != "draft" or current.inputs != now.inputs:
            raise Conflict(f"{now.code} was changed meanwhile", advice="Run the preflight again.")
        source = tx.recordset("rows", "v", id="bigint")
        mine = {"id": now.id, "rows": _ids(made)}
        for table in ("notice",) if again else ("notice", "set_aside"):
            if await tx.scalar(made_already(tx, table), id=now.id, rows=_ids([*made, *aside])):
                raise Conflict(f"another preflight of {now.code} is under way")
        if again:
            await tx.write(
                "UPDATE set_aside SET repaired = :yes WHERE announcement_id = :id"
                f" AND member_id IN (SELECT id FROM {source})",
                {"yes": True, **mine},
            )
            await tx.write(
                "DELETE FROM set_aside WHERE announcement_id = :id"
                f" AND member_id IN (SELECT id FROM {source}) AND NOT repaired",
                {"id": now.id, "rows": _ids(aside)},
            )
        await tx.insert_many(
            "notice",
            (*_NOTICE, "digest", "size", "sealed"),
            [
                (now.id, one.member, one.reference, "email", "first", one.locale, one.dictionary, *one[4:])
                for one in made
            ],
        )
        await tx.insert_many(
            "set_aside",
            ("announcement_id", "member_id", "finding", "detail", "repaired"),
            [(now.id, one.member, one.finding, one.detail, False) for one in aside],
        )
        tx.record(
            Event(
                AuditAction.NOTICES_MADE,
                {"announcement": now.code, "made": len(made), "set_aside": len(aside)},
            )
        )

    async def _close(self, announcement_id: int, recipe: Recipe) -> PreflightReport:
        """Count everybody and put the four digests on file: from here on it can be approved."""
        files = TemplateFiles(recipe.folders)
        async with self._store.begin() as tx:
            now = await announcement(tx, announcement_id, lock=True)
            if now.state != "draft" or now.inputs != await inputs_digest(tx, now, self._settings):
                raise Conflict(f"{now.code} was changed meanwhile", advice="Run the preflight again.")
            counts = await report(tx, now)
            if counts.unaccounted:
                raise Conflict(
                    f"in no group: {persons(counts.unaccounted)}", advice="Run the preflight again."
                )
            audience = await tx.scalar("SELECT digest FROM audience WHERE id = :id", id=now.audience_id)
            digests = {
                "audience_digest": str(audience),
                "texts_digest": await texts_digest(tx, now, files),
                "plan_digest": canonical_digest(now.plan.as_json()),
                "channels_digest": channels_digest(self._settings, now.plan, drill=now.drill),
            }
            await tx.write(
                "UPDATE announcement SET preflighted_at = :now, audience_digest = :audience_digest,"
                " texts_digest = :texts_digest, plan_digest = :plan_digest, later_digest = :later,"
                " channels_digest = :channels_digest WHERE id = :id",
                {
                    "now": tx.now_us(),
                    "id": now.id,
                    "later": later_digest(now, self._settings, files),
                    **digests,
                },
            )
            await set_state(tx, now, "preflighted")
            tx.record(
                Event(
                    AuditAction.ANNOUNCEMENT_PREFLIGHTED,
                    {
                        "announcement": now.code,
                        "people": counts.people,
                        "ready": counts.ready,
                        "needs_repair": counts.needs_repair,
                        "needs_channel": counts.needs_channel,
                        "excluded": counts.excluded,
                        **digests,
                    },
                )
            )
        return counts


def made_already(tx: Transaction, table: str) -> str:
    """Return the query that looks for any of the people ``rows`` in a table of announcement ``id``.

    Written so that each is looked up: a join would read the whole announcement for every chunk.
    """
    source = tx.recordset("rows", "v", id="bigint")
    return (
        f"SELECT 1 FROM {table} WHERE announcement_id = :id"
        f" AND member_id IN (SELECT id FROM {source}) LIMIT 1"
    )


def _ids(people: Sequence[Made | Aside]) -> str:
    return orjson.dumps([{"id": one.member} for one in people]).decode()


_DONE = (
    "SELECT (SELECT count(*) FROM notice WHERE announcement_id = :id)"
    " + (SELECT count(*) FROM set_aside WHERE announcement_id = :id AND NOT repaired)"
)
_REACHED = (
    "SELECT max(reached) FROM (SELECT max(member_id) AS reached FROM notice WHERE announcement_id = :id"
    " UNION ALL SELECT max(member_id) FROM set_aside WHERE announcement_id = :id) AS made"
)
