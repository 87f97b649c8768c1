"""What an installation can set. Read once, in ``incidents.application``; each part gets only its group.

The file is TOML (``notifier.toml``); an environment variable ``NOTIFIER_<GROUP>__<NAME>`` goes before it.
An unknown name stops the start, in the file as in the environment: a misspelt setting is a setting lost.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, EmailStr, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from notifier import HOME_VARIABLE
from notifier.errors import BadSettings

PREFIX = "NOTIFIER_"
DRILL_ORIGIN = "drill."
"""How the name of a drill's log begins, and that of no other."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Organisation(_Group):
    """Who writes to the customers."""

    brand: str = "Example Company"
    """The name customers know you by."""
    default_locale: str = "en"
    """The language of a customer whose own is not known or has no texts."""
    time_zone: str = "Etc/UTC"
    """IANA name of the zone in which days and times are shown, such as Europe/Berlin."""
    verify_address: str = "notices.example.com/check"
    """The address a customer types to check a notice, without a scheme."""
    allowed_hosts: tuple[str, ...] = ("example.com",)
    """Hosts that links in notices may lead to; their subdomains too."""


class StoreSettings(_Group):
    """The database."""

    url: str = ""
    """SQLAlchemy URL; empty means SQLite in the state folder."""


class RelaySettings(_Group):
    """One mail server that takes our messages."""

    name: str
    """How the audit trail and the logs name it."""
    host: str
    """Host name or address."""
    port: int = Field(default=587, ge=1, le=65535)
    """587 with ``starttls``, 465 with ``implicit``."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """How the connection is protected; ``none`` is only for a relay on this machine."""
    verify: bool = True
    """Check the server's certificate."""
    ca_file: str = ""
    """PEM file of the authorities to trust; empty means the system's."""
    username: str = ""
    """Empty means no sign-in."""
    password: SecretStr = SecretStr("")
    """Never shown or logged."""
    max_connections: int = Field(default=20, ge=1, le=500)
    """Connections held open at once."""
    per_second: float = Field(default=0, ge=0)
    """Messages per second; 0 means no limit."""
    timeout: float = Field(default=60, gt=0)
    """Seconds to wait for one answer (RFC 5321, section 4.5.3.2, asks for minutes after DATA)."""


class DkimSettings(_Group):
    """One DKIM signature."""

    domain: str
    """The signing domain: that of ``from_address`` or above it."""
    selector: str
    """The public key stands in the DNS at ``<selector>._domainkey.<domain>``."""
    key_file: str
    """PEM, RSA (at least 2048 bits) or Ed25519."""


class EmailSettings(_Group):
    """How notices go out by e-mail."""

    from_name: str = "Example Company"
    """The name beside the sender's address."""
    from_address: EmailStr = "security@example.com"
    """The sender, on the domain customers already know."""
    reply_to: EmailStr | None = None
    """A mailbox that people read; unset means that replies go to ``from_address``."""
    message_id_domain: str = "example.com"
    """The right-hand side of each Message-ID."""
    bounce_domain: str = "bounces.example.com"
    """Domain of the return path that carries the signed attempt token."""
    report_field: str = Field(default="", pattern=r"^([A-Za-z0-9-]{1,70})?$")
    """Header field that a relay with an envelope sender of its own repeats in its reports; for Postmark
    X-PM-Metadata-notifier-attempt."""
    feedback_id: str = "notifier"
    """SenderId of the Feedback-ID header: 5 to 15 characters."""
    helo_name: str = ""
    """Name we greet relays with; empty means this machine's full host name."""
    site_per_second: dict[str, float] = Field(default_factory=dict)
    """Messages per second to a destination domain; ``*`` for all others."""
    relays: tuple[RelaySettings, ...] = ()
    """The mail servers that take our messages, the preferred one first; the others stand by."""
    dkim: tuple[DkimSettings, ...] = ()
    """Signatures put on each message; none where the relay signs."""


