"""Invented customers for demos and benchmarks: seeded, in six locales, messy on purpose.

Names are drawn from short lists and belong to nobody; addresses are under example.com, example.org and
``.test`` (RFC 2606, RFC 6761); telephone numbers are put together at random in the ranges of each country.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from notifier.errors import BadInput

HEADERS = (
    "Customer number",
    "Name",
    "E-Mail",
    "Phone",
    "Language",
    "Country",
    "Data held",
    "Street",
    "ZIP",
    "City",
    "Plan",
)


@dataclass(frozen=True)
class _Place:
    """Where a sample's customers live and how they are called. ``phone`` has # for a digit."""

    locale: str
    country: str
    phone: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]


_PLACES = (
    _Place(
        "en-US",
        "US",
        "+1202555####",
        ("Alice", "Brian", "Carol", "Dylan", "Erin", "Felix", "Grace", "Hugh"),
        ("Archer", "Bennett", "Carver", "Draper", "Ellison", "Fletcher", "Granger", "Hollis"),
        ("Maple Street", "Oak Avenue", "Second Street", "Harbor Road"),
        (("01001", "Agawam"), ("20001", "Washington"), ("60601", "Chicago")),
    ),
    _Place(
        "hi-IN",
        "IN",
        "+9198########",
        ("आरव", "दीया", "ईशान", "काव्या", "मीरा", "नीरज", "रोहन", "सान्वी"),
        ("अग्रवाल", "चौहान", "गुप्ता", "जोशी", "मिश्रा", "पटेल", "शर्मा", "वर्मा"),
        ("गांधी मार्ग", "नेहरू नगर", "स्टेशन रोड", "बाज़ार गली"),
        (("110001", "नई दिल्ली"), ("400001", "मुंबई"), ("560001", "बेंगलुरु")),
    ),
    _Place(
        "de-DE",
        "DE",
        "01512#######",
        ("Anna", "Björn", "Clara", "Dörte", "Emil", "Frieda", "Günter", "Jörg"),
        ("Albrecht", "Bäcker", "Claßen", "Dürr", "Eichmann", "Förster", "Grün", "Müller-Lüdenscheidt"),
        ("Hauptstraße", "Gartenweg", "Bahnhofstr.", "Am Mühlbach"),
        (("01067", "Dresden"), ("10115", "Berlin"), ("80331", "München")),
    ),
    _Place(
        "fr-FR",
        "FR",
        "0612######",
        ("Amélie", "Benoît", "Chloé", "Denis", "Élodie", "François", "Gaëlle", "Hervé"),
        ("Aubert", "Blanchard", "Chevalier", "Dupré", "Étienne", "Fournier", "Girard", "Lefèvre"),
        ("rue de la Paix", "avenue Victor-Hugo", "place du Marché", "chemin des Prés"),
        (("01000", "Bourg-en-Bresse"), ("75001", "Paris"), ("69001", "Lyon")),
    ),
    _Place(
        "es-ES",
        "ES",
        "612######",
        ("Álvaro", "Begoña", "Carmen", "Diego", "Elena", "Íñigo", "Lucía", "Núria"),
        ("Álvarez", "Benítez", "Castaño", "Domínguez", "Espinosa", "Fernández", "Ibáñez", "Núñez"),
        ("calle Mayor", "avenida del Sol", "plaza Nueva", "paseo del Río"),
        (("08001", "Barcelona"), ("28001", "Madrid"), ("41001", "Sevilla")),
    ),
    _Place(
        "ar-EG",
        "EG",
        "+2010########",
        ("أحمد", "بسمة", "حسن", "خديجة", "ليلى", "محمود", "نور", "يوسف"),
        ("السيد", "الشافعي", "حجازي", "رمضان", "عبد الرحمن", "فاروق", "منصور", "النجار"),
        ("شارع النيل", "شارع التحرير", "طريق الهرم", "شارع السلام"),
        (("11511", "القاهرة"), ("21500", "الإسكندرية"), ("12511", "الجيزة")),
    ),
)
_DOMAINS = ("example.com", "mail.example.com", "example.org", "post.example.org", "inbox.test", "mail.test")
_HELD = (
    "name;email",
    "name;email;phone",
    "name;email;phone;postal-address",
    "name;email;password-hash",
    "name;email;payment-card;purchase-history",
    "name;email;date-of-birth;login-history",
)
_PLANS = ("free", "standard", "premium")
_BAD_EMAILS = (
    "nobody.example.com",
    "two@@example.com",
    "spaces in@example.com",
    "dot.@example.com",
    "user@nodot",
    "-",
    "unknown",
)
_ODD_NAMES = (
    "",
    "",
    "",
    "N/A",
    "😀 Smiley",
    "O'Neil-d'Arc",
    "=1+1",
    "@home",
    "\u202ereversed",
    "X Æ A-12",
    "Maximiliane Theodora Wilhelmine Freifrau von und zu Hohenberg-Altenstein-Waldenburg",
    "<b>Bold</b>",
    "Robert\nTwo Lines",
    "שלום ישראלי",
    "{{ name }}",
)


