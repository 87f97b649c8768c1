"""Values made unreadable enough for a screen, and readable enough to recognise."""

from __future__ import annotations


def masked_name(name: str) -> str:
    """Return the first letter of each word."""
    return " ".join(f"{word[0]}…" for word in name.split()) or "–"  # noqa: RUF001 - a dash stands for nothing


def masked_email(address: str) -> str:
    """Return the first letters of both parts and the top-level domain."""
    local, _, domain = address.rpartition("@")
    name, _, top = domain.rpartition(".")
    return f"{local[:1]}…@{name[:1]}….{top}"


def masked_phone(number: str) -> str:
    """Return the first three and the last two characters."""
    return f"{number[:3]}…{number[-2:]}"


def masked(channel: str, value: str) -> str:
    """Return the masked address of a contact point; of a postal address nothing but that it is one."""
    if channel == "email":
        return masked_email(value)
    return "letter" if channel == "letter" else masked_phone(value)