class InboundSettings(_Group):
    """How reports about our e-mail come back; each inlet is closed until it is set."""

    listen_host: str = ""
    """Address on which the inbound mail server listens, ``*`` for all; empty means there is none."""
    listen_port: int = Field(default=2525, ge=0, le=65535)
    """Its port; 25 needs a privilege (CAP_NET_BIND_SERVICE)."""
    host_name: str = ""
    """Name it greets with, that of the MX record; empty means ``mx.`` before ``email.bounce_domain``."""
    tls_certificate: str = ""
    """PEM file with its certificate and those between it and an authority; empty means no STARTTLS."""
    tls_key: str = ""
    """PEM file with the certificate's key; read again, like the certificate, when it has changed."""
    most_bytes: int = Field(default=1_048_576, ge=16_384, le=33_554_432)
    """The biggest message that is taken, by any inlet."""
    most_connections: int = Field(default=50, ge=1, le=1000)
    """Connections at once; who comes beyond is asked to try later."""
    most_connections_per_client: int = Field(default=20, ge=1, le=1000)
    """Of these, connections of one address or IPv6 network (/64)."""
    most_recipients: int = Field(default=10, ge=1, le=10)
    """Recipients of one message; bounces have one."""
    idle_seconds: float = Field(default=300, gt=0, le=3600)
    """How long a command, or a whole message, may take (RFC 5321, section 4.5.3.2.7: five minutes)."""
    feedback_addresses: tuple[EmailStr, ...] = ()
    """Addresses that feedback loops report to, beside postmaster and abuse at ``email.bounce_domain``."""
    maildir: str = ""
    """A Maildir folder in which bounces arrive; empty means none."""
    imap_host: str = ""
    """An IMAP server with a mailbox in which bounces arrive; empty means none."""
    imap_port: int = Field(default=993, ge=1, le=65535)
    """993 with ``implicit``, 143 with ``starttls``."""
    imap_tls: Literal["implicit", "starttls", "none"] = "implicit"
    """How the connection is protected; ``none`` is only for a server on this machine."""
    imap_ca_file: str = ""
    """PEM file of the authorities to trust; empty means the system's."""
    imap_user: str = ""
    """The mailbox's user."""
    imap_password: SecretStr = SecretStr("")
    """Never shown or logged."""
    imap_folder: str = "INBOX"
    """The folder that is read."""
    poll_seconds: float = Field(default=60, ge=1)
    """How often the Maildir and the mailbox are looked into."""
    ses_topics: tuple[str, ...] = ()
    """ARNs of the Amazon SNS topics that Amazon SES reports to; reports from any other topic are refused."""
    postmark_user: str = ""
    """User in the webhook address given to Postmark; empty means the secret comes in a header instead."""
    postmark_password: SecretStr = SecretStr("")
    """Password, or the header's value; without it all reports from Postmark are refused."""


class SmsSenderSettings(_Group):
    """From whom text messages to one country come."""

    country: str = Field(default="*", pattern=r"^([A-Z]{2}|\*)$")
    """ISO 3166-1 code of the readers' country, such as IN; ``*`` for all that have no entry of their own."""
    sender: str = Field(pattern=r"^(MG[0-9a-f]{32}|\+?[0-9]{3,15}|[A-Za-z0-9 &_+-]{1,11})$")
    """A Messaging Service (MG…), a number in E.164, a short code or an alphanumeric sender id."""
    per_second: float = Field(default=0, ge=0)
    """Segments per second that this sender may send; 0 means no limit of ours."""


class DltTemplateSettings(_Group):
    """A text registered for India under its rules of 2018 (TCCCPR), in one language."""

    locale: str
    """The language of the text."""
    header: str = Field(pattern=r"^[A-Za-z]{6}$|^[0-9]{6}$")
    """The registered sender, usually six letters."""
    template_id: str = Field(pattern=r"^[0-9]{12,25}$")
    """The number under which the text is registered."""
    text: str = Field(max_length=2000)
    """The text as registered, its places as ``{#var#}`` or typed, such as ``{#numeric#}``."""


class SmsSettings(_Group):
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


class LetterSettings(_Group):
    """Who writes, on paper."""

    sender_name: str = ""
    """The name above the sender's address."""
    sender_street: str = ""
    """Street and number."""
    sender_postal_code: str = ""
    """The postal code."""
    sender_city: str = ""
    """The town."""
    sender_country: str = Field(default="DE", pattern=r"^[A-Z]{2}$")
    """Country, two letters: letters to another one bear its name."""


