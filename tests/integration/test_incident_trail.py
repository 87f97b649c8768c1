"""Verification recomputes what the trail says about incidents."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from incidents import records
from incidents.affected.accounts import for_accounts
from incidents.affected.criteria import Exposure
from incidents.freeze import freeze
from incidents.lifecycle import Step
from incidents.store import find, revise, take_step
from incidents.trail import CHECKS
from notifier.audit.high_water import HighWater
from notifier.audit.report import Report
from notifier.audit.verify import verify
from notifier.keys import Keys
from notifier.store import Store
from tests.affected import RECORD, add, declared, person
from tests.integration.test_audit_verify import damage
from tests.logs import Log


async def checked(log: Log) -> Report:
    memory = HighWater(log.high_water.path.with_name("seen"), log.key.verifier)
    return await verify(log.store, log.key.verifier, high_water=log.high_water, memory=memory, also=CHECKS)


@pytest.fixture
async def log(store: Store, keys: Keys, tmp_path: Path) -> Log:
    """A log with an incident of two revisions and three steps, and an audience with an account's contact."""
    await add(
        store,
        keys,
        [
            person("boss", "boss@a.example", account=("A", "Alpha", "owner")),
            person("a1", "a1@a.example", account=("A", "Alpha")),
        ],
    )
    incident = await declared(store)
    async with store.begin() as tx:
        changed = records.read(RECORD.replace(b"Test", b"Tested"))
        await revise(tx, incident.code, changed, actor="ben", reason="a better title")
        await take_step(tx, incident.code, Step.NOTIFY, actor="alice")
        incident = await find(tx, incident.code)
        exposure = Exposure.read("", incident)
        await for_accounts(tx, keys, incident, ["A"], exposure, basis="the log", actor="alice")
        await freeze(tx, keys, incident, actor="alice")
    return Log.of(store, tmp_path)


SECOND = "WHERE revision = 2"
LAST = "WHERE id = (SELECT max(id) FROM incident_step)"


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("revision-differs", """UPDATE incident_revision SET record = '{"title": "Other"}' """ + SECOND),
        ("revision-differs", f"UPDATE incident_revision SET record = '1' {SECOND}"),
        ("step-differs", f"UPDATE incident_step SET facts = '1' {LAST}"),
        ("revision-differs", f"UPDATE incident_revision SET digest = 'f' {SECOND}"),
        ("revision-differs", f"UPDATE incident_revision SET actor = 'mallory' {SECOND}"),
        ("revision-differs", f"UPDATE incident_revision SET reason = 'other' {SECOND}"),
        ("revision-unrecorded", f"UPDATE incident_revision SET revision = 3 {SECOND}"),
        ("revision-lost", f"DELETE FROM incident_revision {SECOND}"),
        ("incident-differs", "UPDATE incident SET revision = 1"),
        ("incident-differs", "UPDATE incident SET state = 'closed'"),
        ("step-differs", f"UPDATE incident_step SET actor = 'mallory' {LAST}"),
        ("step-differs", f"UPDATE incident_step SET reason = 'other' {LAST}"),
        ("step-differs", f"UPDATE incident_step SET after = 'closed' {LAST}"),
        ("step-lost", f"DELETE FROM incident_step {LAST}"),
        ("exposure-differs", "UPDATE audience_exposure SET categories = ' name '"),
        ("exposure-differs", "UPDATE audience_exposure SET sealed = NULL"),
        ("exposure-differs", "DELETE FROM audience_exposure"),
        (
            "exposure-differs",
            "INSERT INTO audience_exposure (audience_id, customer_id, via_account_id, categories)"
            " SELECT 1, id, 0, '' FROM customer WHERE number = 'a1'",
        ),
    ],
)
async def test_whatever_is_changed_about_an_incident_is_found(log: Log, code: str, act: str) -> None:
    """Verification names the incident or audience, and what does not fit."""
    assert (await checked(log)).findings == []
    await damage(log, act)
    report = await checked(log)
    assert code in report.counts, report.findings
    assert "guard-missing" not in report.counts


def test_the_command_checks_incidents_too(tmp_path: Path) -> None:
    """A fresh process knows the guards and records that are not the engine's."""

    def notifier(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "incidents", "--home", str(tmp_path / "home"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    notifier("init")
    assert notifier("audit", "verify").returncode == 0
    with closing(sqlite3.connect(next((tmp_path / "home").rglob("*.db")))) as plain:
        plain.execute("DROP TRIGGER incident_revision_no_update")
        plain.execute("INSERT INTO incident (code, drill, state, revision, created_at, created_by) "
                      "VALUES ('INC-2026-009', 0, 'closed', 1, 0, '')")  # fmt: skip
        plain.commit()
    found = notifier("audit", "verify")
    assert found.returncode == 1
    assert "incident_revision_no_update" in found.stdout
    assert "INC-2026-009 does not stand" in found.stdout
