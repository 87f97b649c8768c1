"""Approvals: a second operator's signature under four digests and a number of people.

The digests (audience, texts, plan, channels) are worked out anew from what is stored and configured when
it is given, when the countdown starts and when it ends; whatever differs makes it void. Nothing here
trusts that a change was announced.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import timedelta

from notifier.announcements import Announcement, Digests, announcement, canonical_digest
from notifier.audit import frozen
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.clock import from_instant
from notifier.drafts import set_state
from notifier.errors import BadInput, NotifierError, NotPermitted, Refused
from notifier.preflight.digests import texts_digest, used_locales
from notifier.preflight.templates import TemplateFiles
from notifier.settings import ApprovalSettings
from notifier.standing import REACHABLE
from notifier.store import Transaction
from notifier.words import persons

SHORTEST_REASON = 10
_SECOND = 1_000_000
_NEXT = {
    "draft": "`notifier announcements preflight {code} --operator HANDLE` comes first.",
    "preflighted": "A second person approves it: `notifier announcements approve {code} --operator HANDLE`.",
    "approved": "It is approved; `notifier announcements release {code} --operator HANDLE` starts the"
    " countdown.",
    "countdown": "The countdown is running; `notifier announcements stop {code} --operator HANDLE` ends it.",
    "released": "`notifier announcements status {code}` says where everybody stands.",
}
_ANEW = (
    "`notifier announcements preflight {code} --operator HANDLE` makes it anew; then it is approved again."
)


@dataclass(frozen=True, slots=True)
class Given:
    """An approval as it stands in the store."""

    id: int
    operator: str
    people: int
    digests: Digests
    alone: bool
    reason: str
    approved_at: int
    expires_at: int


def next_step(now: Announcement, problem: str = "") -> str:
    """Name the command that takes an announcement on; ``problem`` is what is wrong with its approval."""
    step = _ANEW if problem and now.state == "approved" else _NEXT.get(now.state, "")
    return step.format(code=now.code)


@dataclass(frozen=True)
class Rules:
    """The rules of approval and release for one installation.

    ``channels`` is the digest of an announcement's channels as configured now; ``templates`` returns the
    files of notices as they are now: it must read them anew.
    """

    settings: ApprovalSettings
    channels: Callable[[Announcement], str]
    templates: Callable[[], TemplateFiles]

    async def digests(self, tx: Transaction, now: Announcement) -> Digests:
        """Work the four digests out anew from what is stored and configured at this moment."""
        audience = await tx.scalar("SELECT digest FROM audience WHERE id = :id", id=now.audience_id)
        return Digests(
            audience=str(audience),
            texts=await texts_digest(tx, now, self.templates()),
            plan=canonical_digest(now.plan.as_json()),
            channels=self.channels(now),
        )

    async def approve_locales(
        self, tx: Transaction, now: Announcement, locales: Collection[str], *, operator: str
    ) -> list[str]:
        """Put an operator's word on record that these texts may go out; returns those newly approved."""
        fresh = []
        files = self.templates()
        for locale in sorted(set(locales)):
            digest = files.digest(now.notice, locale)
            added = await tx.write(
                "INSERT INTO locale_approval (notice, locale, digest, operator, approved_at)"
                " VALUES (:notice, :locale, :digest, :operator, :now) ON CONFLICT DO NOTHING",
                {
                    "notice": now.notice,
                    "locale": locale,
                    "digest": digest,
                    "operator": operator,
                    "now": tx.now_us(),
                },
            )
            if added:
                fresh.append(locale)
            tx.record(
                Event(
                    AuditAction.LOCALE_APPROVED,
                    {
                        "actor": f"operator:{operator}",
                        "announcement": now.code,
                        "notice": now.notice,
                        "locale": locale,
                        "digest": digest,
                    },
                )
            )
        return fresh

    async def locales_waiting(self, tx: Transaction, now: Announcement) -> list[str]:
        """List the locales that notices were made in and whose present texts nobody has approved."""
        approved = {
            (row.locale, row.digest)
            for row in await tx.rows(
                "SELECT locale, digest FROM locale_approval WHERE notice = :notice", notice=now.notice
            )
        }
        files = self.templates()
        return [
            locale
            for locale in await used_locales(tx, now.id)
            if (locale, files.digest(now.notice, locale)) not in approved
        ]

    async def signable(
        self, tx: Transaction, now: Announcement, *, operator: str, alone_reason: str = ""
    ) -> tuple[bool, Digests]:
        """Refuse what ``operator`` cannot approve as it stands; returns whether alone, and the digests."""
        if now.state != "preflighted":
            problem = await self.fault(tx, now)
            raise Refused(
                f"{now.code} is in state {now.state}, not preflighted"
                + (f", and {problem}" if problem and now.state == "approved" else ""),
                advice=next_step(now, problem),
            )
        alone = self._alone(now, operator, alone_reason)
        await frozen.require(tx, now.audience_id)
        current = await self.digests(tx, now)
        if changed := current.changed(now.digests):
            raise Refused(
                f"{' and '.join(changed)} changed since the preflight", advice=_ANEW.format(code=now.code)
            )
        if waiting := await self.locales_waiting(tx, now):
            raise Refused(
                f"nobody has approved the texts in {', '.join(waiting)}",
                advice="Read them with `notifier announcements show`, then use `approve-locale`.",
            )
        if not await due_people(tx, now.id):
            raise Refused(
                f"{now.code} has no notice for anybody", advice="See `notifier announcements set-aside`."
            )
        return alone, current

    async def approve(
        self, tx: Transaction, announcement_id: int, *, operator: str, people: int, alone_reason: str = ""
    ) -> Given:
        """Sign a preflighted announcement for exactly ``people`` people.

        Nobody who wrote it can, except alone with a reason where the configuration allows it.
        """
        now = await announcement(tx, announcement_id, lock=True)
        alone, current = await self.signable(tx, now, operator=operator, alone_reason=alone_reason)
        due = await due_people(tx, now.id)
        if people != due:
            raise BadInput(
                f"due a notice: {persons(due)}, not {people:,}; nothing was approved",
                advice="Look at who is in it once more, then approve again.",
            )
        moment = tx.now_us()
        expires = moment + int(timedelta(hours=self.settings.valid_hours).total_seconds() * _SECOND)
        made = await tx.write_returning(
            "INSERT INTO approval (announcement_id, operator, people, audience_digest, texts_digest,"
            " plan_digest, channels_digest, alone, reason, approved_at, expires_at, voided_because)"
            " VALUES (:id, :operator, :people, :audience, :texts, :plan, :channels, :alone, :reason, :now,"
            " :expires, '') RETURNING id",
            {
                "id": now.id,
                "operator": operator,
                "people": people,
                **asdict(current),
                "alone": alone,
                "reason": alone_reason,
                "now": moment,
                "expires": expires,
            },
        )
        await set_state(tx, now, "approved")
        tx.record(
            Event(
                AuditAction.ANNOUNCEMENT_APPROVED,
                {
                    "actor": f"operator:{operator}",
                    "announcement": now.code,
                    "people": people,
                    **{f"{name}_digest": digest for name, digest in asdict(current).items()},
                    "expires_at": expires,
                    **({"alone": 1, "reason_digest": tx.commitment("reason", alone_reason)} if alone else {}),
                },
            )
        )
        return Given(int(made[0].id), operator, people, current, alone, alone_reason, moment, expires)

    def _alone(self, now: Announcement, operator: str, reason: str) -> bool:
        return signs_alone(self.settings, now.code, now.writers, operator=operator, reason=reason)

    async def fault(self, tx: Transaction, now: Announcement) -> str:
        """Say why an announcement's approval does not count, or counts no more; empty if all is as its
        state says.
        """
        if now.state in {"approved", "countdown"}:
            given = await approval(tx, now.id)
            try:
                return await self.problem(tx, now, given) if given else "it has no approval"
            except NotifierError as error:  # A language's folder that is gone, for one.
                return str(error)
        if now.state not in {"draft", "preflighted"}:
            return ""
        because = await tx.scalar(
            "SELECT voided_because FROM approval WHERE announcement_id = :id ORDER BY id DESC LIMIT 1",
            id=now.id,
        )
        return f"the approval is void: {because}" if because else ""

    async def problem(self, tx: Transaction, now: Announcement, given: Given) -> str:
        """Say why an approval is no longer good, in one sentence; empty if it is."""
        if given.expires_at <= tx.now_us():
            return f"the approval expired at {from_instant(given.expires_at):%Y-%m-%d %H:%M} UTC"
        if given.alone and not self.settings.alone_allowed:
            return "the configuration no longer allows one operator alone"
        if changed := (await self.digests(tx, now)).changed(given.digests):
            return f"{' and '.join(changed)} changed since the approval"
        if await due_people(tx, now.id) != given.people:
            return "the number of people changed since the approval"
        if waiting := await self.locales_waiting(tx, now):
            return f"nobody has approved the texts in {', '.join(waiting)}"
        return await frozen.fault(tx, now.audience_id)