class SendingSettings(_Group):
    """How batches are worked."""

    batch_size: int = Field(default=500, ge=1, le=5000)
    """Deliveries that one worker takes together."""
    concurrency: int = Field(default=200, ge=1, le=2000)
    """Hand-overs of one batch that may be open at once."""
    lease_seconds: float = Field(default=15, gt=0)
    """After this long without a sign of life another worker takes a batch over."""
    quarantine_seconds: float = Field(default=60, ge=0)
    """How long a delivery whose answer was lost waits for news before the policy below decides."""
    unknown_policy: Literal["resend", "hold"] = "resend"
    """What then becomes of it: handed over again with the same Message-ID, or held for an operator."""
    unknown_most: int = Field(default=3, ge=1)
    """Hand-overs with a lost answer after which a delivery is held for a person's decision in any case."""
    give_up_hours: float = Field(default=96, gt=0)
    """How long a delivery is tried (RFC 5321, section 4.5.4.1, asks for four to five days)."""
    settled_hours: float = Field(default=72, ge=0)
    """How long after its acceptance a notice that has not come back counts as received."""
    batches_at_once: int = Field(default=2, ge=1, le=50)
    """Batches one worker has under way."""
    relay_pause_seconds: float = Field(default=15, gt=0)
    """How long sending waits when the trouble is with the relay or with us, not with a recipient."""
    answers_minutes: float = Field(default=15, gt=0)
    """The time over which answers are counted, to notice that unusually many are lost or refused for good."""
    lost_least: int = Field(default=20, ge=1)
    """Fewer lost answers than this in that time prove nothing: one broken line can take as many."""
    lost_warn_percent: float = Field(default=5, ge=0, le=100)
    """From this share of lost answers on, somebody is asked to look; 0 for never."""
    lost_pause_percent: float = Field(default=20, ge=0, le=100)
    """From this share on, it is paused before anybody in doubt is written to again; 0 for never."""
    refusals_least: int = Field(default=100, ge=1)
    """Fewer answers than this in that time prove nothing."""
    refusals_warn_percent: float = Field(default=10, ge=0, le=100)
    """From this share of refusals on, the author and ``alerts.recipients`` are asked to look; 0 for never."""
    refusals_pause_percent: float = Field(default=25, ge=0, le=100)
    """From this share on, the announcement is paused until a person resumes it; 0 for never."""
    retry_first_seconds: float = Field(default=60, gt=0)
    """Pause after the first deferral; it doubles from there."""
    retry_longest_seconds: float = Field(default=3600, gt=0)
    """The longest pause between two attempts."""


class ApprovalSettings(_Group):
    """What stands between a draft and the customers."""

    valid_hours: float = Field(default=24, gt=0)
    """How long an approval is good for."""
    countdown_seconds: float = Field(default=60, ge=0)
    """Time to stop a release before anything goes out."""
    alone_allowed: bool = False
    """Whether the author alone may release, after the longer countdown, with a reason, on record."""
    alone_countdown_seconds: float = Field(default=900, ge=0)
    """The countdown of a release without a second person."""


class WebSettings(_Group):
    """The web server."""

    host: str = "127.0.0.1"
    """The address to listen on; put a proxy with TLS before it."""
    port: int = Field(default=8080, ge=0, le=65535)
    """0 lets the system choose; the log then says which."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses or networks."""
    checks_per_minute: int = Field(default=20, ge=1)
    """Reference checks one address may make a minute."""


class BannerKeySettings(_Group):
    """One key of the host application's."""

    id: str
    """The ``kid`` in the header of its tokens."""
    algorithm: Literal["EdDSA", "HS256"] = "EdDSA"
    """The only algorithm that is accepted with this key."""
    key_file: str
    """For EdDSA the public key as PEM, for HS256 the secret as base64, at least 32 bytes."""


