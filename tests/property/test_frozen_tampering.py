"""Whatever single value of a frozen audience or an incident's record is changed, it is found."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents import records
from incidents.store import find, revise
from notifier.keys import Keys
from notifier.store import Store
from tests.affected import RECORD, declared
from tests.audiences import Someone, crowd, freeze
from tests.conftest import ORIGIN
from tests.logs import Log
from tests.property.test_audit_tampering import rows, tamper

MEMBER = (
    "id", "uid", "audience_id", "customer_id", "state", "reason", "variant", "contact_point_id", "locale",
    "country", "time_zone", "categories", "new_categories", "basis", "sealed",
)  # fmt: skip
AUDIENCE = (
    "id", "code", "subject", "kind", "frozen_at", "frozen_by", "people", "root", "digest", "counts",
    "selection", "salt", "event_id",
)  # fmt: skip
REVISION = ("incident_id", "revision", "record", "digest", "actor", "reason")
STEP = ("incident_id", "before", "after", "actor", "reason")
FIELDS = [
    (table, column)
    for table, columns in (
        ("audience_member", MEMBER), ("audience", AUDIENCE), ("incident_revision", REVISION),
        ("incident_step", STEP),
    )
    for column in columns
]  # fmt: skip


@pytest.fixture(scope="module")
def whole(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of two audiences and an incident of two revisions, and its outside memory."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copy(sqlite_template, folder / "store.db")

    async def fill() -> None:
        keys = Keys.generate()
        keys.save(folder)
        url = f"sqlite+aiosqlite:///{folder / 'store.db'}"
        log = Log.of(Store.open(url, origin=ORIGIN, load_keys=lambda: keys), folder)
        people = [
            *crowd(7),
            Someone("Zoe Zabel", "zoe@mail.test", details={"card": "1234"}, state="excluded"),
        ]
        await freeze(log.store, keys, people)
        await freeze(log.store, keys, crowd(2), code="INC-2026-001/2")
        incident = await declared(log.store)
        async with log.store.begin() as tx:
            changed = records.read(RECORD.replace(b"Test", b"Tested"))
            await revise(tx, (await find(tx, incident.code)).code, changed, actor="ben", reason="a title")
        await log.sequencer().drain()
        await log.store.close()

    asyncio.run(fill())
    return folder


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to damage copies in."""
    return tmp_path_factory.mktemp("scratch")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(FIELDS), data=st.data())
def test_any_changed_value_is_found(
    whole: Path, scratch: Path, field: tuple[str, str], data: st.DataObject
) -> None:
    """Any other value, or none, or nothing of any column of any row."""
    table, column = field
    rowid, value = data.draw(st.sampled_from(rows(whole, table, column)))
    if isinstance(value, int):
        other: object = value + data.draw(st.integers(10_000, 10**9))
    elif isinstance(value, bytes):
        other = data.draw(st.sampled_from([b"", value[:-1], value + b"\x00"]))
    elif value is None:
        other = data.draw(st.sampled_from([b"", b"x"] if column == "sealed" else [10_000]))
    else:
        other = data.draw(st.text(max_size=20).filter(lambda text: text != value))
    report = tamper(whole, scratch, f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (other, rowid))
    assert not report.verified
    assert "mail.test" not in str(report.findings)


def test_the_untouched_copy_verifies(whole: Path, scratch: Path) -> None:
    """What was not tampered with is not accused."""
    assert tamper(whole, scratch, "SELECT 1").findings == []
