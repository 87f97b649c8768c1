"""Rendering: one set of facts becomes subject, text and HTML."""

import html
import json
import re
from dataclasses import replace

import pytest

from notifier.errors import BadInput, NotFound
from notifier.notices import Person
from notifier.rendering import MissingVariables, Renderer
from tests.notice_facts import LOCALES, REFERENCE, facts

NOTICE = "breach-notice"
FACTS = facts()
PERSON = Person(name="Anna Müller", categories=("email", "password", "name"))


@pytest.fixture(scope="module")
def renderer():
    return Renderer()


def rendered(renderer, locale="en", person=PERSON, **changes):
    return renderer.render(NOTICE, locale, facts=facts(**changes), person=person, reference=REFERENCE)


def own(tmp_path, name="body.txt", content="{{ name }}", **more):
    """Return a renderer whose English notice has ``content`` in place of one of our files."""
    folder = tmp_path / "email" / NOTICE / "en"
    folder.mkdir(parents=True)
    (folder / name).write_text(content, encoding="utf-8")
    return Renderer([tmp_path], **more)


@pytest.mark.parametrize("locale", LOCALES)
def test_each_language_says_the_same_about_the_same_facts(renderer, locale):
    """Reference, contact, address to type and code stand in both parts of each language."""
    notice = rendered(renderer, locale)
    for part in (notice.text, notice.html):
        for fact in (
            "0F9A-02BC-77D1-E04B",
            "privacy@example.com",
            "notices.example.com/check",
            "INC-2026-001",
        ):
            assert fact in part
    assert notice.subject.startswith("Example Company") or "Example Company" in notice.subject
    assert len(notice.subject) <= 60


@pytest.mark.parametrize("locale", LOCALES)
def test_the_languages_have_the_same_sentences_and_places(renderer, locale):
    """A translator can neither forget a sentence nor drop a place in one."""
    assert renderer.words(NOTICE, locale).places() == renderer.words(NOTICE, "en").places()


@pytest.mark.parametrize("locale", LOCALES)
def test_the_sections_are_the_same_in_each_language(renderer, locale):
    """One first-level heading, nine sections."""
    notice = rendered(renderer, locale)
    assert notice.html.count("<h1 ") == 1
    assert notice.html.count("<h2 ") == 9
    assert len([line for line in notice.text.split("\n") if line.startswith("---")]) == 9


@pytest.mark.parametrize("locale", LOCALES)
def test_the_direction_of_writing_is_declared(renderer, locale):
    """Arabic is right to left, the others left to right."""
    direction = "rtl" if locale == "ar" else "ltr"
    assert f'<html lang="{locale}" dir="{direction}">' in rendered(renderer, locale).html


@pytest.mark.parametrize("locale", LOCALES)
def test_a_notice_is_small(renderer, locale):
    """All three parts together stay under 16 kB, in English under 8 kB."""
    notice = rendered(renderer, locale)
    size = len((notice.subject + notice.text + notice.html).encode())
    assert size < (8_000 if locale == "en" else 16_000)


def test_the_list_is_the_persons_own(renderer):
    """Only this person's categories, consequences and advice are printed."""
    notice = rendered(renderer, person=Person(name="A B", categories=("name",)))
    assert "- Name\n" in notice.text
    assert "Password\n" not in notice.text
    assert "Someone who has the password" not in notice.text
    assert "win your trust" in notice.text


def test_an_update_names_what_is_new(renderer):
    """New categories stand first and apart from those told before."""
    person = Person("A B", "update", ("email", "health"), ("health",))
    notice = rendered(renderer, person=person)
    assert notice.subject == "Example Company: Update to Notice of Data Breach"
    new, before = notice.text.index("Information about health"), notice.text.index("- E-mail address")
    assert (
        notice.text.index("New or changed since our last message")
        < new
        < notice.text.index("before:")
        < before
    )


def test_a_guardian_is_not_greeted_by_the_childs_name(renderer):
    """The name of the person it is about becomes the subject of the notice."""
    notice = rendered(renderer, person=Person("Mia Example", "guardian", ("name",)))
    assert "Hello,\n" in notice.text
    assert "This notice is about Mia Example." in notice.text
    known = Person("Mia Example", "guardian", ("name",), details={"reader": "Ann Example"})
    assert "Dear Ann Example,\n" in rendered(renderer, person=known).text


