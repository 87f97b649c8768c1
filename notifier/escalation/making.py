"""Making the notices of a step: one workbench for each announcement, kept while it is under way."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from notifier import notices
from notifier.announcements import Announcement
from notifier.errors import BadInput
from notifier.escalation.candidates import Asked, Candidate
from notifier.escalation.makers import BannerMaker, StepMaker, TextMaker, letter_maker
from notifier.escalation.taking import Notice
from notifier.keys import Keys
from notifier.preflight.making import Maker, Recipe, new_dictionary
from notifier.preflight.readers import SetAsideError, open_reader
from notifier.preflight.recipe import changed, recipe_for, require_as_approved
from notifier.rendering import MissingVariables
from notifier.settings import Settings
from notifier.store import Store

_Made = TypeVar("_Made", Maker, StepMaker)
_MAKERS: dict[str, Callable[[Recipe], StepMaker]] = {
    "sms": TextMaker,
    "banner": BannerMaker,
    "letter": letter_maker,
}


class Workbench:
    """Makes the notices of an announcement's later steps from its facts and the templates."""

    def __init__(
        self,
        recipe: Recipe,
        announcement: Announcement,
        settings: Settings,
        approved: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._recipe = recipe
        self._approved = approved
        self._announcement = announcement
        self._settings = settings
        self._makers: dict[str, StepMaker] = {}
        self._email: dict[bool, Maker] = {}
        self._dictionaries: dict[tuple[str, str, str], tuple[int, bytes]] = {}

    @classmethod
    async def of(cls, store: Store, announcement: Announcement, settings: Settings, keys: Keys) -> Workbench:
        """Read what an announcement's notices are made from.

        Templates that are not those approved are ``Refused``: nobody reads what nobody has signed.
        """
        approved = require_as_approved(announcement, settings)
        async with store.read() as tx:
            return cls(await recipe_for(tx, announcement, settings, keys), announcement, settings, approved)

    async def prepare(self, store: Store, step: Asked, people: Sequence[Candidate]) -> None:
        """Make sure of the dictionaries for these people's notices: they are kept in the store."""
        if step.channel == "email":
            await self._prepare_emails(store, people)
            return
        maker = self._maker(step.channel)
        wanted = set()
        for one in people:
            try:
                wanted.add((step.channel, maker.locale(one.member.locale), one.member.variant))
            except BadInput:
                continue  # Nobody can write to them in any language: they are skipped.
        for channel, locale, variant in sorted(wanted - self._dictionaries.keys()):
            try:
                sample = notices.addressed("", maker.sample(locale, variant))
            except (BadInput, MissingVariables):
                continue
            self._dictionaries[channel, locale, variant] = await self._keep(
                store, channel, locale, variant, sample
            )

    async def _prepare_emails(self, store: Store, people: Sequence[Candidate]) -> None:
        """Do the same for e-mail: of most readers the first notice has made it."""
        maker = self._emails(reminding=True)
        missing: dict[tuple[str, str], Candidate] = {}
        for one in people:
            try:
                key = maker.locale(one.member.locale), one.member.variant
            except BadInput:
                continue
            if key not in self._recipe.dictionaries:
                missing.setdefault(key, one)
        for (locale, variant), one in missing.items():
            member = one.member
            try:
                _, message = maker.invented(locale, variant, member.categories, member.new_categories)
            except (BadInput, MissingVariables):
                continue
            await self._keep(store, "email", locale, variant, new_dictionary(message))
        if missing:
            async with store.read() as tx:
                self._recipe = await recipe_for(tx, self._announcement, self._settings, self._recipe.keys)
            self._email.clear()

    def _emails(self, *, reminding: bool) -> Maker:
        if reminding not in self._email:
            recipe = self._recipe.reminding() if reminding else self._recipe
            # That nobody is named was found when everybody's texts were checked.
            self._email[reminding] = self._as_approved("email", Maker(recipe, look_for_names=False))
        return self._email[reminding]

    async def _keep(
        self, store: Store, channel: str, locale: str, variant: str, sample: bytes
    ) -> tuple[int, bytes]:
        """Return the dictionary of these notices as the store has it, ``sample`` where it had none."""
        key = {"id": self._announcement.id, "channel": channel, "locale": locale, "variant": variant}
        async with store.begin() as tx:
            row = await tx.row(
                "SELECT id, content FROM notice_dictionary WHERE announcement_id = :id"
                " AND channel = :channel AND locale = :locale AND variant = :variant",
                **key,
            )
            if row is None:
                (row,) = await tx.housekeep(
                    "INSERT INTO notice_dictionary (announcement_id, channel, locale, variant, content)"
                    " VALUES (:id, :channel, :locale, :variant, :content) RETURNING id, content",
                    {**key, "content": sample},
                )
        return row.id, bytes(row.content)

    def make(self, step: Asked, people: Sequence[Candidate]) -> list[tuple[Candidate, Notice | str]]:
        """Return each person's notice, or why they get none."""
        if step.channel == "email":
            return self._again(people, reminding=step.reminding)
        maker = self._maker(step.channel)
        made: list[tuple[Candidate, Notice | str]] = []
        for one in people:
            try:
                made.append((one, one.why_not or self._one(step, maker, one)))
            except SetAsideError as no:
                made.append((one, no.finding.code))
            except MissingVariables:
                made.append((one, "missing-variables"))
            except BadInput:
                made.append((one, "unsafe-text"))
        return made

    def _maker(self, channel: str) -> StepMaker:
        if channel not in self._makers:
            self._makers[channel] = self._as_approved(channel, _MAKERS[channel](self._recipe))
        return self._makers[channel]

    def _as_approved(self, channel: str, maker: _Made) -> _Made:
        """Return a maker that has read its templates, as they were approved. They may have changed since the
        workbench was made.
        """
        if maker.digests() != self._approved.get(channel):
            raise changed()
        return maker

    def _one(self, step: Asked, maker: StepMaker, one: Candidate) -> Notice:
        keys = self._recipe.keys
        reader = open_reader(keys, one.member, maker.locale, addressed=maker.addressed)
        reference = secrets.token_hex(8).upper()
        content = maker.content(reader, reference)
        key = (step.channel, reader.locale, one.member.variant)
        if key not in self._dictionaries:
            raise SetAsideError("missing-variables")
        number, dictionary = self._dictionaries[key]
        packed = notices.pack(reader.recipient, content, dictionary)
        return Notice(
            reference,
            reader.locale,
            one.member.variant,
            notices.keyed_digest(content, keys.index),
            len(content),
            reader.subject.seal(packed, notices.SEAL_CONTEXT),
            number,
        )

    def _again(self, people: Sequence[Candidate], *, reminding: bool) -> list[tuple[Candidate, Notice | str]]:
        """Return the e-mail once more; made and checked like the first one."""
        chosen = {one.id: one for one in people}
        made, aside = self._emails(reminding=reminding).chunk(
            [one.member for one in people if not one.why_not]
        )
        done: list[tuple[Candidate, Notice | str]] = [(one, one.why_not) for one in people if one.why_not]
        done += [(chosen[one.member], one.finding) for one in aside]
        done += [
            (
                chosen[one.member],
                Notice(
                    one.reference,
                    one.locale,
                    chosen[one.member].member.variant,
                    one.digest,
                    one.size,
                    one.sealed,
                    one.dictionary,
                ),
            )
            for one in made
        ]
        return done
