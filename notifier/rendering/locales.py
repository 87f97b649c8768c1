"""Which language a reader gets: their own where there are texts in it, else the nearest."""

from __future__ import annotations

from collections.abc import Collection

from notifier.errors import BadInput


def choose(notice: str, wanted: str, texts: Collection[str], default: str, templates: Collection[str]) -> str:
    """Return the best locale that both the templates and the announcement's texts have.

    ``hi-IN`` falls back to ``hi``, then to another ``hi-…``, then to the default and its kin. None at all is
    ``BadInput``.
    """
    folded = {locale.casefold(): locale for locale in sorted(set(templates) & set(texts))}
    for tag in (wanted, default):
        parts = tag.replace("_", "-").casefold().split("-")
        chain = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
        kin = [locale for locale in folded if locale.split("-")[0] == parts[0]]
        if found := next((locale for locale in chain + kin if locale in folded), None):
            return folded[found]
    raise BadInput(
        f"{notice} can be sent neither in {wanted!r} nor in the default language {default!r}",
        advice=f"The announcement has texts in: {', '.join(sorted(texts)) or 'no language'}; "
        f"the templates are in: {', '.join(sorted(templates))}.",
    )
