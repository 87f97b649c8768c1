"""The rules of approval and release, from settings."""

from __future__ import annotations

from notifier.announcements import Announcement, channels_digest
from notifier.approvals import Rules
from notifier.preflight.recipe import own_templates
from notifier.preflight.templates import TemplateFiles
from notifier.settings import Settings


def rules_for(settings: Settings) -> Rules:
    """Return the rules of an installation; templates are read anew each time they are asked for."""

    def channels(now: Announcement) -> str:
        return channels_digest(settings, now.plan, drill=now.drill)

    def templates() -> TemplateFiles:
        return TemplateFiles(own_templates(settings))

    return Rules(settings.approval, channels, templates)
