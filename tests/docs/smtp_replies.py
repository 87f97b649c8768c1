"""The page on mail servers' answers, made from the data file."""

from __future__ import annotations

from notifier.channels.email.replies import Rule, rules

_STAGES = {"body": "final dot", "failure": "report of failure", "delay": "report of delay"}
_INTRO = """\
What a mail server's answer means for a delivery is data: `notifier/channels/email/replies.toml`. The rules are tried in
this order and the first whose conditions all hold decides. Without a word on the outcome, 4xx is *deferred* and 5xx is
*rejected*. 250 to the final dot is *accepted*; no answer to it is *unknown*.

- **Status** is the enhanced status code (RFC 3463); where its class and the reply code disagree, the reply code counts.
- **Wait** is used where the text names no time of its own ("try again in 5 minutes" is read, up to a day).
- **Slows** says who is sent to more slowly from then on: the relay or the destination. `about-us` slows only from the
  third such answer in a row, and ten in a row leave the relay alone for five minutes: single ones are usual.
- `about-us` never ends a delivery: the fault is the sender's, so the reader's address stays usable and the message
  goes again.
- **To** names what was answered. The rules for *reports* are for what comes back later by e-mail; such a report is read
  by the rules of the answer that it quotes too, and gives a reason alone: see [Reports by e-mail](bounce-reports.md).
"""


def page() -> str:
    """Return docs/reference/smtp-replies.md."""
    lines = [
        "# Answers of mail servers",
        "",
        "<!-- Made by `make docs` from the program; change it there. -->",
        "",
        _INTRO,
        "| reason | code | status | to | text | outcome | wait | slows | meaning |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(rule) for rule in rules().rules),
    ]
    return "\n".join(lines) + "\n"


def _row(rule: Rule) -> str:
    codes = ", ".join(f"{code}xx" if code < 10 else str(code) for code in rule.codes)
    cells = [
        f"`{rule.reason}`",
        codes,
        ", ".join(rule.enhanced),
        ", ".join(_STAGES.get(stage, stage.upper()) for stage in rule.stages),
        f"`{rule.text.pattern.replace('|', '&#124;')}`" if rule.text else "",
        str(rule.kind or ""),
        f"{rule.wait:.0f} s" if rule.wait else "",
        rule.slows,
        rule.means,
    ]
    return f"| {' | '.join(cells)} |"
