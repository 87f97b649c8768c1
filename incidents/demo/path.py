"""From the customer file to the countdown: the steps before the first notice goes out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from incidents import examples, records
from incidents.affected.criteria import Exposure, by_criteria
from incidents.affected.exclusion import exclude
from incidents.announce import announce
from incidents.demo.home import APPROVER, AUTHOR, DemoHome, code
from incidents.freeze import freeze
from incidents.lifecycle import Step
from incidents.selection import Selection
from incidents.store import declare, find, take_step
from notifier import plans
from notifier.announcements import announcement
from notifier.approvals import due_people
from notifier.audiences import Audience
from notifier.customers.importing import CustomerImport, Imported, Progress
from notifier.customers.mapping import map_columns
from notifier.customers.normalise.rows import Rules
from notifier.customers.reading import Options, open_table
from notifier.customers.sample import write_sample
from notifier.operators import authenticate
from notifier.preflight import Preflight, PreflightReport
from notifier.preflight.digests import used_locales
from notifier.preflight.rules import rules_for
from notifier.release import start_countdown
from notifier.store import Store

EXAMPLE = "lost-backup-at-a-vendor"
SEED = 34
NOT_IN_THE_BACKUP = "attribute.plan = free"
CANARY = 100
WAVES = 3
PLAN = ("sms:unreached", "letter:unreached")
"""What follows an e-mail that does not arrive."""
_DEADLINE_HOURS = 72


async def import_sample(
    home: DemoHome, store: Store, people: int, on_progress: Callable[[Progress], None]
) -> tuple[Path, Imported]:
    """Write a file of invented customers, messy on purpose, and import it."""
    file = home.settings.home / "customers.csv"
    write_sample(file, people, SEED)
    table = open_table(file, Options())
    columns = map_columns(table.headers, given={}, selectable=["Plan"])
    rules = Rules(columns, store.clock.now().date(), "", "")
    problems = home.settings.home / "problems.csv"
    done = await CustomerImport(
        store,
        home.keys,
        table,
        rules,
        problems_file=problems,
        on_progress=on_progress,
        actor=f"operator:{AUTHOR}",
    ).run()
    return file, done


async def choose_audience(home: DemoHome, store: Store) -> Audience:
    """Declare an incident from a shipped record, choose who is affected and freeze them."""
    record = records.read(examples.text(EXAMPLE).encode())
    async with store.begin() as tx:
        incident = await declare(tx, record, actor=AUTHOR, drill=True)
        await take_step(tx, incident, Step.ASSESS, actor=AUTHOR, reason="the vendor confirmed the loss")
        await take_step(tx, incident, Step.DECLARE, actor=AUTHOR, reason="personal data was on the medium")
    async with store.begin() as tx:
        found = await find(tx, incident)
        everybody = Selection.read("country in (US, IN, DE, FR, ES, EG)")
        exposure = Exposure.read("", found)
        await by_criteria(tx, found, everybody, exposure, basis="on the backup's list of files", actor=AUTHOR)
        left_out = Selection.read(NOT_IN_THE_BACKUP)
        await exclude(
            tx, home.keys, found, selection=left_out, reason="the free plan was not backed up", actor=AUTHOR
        )
    async with store.begin() as tx:
        return await freeze(tx, home.keys, await find(tx, incident), actor=AUTHOR)


async def make_ready(
    home: DemoHome, store: Store, audience: Audience, on_progress: Callable[[int, int], None]
) -> tuple[str, PreflightReport]:
    """Draft the announcement and make and check every notice; returns its code and who is where."""
    async with store.begin() as tx:
        incident = await find(tx, audience.subject)
        drafted = await announce(
            tx,
            incident,
            audience,
            {
                "canary": CANARY,
                "waves": WAVES,
                "wave_every_minutes": 30,
                "deadline": tx.now_us() + _DEADLINE_HOURS * 3_600_000_000,
                "steps": [plans.Step.read(one).model_dump(mode="json") for one in PLAN],
                "sms_window": None,
                "sms_any_time": "a drill: nobody is woken",
            },
            organisation=home.settings.organisation,
            author=AUTHOR,
        )
        made = await announcement(tx, drafted)
    report = await Preflight(store, home.keys, home.settings).run(made.id, on_progress)
    return drafted, report


async def release_it(home: DemoHome, store: Store, announced: str) -> int:
    """Approve as a second person and start the countdown; returns the number of people signed for."""
    rules = rules_for(home.settings)
    clock = store.clock
    for handle in (APPROVER, AUTHOR):
        await authenticate(
            store, home.keys, handle, home.passwords[handle], code(home.secrets[handle], clock)
        )
    async with store.begin() as tx:
        now = await announcement(tx, announced)
        await rules.approve_locales(tx, now, await used_locales(tx, now.id), operator=APPROVER)
    async with store.begin() as tx:
        people = await due_people(tx, now.id)
        await rules.approve(tx, now.id, operator=APPROVER, people=people)
    async with store.begin() as tx:
        await start_countdown(tx, rules, now.id, operator=AUTHOR)
    return people
