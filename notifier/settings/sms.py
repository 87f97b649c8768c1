"""How text messages go out: the channel, its senders and its registered texts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from notifier.settings.group import Group


class SmsSenderSettings(Group):
    """From whom text messages to one country come."""

    country: str = Field(default="*", pattern=r"^([A-Z]{2}|\*)$")
    """ISO 3166-1 code of the readers' country, such as IN; ``*`` for all that have no entry of their own."""
    sender: str = Field(pattern=r"^(MG[0-9a-f]{32}|\+?[0-9]{3,15}|[A-Za-z0-9 &_+-]{1,11})$")
    """A Messaging Service (MG…), a number in E.164, a short code or an alphanumeric sender id."""
    per_second: float = Field(default=0, ge=0)
    """Segments per second that this sender may send; 0 means no limit of ours."""


class DltTemplateSettings(Group):
    """A text registered for India under its rules of 2018 (TCCCPR), in one language."""

    locale: str
    """The language of the text."""
    header: str = Field(pattern=r"^[A-Za-z]{6}$|^[0-9]{6}$")
    """The registered sender, usually six letters."""
    template_id: str = Field(pattern=r"^[0-9]{12,25}$")
    """The number under which the text is registered."""
    text: str = Field(max_length=2000)
    """The text as registered, its places as ``{#var#}`` or typed, such as ``{#numeric#}``."""


class SmsSettings(Group):
    """How notices go out as text messages."""

    provider: Literal["", "twilio"] = ""
    """Who takes them; empty means that none are sent."""
    account_sid: str = Field(default="", pattern=r"^(AC[0-9a-fA-F]{32})?$")
    """The account at Twilio."""
    api_key_sid: str = Field(default="", pattern=r"^(SK[0-9a-fA-F]{32})?$")
    """The API key that signs us in; empty means that the auth token does."""
    api_key_secret: SecretStr = SecretStr("")
    """Never shown or logged."""
    auth_token: SecretStr = SecretStr("")
    """The account's auth token, with which Twilio signs what it reports. Never shown or logged."""
    other_auth_token: SecretStr = SecretStr("")
    """A second one that is accepted too while the token is being changed: the next or the last."""
    region: str = Field(default="", pattern=r"^[a-z]{0,3}[0-9]*$")
    """Twilio region that holds the account's data, such as ie1; set ``edge`` too. Empty means us1."""
    edge: str = Field(default="", pattern=r"^[a-z-]*$")
    """Twilio edge to connect to, such as dublin."""
    callback_base: str = ""
    """Public HTTPS address under which this service is reached, such as https://notify.example.com."""
    senders: tuple[SmsSenderSettings, ...] = ()
    """From whom messages come, by the readers' country."""
    segments_most: int = Field(default=4, ge=1, le=10)
    """A longer text is refused before anything is sent."""
    validity_minutes: float = Field(default=240, ge=1, le=600)
    """How long a message may wait in Twilio's queue; after that it is not sent, and we are told."""
    max_connections: int = Field(default=20, ge=1, le=200)
    """Requests under way at once."""
    timeout: float = Field(default=30, gt=0)
    """Seconds to wait for one answer."""
    dlt_entity_id: str = Field(default="", pattern=r"^([0-9]{12,25})?$")
    """India: our number as a registered principal entity."""
    dlt: tuple[DltTemplateSettings, ...] = ()
    """India: the registered texts."""
    us_samples: tuple[str, ...] = ()
    """US 10DLC: the campaign's registered sample messages, their places in square brackets."""
