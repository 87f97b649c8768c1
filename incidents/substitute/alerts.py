"""Alerts to the team: a public notice is not served as it was approved."""

from __future__ import annotations

import structlog

from incidents.substitute.notices import Notice
from incidents.substitute.standing import ended_at, standing
from notifier.engine.alerts import Mailboxes, Post
from notifier.settings import AlertSettings
from notifier.store import Store, Transaction

log = structlog.get_logger()

_SECOND = 1_000_000


class MissingAlerts:
    """Mails those who approved and published a notice, and the configured recipients, while a page is not
    served as approved, until somebody takes it.
    """

    def __init__(self, store: Store, settings: AlertSettings, post: Post, mailboxes: Mailboxes) -> None:
        self._store = store
        self._recipients = settings.recipients
        self._every = int(settings.every_minutes * 60 * _SECOND)
        self._post = post
        self._mailboxes = mailboxes
        self._told: dict[tuple[int, str], int] = {}

    async def raise_due(self) -> int:
        """Send the alerts that are due; returns how many the relay took."""
        async with self._store.read() as tx:
            troubles, now = await in_trouble(tx), tx.now_us()
        raised = 0
        for code, notice in troubles:
            if notice.taken_by:
                continue
            to = [*self._recipients]
            for handle in (notice.approved_by, notice.published_by):
                to += await self._mailboxes(handle)
            if not to:
                log.warning("a public notice is missing and nobody can be alerted", incident=code)
            for recipient in dict.fromkeys(to):
                last = self._told.get((notice.id, recipient))
                if last is not None and now - last < self._every:
                    continue
                if await self._post(
                    recipient, f"{code}: its public notice is not served", _text(code, notice)
                ):
                    self._told[notice.id, recipient] = now
                    raised += 1
        return raised


async def in_trouble(tx: Transaction) -> list[tuple[str, Notice]]:
    """Return the standing notices, with their incidents, of which a page was missing at the last look."""
    found = []
    for notice in (await standing(tx)).values():
        row = await tx.row(
            "SELECT i.code FROM incident i WHERE i.id = :incident"
            " AND EXISTS (SELECT 1 FROM substitute_proof p WHERE p.notice_id = :id AND NOT p.served"
            " AND p.id = (SELECT max(q.id) FROM substitute_proof q WHERE q.notice_id = p.notice_id"
            " AND q.locale = p.locale))",
            incident=notice.incident_id,
            id=notice.id,
        )
        if row and ended_at(notice) > tx.now_us():
            found.append((str(row.code), notice))
    return found


def _text(code: str, notice: Notice) -> str:
    return (
        f"The public notice of {code} is not served as it was approved.\n"
        f"It should stand at {notice.address} until {notice.terms.last}.\n"
        "Days on which it is not public may not count in law.\n\n"
        f"See what was found:  notifier incidents substitute show {code}\n"
        f"Take it:  notifier incidents substitute take {code} --operator YOU\n"
    )