class BannerSettings(_Group):
    """The notices that your own application shows to signed-in customers."""

    issuer: str = ""
    """What the host application's tokens have as ``iss``."""
    audience: str = ""
    """What they have as ``aud``: a name of this installation."""
    origins: tuple[str, ...] = ()
    """Other origins whose pages may ask, such as https://shop.example.com; none behind one proxy."""
    requests_per_minute: int = Field(default=120, ge=1)
    """Requests one account may make a minute."""
    keys: tuple[BannerKeySettings, ...] = ()
    """Keys of the host application; several are good at once, for rotation. Without a key, no banner."""


class AuditSettings(_Group):
    """The audit trail."""

    origin: str = "notices.example.com/audit"
    """Schema-less URL that names the log; fixed for its life."""
    every_seconds: float = Field(default=1, gt=0)
    """How often waiting entries get their place in the log and a new checkpoint is signed."""
    high_water: str = ""
    """File that remembers the last published checkpoint; empty means ``high_water`` in the state folder.
    It protects best where the store's backups do not reach it."""


class AlertSettings(_Group):
    """Who is told when something waits for a person."""

    recipients: tuple[EmailStr, ...] = ()
    """Addresses that are written to, beside the owner of what waits."""
    every_minutes: float = Field(default=10, gt=0)
    """How often, until somebody takes it."""


class Settings(BaseSettings):
    """All groups. ``home`` is the folder that holds the configuration, the keys and the state."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
        use_attribute_docstrings=True,
    )

    home: Path = Path()
    drill: bool = False
    """A drill installation: its channels are built on the built-in loopback sink only. Fixed by `init`."""
    organisation: Organisation = Organisation()
    store: StoreSettings = StoreSettings()
    email: EmailSettings = EmailSettings()
    inbound: InboundSettings = InboundSettings()
    sms: SmsSettings = SmsSettings()
    letter: LetterSettings = LetterSettings()
    sending: SendingSettings = SendingSettings()
    approval: ApprovalSettings = ApprovalSettings()
    web: WebSettings = WebSettings()
    banner: BannerSettings = BannerSettings()
    audit: AuditSettings = AuditSettings()
    alerts: AlertSettings = AlertSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment go before the file, whose values come in as ``init_settings``."""
        return env_settings, init_settings

    @property
    def keys_folder(self) -> Path:
        """Where the keys are."""
        return self.home / "keys"

    @property
    def state_folder(self) -> Path:
        """Where the database, the spill files, the locks and ``high_water`` are."""
        return self.home / "state"

    @property
    def high_water_file(self) -> Path:
        """The file that remembers the last published checkpoint, outside the database."""
        return Path(self.audit.high_water) if self.audit.high_water else self.state_folder / "high_water"

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL of the store."""
        return self.store.url or f"sqlite+aiosqlite:///{self.state_folder / 'store.db'}"


def in_file(home: Path) -> dict[str, Any]:
    """Return what ``notifier.toml`` in ``home`` sets; nothing if there is no such file."""
    path = home / "notifier.toml"
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path.name} is not valid TOML: {error}") from None


def load(home: Path) -> Settings:
    """Read ``notifier.toml`` in ``home`` and the environment; what is unknown or wrong is ``BadSettings``."""
    values = in_file(home)
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {HOME_VARIABLE}
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable.split("__")[0] not in known:
            raise BadSettings(
                f"the environment sets {variable}, which is no setting", advice="Check its spelling."
            )
    try:
        # NOTIFIER_HOME names a home only where no other is given; here one is.
        settings = Settings(**values).model_copy(update={"home": home})
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        )
        raise BadSettings(
            f"wrong settings: {wrong}", advice="Correct notifier.toml or the environment."
        ) from None
    if settings.drill is not settings.audit.origin.startswith(DRILL_ORIGIN):
        # The log's key is bound to the origin: whoever changes both has no log any more.
        raise BadSettings(
            f"drill is {str(settings.drill).lower()}, but audit.origin is {settings.audit.origin}: whether "
            "an installation is a drill is fixed when it is made, and the name of a drill's log begins with "
            f"{DRILL_ORIGIN}",
            advice="Set `drill` back; for another kind make another installation with `notifier init`.",
        )
    return settings
