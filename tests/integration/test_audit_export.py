"""An exported log, checked by tools this project did not write: Go's sumdb/note and sumdb/tlog."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from notifier.audit import proofs
from notifier.audit.export import export
from notifier.errors import Conflict, Refused
from tests.logs import Log

GOCODE = Path("/usr/share/gocode")
SOURCE = Path(__file__).parent.parent / "audit_go" / "check.go"


@pytest.fixture(scope="session")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checker, built with Debian's Go and its packaged golang.org/x/mod."""
    go = next((path for path in ("/usr/bin/go", shutil.which("go")) if path and Path(path).exists()), None)
    if go is None or not (GOCODE / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        missing = "needs golang-go and golang-golang-x-mod-dev"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("go")
    subprocess.run(
        [go, "build", "-o", str(folder / "check"), str(SOURCE)],
        check=True,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GOPATH": str(GOCODE),
            "GOCACHE": str(folder / "cache"),
            "GO111MODULE": "off",
            "CGO_ENABLED": "0",
        },
    )
    return folder / "check"


def run(checker: Path, *arguments: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checker, *arguments], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


async def test_go_verifies_our_log(store, tmp_path: Path, checker: Path) -> None:
    """Signature, every entry, inclusion and consistency proofs, ours included, convince Go."""
    log = Log.of(store, tmp_path)
    await log.grow(300)
    await export(store, log.key.verifier, tmp_path / "old")
    await log.grow(70_000 - 300 if store.dialect == "sqlite" else 1000, 300)
    made = await export(store, log.key.verifier, tmp_path / "new")
    size = made.checkpoint.size
    async with store.read() as tx:
        given = {
            "inclusion": {
                str(at): await proofs.inclusion(tx, at, size) for at in (0, 255, 256, 300, size - 1)
            },
            "consistency": await proofs.consistency(tx, 300, size),
        }
    (tmp_path / "proofs.json").write_text(
        json.dumps(given, default=lambda raw: base64.b64encode(raw).decode())
    )
    done = run(checker, tmp_path / "new", tmp_path / "old" / "checkpoint", tmp_path / "proofs.json")
    assert done.returncode == 0, done.stderr
    assert f"{size} entries" in done.stdout


@pytest.mark.parametrize(
    "name", ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"]
)
async def test_go_refuses_a_log_with_one_bit_changed(store, tmp_path: Path, checker: Path, name: str) -> None:
    """A changed bit in any file of the export is found by Go as well."""
    log = Log.of(store, tmp_path)
    await log.grow(300)
    await export(store, log.key.verifier, tmp_path / "log")
    assert run(checker, tmp_path / "log").returncode == 0
    file = tmp_path / "log" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert run(checker, tmp_path / "log").returncode != 0


async def test_the_files_are_those_of_tlog_tiles(store, tmp_path: Path) -> None:
    """Names and widths are the specification's, and waiting entries are not in it."""
    log = Log.of(store, tmp_path)
    await log.grow(513)
    await log.record(2, 513)
    await export(store, log.key.verifier, tmp_path / "out" / "log")
    files = {
        str(path.relative_to(tmp_path / "out" / "log"))
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert files == {
        "checkpoint", "vkey", "tile/0/000", "tile/0/001", "tile/0/002.p/1", "tile/1/000.p/2",
        "tile/entries/000", "tile/entries/001", "tile/entries/002.p/1",
    }  # fmt: skip


async def test_a_refused_export_leaves_nothing_behind(store, tmp_path: Path) -> None:
    """An empty log and a folder that exists are refused, and no scratch folder stays."""
    log = Log.of(store, tmp_path)
    with pytest.raises(Refused):
        await export(store, log.key.verifier, tmp_path / "out" / "log")
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(Conflict):
        await export(store, log.key.verifier, tmp_path / "out")
