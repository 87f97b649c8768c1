"""What an installation can set. Read once, in ``incidents.application``; each part gets only its group.

The file is TOML (``notifier.toml``); an environment variable ``NOTIFIER_<GROUP>__<NAME>`` goes before it.
An unknown name stops the start, in the file as in the environment: a misspelt setting is a setting lost.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import EmailStr, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from notifier import HOME_VARIABLE
from notifier.errors import BadSettings
from notifier.settings.banner import BannerKeySettings, BannerSettings
from notifier.settings.email import DkimSettings, EmailSettings, RelaySettings
from notifier.settings.group import Group
from notifier.settings.inbound import InboundSettings
from notifier.settings.letter import LetterSettings
from notifier.settings.notices_url import why_no_base
from notifier.settings.sms import DltTemplateSettings, SmsSenderSettings, SmsSettings

__all__ = [
    "DRILL_ORIGIN",
    "PREFIX",
    "AlertSettings",
    "ApprovalSettings",
    "AuditSettings",
    "BannerKeySettings",
    "BannerSettings",
    "DkimSettings",
    "DltTemplateSettings",
    "EmailSettings",
    "InboundSettings",
    "LetterSettings",
    "Organisation",
    "RelaySettings",
    "SendingSettings",
    "Settings",
    "SmsSenderSettings",
    "SmsSettings",
    "StoreSettings",
    "WebSettings",
    "in_file",
    "load",
]

PREFIX = "NOTIFIER_"
DRILL_ORIGIN = "drill."
"""How the name of a drill's log begins, and that of no other."""


class Organisation(Group):
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
    notices_url: str = ""
    """The public https address of this service on one of these hosts, such as https://notices.example.com.
    E-mails then carry a link to the reader's own notice page; empty: no link."""

    @model_validator(mode="after")
    def _link_to_a_host_of_ours(self) -> Self:
        if self.notices_url and (why := why_no_base(self.notices_url, self.allowed_hosts)):
            raise ValueError(f"notices_url {why}")
        return self


class StoreSettings(Group):
    """The database."""

    url: str = ""
    """SQLAlchemy URL; empty means SQLite in the state folder."""


class SendingSettings(Group):
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


class ApprovalSettings(Group):
    """What stands between a draft and the customers."""

    valid_hours: float = Field(default=24, gt=0)
    """How long an approval is good for."""
    countdown_seconds: float = Field(default=60, ge=0)
    """Time to stop a release before anything goes out."""
    alone_allowed: bool = False
    """Whether the author alone may release, after the longer countdown, with a reason, on record."""
    alone_countdown_seconds: float = Field(default=900, ge=0)
    """The countdown of a release without a second person."""


class WebSettings(Group):
    """The web server."""

    host: str = "127.0.0.1"
    """The address to listen on; put a proxy with TLS before it."""
    port: int = Field(default=8080, ge=0, le=65535)
    """0 lets the system choose; the log then says which."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses or networks."""
    checks_per_minute: int = Field(default=20, ge=1)
    """Reference checks one address may make a minute."""
    public_url: str = Field(default="", pattern=r"^(https?://[A-Za-z0-9.:\[\]-]{1,253})?$")
    """Scheme and host under which the public reaches these pages, such as https://notices.example.com; empty
    means https and the host of ``organisation.verify_address``. The worker looks at public notices there, and
    at its own server where this is empty."""
    notices_per_minute: int = Field(default=60, ge=1)
    """Notice pages one address may open, and confirm, a minute."""


class AuditSettings(Group):
    """The audit trail."""

    origin: str = "notices.example.com/audit"
    """Schema-less URL that names the log; fixed for its life."""
    every_seconds: float = Field(default=1, gt=0)
    """How often waiting entries get their place in the log and a new checkpoint is signed."""
    high_water: str = ""
    """File that remembers the last published checkpoint; empty means ``high_water`` in the state folder.
    It protects best where the store's backups do not reach it."""


class AlertSettings(Group):
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
