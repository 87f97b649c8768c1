"""Ready incident records to start from, with customer texts in six languages."""

from __future__ import annotations

from importlib.resources import files

from notifier.errors import NotFound

TITLES = {
    "credential-stuffing": "sign-ins with passwords stolen from other services",
    "lost-backup-at-a-vendor": "a vendor lost a backup that held customers' data",
    "mail-merge-to-the-wrong-person": "e-mails with one customer's data went to another",
}


def text(name: str) -> str:
    """Return the YAML of the example ``name``."""
    if name not in TITLES:
        raise NotFound("there is no example with this name", advice=f"There are: {', '.join(TITLES)}.")
    return files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
