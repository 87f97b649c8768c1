"""Print batches: many letters in one archive for a mail house.

The archive is there whole or not at all, readable by its owner alone, and the same letters give the same
bytes. A letter that cannot be printed is set aside with its reasons and holds none of the others back.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import Self

from notifier.channels import Finding
from notifier.channels.letter import manifest
from notifier.channels.letter.manifest import Printed, Totals
from notifier.channels.letter.renderer import LetterRenderer
from notifier.channels.letter.values import Letter
from notifier.channels.letter.workshop import Outcome, make_all
from notifier.errors import BadInput, Conflict, Refused

SUMS = "SHA256SUMS"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REPEATED = Finding("reference-repeated", "another letter of the batch has this reference")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The only date a ZIP entry of the same bytes can have."""
_MOST = 500_000


@dataclass(frozen=True, slots=True)
class SetAside:
    """A letter that could not be printed, and why: to be repaired, or the person to be reached otherwise."""

    reference: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that was written. ``sha256`` is the archive's; it is also in the file beside it."""

    path: Path
    checksum_path: Path
    sha256: str
    totals: Totals
    printed: tuple[Printed, ...]
    set_aside: tuple[SetAside, ...]


class NothingPrinted(Refused):
    """No letter of the batch could be printed, so there is no archive."""

    def __init__(self, set_aside: tuple[SetAside, ...]) -> None:
        super().__init__(advice="Repair what the findings say, then make the batch again.")
        self.set_aside = set_aside


def write_batch(
    path: Path,
    letters: Iterable[Letter],
    renderer: LetterRenderer,
    *,
    name: str,
    duplex: bool = True,
    processes: int = 0,
    before: Callable[[], None] = lambda: None,
) -> Batch:
    """Make all letters and write them to ``path`` (a ZIP) with manifests and checksums; ``path`` with
    ``.sha256`` behind its name holds the archive's own.

    ``name`` stands in the manifest. ``duplex`` says that sheets are printed on both sides. ``processes`` is
    how many make the letters, 0 for this one alone, which is faster up to some hundred letters. An archive
    that is there already is never overwritten: ``Conflict``. ``before`` is called when all is made and
    nothing is there yet; what it raises leaves nothing. On return both files are on the disk.
    """
    if not _NAME.fullmatch(name):
        raise BadInput("a batch is named with up to 64 letters, digits, dots and dashes")
    sums = require_new(path)
    once = _Once(letters)
    with _on_disk(path), _Draft(path) as archive, _Draft(sums) as beside:
        printed, unprintable = _fill(archive.file, make_all(once, renderer, processes), name, duplex=duplex)
        set_aside = (*unprintable, *once.repeated)
        if not printed:
            raise NothingPrinted(set_aside)
        digest = archive.digest()
        beside.file.write(manifest.checksums([(digest, path.name)]))
        before()
        beside.publish()
        try:
            archive.publish()
        except BaseException:
            sums.unlink(missing_ok=True)
            raise
    return Batch(path, sums, digest, Totals.of(printed), printed, set_aside)


def require_new(path: Path) -> Path:
    """Refuse a place at which no archive can be written; returns that of its checksum."""
    sums = path.with_name(f"{path.name}.sha256")
    for one in (path, sums):
        if one.exists():
            raise Conflict(f"{one.name} exists already", advice="Name a new file: no batch is overwritten.")
    with _on_disk(path):
        folder = path.absolute().parent
        if not stat.S_ISDIR(folder.stat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return sums


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    """Say in words what the disk refuses: no room, no folder, no right."""
    try:
        yield
    except OSError as error:
        raise Refused(
            f"{path.name} cannot be written: {error.strerror}", advice="Choose another place."
        ) from None


def _fill(
    file: BufferedRandom, letters: Iterable[tuple[Letter, Outcome]], name: str, *, duplex: bool
) -> tuple[tuple[Printed, ...], tuple[SetAside, ...]]:
    printed: list[Printed] = []
    aside: list[SetAside] = []
    sums: list[tuple[str, str]] = []

    def add(entry: str, content: bytes) -> str:
        info = zipfile.ZipInfo(entry, _EPOCH)
        info.create_system, info.external_attr = 3, 0o100600 << 16
        archive.writestr(info, content)
        digest = hashlib.sha256(content).hexdigest()
        sums.append((digest, entry))
        return digest

    # A PDF is compressed inside already, and stored bytes are the same with any version of zlib.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for letter, made in letters:
            if isinstance(made, tuple):
                aside.append(SetAside(letter.reference, made))
                continue
            entry = f"letters/{len(printed) + 1:06}.pdf"
            printed.append(
                Printed(
                    file=entry,
                    reference=letter.reference,
                    pages=made.pages,
                    sheets=-(-made.pages // 2) if duplex else made.pages,
                    country=made.country,
                    envelope=made.form,
                    large_print=letter.large_print,
                    sha256=add(entry, made.pdf),
                    advice=made.advice,
                )
            )
        add("manifest.csv", manifest.as_csv(printed))
        add("manifest.json", manifest.as_json(name, printed, duplex=duplex))
        add(SUMS, manifest.checksums(sums))
    return tuple(printed), tuple(aside)


class _Once:
    """The letters whose references are new; of the others only the references are kept."""

    def __init__(self, letters: Iterable[Letter]) -> None:
        self._letters = letters
        self._seen: set[str] = set()
        self.repeated: list[SetAside] = []

    def __iter__(self) -> Iterator[Letter]:
        for letter in self._letters:
            if letter.reference in self._seen:
                self.repeated.append(SetAside(letter.reference, (_REPEATED,)))
                continue
            if len(self._seen) >= _MOST:
                raise BadInput(f"a batch holds at most {_MOST} letters", advice="Make several batches.")
            self._seen.add(letter.reference)
            yield letter


class _Draft:
    """A file in the making: it comes into being whole or leaves nothing. Until it is published it
    has no name, so not even ``kill -9`` leaves a part of it; where there are no such files, it
    lies beside its place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name: Path | None = None

    def __enter__(self) -> Self:
        folder = self._path.absolute().parent
        try:
            handle = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except (OSError, AttributeError):  # Neither every file system has it, nor every system.
            # Mode 0600, and a name nobody else has.
            handle, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=folder)
            self._name = Path(name)
        self.file: BufferedRandom = os.fdopen(handle, "w+b")
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        if self._name is not None:
            self._name.unlink(missing_ok=True)

    def digest(self) -> str:
        """Return the SHA-256 of what was written so far."""
        self.file.flush()
        self.file.seek(0)
        return hashlib.file_digest(self.file, "sha256").hexdigest()

    def publish(self) -> None:
        """Give the file its name, durably; one that is there is left as it is."""
        self.file.flush()
        os.fsync(self.file.fileno())
        try:
            self._link()
        except FileExistsError:
            raise Conflict(f"{self._path.name} exists already", advice="Name a new file.") from None
        with suppress(OSError):  # Not every file system can. From here on the file is there.
            folder = os.open(self._path.absolute().parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _link(self) -> None:
        if self._name is not None:
            os.link(self._name, self._path)
            return
        # linkat(2): a file without a name is named by the link that the system has for its number. Only with
        # a folder given does Python follow that link.
        number = self.file.fileno()
        os.link(f"/proc/self/fd/{number}", self._path.absolute(), src_dir_fd=number, follow_symlinks=True)
