"""From whom a text comes, and what the settings may say of it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from notifier.channels.sms.senders import Sender, Senders, country_of, is_e164
from notifier.channels.sms.zones import zones_of
from notifier.configuration import effective
from notifier.errors import BadSettings
from notifier.settings import DltTemplateSettings, Settings, SmsSettings
from tests.sms import SERVICE, sender, settings


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+14155550100", "US"),
        ("+16475550100", "CA"),
        ("+447700900123", "GB"),
        ("+919876543210", "IN"),
        ("+77011234567", "KZ"),
        ("+80012345678", ""),
        ("+870772001234", ""),
        ("+999123456789", ""),
        ("nonsense", ""),
    ],
)
def test_a_number_tells_its_country(number: str, country: str) -> None:
    """Also within one calling code; numbers of no country have none, whatever they look like."""
    assert country_of(number) == country


@pytest.mark.parametrize(
    "number",
    [
        "",
        "+",
        "14155550100",
        "+0155550100",
        "+1415",
        "+1415555010012345",
        "+1415555\u0660\u0661\u0660\u0660",
        "+14155550100\n",
    ],
)
def test_only_e164_is_a_number(number: str) -> None:
    """A plus and 7 to 15 ASCII digits, the first not 0."""
    assert not is_e164(number)


def test_a_country_without_a_sender_has_none() -> None:
    """Without an entry for all others nothing goes there; a number of no country gets that entry."""
    some = Senders([sender(SERVICE, "US")])
    assert some.choose("+14155550100") == Sender(SERVICE, "US")
    assert some.choose("+447700900123") is None
    assert Senders([sender("EXMPLE")]).choose("+80012345678") == Sender("EXMPLE", "")


def test_one_sender_for_several_countries_has_one_rate() -> None:
    """The lowest that was set for it."""
    senders = Senders([sender(SERVICE, "US", per_second=10), sender(SERVICE, "CA", per_second=3), sender()])
    assert senders.rates == {f"sender:{SERVICE}": 3}


def test_a_country_set_twice_stops_the_start() -> None:
    """Which of the two would count is nobody's guess."""
    with pytest.raises(BadSettings, match="US twice"):
        Senders([sender(SERVICE, "US"), sender("EXMPLE", "US")])


@pytest.mark.parametrize(
    "wrong",
    [{"account_sid": "AC1"}, {"api_key_sid": "AC" + "0" * 32}, {"region": "../x"}, {"edge": "a.b"},
     {"validity_minutes": 601}, {"senders": [{"sender": "much too long a name"}]},
     {"senders": [{"sender": "MG1"}, {"sender": "a\nb"}]}, {"dlt_entity_id": "x"}],
)  # fmt: skip
def test_settings_that_twilio_would_refuse_are_refused(wrong) -> None:
    """A region or an edge becomes part of a host name: nothing but letters and digits."""
    with pytest.raises(ValidationError):
        SmsSettings(**wrong)


def test_secrets_and_repeated_tables_are_shown_masked() -> None:
    """``notifier settings`` lists senders and registered texts, and no token."""
    text = DltTemplateSettings(locale="hi", header="EXMPLE", template_id="1" * 19, text="{#var#}")
    sms = settings(sender(SERVICE, "US"), dlt=(text,), api_key_secret="hidden", auth_token="hidden")
    shown = {f"{item.table}.{item.name}": value for item, value in effective(Settings(sms=sms))}
    assert shown["sms.senders[0].country"] == '"US"'
    assert shown["sms.dlt[0].header"] == '"EXMPLE"'
    assert shown["sms.auth_token"] == shown["sms.api_key_secret"] == "(set)"
    assert "hidden" not in "".join(shown.values())


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+14155550100", ["America/Los_Angeles"]),
        ("+12125550100", ["America/New_York"]),
        ("+919876543210", ["Asia/Calcutta"]),
        ("+447700900000", []),
        ("no number", []),
    ],
)
def test_a_number_tells_the_time_zone_of_its_area(number: str, zones: list[str]) -> None:
    """As far as its plan knows; what it does not know is not guessed."""
    assert list(zones_of(number)) == zones
