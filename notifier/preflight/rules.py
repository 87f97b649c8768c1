"""The rules of approval and release, from settings."""

from __future__ import annotations

from notifier.announcements import channels_digest
from notifier.approvals import Rules
from notifier.preflight.recipe import own_templates
from notifier.rendering import Renderer
from notifier.settings import Settings


def rules_for(settings: Settings) -> Rules:
    """Return the rules of an installation; templates are read anew each time they are asked for."""

    def channels(drill: bool) -> str:
        return channels_digest(settings.email, drill=drill)

    def template_digest(notice: str, locale: str) -> str:
        return Renderer(own_templates(settings)).digest(notice, locale)

    return Rules(settings.approval, channels, template_digest)