def test_next_of_kin_are_not_told_of_a_death(renderer):
    """The wording holds whether the person lives or not."""
    text = rendered(renderer, person=Person("Jo Example", "next-of-kin", ("name",))).text.lower()
    assert not any(word in text for word in ("died", "death", "deceased", "dead"))


def test_an_account_sees_its_records(renderer):
    """A contact of an account is told which records were involved."""
    details = {"subject": "Example GmbH", "records": ["R-17", "R-18"]}
    notice = rendered(renderer, person=Person("Bo Example", "account", ("name",), details=details))
    assert "- R-17\n- R-18\n" in notice.text
    assert "<li>R-17</li>" in notice.html
    assert "contact of Example GmbH" in notice.text


@pytest.mark.parametrize(("variant", "records"), [("person", 150), ("person", 50), ("account", 150)])
def test_of_many_records_the_first_are_listed(renderer, variant, records):
    """Fifty, then how many more there are; an account's come with their count, as they are."""
    details = {"records": [f"order {n}" for n in range(records)]}
    details |= {"subject": "Example GmbH", "count": records} if variant == "account" else {}
    text = rendered(renderer, person=Person("Bo Example", variant, ("name",), details=details)).text
    shown = 50 if variant == "person" else records
    assert text.count("- order ") == shown
    assert ("- order 49\n- + 100\n" in text) == (shown < records)


@pytest.mark.parametrize(
    ("locale", "written"), [("en", "12,345"), ("de", "12.345"), ("fr", "12\u202f345"), ("hi", "12,345")]
)
def test_numbers_are_written_as_the_language_does(renderer, locale, written):
    """The number of an account's records has the language's separators, in both parts."""
    person = Person("Bo Example", "account", ("name",), details={"subject": "Example GmbH", "count": 12345})
    notice = rendered(renderer, locale, person=person)
    assert written in notice.text
    assert written in notice.html


def test_an_unknown_variant_is_never_given_another_ones_words(renderer):
    """A variant without words of its own is missing, not replaced."""
    with pytest.raises(MissingVariables, match=r"words\.employee"):
        rendered(renderer, person=Person("A B", "employee", ("name",)))


def test_everything_missing_is_named_at_once(renderer):
    """One error lists all that the record and the person lack."""
    broken = facts(brand="", contact={}, check={})
    del broken["texts"]["en"]["advice"]
    with pytest.raises(MissingVariables) as caught:
        renderer.render(NOTICE, "en", facts=broken, person=Person("A B"), reference=REFERENCE)
    assert set(caught.value.names) >= {
        "brand", "contact", "check.address", "texts.en.advice", "person.categories",
    }  # fmt: skip
    with pytest.raises(MissingVariables, match=r"brand, .*texts\.en\.advice"):
        renderer.render(NOTICE, "en", facts=broken, person=Person("C D"), reference=REFERENCE)


def test_missing_names_of_an_own_template_are_named_too(tmp_path):
    """Names inside nested facts are given in full."""
    own_notice = own(tmp_path, content="{{ contact.fax }} {{ product }} {{ facts.texts.xx }} {{ a.b.c }}")
    with pytest.raises(MissingVariables) as caught:
        rendered(own_notice)
    assert {"contact.fax", "product", "a.b.c"} <= set(caught.value.names)


@pytest.mark.parametrize(
    ("occurred", "said"),
    [
        ({"from": "", "to": ""}, "We do not know yet when it happened."),
        ({"from": "2026-03-03", "to": ""}, "It began on March 3, 2026. We do not know yet when it ended."),
        ({"from": "", "to": "2026-03-03"}, "It ended on March 3, 2026. We do not know yet when it began."),
        ({"from": "2026-03-03", "to": "2026-03-03"}, "It happened on March 3, 2026."),
        ({"from": "2026-03-03", "to": "2026-03-05"}, "It happened between March 3, 2026 and March 5, 2026."),
        (
            {"from": "2026-03-03T08:00Z", "to": "2026-03-03T09:30Z"},
            "It happened on March 3, 2026, between 1:30 PM and 3:00 PM (India Standard Time).",
        ),
    ],
)
def test_what_is_not_known_yet_is_said_as_not_known(renderer, occurred, said):
    """Each state of knowledge about the time has its sentence, and times show their zone."""
    text = rendered(renderer, occurred=occurred).text.replace("\u00a0", " ")
    assert said in text


