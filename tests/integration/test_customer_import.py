"""Importing customers into the store, on both databases."""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from notifier.customers.bulk import drop_scattered_indexes
from notifier.customers.importing import CustomerImport
from notifier.customers.locking import only_import
from notifier.customers.lookup import Profile, find, open_profile
from notifier.customers.reading import RawRow
from notifier.customers.report import OUR_COLUMNS
from notifier.customers.selectable import selectable_attributes
from notifier.errors import Conflict
from notifier.keys import Keys
from notifier.store import Store
from tests.imports import counts, import_text, rules_for, table_of

HEAD = "number,name,email,phone,country,street,zip,city,data held,plan\n"
ANNA = '1,Anna Example,Anna@example.com;second@example.com,030 23125 001,DE,Hauptstr. 1,01067,Dresden,"name;email",pro\n'
BO = "2,Bo Example,bo@example.com,+12025550143,US,Oak Avenue 2,20001,Washington,name,free\n"


async def profile(store: Store, keys: Keys, number: str) -> Profile:
    async with store.read() as tx:
        (key,) = await find(tx, keys, number)
        found = await open_profile(tx, keys, key)
    assert found is not None
    return found


def points(found: Profile) -> list[tuple[str, int, str, str]]:
    return [(p.channel, p.rank, p.value, p.state) for p in found.points]


