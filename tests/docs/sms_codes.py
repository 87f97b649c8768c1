"""The page on Twilio's statuses and error codes, made from the data file."""

from __future__ import annotations

from itertools import groupby

from notifier.channels.sms.codes import STATUS_PAGE, Meaning, table

_INTRO = """\
What Twilio's statuses and error codes mean for a delivery is data: `notifier/channels/sms/codes.toml`.

- **Outcome** is what a code makes of the hand-over that it answers. Only what was certainly not taken is *deferred*;
  where the message may have been taken, it is *unknown*.
- In a report about a message that had been accepted, every code says that it did not arrive: the delivery has bounced,
  for this reason. `stopped` and `address-dead` end the use of the number. Several reports of `about-us` or `throttled` are
  no reader's trouble but ours, and [pause what is still to go](../how-to/connect-twilio.md).
- **Slows** says who is sent through more slowly from then on: all of Twilio, or one sender to one country. `about-us`
  slows from the third such answer in a row, and ten in a row leave it alone for five minutes.
- **Wait** is used where the answer has no `Retry-After`.
"""


def page() -> str:
    """Return docs/reference/sms-codes.md."""
    known = table()
    lines = [
        "# Statuses and errors of text messages",
        "",
        "<!-- Made by `make docs` from the program; change it there. -->",
        "",
        _INTRO,
        "## Reasons",
        "",
        "| reason | meaning | the address |",
        "| --- | --- | --- |",
        *(
            f"| `{one.name}` | {one.means} | {'is not used again' if one.suppresses else 'stays usable'} |"
            for one in known.reasons.values()
        ),
        "",
        "## Message statuses",
        "",
        f"Twilio describes them [here]({STATUS_PAGE}). A report that says *accepted* is put on record only where the answer",
        "to the hand-over was lost, or is not known yet: it says no more than the answer did.",
        "",
        "| status | meaning | in an answer | in a report |",
        "| --- | --- | --- | --- |",
        *(
            f"| `{one.name}` | {one.means} | {one.outcome or 'by the error code'} | "
            f"{one.receipt or ('nothing' if one.silent else 'bounced, the error code says why')} |"
            for one in known.statuses.values()
        ),
        "",
        "## Error codes",
        "",
        "| code | reason | outcome | slows | wait | meaning |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    every = sorted((*known.codes.values(), *known.ranges), key=lambda one: (one.means, one.first))
    grouped = [list(same) for _, same in groupby(every, key=lambda one: one.means)]
    lines += [
        _row(", ".join(map(_code, same)), same[0]) for same in sorted(grouped, key=lambda one: one[0].first)
    ]
    lines += [
        "",
        "## Answers without an error code",
        "",
        "| HTTP status | reason | outcome | slows | wait | meaning |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(_http(one), one) for one in known.http),
    ]
    return "\n".join(lines) + "\n"


def _row(codes: str, one: Meaning) -> str:
    wait = f"{one.wait:.0f} s" if one.wait else ""
    cells = [codes, f"`{one.reason}`", str(one.outcome), one.slows, wait, one.means]
    return f"| {' | '.join(cells)} |"


def _code(one: Meaning) -> str:
    if one.first != one.last:
        return f"{one.first} to {one.last}"
    return f"[{one.first}]({one.source})"


def _http(one: Meaning) -> str:
    if one.first == one.last:
        return str(one.first)
    return f"{one.first // 100}xx" if one.first else "any other"
