"""Whether an entry commits to the personal values that are shown beside it."""

from __future__ import annotations

from collections.abc import Sequence

from notifier.audit.entry import Disclosure, Event, digest, disclose
from notifier.audit.listing import Placed
from notifier.keys import SubjectKey


def proven(subject: SubjectKey, entry: Placed | None, disclosures: Sequence[Disclosure]) -> bool | None:
    """Make an entry's disclosures again: equal digests prove the values (RFC 9901, section 4.2.3).

    ``None`` where the entry discloses nothing; one that is missing proves nothing.
    """
    if entry is None:
        return False
    committed = entry.content.get("data", {}).get("_sd")
    if committed is None:
        return None
    made = disclose(Event("", {}, disclosures, subject), entry.event_id)
    return sorted(committed) == sorted(digest(one) for one in made)