async def approval(tx: Transaction, announcement_id: int) -> Given | None:
    """Return the approval of an announcement that has not been voided, if there is one."""
    row = await tx.row(
        "SELECT * FROM approval WHERE announcement_id = :id AND voided_at IS NULL ORDER BY id DESC LIMIT 1",
        id=announcement_id,
    )
    if row is None:
        return None
    digests = Digests(row.audience_digest, row.texts_digest, row.plan_digest, row.channels_digest)
    return Given(
        row.id,
        row.operator,
        row.people,
        digests,
        bool(row.alone),
        row.reason,
        row.approved_at,
        row.expires_at,
    )


async def due_people(tx: Transaction, announcement_id: int) -> int:
    """Count the people who are to be told: those whose notice is made, and those without an e-mail address
    whom later steps of the plan tell.
    """
    return int(
        await tx.scalar(
            "SELECT (SELECT count(*) FROM notice n WHERE n.announcement_id = a.id)"
            " + CASE WHEN a.steps = 0 THEN 0 ELSE (SELECT count(*) FROM audience_member m"
            f" WHERE m.audience_id = a.audience_id AND m.state = 'needs-channel' AND {REACHABLE}) END"
            " FROM announcement a WHERE a.id = :id",
            id=announcement_id,
        )
        or 0
    )


def signs_alone(
    settings: ApprovalSettings, what: str, writers: Collection[str], *, operator: str, reason: str
) -> bool:
    """Say whether ``operator`` wrote what they approve; refuse it unless the configuration allows that, and
    a reason is given.
    """
    if operator not in writers:
        if reason:
            raise BadInput("a second operator's approval needs no reason", advice="Leave --alone away.")
        return False
    if not settings.alone_allowed:
        raise NotPermitted(
            f"{operator} wrote {what} or a part of it, and cannot approve it",
            advice="Another operator approves it; `notifier operators list` shows who could.",
        )
    if len(reason.strip()) < SHORTEST_REASON:
        raise BadInput(
            f"releasing alone needs a reason of at least {SHORTEST_REASON} characters",
            advice="Give it with --alone REASON; it goes on record.",
        )
    return True