@pytest.mark.parametrize("locale", LOCALES)
def test_no_date_or_time_is_broken_over_two_lines(renderer, locale):
    """Dates and times hold no space at which a line may end, narrow or wide; the plain text has ordinary
    spaces.
    """
    notice = rendered(renderer, locale, occurred={"from": "2026-03-03T08:00Z", "to": ""})
    assert "\u00a0" not in notice.text
    assert "\u00a0" not in notice.html
    moment = next(line for line in notice.html.split("\n") if "2026" in line and "30" in line)
    moment = html.unescape(moment)
    assert "\u202f" not in moment
    assert re.search(r"1?[13]:30[ ][^(]", moment) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"discovered": "yesterday"}, "discovered is no ISO 8601"),
        ({"discovered": "2026-03-03T08:00"}, "has no time zone"),
        ({"time_zone": "Mars/Olympus"}, "no IANA time zone"),
        ({"occurred": {"from": "2026-03-03T08:00Z", "to": "2026-03-02T08:00Z"}}, "lies before"),
    ],
)
def test_wrong_moments_are_refused(renderer, changes, why):
    """A wrong date is never printed, and never becomes another one."""
    with pytest.raises(BadInput, match=why):
        rendered(renderer, **changes)


@pytest.mark.parametrize("name", ["", "  ", "null", "N/A", "anna@example.com", "---", "123"])
def test_what_is_no_name_gets_the_nameless_greeting(renderer, name):
    """Nobody is greeted as null or by their address."""
    assert "\nHello,\n" in rendered(renderer, person=Person(name, categories=("name",))).text


def test_line_breaks_in_facts_break_nothing(renderer):
    """A brand with a line break adds no line, and an author's paragraph stays one line."""
    notice = rendered(renderer, brand="Example\r\nBcc: x Company")
    assert notice.subject == "Example Bcc: x Company: Notice of Data Breach"
    assert notice.text.count("\n") == rendered(renderer).text.count("\n")


def test_a_drill_is_marked_in_each_part_and_nothing_else_is(renderer):
    """Subject, text and HTML of a drill say so."""
    drill = rendered(renderer, drill=True)
    assert drill.subject.startswith("(DRILL) ")
    assert "DRILL" in drill.text
    assert "DRILL" in drill.html
    real = rendered(renderer)
    assert "DRILL" not in real.subject + real.text + real.html


@pytest.mark.parametrize(
    "attack",
    [
        "{{ say.__init__.__globals__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ facts.update({'brand': 'X'}) }}",
        "{{ self._TemplateReference__context }}",
        "{% include '../../../../etc/passwd' %}",
        "{% include '/etc/passwd' %}",
        "{{ name | attr('__class__') }}",
        "{{ name.format(1).__class__ }}",
    ],
)
def test_a_template_cannot_leave_the_sandbox(tmp_path, attack):
    """No attribute of ours, no file and no change of the facts is within a template's reach."""
    with pytest.raises(BadInput):
        rendered(own(tmp_path, content=attack))


def test_a_template_error_names_file_and_line(tmp_path):
    """Whoever writes templates is told where to look."""
    with pytest.raises(BadInput, match=r"breach-notice/en/body\.txt, line 2"):
        rendered(own(tmp_path, content="Hello\n{% if %}"))


@pytest.mark.parametrize(
    "content",
    ["{{ name }}", "{{ name | upper }}", "{{ name | length }}", "{% if name == 'Anna Müller' %}A{% endif %}",
     "{% set x %}{{ name }}{% endset %}{{ x | length }}", "{{ name ~ '!' }}", "{{ name[0] }}",
     "{% for c in name %}{{ c }}.{% endfor %}", "{{ reference | replace('-', '') }}"],
)  # fmt: skip
def test_cohorts_never_change_a_byte(tmp_path, content):
    """Whatever a template does with personal values, kept cohorts give what rendering anew gives."""
    fast, slow = own(tmp_path, content=content), Renderer([tmp_path], cohorts=0)
    for name in ("Anna Müller", "Bo", "", "محمد"):
        person = Person(name, categories=("name",))
        assert outcome(fast, person) == outcome(slow, person)


