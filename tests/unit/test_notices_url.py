"""The address of the notice pages: what may be set, and what follows from it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from notifier.settings import LetterSettings, Organisation, Settings, SmsSettings
from notifier.usual import usual_steps


@pytest.mark.parametrize(
    "url", ["https://example.com", "https://Notices.example.com/n/", "https://a.b.example.com"]
)
def test_an_address_on_a_host_of_ours_is_taken(url: str) -> None:
    """The host itself or one below it."""
    assert Organisation(notices_url=url).notices_url == url


@pytest.mark.parametrize("url", [
    "http://example.com", "example.com", "https://example.org", "https://notexample.com", "https://example.com:8443",
    "https://example.com@evil.test", "https://evil.test/example.com", "https://example.com/?a=b", "https://",
    "https://example.com/#a", "https://example.com/a b", "https://example.com\n", "https://exa\nmple.com", "javascript:alert(1)",
    "https://[::1", "https://example.com/notices", "https://example.com/n/notices/", "https://example.com/<b>", "//example.com",
])  # fmt: skip
def test_everything_else_is_refused(url: str) -> None:
    """It would stand in customers' notices as a link."""
    with pytest.raises(ValidationError, match="notices_url"):
        Organisation(notices_url=url)


def test_the_usual_plan_reminds_where_notices_can_be_acknowledged() -> None:
    """Before the other steps, and only there."""
    home = Organisation(notices_url="https://notices.example.com")
    letters = LetterSettings(sender_city="Köln")
    plain, linked = Settings(letter=letters), Settings(letter=letters, organisation=home)
    assert [step.written() for step in usual_steps(plain)] == ["letter:unreached"]
    assert [step.written() for step in usual_steps(linked)] == ["email:unacknowledged:48", "letter:unreached"]
    assert SmsSettings().provider == ""
