"""Words from closed lists: data categories, marks, account roles, yes and no."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from notifier import categories
from notifier.customers.faults import Faulty
from notifier.customers.values import Mark, Role

_SEPARATORS = re.compile(r"[;,|\n]+")
_CATEGORY_WORDS = {
    "e-mail": "email",
    "mail": "email",
    "e-mail-address": "email",
    "email-address": "email",
    "telephone": "phone",
    "phone-number": "phone",
    "mobile": "phone",
    "address": "postal-address",
    "post": "postal-address",
    "postal": "postal-address",
    "dob": "date-of-birth",
    "birthday": "date-of-birth",
    "birth-date": "date-of-birth",
    "birthdate": "date-of-birth",
    "hash": "password-hash",
    "hashed-password": "password-hash",
    "passwords": "password",
    "card": "payment-card",
    "credit-card": "payment-card",
    "iban": "bank-account",
    "bank": "bank-account",
    "passport": "government-id",
    "id-card": "government-id",
    "ssn": "government-id",
    "tax": "tax-id",
    "medical": "health",
    "ip": "ip-address",
    "orders": "purchase-history",
    "purchases": "purchase-history",
    "logins": "login-history",
    "names": "name",
    "full-name": "name",
}
_MARK_WORDS = {
    "child": "minor",
    "under-age": "minor",
    "underage": "minor",
    "dead": "deceased",
    "late": "deceased",
    "staff": "employee",
    "protected": "court-protected",
    "court-protection": "court-protected",
}
_ROLE_WORDS = {
    "admin": "owner",
    "administrator": "owner",
    "account-owner": "owner",
    "ciso": "security",
    "dpo": "privacy",
    "data-protection": "privacy",
    "data-protection-officer": "privacy",
    "finance": "billing",
    "invoice": "billing",
}
_YES = frozenset(
    ("yes", "y", "true", "t", "1", "x", "ja", "j", "oui", "o", "si", "sí", "हाँ", "نعم", "wahr", "vrai")
)
_NO = frozenset(("no", "n", "false", "f", "0", "nein", "non", "नहीं", "لا", "falsch", "faux"))


@lru_cache(maxsize=4096)
def data_categories(cell: str) -> tuple[tuple[str, ...], bool]:
    """Return the data categories a cell names, most urgent first, and whether it names an unknown one."""
    found, strange = _closed(cell, dict.fromkeys(categories.CODES), _CATEGORY_WORDS)
    return categories.ordered(found), strange


@lru_cache(maxsize=1024)
def marks(cell: str) -> tuple[tuple[str, ...], bool]:
    """Return the marks a cell names, sorted, and whether it names an unknown one."""
    return _closed(cell, dict.fromkeys(Mark), _MARK_WORDS)


@lru_cache(maxsize=1024)
def roles(cell: str) -> tuple[tuple[str, ...], bool]:
    """Return the account roles a cell names, sorted, and whether it names an unknown one."""
    return _closed(cell, dict.fromkeys(Role), _ROLE_WORDS)


def _closed(cell: str, known: Mapping[str, None], others: Mapping[str, str]) -> tuple[tuple[str, ...], bool]:
    """Read a cell as words of a closed list; words may be apart by spaces where each is one word."""
    parts = [part.strip() for part in _SEPARATORS.split(cell) if part.strip()]
    if len(parts) == 1 and _word(parts[0]) not in known and _word(parts[0]) not in others:
        parts = parts[0].split()
    words = [_word(part) for part in parts]
    found = {str(others.get(word, word)) for word in words if word in known or word in others}
    return tuple(sorted(found)), any(word not in known and word not in others for word in words)


def _word(text: str) -> str:
    return text.lower().replace("_", "-").replace(" ", "-")


def yes(text: str) -> bool:
    """Return what an answer says, or raise ``Faulty``."""
    word = text.lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Faulty("yes-no")
