"""Letters: printed into one archive, and what an invented mail house reports of them."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass

from incidents.demo.home import APPROVER, DemoHome
from notifier.announcements import announcement
from notifier.channels.letter import LetterRenderer
from notifier.channels.letter.manifest import Totals
from notifier.channels.letter.returns import read_returns
from notifier.engine.dispatch import InlineDispatcher
from notifier.errors import NotifierError
from notifier.letters.printing import PrintRun
from notifier.letters.returning import take_returns
from notifier.letters.senders import sender
from notifier.preflight.recipe import own_templates
from notifier.store import Store

BATCH = "demo-letters"
ARCHIVE = f"{BATCH}.zip"
RETURNS = "mail-house.csv"
_COMES_BACK = 10
"""One letter in so many is returned by the post."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A print batch, and how the letters of it ended."""

    totals: Totals
    returned: int
    """Letters that came back."""


async def post_letters(home: DemoHome, store: Store, announced: str) -> Posted:
    """Print the letters that wait, and take in what the mail house says became of them."""
    async with store.read() as tx:
        about = await announcement(tx, announced)
    writes = sender(home.settings.letter)
    printing = PrintRun(
        store,
        home.keys,
        home.settings.sending,
        about,
        LetterRenderer(writes, own_templates(home.settings)),
        dispatcher=InlineDispatcher(workers=0),
        name=BATCH,
        operator=APPROVER,
        divert=writes,
    )
    made = await printing.run(home.settings.home / ARCHIVE)
    if made.batch is None:
        raise NotifierError("no letter of the demonstration could be printed")
    returned = _report(home)
    read = read_returns(home.settings.home / RETURNS)
    await take_returns(store, home.keys, read.receipts, operator=APPROVER)
    return Posted(made.batch.totals, returned)


def _report(home: DemoHome) -> int:
    """Write what the mail house sends back: all were posted, and some have come back since."""
    with zipfile.ZipFile(home.settings.home / ARCHIVE) as archive:
        listed = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode())))
    back = listed[_COMES_BACK - 1 :: _COMES_BACK]
    with (home.settings.home / RETURNS).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("reference", "status", "reason"))
        table.writerows((one["reference"], "dispatched", "") for one in listed)
        table.writerows((one["reference"], "returned", "moved") for one in back)
    return len(back)
