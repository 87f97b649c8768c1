"""What an installation can set. Read once, in ``incidents.app``; each part is given only its own group.

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

from notifier.errors import BadSettings

PREFIX = "NOTIFIER_"
HOME_VARIABLE = "NOTIFIER_HOME"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Organisation(_Group):
    """Who writes to the customers."""

    brand: str = "Example Company"
    default_locale: str = "en"
    time_zone: str = "Etc/UTC"
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
    host: str
    port: int = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    verify: bool = True
    """Check the server's certificate."""
    ca_file: str = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    max_connections: int = Field(default=20, ge=1, le=500)
    per_second: float = Field(default=0, ge=0)
    """Messages per second; 0 means no limit."""
    timeout: float = Field(default=60, gt=0)
    """Seconds to wait for one answer (RFC 5321, section 4.5.3.2, asks for minutes after DATA)."""


class DkimSettings(_Group):
    """One DKIM signature."""

    domain: str
    selector: str
    key_file: str
    """PEM, RSA (at least 2048 bits) or Ed25519."""


class EmailSettings(_Group):
    """How notices go out by e-mail."""

    from_name: str = "Example Company"
    from_address: EmailStr = "security@example.com"
    reply_to: EmailStr | None = None
    message_id_domain: str = "example.com"
    bounce_domain: str = "bounces.example.com"
    """Domain of the return path that carries the signed attempt token."""
    feedback_id: str = "notifier"
    """SenderId of the Feedback-ID header: 5 to 15 characters."""
    site_per_second: dict[str, float] = Field(default_factory=dict)
    """Messages per second to a destination domain; ``*`` for all others."""
    relays: tuple[RelaySettings, ...] = ()
    dkim: tuple[DkimSettings, ...] = ()


class SendingSettings(_Group):
    """How batches are worked."""

    batch_size: int = Field(default=500, ge=1, le=5000)
    concurrency: int = Field(default=100, ge=1, le=2000)
    """Hand-overs of one batch that may be open at once."""
    lease_seconds: float = Field(default=15, gt=0)
    quarantine_seconds: float = Field(default=60, ge=0)
    unknown_policy: Literal["resend", "hold"] = "resend"
    retry_first_seconds: float = Field(default=60, gt=0)
    retry_longest_seconds: float = Field(default=3600, gt=0)


class ApprovalSettings(_Group):
    """What stands between a draft and the customers."""

    valid_hours: float = Field(default=24, gt=0)
    countdown_seconds: float = Field(default=60, ge=0)
    alone_allowed: bool = False
    """Whether the author alone may release, after the longer countdown, with a reason, on record."""
    alone_countdown_seconds: float = Field(default=900, ge=0)


class WebSettings(_Group):
    """The web server."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    checks_per_minute: int = Field(default=20, ge=1)
    """Reference checks one address may make a minute."""


class AuditSettings(_Group):
    """The audit trail."""

    origin: str = "notices.example.com/audit"
    """Schema-less URL that names the log; fixed for its life."""
    every_seconds: float = Field(default=1, gt=0)


class AlertSettings(_Group):
    """Who is told when something waits for a person."""

    recipients: tuple[EmailStr, ...] = ()
    every_minutes: float = Field(default=10, gt=0)


class Settings(BaseSettings):
    """All groups. ``home`` is the folder that holds the configuration, the keys and the state."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    home: Path = Path()
    drill: bool = False
    """A drill installation: its channels are built on the built-in loopback sink only."""
    organisation: Organisation = Organisation()
    store: StoreSettings = StoreSettings()
    email: EmailSettings = EmailSettings()
    sending: SendingSettings = SendingSettings()
    approval: ApprovalSettings = ApprovalSettings()
    web: WebSettings = WebSettings()
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
    def store_url(self) -> str:
        """The SQLAlchemy URL of the store."""
        return self.store.url or f"sqlite+aiosqlite:///{self.state_folder / 'store.db'}"


def load(home: Path) -> Settings:
    """Read ``notifier.toml`` in ``home`` and the environment; anything unknown or wrong is ``BadSettings``."""
    path = home / "notifier.toml"
    values: dict[str, Any] = {}
    if path.exists():
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadSettings(f"{path.name} is not valid TOML: {error}") from None
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {HOME_VARIABLE}
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable.split("__")[0] not in known:
            raise BadSettings(
                f"the environment sets {variable}, which is no setting", advice="Check its spelling."
            )
    try:
        return Settings(**{**values, "home": home})
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        )
        raise BadSettings(
            f"wrong settings: {wrong}", advice=f"Correct {path.name} or the environment."
        ) from None
