"""Whatever people are called, their notices render, say who they are, and stay in one piece."""

from html import unescape
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.linting import check_html
from notifier.notices import Person
from notifier.rendering import Renderer
from notifier.rendering.lines import clean, greeting_name
from tests.notice_facts import LOCALES, REFERENCE, facts

FACTS = facts()
FAST, SLOW = Renderer(), Renderer(cohorts=0)
names = st.one_of(
    st.text(max_size=80),
    st.text(alphabet="<>&\"'{}%#$\n\r\t\x00\u2028\u202e\u2066\u2069\ufdd0\ufdd1\ud800 aא", max_size=40),
    st.sampled_from(
        ["<script>alert(1)</script>", "</p></td></table>", "{{ 7*7 }}", "A\r\nBcc: x@example.com"]
    ),
)


class Tags(HTMLParser):
    """Counts tags."""

    def __init__(self, html):
        super().__init__()
        self.count = {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Count one; isolation is no structure."""
        if tag != "bdi":
            self.count[tag] = self.count.get(tag, 0) + 1


def notice(renderer, name, locale="en"):
    person = Person(name, categories=("email", "password"), details={"records": [name, "R-1"]})
    return renderer.render("breach-notice", locale, facts=FACTS, person=person, reference=REFERENCE)


PLAIN = {locale: notice(FAST, "Anna", locale) for locale in LOCALES}
TAGS = {locale: Tags(PLAIN[locale].html).count for locale in LOCALES}


@settings(max_examples=80, deadline=None)
@given(name=names, locale=st.sampled_from(LOCALES))
def test_a_name_cannot_break_out(name, locale):
    """A name adds no tag to the HTML, no line to the text, and is there as it is."""
    made = notice(FAST, name, locale)
    tags, expected = Tags(made.html).count, dict(TAGS[locale])
    assert tags == expected
    assert made.text.count("\n") == PLAIN[locale].text.count("\n")
    assert greeting_name(name) in unescape(made.html)
    assert greeting_name(name) in made.text
    assert "\n" not in made.subject
    (made.subject + made.text + made.html).encode()
    assert check_html(made.html) == []


@settings(max_examples=60, deadline=None)
@given(name=names, locale=st.sampled_from(LOCALES))
def test_the_same_input_gives_the_same_bytes(name, locale):
    """Kept or made anew, by one renderer or another."""
    assert notice(FAST, name, locale) == notice(SLOW, name, locale)


@given(name=names)
def test_a_cleaned_value_is_one_printable_line(name):
    """Cleaning twice changes nothing more, and no mark of direction or break is left."""
    line = clean(name)
    assert clean(line) == line
    assert not set(line) & set("\n\r\t\x00\u2028\u2029\u202e\u2066\u2069\ufdd0\ufdd1\ud800")
    line.encode()
