"""The way from an empty folder to a proven notice, walked once; what was said is kept for the tests."""

from __future__ import annotations

import csv
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.acceptance.house import House, Said
from tests.crash.harness import Catcher, kill, signal, start

INCIDENT = f"INC-{time.gmtime().tm_year}-001"
FIRST, SECOND = f"{INCIDENT}/1/A1", f"{INCIDENT}/2/A1"
PATIENCE = 60.0
CUSTOMERS = 40
CANARY = 3
ODD = "00000041", "{{ name }}"
LATER, DEAD = "00000005", "00000010"
GROWN, EXCLUDED, COMPROMISED, NEW = "00000003", "00000009", "00000012", "00000020"
TYPED = "Morgan Typed,morgan@typed.test,en,email"
SCRIPTS = """[{"match": "customer.5@*", "reply": "450 4.2.0 busy, try again in 1 second", "times": 1},
 {"match": "customer.10@*", "reply": "550 5.1.1 no such user"}]"""


@dataclass
class Journey:
    """What was said on the way, by the name of each stop."""

    house: House
    catcher: Catcher
    said: dict[str, Said] = field(default_factory=dict)
    told_first: list[str] = field(default_factory=list)
    told_then: list[str] = field(default_factory=list)

    def walk(self) -> None:
        """Go the whole way."""
        self._install()
        self._customers()
        self._incident()
        self._affected()
        self._draft()
        self._sign()
        service = start(self.house.home)
        try:
            self._send(service)
            self._top_up(service)
            self._stories()
            self.note("backup", "backup", "--to", str(self.house.home / "copy.db"))
            self._pages()
        finally:
            self.said["serve"] = Said(kill(service, signal.SIGTERM), self._log())
        for step in ("notify", "monitor", "close"):
            self.acts(f"step {step}", "incidents", "step", INCIDENT, step)
        self.said["verify"] = self.house.shell("audit", "verify")

    def note(self, stop: str, *words: str, types: list[str] | None = None) -> Said:
        """Run a command, keep what it said under ``stop``."""
        self.said[stop] = self.house.say(*words, types=types)
        return self.said[stop]

    def _install(self) -> None:
        house = self.house
        self.said["init"] = house.shell("init", "--brand", "Acme", "--domain", "example.com")
        _configure(house.home / "notifier.toml", self.catcher.port)
        house.enrol("anna")
        house.enrol("ben", voucher="anna")
        for who in ("anna", "ben"):
            house.does("operators", "login", who, types=house.proof(who))

    def _customers(self) -> None:
        house, file = self.house, self.house.home / "customers.csv"
        house.does("customers", "sample", str(file), "--count", str(CUSTOMERS), "--seed", "3")
        with file.open("a", encoding="utf-8", newline="") as opened:
            writer = csv.writer(opened, delimiter=";")
            number, name = ODD
            writer.writerow([number, name, "odd@mail.test", "", "en-US", "US", "name;email", "", "", "", ""])
            writer.writerow(["00000042", "No Address", "two@@example.com", "", "de-DE", "DE", "name;email"])
        words = ["customers", "import", str(file), "--yes", "--problems", str(house.home / "problems.csv")]
        self.note("import", "--json", *words, "--operator", "anna")
        self.note("import again", "--json", *words[:-2], "--operator", "anna")

    def _incident(self) -> None:
        house = self.house
        record = house.does("incidents", "example", "credential-stuffing").out
        house.does("incidents", "check", house.file("record.yaml", record))
        self.acts("declare", "incidents", "declare", house.file("record.yaml", record), "--suspected")
        self.acts("too early", "incidents", "freeze", INCIDENT)
        self.acts("assess", "incidents", "step", INCIDENT, "assess", "--reason", "the log shows it")
        self.acts("declared", "incidents", "step", INCIDENT, "declare", "--reason", "data was seen")

    def _affected(self) -> None:
        house = self.house
        affect = ["incidents", "affect", INCIDENT, "--basis", "sign-in log", "--exposed", "email"]
        self.acts("by criteria", *affect, "--where", "country in (DE, ES, EG)")
        ids = house.file("list.csv", f"Customer number\n{GROWN}\n{ODD[0]}\n00000042\n99999999\n")
        self.acts("by list", *affect, "--list", ids)
        self.acts("typed", *affect, "--person", TYPED)
        exclude = ["incidents", "exclude", INCIDENT, "--because", "a test account"]
        self.acts("excluded", *exclude, "--number", EXCLUDED)
        self.acts(
            "compromised",
            *["incidents", "compromise", INCIDENT, "--because", "mailbox taken over"],
            *["--list", house.file("taken.csv", "E-Mail\ncustomer.12@example.com\n")],
        )
        self.acts("frozen", "--json", "incidents", "freeze", INCIDENT)

    def _draft(self) -> None:
        plan = ["--canary", str(CANARY), "--waves", "1"]
        self.acts("announced", "incidents", "announce", INCIDENT, "--audience", f"{INCIDENT}/1", *plan)
        self.acts("preflight", "--json", "announcements", "preflight", FIRST)
        self.note("shown", "--json", "announcements", "show", FIRST)
        self.note("set aside", "--json", "announcements", "set-aside", FIRST)

    def _sign(self) -> None:
        """Every way it must not go, then the way it must."""
        house, people = self.house, str(self.said["shown"].value["counts"]["ready"])
        approve = ["announcements", "approve", FIRST, "--operator"]
        languages = list(self.said["shown"].value["counts"]["locales"])
        self.note("unread", *approve, "ben", types=[*house.proof("ben"), people])
        house.does("announcements", "approve-locale", FIRST, *languages, "--operator", "ben")
        self.note("by the author", *approve, "anna", types=[*house.proof("anna"), people])
        self.note("wrong number", *approve, "ben", types=[*house.proof("ben"), "7"])
        self.said["unapproved"] = self._release("anna")
        self.said["approved"] = house.shell(*approve, "ben", types=[*house.proof("ben"), people])
        self.said["countdown"] = self._release("anna")
        stop = ["announcements", "stop", FIRST, "--operator", "ben"]
        self.note("stopped", *stop, types=house.proof("ben"))
        self.said["released"] = self._release("anna")

    def _send(self, service: subprocess.Popen[bytes]) -> None:
        house = self.house
        _wait(lambda: bool(self._status(FIRST)["holds"]), service)
        self.note("canary", "--json", "announcements", "status", FIRST)
        self.note("canary in words", "announcements", "status", FIRST)
        self.note("holds", "--json", "announcements", "holds")
        resume = ["announcements", "resume", FIRST, "--operator", "ben"]
        self.note("resumed", *resume, types=house.proof("ben"))
        _wait(lambda: self._status(FIRST)["remaining"] == 0, service)
        self.note("status", "--json", "announcements", "status", FIRST)
        self.acts("closed", "announcements", "close", FIRST)
        self.told_first = self.catcher.recipients()

    def _top_up(self, service: subprocess.Popen[bytes]) -> None:
        """Somebody new, and one of whom more was exposed than thought."""
        affect = ["incidents", "affect", INCIDENT, "--basis", "second look"]
        self.acts("new person", *affect, "--person", NEW, "--exposed", "email")
        self.acts("grown", *affect, "--person", GROWN, "--exposed", "phone")
        self.acts("known", *affect, "--person", LATER, "--exposed", "email")
        self.acts("frozen again", "--json", "incidents", "freeze", INCIDENT)
        self.acts("announced again", "incidents", "announce", INCIDENT, "--audience", f"{INCIDENT}/2")
        self.acts("preflight again", "--json", "announcements", "preflight", SECOND)
        shown = self.note("shown again", "--json", "announcements", "show", SECOND).value["counts"]
        self.house.say("announcements", "approve-locale", SECOND, *shown["locales"], "--operator", "ben")
        self.note(
            "approved again",
            *["announcements", "approve", SECOND, "--operator", "ben"],
            types=[*self.house.proof("ben"), str(shown["ready"])],
        )
        self.said["released again"] = self._release("anna", SECOND)
        _wait(lambda: self._status(SECOND)["state"] == "released", service)
        _wait(lambda: self._status(SECOND)["remaining"] == 0, service)
        self.told_then = self.catcher.recipients()[len(self.told_first) :]

    def _stories(self) -> None:
        """Ask what single people were told, and for the exact bytes of one notice."""
        for number in (LATER, GROWN, EXCLUDED, COMPROMISED, NEW):
            self.acts(f"story of {number}", "--json", "customers", "show", number)
        self.acts("story in words", "customers", "show", LATER)
        self.acts("bytes", "customers", "show", LATER, "--raw", str(self.house.home / "notice.eml"))

    def _pages(self) -> None:
        """Ask the public page, as somebody with a notice in hand does."""
        found = re.search(r'"url":"([^"]+)"', self._log())
        assert found is not None
        for stop, reference in {"genuine": self.reference(LATER), "invented": "0123-4567-89AB-CDEF"}.items():
            form = urlencode({"reference": reference}).encode()
            with urlopen(f"{found[1]}/check", form, timeout=30) as page:
                self.said[stop] = Said(page.status, page.read().decode())

    def reference(self, number: str) -> str:
        """Return the reference of somebody's first notice."""
        return str(self.deliveries(number)[0]["reference"])

    def deliveries(self, number: str) -> list[dict[str, Any]]:
        """Return what somebody was sent, as their story tells it."""
        told = self.said[f"story of {number}"].value["memberships"]
        return [one for each in told for said in each["announcements"] for one in said["deliveries"]]

    def acts(self, stop: str, *words: str) -> Said:
        """Run a command as Anna, who is in session."""
        return self.note(stop, *words, "--operator", "anna")

    def _release(self, who: str, code: str = FIRST) -> Said:
        return self.house.say(
            *["announcements", "release", code, "--operator", who], types=self.house.proof(who)
        )

    def _status(self, code: str) -> Any:
        return self.house.ask("announcements", "status", code)

    def _log(self) -> str:
        return (self.house.home / "serve.log").read_text()


def _configure(file: Path, port: int) -> None:
    """Set in the configuration what a new user sets: here the catcher is the relay."""
    text = file.read_text()
    for name, value in {
        "countdown_seconds": "2",
        "retry_first_seconds": "0.2",
        "every_seconds": "0.2",
        "port": "0",
    }.items():
        text, found = re.subn(rf"(?m)^# {name} = (?!587).*$", f"{name} = {value}", text)
        assert found == 1, name
    relay = f'\n[[email.relays]]\nname = "catcher"\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\n'
    file.write_text(text + relay)


def _wait(condition: Callable[[], bool], service: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert service.poll() is None, "the service ended by itself"
        assert time.monotonic() < until, "it takes too long"
        time.sleep(0.05)
