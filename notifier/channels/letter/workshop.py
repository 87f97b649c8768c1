"""Where the letters of a batch are made: here, or in processes of their own for many.

Typst works outside Python's lock, but the square code and the words do not: threads would stop gaining at two
or three cores, processes use all there are.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from notifier.channels import Finding
from notifier.channels.letter.renderer import LetterRenderer
from notifier.channels.letter.values import Letter, Made, Unprintable
from notifier.errors import BadInput, NotifierError
from notifier.processes import end_with_parent

CHUNK = 20
"""Letters that travel to a process together; their facts travel once."""
_AHEAD = 2
"""Chunks under way for each process beyond the one it works on: memory stays flat whatever the batch."""

Outcome = Made | tuple[Finding, ...]
"""A letter, or why it could not be printed."""

_renderer: LetterRenderer | None = None


def make_all(
    letters: Iterable[Letter], renderer: LetterRenderer, processes: int
) -> Iterator[tuple[Letter, Outcome]]:
    """Yield each letter with what became of it, in order; with 0 processes they are made in this one."""
    if not processes:
        yield from ((letter, _make(renderer, letter)) for letter in letters)
        return
    source = iter(letters)
    # Spawned, not forked: threads of this process may hold locks at any moment.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_start, initargs=(renderer,))
    waiting: deque[tuple[list[Letter], Future[list[Outcome]]]] = deque()
    try:
        while chunk := list(islice(source, CHUNK)):
            waiting.append((chunk, pool.submit(_work, chunk)))
            if len(waiting) >= processes * (_AHEAD + 1):
                yield from _ended(*waiting.popleft())
        while waiting:
            yield from _ended(*waiting.popleft())
    except BrokenProcessPool:
        raise NotifierError(
            "a process that makes letters ended", advice="Make the batch again: nothing of it was left."
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start(renderer: LetterRenderer) -> None:
    global _renderer  # noqa: PLW0603 - one renderer for the life of a worker process
    end_with_parent()
    _renderer = renderer


def _work(chunk: list[Letter]) -> list[Outcome]:
    if _renderer is None:
        raise NotifierError("a process was to make letters before it was ready")
    return [_make(_renderer, letter) for letter in chunk]


def _make(renderer: LetterRenderer, letter: Letter) -> Outcome:
    try:
        return renderer.make(letter)
    except Unprintable as refused:
        return refused.findings
    except BadInput as bad:
        return (Finding("letter-incomplete", str(bad)),)


def _ended(chunk: list[Letter], made: Future[list[Outcome]]) -> Iterator[tuple[Letter, Outcome]]:
    return zip(chunk, made.result(), strict=True)
