"""The acts on a public notice: draft, approve, publish, withdraw. Each is on record with its change."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from incidents import announce
from incidents.actions import IncidentAction
from incidents.lifecycle import MAY_FREEZE, not_now
from incidents.store import Incident, clean
from incidents.substitute import days, notices
from incidents.substitute.making import Maker, Terms, page_digest, refuse_names
from incidents.substitute.notices import APPROVED, DRAFT, DROPPED, PUBLISHED, WITHDRAWN, Notice
from notifier.announcements import canonical_digest
from notifier.approvals import SHORTEST_REASON, signs_alone
from notifier.audit.entry import Event
from notifier.clock import from_instant
from notifier.errors import BadInput, Refused
from notifier.keys import Keys
from notifier.rendering.moments import read_zone
from notifier.settings import Settings
from notifier.store import Transaction

_SECOND = 1_000_000
_MAX_REASON = 2000
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_ANEW = "Draft it again: `notifier incidents substitute draft {code} --days DAYS --operator HANDLE`."
SHORTEST_DIGEST = 12


@dataclass(frozen=True)
class Desk:
    """Acts on the public notice of one incident by one operator, in one transaction."""

    tx: Transaction
    settings: Settings
    incident: Incident
    operator: str

    async def draft(self, keys: Keys, terms: Terms, *, law_days: int = 0) -> Notice:
        """Make the pages from the record as it is now and keep them as a draft.

        A draft or an approved notice that was not published is dropped; what is public stays until the
        new one is.
        """
        incident, tx = self.incident, self.tx
        self._require_open("nothing is drafted for the public")
        days.require(terms.start, terms.last, law_days)
        before = await notices.newest(tx, incident, lock=True)
        slug = before.slug if before else new_slug()
        made = await Maker(self.settings).make(tx, incident, slug, terms)
        await refuse_names(tx, keys, incident, made.facts)
        zone = read_zone(str(made.facts["time_zone"]))
        if before is not None and before.state in (DRAFT, APPROVED):
            await tx.write(
                "UPDATE substitute_notice SET state = :s WHERE id = :id", {"s": DROPPED, "id": before.id}
            )
        revision = before.revision + 1 if before else 1
        values: dict[str, Any] = {
            "incident_id": incident.id,
            "revision": revision,
            "slug": slug,
            "state": DRAFT,
            "facts": orjson.dumps(made.facts).decode(),
            "digest": made.digest,
            "from_at": days.begin_of(terms.start, zone),
            "until_at": days.end_of(terms.last, zone),
            "law_days": law_days,
            "drafted_by": self.operator,
            "drafted_at": tx.now_us(),
            **dict.fromkeys(("approved_by", "alone_reason", "published_by", "withdrawn_by"), ""),
            **dict.fromkeys(
                ("withdrawn_because", "approved_event", "published_event", "withdrawn_event"), ""
            ),
            "taken_by": "",
            "alone": False,
        }
        facts = {name: values[name] for name in ("digest", "from_at", "until_at", "law_days")}
        (values["drafted_event"],) = self._record(
            IncidentAction.SUBSTITUTE_DRAFTED,
            revision,
            {
                **facts,
                "facts_digest": canonical_digest(made.facts),
                "slug": slug,
                "locales": " ".join(terms.locales),
            },
        )
        (row,) = await tx.write_returning(
            f"INSERT INTO substitute_notice ({', '.join(values)})"
            f" VALUES ({', '.join(f':{name}' for name in values)}) RETURNING *",
            values,
        )
        await tx.insert_many(
            "substitute_page",
            ("notice_id", "kind", "locale", "content", "digest"),
            [(row.id, kind, locale, body, page_digest(body)) for (kind, locale), body in made.pages.items()],
        )
        return notices.read(row)

    async def approve(self, keys: Keys, digest: str, *, alone_reason: str = "") -> Notice:
        """Sign exactly the pages that ``digest`` (its first 12 or more characters) names.

        Nobody who wrote in them can, except alone with a reason where the configuration allows it. Somebody
        they name may have come to be affected since they were drafted: that is looked for anew.
        """
        tx, incident = self.tx, self.incident
        self._require_open("nothing is approved")
        now = await notices.required(tx, incident, lock=True)
        if now.state != DRAFT:
            raise Refused(
                f"the public notice of {incident.code} is {now.state}, no draft", advice=self._next(now)
            )
        said = digest.strip().lower()
        if len(said) < SHORTEST_DIGEST or not now.digest.startswith(said):
            raise BadInput(
                "this is not the digest of the newest draft; nothing was approved",
                advice=f"Read it first: `notifier incidents substitute show {incident.code}`, which tells the"
                f" digest; give at least {SHORTEST_DIGEST} characters of it.",
            )
        alone = signs_alone(
            self.settings.approval,
            "it",
            {now.drafted_by, *await announce.writers(tx, incident, self.settings.organisation)},
            operator=self.operator,
            reason=clean(alone_reason),
        )
        if changed := await self.changed(now):
            raise Refused(changed, advice=_ANEW.format(code=incident.code))
        await refuse_names(tx, keys, incident, now.facts)
        moment = tx.now_us()
        expires = moment + int(timedelta(hours=self.settings.approval.valid_hours).total_seconds() * _SECOND)
        extra: Mapping[str, Any] = (
            {"alone": 1, "reason_digest": tx.commitment("reason", clean(alone_reason))} if alone else {}
        )
        (event,) = self._record(
            IncidentAction.SUBSTITUTE_APPROVED,
            now.revision,
            {"digest": now.digest, "expires_at": expires, **extra},
        )
        return await self._change(
            now,
            state=APPROVED,
            approved_by=self.operator,
            approved_at=moment,
            expires_at=expires,
            alone=alone,
            alone_reason=clean(alone_reason),
            approved_event=event,
        )

    async def publish(self, keys: Keys) -> Notice:
        """Let it be public from its first day on, or from the end of the countdown if that is later.

        Whatever changed since the approval makes that void, and nobody who is affected by now may be named.
        """
        tx, incident = self.tx, self.incident
        self._require_open("nothing is published")
        now = await notices.required(tx, incident, lock=True)
        if now.state != APPROVED:
            raise Refused(
                f"the public notice of {incident.code} is {now.state}, not approved", advice=self._next(now)
            )
        if problem := await self.problem(now):
            raise Refused(problem, advice=_ANEW.format(code=incident.code))
        await refuse_names(tx, keys, incident, now.facts)
        moment = tx.now_us()
        rules = self.settings.approval
        countdown = rules.alone_countdown_seconds if now.alone else rules.countdown_seconds
        visible = max(now.from_at, moment + int(countdown * _SECOND))
        zone = read_zone(str(now.facts["time_zone"]))
        if from_instant(visible).astimezone(zone).date() > now.terms.start:
            raise Refused(
                "its first day would be over before it is public",
                advice=_ANEW.format(code=incident.code),
            )
        (event,) = self._record(
            IncidentAction.SUBSTITUTE_PUBLISHED,
            now.revision,
            {"digest": now.digest, "visible_at": visible, "until_at": now.until_at},
        )
        return await self._change(
            now,
            state=PUBLISHED,
            published_by=self.operator,
            published_at=moment,
            visible_at=visible,
            published_event=event,
        )

    async def withdraw(self, reason: str) -> list[Notice]:
        """Take from the public all of it that is published and has not ended; returns what that was."""
        tx, reason = self.tx, clean(reason)
        if len(reason) < SHORTEST_REASON or len(reason) > _MAX_REASON:
            raise BadInput(
                f"a withdrawal needs a reason of {SHORTEST_REASON} to {_MAX_REASON} characters",
                advice="Give it with --reason; it goes on record.",
            )
        rows = await tx.rows(
            "SELECT * FROM substitute_notice WHERE incident_id = :id AND state = :state AND until_at > :now"
            f" ORDER BY revision{' FOR UPDATE' if tx.dialect == 'postgresql' else ''}",
            id=self.incident.id,
            state=PUBLISHED,
            now=tx.now_us(),
        )
        if not rows:
            raise Refused(
                f"nothing about {self.incident.code} is public, or will be",
                advice=f"See `notifier incidents substitute show {self.incident.code}`.",
            )
        gone = []
        for now in map(notices.read, rows):
            (event,) = self._record(
                IncidentAction.SUBSTITUTE_WITHDRAWN,
                now.revision,
                {"reason_digest": tx.commitment("reason", reason)},
            )
            gone.append(
                await self._change(
                    now,
                    state=WITHDRAWN,
                    withdrawn_by=self.operator,
                    withdrawn_at=tx.now_us(),
                    withdrawn_because=reason,
                    withdrawn_event=event,
                )
            )
        return gone

    async def take(self) -> Notice:
        """Note that the operator looks after a notice that is not served as approved: alerts stop."""
        now = await notices.required(self.tx, self.incident, lock=True)
        if now.state != PUBLISHED:
            raise Refused(f"the public notice of {self.incident.code} is not public", advice=self._next(now))
        self._record(IncidentAction.SUBSTITUTE_TAKEN, now.revision, {})
        return await self._change(now, taken_by=self.operator)

    async def problem(self, now: Notice) -> str:
        """Say why an approval does not count any more, in one sentence; empty if it does."""
        if now.expires_at is None or now.expires_at <= self.tx.now_us():
            return f"the approval expired at {from_instant(now.expires_at or 0):%Y-%m-%d %H:%M} UTC"
        if now.alone and not self.settings.approval.alone_allowed:
            return "the configuration no longer allows one operator alone"
        return await self.changed(now)

    async def changed(self, now: Notice) -> str:
        """Say that the record, the data exposed, the settings or the templates would now make other pages;
        empty if they would make the same.
        """
        try:
            made = await Maker(self.settings).make(self.tx, self.incident, now.slug, now.terms)
        except BadInput as error:
            return f"its pages can no longer be made: {error}"
        return "" if made.digest == now.digest else "what it is made from changed since it was drafted"

    def _require_open(self, what: str) -> None:
        if self.incident.state not in MAY_FREEZE:
            raise not_now(self.incident.code, self.incident.state, what)

    def _next(self, now: Notice) -> str:
        code = self.incident.code
        return {
            DRAFT: "A second person approves it:"
            f" `notifier incidents substitute approve {code} --digest DIGEST --operator HANDLE`.",
            APPROVED: f"`notifier incidents substitute publish {code} --operator HANDLE` comes next.",
        }.get(now.state, _ANEW.format(code=code))

    def _record(self, action: IncidentAction, revision: int, facts: Mapping[str, Any]) -> list[str]:
        return self.tx.record(
            Event(
                action,
                {
                    "incident": self.incident.code,
                    "revision": revision,
                    "actor": f"operator:{self.operator}",
                    **facts,
                },
            )
        )

    async def _change(self, now: Notice, **values: Any) -> Notice:
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        (row,) = await self.tx.write_returning(
            f"UPDATE substitute_notice SET {assignments} WHERE id = :id RETURNING *", {**values, "id": now.id}
        )
        return notices.read(row)


def new_slug() -> str:
    """Return the end of an address: ten letters and digits by lot (49 bits) that cannot be misread."""
    return "".join(secrets.choice(_LETTERS) for _ in range(10))