def outcome(renderer, person):
    """Return the notice, or the names of what it lacks."""
    try:
        return rendered(renderer, person=person)
    except MissingVariables as missing:
        return missing.names


def test_kept_cohorts_are_bounded():
    """Memory does not grow with the number of cohorts, and the oldest is made again when needed."""
    small = Renderer(cohorts=2)
    people = [Person("A B", categories=(code,)) for code in ("name", "email", "phone")]
    first = [rendered(small, person=person) for person in people]
    assert [rendered(small, person=person) for person in people] == first


@pytest.mark.parametrize(
    ("wanted", "texts", "default", "chosen"),
    [
        ("hi-IN", {"hi", "en"}, "en", "hi"),
        ("hi_IN", {"hi", "en"}, "en", "hi"),
        ("HI-in", {"hi", "en"}, "en", "hi"),
        ("zh-Hant-TW", {"hi", "en"}, "en", "en"),
        ("hi-IN", {"en"}, "en", "en"),
        ("", {"de"}, "de-AT", "de"),
    ],
)
def test_the_locale_falls_back_step_by_step(renderer, wanted, texts, default, chosen):
    """From the region to the language to the default, among languages that have both words and facts."""
    assert renderer.choose_locale(NOTICE, wanted, texts, default) == chosen


def test_no_language_at_all_is_refused(renderer):
    """Nobody gets a notice in a language that was not written."""
    with pytest.raises(BadInput, match="neither in 'hi' nor"):
        renderer.choose_locale(NOTICE, "hi", {"ja"}, "en")
    with pytest.raises(NotFound):
        renderer.locales("no-such-notice")


def test_digest_and_status_tell_of_the_texts(tmp_path, renderer):
    """Translations are drafts until somebody says otherwise; a changed text has another digest."""
    assert renderer.status(NOTICE, "en") == "original"
    assert {renderer.status(NOTICE, locale) for locale in LOCALES if locale != "en"} == {"unreviewed"}
    changed = own(tmp_path, "body.txt", "{{ brand }}")
    assert changed.digest(NOTICE, "en") != renderer.digest(NOTICE, "en") == Renderer().digest(NOTICE, "en")
    assert changed.digest(NOTICE, "de") == renderer.digest(NOTICE, "de")


@pytest.mark.parametrize("locale", LOCALES)
def test_a_contact_affected_in_person_has_two_lists(renderer, locale):
    """What was exposed of the account stands under the account, with what it means, never as the reader's."""
    account = {
        "subject": "Example GmbH",
        "categories": {"password": False, "health": True},
        "records": ["R-17"],
        "records_new": [],
        "count": 1,
    }
    details = {"categories": {"name": False}, "accounts": [account], "records": ["order 9"]}
    person = Person("Bo Example", "update", ("name", "password", "health"), ("health",), details)
    notice = rendered(renderer, locale, person=person)
    words = renderer.words(NOTICE, locale)
    own, theirs = notice.text.split("Example GmbH", 1)
    for code, part, other in (("name", own, theirs), ("password", theirs, own), ("health", theirs, own)):
        assert f"- {words.labels[code]}\n" in part
        assert f"- {words.labels[code]}\n" not in other
    assert "order 9" in own
    assert "R-17" in theirs
    assert theirs.count("R-17") == notice.html.count("R-17") == 1
    said = words.plain
    assert said["information_before"] in own
    assert said["information_intro"] not in own
    assert said["information_new"] not in own
    new, before, known = (
        f"- {words.labels['health']}\n",
        said["information_before"],
        words.labels["password"],
    )
    assert theirs.index(new) < theirs.index(before) < theirs.index(known)


