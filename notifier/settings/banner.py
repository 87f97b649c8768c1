"""Settings of the in-service banner."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from notifier.settings.group import Group


class BannerKeySettings(Group):
    """One key of the host application's."""

    id: str
    """The ``kid`` in the header of its tokens."""
    algorithm: Literal["EdDSA", "HS256"] = "EdDSA"
    """The only algorithm that is accepted with this key."""
    key_file: str
    """For EdDSA the public key as PEM, for HS256 the secret as base64, at least 32 bytes."""


class BannerSettings(Group):
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
