"""Rounds of background tasks: what fails is counted and tried again more slowly."""

from __future__ import annotations

from structlog.testing import capture_logs

from notifier.engine.rounds import LONGEST_PAUSE, TROUBLED_AFTER, Rounds


class Task:
    """Fails as long as it is ``broken``; counts its rounds."""

    def __init__(self) -> None:
        self.broken = True
        self.rounds = 0

    async def __call__(self) -> None:
        """Do one round."""
        self.rounds += 1
        if self.broken:
            raise KeyError("someone@example.test")


async def test_a_task_that_keeps_failing_is_in_trouble_until_it_succeeds() -> None:
    """One failure is none; some in a row are, and a single good round ends that."""
    now = [0.0]
    rounds, task = Rounds(lambda: now[0]), Task()
    for _ in range(TROUBLED_AFTER):
        assert rounds.troubled() == ""
        await rounds.attempt("alerts", task)
        now[0] += LONGEST_PAUSE
    assert (rounds.troubled(), rounds.troubled("trail")) == ("alerts", "")
    task.broken = False
    await rounds.attempt("alerts", task)
    assert rounds.troubled() == ""


async def test_it_backs_off_but_never_for_long() -> None:
    """Looked at every tenth of a second for five minutes, a broken task runs some thirty times."""
    now = [0.0]
    rounds, task = Rounds(lambda: now[0]), Task()
    for tenth in range(3000):
        now[0] = tenth / 10
        await rounds.attempt("alerts", task)
    assert 300 / LONGEST_PAUSE <= task.rounds <= 300 / LONGEST_PAUSE + 5


async def test_what_is_logged_names_nobody() -> None:
    """The kind of error and its place stand there, its message does not."""
    with capture_logs() as logged:
        await Rounds(lambda: 0.0).attempt("alerts", Task())
    assert logged[0]["error"] == "KeyError"
    assert logged[0]["where"].startswith("test_rounds.py:")
    assert "example.test" not in str(logged)
