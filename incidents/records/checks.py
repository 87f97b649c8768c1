"""What is odd or still missing in a record. Warnings, never refusals: the first hours know little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import combinations

from incidents.records import IncidentRecord, Texts
from incidents.records.fields import EVERY
from incidents.records.moments import Moment

_ORDER = (
    ("occurred.from", "occurred.to"),
    ("occurred.from", "detected"),
    ("occurred.from", "told_by_third_party"),
    ("occurred.from", "contained"),
    ("detected", "confirmed"),
)


def warnings(record: IncidentRecord, now: datetime) -> list[str]:
    """Return one sentence for everything in the record that somebody should look at."""
    return [*_order(record, now), *_texts(record), *_contact(record)]


def unknown(record: IncidentRecord) -> list[str]:
    """Return the names of the fields that are unknown yet."""
    found = [name for name, moment in _moments(record).items() if moment is None]
    if record.told_by_third_party is not None:
        found = [name for name in found if name != "told_by_third_party"]
    rest = ("title", "data_categories", "cause", "next_update")
    found += [name for name in rest if getattr(record, name) is None]
    return found + [f"texts.{locale}" for locale, texts in record.texts.items() if texts == Texts()]


def _moments(record: IncidentRecord) -> dict[str, Moment | None]:
    told = record.told_by_third_party
    return {
        "occurred.from": record.occurred.from_,
        "occurred.to": record.occurred.to,
        "detected": record.detected,
        "told_by_third_party": told if isinstance(told, Moment) else None,
        "confirmed": record.confirmed,
        "contained": record.contained,
    }


def _order(record: IncidentRecord, now: datetime) -> Iterator[str]:
    moments = _moments(record)
    for earlier, later in _ORDER:
        first, second = moments[earlier], moments[later]
        if first and second and first.utc() > second.utc():
            yield f"{later} is before {earlier}"
    for name, moment in moments.items():
        if moment and moment.utc() > now:
            yield f"{name} lies in the future"
    if record.next_update and record.next_update < now.date():
        yield "next_update has passed: customers were promised news by then"
    if record.next_update is None:
        yield "next_update is unknown: what is not known yet needs the date of the next update"


def _texts(record: IncidentRecord) -> Iterator[str]:
    if not record.texts:
        yield "texts are missing: nothing can be announced without them"
    for locale, texts in record.texts.items():
        if texts == Texts():
            yield f"texts.{locale} is not written yet: nobody reads anything in {locale}"
            continue
        missing = [name for name in ("summary", "what_happened", "measures") if not getattr(texts, name)]
        if missing:
            yield f"texts.{locale} has no {', '.join(missing)}"
        for name in ("consequences", "advice"):
            per_category = getattr(texts, name)
            if EVERY not in per_category:
                for category in record.data_categories or ():
                    if not per_category.get(category):
                        yield f"texts.{locale}.{name} has nothing for {category}, and no {EVERY}"
    yield from _shapes({locale: texts for locale, texts in record.texts.items() if texts != Texts()})


def _shapes(begun: Mapping[str, Texts]) -> Iterator[str]:
    for (one, first), (other, second) in combinations(begun.items(), 2):
        if one == next(iter(begun)) and _shape(first) != _shape(second):
            yield f"texts.{one} and texts.{other} do not say the same number of things"


def _shape(texts: Texts) -> tuple[object, ...]:
    listed = [len(said) for said in (texts.what_happened, texts.measures, texts.unknowns)]
    per_category = [
        {category: len(said) for category, said in both.items()}
        for both in (texts.consequences, texts.advice)
    ]
    return (*listed, *per_category)


def _contact(record: IncidentRecord) -> Iterator[str]:
    contact = record.contact
    if not (contact.email or contact.phone):
        yield "contact has neither email nor phone: customers need somebody who can answer"
    local = (contact.email or "").split("@")[0].lower().replace("-", "").replace("_", "").replace(".", "")
    if local in {"noreply", "donotreply"}:
        yield "contact.email is a no-reply address: somebody must be able to answer"
