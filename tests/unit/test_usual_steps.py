"""The usual channel plan follows from what is set up."""

from __future__ import annotations

import pytest

from notifier.settings import BannerKeySettings, BannerSettings, LetterSettings, Organisation, Settings
from notifier.usual import usual_steps

BANNER = BannerSettings(keys=(BannerKeySettings(id="ed-1", key_file="banner.pub.pem"),))
REMINDER = "email:unacknowledged:48"


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        (Settings(), []),
        (Settings(banner=BANNER), ["banner:always", REMINDER]),
        (Settings(organisation=Organisation(notices_url="https://example.com")), [REMINDER]),
        (
            Settings(banner=BANNER, letter=LetterSettings(sender_city="Berlin")),
            ["banner:always", REMINDER, "letter:unreached"],
        ),
    ],
)
def test_what_is_set_up_is_used(settings: Settings, steps: list[str]) -> None:
    """A banner goes to everybody first; with a way to acknowledge, whoever has not is reminded."""
    assert [one.written() for one in usual_steps(settings)] == steps
