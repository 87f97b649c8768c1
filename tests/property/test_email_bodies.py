"""Any text: in a message it reads back as given, line by line, in lines that mail can carry."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st

from notifier.channels.email.message import Composer
from notifier.notices import Rendered
from notifier.settings import EmailSettings

LINES = st.lists(
    st.text(
        st.one_of(st.characters(exclude_categories=["Cs", "Cc"]), st.sampled_from(" .=\té")), max_size=200
    ),
    max_size=20,
)


@given(LINES)
def test_any_text_reads_back(lines: list[str]) -> None:
    """Trailing spaces, single dots, equals signs and long lines survive whichever encoding is taken."""
    text = "\n".join(lines)
    content = Composer(EmailSettings()).compose(
        Rendered("Notice", text, "<p>x</p>"),
        recipient="reader@example.com",
        name="",
        reference="0123456789ABCDEF",
        locale="en",
        code="INC-1",
        drill=False,
    )
    message = message_from_bytes(content, policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    part = message.get_body(("plain",))
    assert part is not None
    assert part.get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")
    assert max(map(len, content.split(b"\r\n"))) <= 998
