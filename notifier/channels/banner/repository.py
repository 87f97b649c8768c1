"""What the banner needs of whoever keeps the notices and what became of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from notifier.channels.banner.notices import BannerEvent, BannerNotice


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a reported event beside its kind: all of it the evidence there is.

    There is no address, no browser name and nothing else that could tell one device from another.
    """

    revision: int
    """The revision that was on the page; it may have been corrected since."""
    form: Literal["element", "fragment", "json"]
    """How the notice was shown. A fragment reports its opening together with what was pressed inside it."""
    event_id: str
    """Chosen by whoever reports; the same for each repetition of one report."""
    key_id: str
    """Which of the host's keys vouched for the session."""
    locale: str = ""
    """The language of the text that was on the page, as it was given out with it; with the reference and the
    revision it says which words these were. Empty where whoever reports does not say.
    """
    token_id: str = ""
    """The token's ``jti``, with which the host finds the session in its own records."""
    customary_place: bool | None = None
    """Whether the host asserts that the session comes from a place customary for this account; None where
    it asserts nothing. For stolen credentials some laws count a notice online only then.
    """
    authenticated_at: datetime | None = None
    """When the reader last proved who they are, as the host asserts."""


class BannerRepository(Protocol):
    """The notices of each account, and the record of what its reader did.

    ``sub`` is ``customer.number`` exactly as it is kept: it is compared byte by byte, never folded, and opens
    that one person's notices, not those of others in the same account or household. It is proven, but may be
    of nobody we know, or of somebody whose key is gone; that is then an account without notices, never an
    error.

    All methods may run many at once, in one process and in several. Trouble is raised as the store raises it
    (``NotifierError``, ``SQLAlchemyError``, ``OSError``), and nothing else is raised. No error text and no
    log line holds ``sub``, ``token_id`` or words of a notice.
    """

    async def notices(self, sub: str, locale: str) -> Sequence[BannerNotice]:
        """Return the notices that are out for this person now, the newest first, at most 20.

        *Out* is: released, not cancelled, not ended, not held for this person, this person's banner step has
        come, and of the revisions this person was given the newest. Those that the reader acknowledged or
        dismissed are among them: ``rules.shown`` decides what is shown. A person whom the announcement
        excludes or sets aside has none.

        Each is the text that was frozen and approved, never one that is put together now: in ``locale`` if it
        was frozen in it, else in the person's language. ``title`` and ``summary`` are in sight of whoever
        looks over the reader's shoulder, so they name no sensitive category of data; ``sections`` may.
        ``action`` leads to this notice behind the host's own sign-in. ``reference`` is the notice's, as it is
        printed; a corrected revision may have its own, and the one before it is then out no more.
        ``reading`` is what is on record of the same reference, of the newest revision recorded.

        One consistent snapshot, read only, waiting for no writer: it runs at each page view, and an answer is
        meant to be given after 50 ms whether there is a notice or not. Trouble is raised: an empty answer
        means that there is nothing.
        """
        ...

    async def report(self, sub: str, reference: str, event: BannerEvent, at: datetime, facts: Facts) -> bool:
        """Record an event; return whether it is on record.

        In one transaction that excludes any other for the same person and reference: read the notice and its
        reading, ask ``rules.record(notice, event, at)``, and

        - *None*: return False; nothing is written.
        - *the same reading*: return True; nothing is written.
        - *another reading*: write the reading, the event with all of ``facts``, and its audit entry, and
          return True once they are durable together. Two devices cannot both put off one notice.

        A repetition (same person and ``facts.event_id``) is True, and writes nothing. False also where this
        person has no notice that is out with this reference and exactly ``facts.revision``: what is reported
        of a text that was corrected meanwhile is no evidence for the new one. The audit entry names the
        audience member, the digest of the text in ``facts.locale``, the revision, the event and the facts;
        ``token_id`` only in sealed form, since it may lead to the person.

        An event is recorded whatever it is worth in law; what an acknowledgement counts for (reminders stop,
        the person is notified) is decided by whoever reads the record, from ``customary_place`` and
        ``authenticated_at``. ``at`` is this service's clock. Raised trouble means that it is not known; the
        caller reports again with the same ``event_id``. Cancelling leaves the event either wholly recorded
        or not at all.
        """
        ...

    def changes(self, sub: str) -> AsyncGenerator[None]:
        """Yield within some seconds whenever something may have changed for this person, in whichever
        process: a notice came, was corrected or ended, or another device acknowledged it.

        Too often does no harm; several changes may be one; one may be missed while nobody iterates. Thousands
        are iterated at once, most for persons who have nothing, so each holds no transaction, no connection
        and no task of its own in the store. It does not end by itself; cancelling a wait or closing it
        (``aclose``) frees what it holds. Trouble ends it, and the page asks again by itself.
        """
        ...