async def test_a_file_becomes_customers_that_can_be_opened(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Names, addresses and contact points come back as they were normalised."""
    done = await import_text(store, keys, tmp_path, HEAD + ANNA + BO, selectable=["plan"])
    assert counts(done) == (2, 0, 0, 0)
    anna = await profile(store, keys, "1")
    assert anna.name == "Anna Example"
    assert anna.address is not None
    assert anna.address.postal_code == "01067"
    assert points(anna) == [
        ("email", 0, "Anna@example.com", "usable"),
        ("email", 1, "second@example.com", "usable"),
        ("letter", 0, "Hauptstr. 1\n01067 Dresden\nDE", "usable"),
        ("voice", 0, "+493023125001", "usable"),
    ]
    async with store.read() as tx:
        row = await tx.row("SELECT data_held, country, attributes FROM customer WHERE number = '1'")
        assert row is not None
        assert (row.data_held, row.country) == (" email name ", "DE")
        assert '"pro"' in str(row.attributes).replace("'", '"')


async def test_the_same_file_again_changes_nothing(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Importing is idempotent, and says so."""
    await import_text(store, keys, tmp_path, HEAD + ANNA + BO)
    assert counts(await import_text(store, keys, tmp_path, HEAD + ANNA + BO)) == (0, 0, 2, 0)
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM contact_point") == 7


async def test_what_differs_is_changed_and_nothing_is_deleted(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """A contact point that the file no longer has is retired, and usable again when it comes back."""
    await import_text(store, keys, tmp_path, HEAD + ANNA + BO)
    moved = ANNA.replace("Anna@example.com;second@example.com", "second@example.com").replace(
        "Hauptstr", "Gartenstr"
    )
    assert counts(await import_text(store, keys, tmp_path, HEAD + moved + BO)) == (0, 1, 1, 0)
    assert points(await profile(store, keys, "1")) == [
        ("email", 0, "Anna@example.com", "retired"),
        ("email", 0, "second@example.com", "usable"),
        ("letter", 0, "Hauptstr. 1\n01067 Dresden\nDE", "retired"),
        ("letter", 0, "Gartenstr. 1\n01067 Dresden\nDE", "usable"),
        ("voice", 0, "+493023125001", "usable"),
    ]
    assert counts(await import_text(store, keys, tmp_path, HEAD + ANNA + BO)) == (0, 1, 1, 0)
    assert ("email", 0, "Anna@example.com", "usable") in points(await profile(store, keys, "1"))


async def test_a_dead_address_stays_dead(store: Store, keys: Keys, tmp_path: Path) -> None:
    """What mail servers have told us goes before what a file says."""
    await import_text(store, keys, tmp_path, HEAD + BO)
    async with store.begin() as tx:
        await tx.write(
            "UPDATE contact_point SET state = 'dead', state_reason = '5.1.1' WHERE channel = 'email'"
        )
        from notifier.audit.entry import Event

        tx.record(Event("contact-point:suppressed"))
    await import_text(store, keys, tmp_path, HEAD + BO.replace("Bo Ex", "Bob Ex").replace("+12025550143", ""))
    states = {p.channel: p.state for p in (await profile(store, keys, "2")).points}
    assert states == {"email": "dead", "sms": "retired", "letter": "usable"}


async def test_a_file_with_fewer_columns_leaves_the_rest_alone(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """What a file says nothing about stays as it is known."""
    await import_text(store, keys, tmp_path, HEAD + ANNA)
    assert counts(await import_text(store, keys, tmp_path, "number,name\n1,Anna Other\n")) == (0, 1, 0, 0)
    anna = await profile(store, keys, "1")
    assert anna.name == "Anna Other"
    assert len([p for p in anna.points if p.state == "usable"]) == 4
    assert counts(await import_text(store, keys, tmp_path, "number,city\n1,Dresden\n"))[1] == 1


async def test_imports_remember_what_stands_in_the_clear(store: Store, keys: Keys, tmp_path: Path) -> None:
    """The last import that had an attribute says how it is kept; fields are none."""
    await import_text(store, keys, tmp_path, HEAD + BO, selectable=["plan"])
    await import_text(store, keys, tmp_path, "number,tier\n2,a\n", selectable=["tier"])
    async with store.read() as tx:
        assert await selectable_attributes(tx) == {"plan", "tier"}
    await import_text(store, keys, tmp_path, HEAD + BO)
    async with store.read() as tx:
        assert await selectable_attributes(tx) == {"tier"}


async def test_the_same_told_by_two_files_is_no_change(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Two systems' exports may take turns without a customer counting as changed each time."""
    await import_text(store, keys, tmp_path, HEAD + BO)
    assert counts(await import_text(store, keys, tmp_path, "number,name\n2,Bo Example\n")) == (0, 0, 1, 0)
    assert counts(await import_text(store, keys, tmp_path, HEAD + BO)) == (0, 0, 1, 0)


async def test_bad_rows_block_no_good_ones(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Each problem is told with line, column and code; the good rows and cells are there."""
    rows = [
        ",No Number,a@example.com,,,,,,,",
        "3,Cé,not-an-address,123,Atlantis,,,,shoe size,",
        '4,"Dee, x',
        "5,Too,many,cells,DE,s,1,c,name,plan,more",
        BO.strip(),
        "2,Twice,,,,,,,,",
    ]
    done = await import_text(store, keys, tmp_path, HEAD + "\n".join(rows) + "\n")
    assert counts(done) == (2, 0, 0, 4)
    assert sorted((line, *kind) for kind, lines in done.report.lines.items() for line in lines) == [
        (2, "number", "number-missing"),
        (3, "country", "country-unknown"),
        (3, "data held", "category-unknown"),
        (3, "email", "email-at"),
        (3, "phone", "phone-region"),
        (4, "number", "row-quote"),
        (5, "number", "row-long"),
        (7, "number", "number-repeated"),
    ]


async def test_a_bad_cell_leaves_what_is_known(store: Store, keys: Keys, tmp_path: Path) -> None:
    """An address that cannot be read retires no address that could."""
    await import_text(store, keys, tmp_path, HEAD + BO)
    done = await import_text(store, keys, tmp_path, HEAD + BO.replace("bo@example.com", "bo(at)example.com"))
    assert counts(done) == (0, 0, 1, 0)
    assert done.report.with_warnings == 1
    assert ("email", 0, "bo@example.com", "usable") in points(await profile(store, keys, "2"))


async def test_the_problems_file_is_private_and_safe_and_can_be_imported(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """It keeps the original rows, neutralises formulas, and is readable by its owner alone."""
    bad = '=1+1,"=HYPERLINK(""x"")",nobody,+49 1512 3456789,DE,,,,,\n'
    path = tmp_path / "problems.csv"
    os.umask(0o022)
    await import_text(store, keys, tmp_path, HEAD + bad + BO, problems_file=path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, row = list(csv.reader(file))
    assert header[-5:] == list(OUR_COLUMNS)
    assert row[:4] == ["'=1+1", '\'=HYPERLINK("x")', "nobody", "'+49 1512 3456789"]
    again = await import_text(store, keys, tmp_path, path.read_bytes())
    assert counts(again) == (0, 0, 1, 0)


async def test_accounts_and_roles_follow_the_file(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A customer belongs to the account that the latest file says, in the roles it says."""
    head = "number,account number,account name,account role\n"
    await import_text(
        store, keys, tmp_path, head + "1,A1,Example GmbH,owner; security\n2,A1,,billing\n3,,Nameless,\n"
    )
    await import_text(store, keys, tmp_path, head + "1,A2,Other Ltd,privacy\n2,A1,Example AG,billing\n")
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT c.number, a.number AS account, a.name, r.role FROM account_contact r "
            "JOIN customer c ON c.id = r.customer_id JOIN account a ON a.id = r.account_id ORDER BY c.number"
        )
        assert [tuple(row) for row in rows] == [
            ("1", "A2", "Other Ltd", "privacy"),
            ("2", "A1", "Example AG", "billing"),
        ]
        assert await tx.scalar("SELECT account_id FROM customer WHERE number = '3'") is None


async def test_guardians_are_linked_whatever_the_order(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A guardian may stand below the child; one that nobody knows is reported with its row."""
    text = "number,name,guardian,date of birth\n1,Child,2,2015-01-01\n2,Parent,,\n3,Lost,99,\n4,Self,4,\n"
    done = await import_text(store, keys, tmp_path, text, problems_file=tmp_path / "p.csv")
    assert set(done.report.counts) == {("guardian", "guardian-unknown"), ("guardian", "guardian-self")}
    assert "Lost" in (tmp_path / "p.csv").read_text("utf-8-sig")
    async with store.read() as tx:
        linked = await tx.rows(
            "SELECT c.number, g.number AS guardian, c.marks FROM customer c JOIN customer g ON g.id = c.guardian_id"
        )
        assert [tuple(row) for row in linked] == [("1", "2", " minor ")]
    await import_text(store, keys, tmp_path, "number,guardian\n1,\n")
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM customer WHERE guardian_id IS NOT NULL") == 0


async def test_an_interrupted_import_is_completed_by_the_next(
    store: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed stays and is unchanged, the rest is added, and nobody is there twice."""
    monkeypatch.setattr("notifier.customers.numbering.CHUNK", 10)
    text = "number,name,email\n" + "".join(f"{n},Person {n},p{n}@example.com\n" for n in range(35))
    table = table_of(tmp_path, text)

    def stop(progress) -> None:
        if progress.rows == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await CustomerImport(store, keys, table, rules_for(table), workers=0, on_progress=stop).run()
    assert counts(await import_text(store, keys, tmp_path, text)) == (15, 0, 20, 0)
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM import_run WHERE finished_at IS NULL") == 1
        assert await tx.scalar("SELECT count(*) FROM contact_point") == 35


async def test_an_import_whose_file_breaks_off_is_ended(
    store: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows before are in, the place is told and on record, and duplicates are searched."""
    text = "number,name,email\n" + "".join(f"{n},Person {n},same@example.com\n" for n in range(2500))
    table, problems = table_of(tmp_path, text), tmp_path / "problems.csv"

    def breaking(whole=table.rows) -> Iterator[RawRow]:
        yield from islice(whole(), 2100)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(table, "rows", breaking)
    done = await CustomerImport(store, keys, table, rules_for(table), workers=0, problems_file=problems).run()
    assert (counts(done), done.broken, done.duplicates.open > 0) == ((2100, 0, 0, 0), 2102, True)
    assert done.report.bad_rows == 1
    assert ',2102,,"place where the file cannot be read' in problems.read_text()
    async with store.read() as tx:
        entry = await tx.scalar("SELECT entry FROM audit_event WHERE action = 'customers:imported'")
        assert await tx.scalar("SELECT count(*) FROM import_run WHERE finished_at IS NULL") == 0
    assert b'"broken":2102' in bytes(entry).replace(b" ", b"")
    assert counts(await import_text(store, keys, tmp_path, text)) == (400, 0, 2100, 0)


async def test_a_file_that_is_gone_is_an_end_too(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Removed between the look at its columns and its rows: nothing is in, and that is on record."""
    table = table_of(tmp_path, HEAD + ANNA)
    (tmp_path / "customers.csv").unlink()
    done = await CustomerImport(store, keys, table, rules_for(table), workers=0).run()
    assert (counts(done), done.broken) == ((0, 0, 0, 0), 2)


async def test_worker_processes_do_the_same_work(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Two processes import what one would."""
    text = HEAD + ANNA + BO + "3,,bad,,,,,,,\n"
    done = await import_text(store, keys, tmp_path, text, workers=2)
    assert counts(done) == (3, 0, 0, 0)
    assert counts(await import_text(store, keys, tmp_path, text)) == (0, 0, 3, 0)


async def test_look_ups_work_while_a_bulk_load_goes_without_indexes(
    sqlite_url: str, keys: Keys, tmp_path: Path
) -> None:
    """Dropped indexes slow look-ups down but change nothing, and any next import builds them again."""
    store = Store.open(sqlite_url, origin="x")
    names = "SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name"
    async with store.read() as tx:
        before = await tx.rows(names)
    assert await drop_scattered_indexes(store, 100_000)
    async with store.read() as tx:
        assert len(await tx.rows(names)) == len(before) - 2
    await import_text(store, keys, tmp_path, HEAD + BO)
    async with store.read() as tx:
        assert await tx.rows(names) == before
    assert not await drop_scattered_indexes(store, 3)
    await store.close()


async def test_one_import_at_a_time(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A second import is refused while the first runs, and free to go afterwards."""
    async with only_import(store):
        with pytest.raises(Conflict, match="another import"):
            await import_text(store, keys, tmp_path, HEAD + BO)
    assert counts(await import_text(store, keys, tmp_path, HEAD + BO)) == (1, 0, 0, 0)


async def test_the_trail_counts_and_names_nobody(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Every chunk and the run are on record with numbers only."""
    await import_text(store, keys, tmp_path, HEAD + ANNA + BO)
    async with store.read() as tx:
        entries = await tx.rows(
            "SELECT e.action, e.entry FROM audit_pending p JOIN audit_event e ON e.id = p.event_id ORDER BY p.id"
        )
    assert [row.action for row in entries] == [
        "customers:import:started",
        "customers:import:chunk",
        "customers:duplicates:searched",
        "customers:imported",
    ]
    whole = b"".join(bytes(row.entry) for row in entries)
    assert not any(word in whole for word in (b"Anna", b"@example.com", b"Hauptstr", b"23125001"))


async def test_nothing_personal_can_be_read_in_the_database_file(
    sqlite_url: str, keys: Keys, tmp_path: Path
) -> None:
    """Neither names nor addresses nor sealed attributes stand in the bytes on the disk."""
    store = Store.open(sqlite_url, origin="x")
    text = HEAD.replace("plan", "note") + ANNA.replace(",pro\n", ",likes unicorns\n")
    await import_text(store, keys, tmp_path, text)
    await store.close()
    on_disk = b"".join(path.read_bytes() for path in tmp_path.glob("store.db*")).lower()
    words = (b"anna", b"example.com", b"second@", b"23125001", b"hauptstr", b"dresden", b"unicorns")
    assert [word for word in words if word in on_disk] == []
