"""The same with the store on PostgreSQL: whoever is killed there keeps its successor waiting for nothing."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.crash import harness
from tests.crash.test_kill import SEED, sound

pytestmark = [pytest.mark.crash, pytest.mark.timeout(3600)]

KILLS = max(5, int(os.environ.get("CRASH_KILLS", "20")) // 4)
PEOPLE_PER_KILL = 150


def test_sigkill_under_load_on_postgresql(
    postgres_url: str, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    """Each restart takes the killed worker's place at once; nobody is lost, every copy is explained."""
    found = asyncio.run(
        harness.kill_campaign(
            tmp_path,
            kills=KILLS,
            people=KILLS * PEOPLE_PER_KILL,
            seed=SEED,
            more=f'[store]\nurl = "{postgres_url}"\n',
        )
    )
    record_property("duplicates", found.duplicates)
    print(f"{KILLS} kills: {found.duplicates} copies, {found.unknown_attempts} attempts in doubt")  # noqa: T201
    sound(found)
    assert found.duplicates <= 2 * KILLS  # Few kills: their mean is not the campaign's.
