"""The one list of data categories."""

import pytest

from notifier.categories import CODES, SENSITIVE, ordered
from notifier.errors import BadInput
from notifier.rendering import Renderer
from tests.notice_facts import LOCALES


@pytest.mark.parametrize("locale", LOCALES)
def test_each_language_labels_each_category(locale):
    """No category lacks a label in any language, and none is labelled that does not exist."""
    labels = Renderer().words("breach-notice", locale).labels
    assert set(labels) == set(CODES)
    assert all(label.strip() for label in labels.values())


def test_the_most_urgent_category_comes_first():
    """Order does not depend on how the categories came."""
    assert ordered(["name", "password", "email", "password"]) == ("password", "email", "name")
    assert {"password", "health", "payment-card"} <= SENSITIVE


def test_an_unknown_category_is_refused():
    """A misspelt category never becomes an empty line in a notice."""
    with pytest.raises(BadInput, match="passwort"):
        ordered(["name", "passwort"])