@pytest.mark.parametrize("locale", LOCALES)
def test_an_update_names_the_records_that_are_new(renderer, locale):
    """They stand first, those told before below, with the data that was told before; long lists are cut."""
    details = {
        "categories": {"name": False, "bank-account": True},
        "hints": {"bank-account": "ends in 1234"},
        "records": [f"order {n}" for n in range(60)],
        "records_new": [f"parcel {n}" for n in range(60)],
    }
    person = Person("Bo", "update", ("name", "bank-account"), ("name", "bank-account"), details)
    notice = rendered(renderer, locale, person=person)
    text, page = (re.sub("[\u2066-\u2069]", "", part) for part in (notice.text, notice.html))
    words = renderer.words(NOTICE, locale)
    wanted = [words.plain["information_new"], f"- {words.labels['bank-account']} (ends in 1234)\n"]
    wanted += [words.plain["information_before"], f"- {words.labels['name']}\n"]
    wanted += [words.plain["records_new"], "- parcel 49\n", "- + 10\n"]
    wanted += [words.plain["records_before"], "- order 49\n", "- + 10\n"]
    places = [text.index(one) for one in wanted[:-1]]
    assert places == sorted(places)
    assert text.count("- + 10\n") == 2 == len(re.findall("<li>.*\\+ 10.*</li>", page))
    for absent in (words.plain["records_intro"], "parcel 50", "order 50"):
        assert absent not in text
    nothing = {**details, "records_new": []}
    text = rendered(renderer, locale, person=replace(person, details=nothing)).text
    assert words.plain["records_new"] not in text
    assert words.plain["records_before"] in text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("variant", ["guardian", "next-of-kin", "account"])
def test_what_is_about_others_is_not_said_to_be_about_the_reader(renderer, locale, variant):
    """None of the sentences that speak of the reader's own information stands in it."""
    details = {"subject": "Example GmbH", "records": ["R-17"]}
    text = rendered(renderer, locale, person=Person("Bo", variant, ("name",), details=details)).text
    plain = renderer.words(NOTICE, locale).plain
    assert plain["information_intro"] not in text
    assert plain["information_own"] not in text
    assert plain["why"].partition("{brand}")[2] not in text


LINK = "https://notices.example.com/notices/0f9a02bc77d1e04b-abcdefgh234567ij"


@pytest.mark.parametrize("locale", LOCALES)
def test_a_link_is_shown_where_there_is_one(renderer, locale):
    """Once in the text, on a line of its own, and once in the HTML, as what it leads to; else nothing is said."""
    words = renderer.words(NOTICE, locale).plain
    linked = renderer.render(NOTICE, locale, facts=facts(), person=PERSON, reference=REFERENCE, link=LINK)
    assert linked.text.count(f"\n{LINK}\n") == 1
    assert re.findall(r'<a [^>]*href="([^"]*)"[^>]*>([^<]*)</a>', linked.html) == [(LINK, LINK)]
    assert words["confirm"] in linked.text
    bare = rendered(renderer, locale)
    assert words["confirm"] not in bare.text + html.unescape(bare.html)


def test_readers_with_links_of_their_own_are_one_cohort(renderer):
    """The link is a place like name and reference: each gets the bytes a rendering of their own would give."""
    for ending in ("aaaa", "bbbb"):
        order = {"facts": facts(), "person": PERSON, "reference": REFERENCE, "link": LINK + ending}
        assert renderer.render(NOTICE, "en", **order) == Renderer(cohorts=0).render(NOTICE, "en", **order)
    one = Renderer()
    for ending in ("aaaa", "bbbb"):
        one.render(NOTICE, "en", facts=FACTS, person=PERSON, reference=REFERENCE, link=LINK + ending)
    assert len(one._cohorts) == 1


def test_words_without_the_sentences_about_the_link_are_named(tmp_path):
    """Who has words of their own learns what is missing once there is a link, and not before."""
    words = Renderer().words(NOTICE, "en").plain
    kept = "".join(f"{key} = {json.dumps(text)}\n" for key, text in words.items() if "confirm" not in key)
    own_words = own(tmp_path, "words.toml", kept)
    rendered(own_words)
    with pytest.raises(MissingVariables, match=r"words\.confirm"):
        own_words.render(NOTICE, "en", facts=facts(), person=PERSON, reference=REFERENCE, link=LINK)
