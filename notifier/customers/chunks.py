"""One chunk of a file's rows and what becomes of it: pure work, done here or in a worker process."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from notifier.customers.faults import Problem
from notifier.customers.normalise.rows import RowNormaliser, Rules
from notifier.customers.scratch import Link
from notifier.customers.sealing import SealedCustomer, SealedPoint, Sealer
from notifier.customers.values import AccountRole, CustomerRecord
from notifier.keys import Keys
from notifier.processes import end_with_parent


class NumberedRow(NamedTuple):
    """A row whose number is known. ``known`` is the fingerprint of the customer with that number, if any."""

    line: int
    number: str
    cells: list[str]
    known: bytes | None


class NewCustomer(NamedTuple):
    """A customer to be added."""

    row: SealedCustomer
    wrapped: bytes
    points: list[SealedPoint]
    account: AccountRole | None


@dataclass(slots=True)
class Worked:
    """What became of a chunk."""

    new: list[NewCustomer] = field(default_factory=list)
    differing: list[tuple[CustomerRecord, bytes]] = field(default_factory=list)
    """Known customers whose row has another fingerprint: they are compared with what the store has."""
    unchanged: int = 0
    links: list[Link] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class ChunkWork:
    """Validates, compares and seals chunks of one file."""

    def __init__(self, keys: Keys, rules: Rules) -> None:
        self._normaliser = RowNormaliser(rules)
        self._sealer = Sealer(keys)

    def do(self, rows: Sequence[NumberedRow], now_us: int) -> Worked:
        """Return what becomes of ``rows``; nothing is written anywhere."""
        worked = Worked()
        for line, number, cells, known in rows:
            record, problems = self._normaliser.read(line, number, cells)
            if problems:
                worked.problems += problems
            if record.guardian:
                worked.links.append((number, record.guardian, line))
            fingerprint = self._sealer.fingerprint(record)
            if known is None:
                row, wrapped, points = self._sealer.new(record, fingerprint, now_us)
                worked.new.append(NewCustomer(row, wrapped, points, record.account))
            elif known == fingerprint:
                worked.unchanged += 1
            else:
                worked.differing.append((record, fingerprint))
        return worked


_work: ChunkWork | None = None


def prepare_process(keys: Keys, rules: Rules) -> None:
    """Get a worker process ready; interrupting is the parent's business, and it ends with the parent."""
    global _work  # noqa: PLW0603 - a pool's initializer has no other place
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _work = ChunkWork(keys, rules)


def work_in_process(rows: Sequence[NumberedRow], now_us: int) -> Worked:
    """Do a chunk in a worker process."""
    if _work is None:
        raise RuntimeError("the worker process was not prepared")
    return _work.do(rows, now_us)
