"""The page on codes lists the whole table, and the guide every reason that no code gives."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from notifier.channels.sms.codes import table
from notifier.linting.us_10dlc import check_us
from notifier.rendering import SmsRenderer
from notifier.settings import SmsSettings
from tests.docs import sms_codes

TOP = Path(__file__).parents[2]


def test_the_page_on_codes_is_up_to_date() -> None:
    """Run ``make docs`` after a change of the data file."""
    page = (TOP / "docs/reference/sms-codes.md").read_text()
    assert page == sms_codes.page()
    assert [code for code in table().codes if f"/{code})" not in page] == []


def test_the_guides_settings_are_settings() -> None:
    """What it says to write down is taken as it stands."""
    guide = (TOP / "docs/how-to/connect-twilio.md").read_text()
    written = tomllib.loads(guide.partition("```toml")[2].partition("```")[0])
    made = SmsSettings(**written["sms"])
    assert [one.country for one in made.senders] == ["US", "IN", "*"]
    english = SmsRenderer().render(
        "breach-notice",
        "en",
        facts={"brand": "Example Company", "contact": {"phone": "+1 415 555 0100"}},
        reference="3F9A02BC77D1E04B",
    )
    assert check_us(english, made.us_samples) == []


def test_every_reason_of_the_code_is_explained() -> None:
    """A reason that the channel gives on its own stands in the guide."""
    guide = (TOP / "docs/how-to/connect-twilio.md").read_text()
    code = "".join(path.read_text() for path in (TOP / "notifier/channels/sms").glob("*.py"))
    code += "".join((TOP / f"notifier/linting/{name}.py").read_text() for name in ("india_dlt", "us_10dlc"))
    given = set(re.findall(r'(?:deferred|unknown|Finding|failed)\([^"]*?"([a-z0-9-]+)"', code))
    given |= set(re.findall(r'reason = "([a-z-]+)" if .* else "([a-z-]+)"', code)[0])
    assert "no-sender" in given
    assert {reason for reason in given - set(table().reasons) if f"`{reason}`" not in guide} == set()