def write_sample(path: Path, count: int, seed: int = 1, *, messy: bool = True) -> None:
    """Write ``count`` invented customers to ``path`` as CSV; the same seed gives the same bytes.

    ``messy`` adds what real files have: a semicolon as delimiter and a byte-order mark, duplicates, bad
    addresses, missing and odd names, numbers with leading zeros. An existing file is ``BadInput``.
    """
    try:
        file = path.open("x", encoding="utf-8-sig" if messy else "utf-8", newline="")
    except FileExistsError:
        raise BadInput(f"{path.name} is there already", advice="Choose another file.") from None
    except OSError as error:
        raise BadInput(
            f"{path.name} cannot be written: {error.strerror}", advice="Choose another folder or file."
        ) from None
    with file:
        writer = csv.writer(file, delimiter=";" if messy else ",")
        writer.writerow(HEADERS)
        writer.writerows(sample_rows(count, seed, messy=messy))


def sample_rows(count: int, seed: int = 1, *, messy: bool = True) -> Iterator[list[str]]:
    """Yield the rows of a sample, in the order of ``HEADERS``."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    before: list[str] = []
    for place in range(1, count + 1):
        row = _row(chance, place)
        if messy:
            if before and chance.random() < 0.02:
                _repeat(chance, row, before)
            _spoil(chance, row)
            if chance.random() < 0.05:
                before = row
        yield row


def _row(chance: random.Random, place: int) -> list[str]:
    home = chance.choice(_PLACES)
    given, family = chance.choice(home.given), chance.choice(home.family)
    postal_code, city = chance.choice(home.cities)
    phone = "".join(str(chance.randrange(10)) if letter == "#" else letter for letter in home.phone)
    return [
        f"{place:08d}",
        f"{given} {family}",
        f"customer.{place}@{chance.choice(_DOMAINS)}",
        phone,
        home.locale,
        home.country,
        chance.choice(_HELD),
        f"{chance.choice(home.streets)} {chance.randrange(1, 2000)}",
        postal_code,
        city,
        chance.choice(_PLANS),
    ]


def _repeat(chance: random.Random, row: list[str], before: list[str]) -> None:
    """Make this customer look like an earlier one, in one of the ways people end up in a list twice."""
    kind = chance.randrange(3)
    if kind == 0:
        row[2] = before[2].upper()
    elif kind == 1:
        row[3], row[5] = before[3], before[5]
    else:
        row[1], row[5:10] = before[1].upper(), before[5:10]


def _spoil(chance: random.Random, row: list[str]) -> None:
    """Spoil a row, now and then, as real files are spoilt."""
    fate = chance.random()
    if fate < 0.01:
        row[2] = chance.choice(_BAD_EMAILS)
    elif fate < 0.02:
        row[2] = ""
    elif fate < 0.03:
        row[1] = chance.choice(_ODD_NAMES)
    elif fate < 0.035:
        row[3] = chance.choice(("4.9E+11", "call me", "12"))
    elif fate < 0.04:
        row[5] = chance.choice(("Atlantis", "Germany", "DEU", ""))
    elif fate < 0.042:
        row[0] = ""
    elif fate < 0.045:
        row[8] = row[8].lstrip("0")
    elif fate < 0.05:
        row[2] = f" {row[2].title()} ; {row[0]}@example.com"
    elif fate < 0.052:
        row[4] = chance.choice(("Klingon", "de_DE.UTF-8", "english", ""))
