"""Send one notice through the service that runs in NOTIFIER_HOME, each step by the command people type.

    send_one.py CAUGHT

CAUGHT is the folder in which the relay, a mail catcher, keeps what it takes, one message a file. Ends with 0
if exactly that message arrived of which the installation tells, and the audit trail verifies; otherwise with
what is wrong. Runs with the interpreter of the installation, on its packages alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pyotp

NUMBER, ADDRESS = "0000001", "robin@reader.test"
CUSTOMERS = f"Customer number,Name,E-mail,Locale,Data held\n{NUMBER},Robin Reader,{ADDRESS},en,email\n"
STEP = 30  # Seconds that a code stands for.
PATIENCE = 60.0


class Operator:
    """Somebody enrolled as people are: the secret read from the screen, codes made from it."""

    def __init__(self, handle: str, voucher: Operator | None = None) -> None:
        self.handle = handle
        self.password = f"four words nobody guesses {handle}"
        self._last = 0
        words = ["notifier", "operators", "add", handle, "--email", f"{handle}@example.com"]
        words += ["--operator", voucher.handle] if voucher else []
        proof = voucher.proof() if voucher else ()
        with subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as asked:
            assert asked.stdin is not None
            assert asked.stdout is not None
            print(*proof, self.password, sep="\n", file=asked.stdin, flush=True)
            secret = next((line.split()[1] for line in asked.stdout if line.startswith("secret: ")), "")
            self._codes = pyotp.TOTP(secret)
            print(self._code(), file=asked.stdin, flush=True)
            print(asked.stdout.read().strip())
        check(asked.returncode == 0, f"{handle} could not be enrolled")

    def proof(self) -> tuple[str, str]:
        """Return what they type to prove who they are."""
        return self.password, self._code()

    def _code(self) -> str:
        """Return a code not used before. That of the step before or after the present one counts, too."""
        now = time.time()
        self._last = max(self._last + 1, int(now - STEP / 2) // STEP)
        time.sleep(max(0.0, (self._last - 1) * STEP - now))
        return str(self._codes.generate_otp(self._last))


def check(holds: bool, otherwise: str) -> None:
    """End with what is wrong unless it ``holds``."""
    if not holds:
        sys.exit(otherwise)


def notifier(*words: str, types: Iterable[str] = ()) -> str:
    """Run a command that must succeed, with these lines on its standard input; return what it printed."""
    lines = "".join(f"{line}\n" for line in types)
    done = subprocess.run(["notifier", *words], input=lines, capture_output=True, text=True, check=False)
    said = f"{done.stdout}{done.stderr}"
    check(done.returncode == 0, f"notifier {' '.join(words)} left with {done.returncode}:\n{said}")
    return done.stdout


def ask(*words: str) -> Any:
    """Run a command that must succeed; return its answer as data."""
    return json.loads(notifier("--json", *words))


def release(folder: Path) -> str:
    """Go from nobody enrolled to a notice released for one customer; return the announcement's code."""
    anna = Operator("anna")
    ben = Operator("ben", voucher=anna)
    notifier("operators", "login", "anna", types=anna.proof())
    by_anna, by_ben = ("--operator", "anna"), ("--operator", "ben")
    customers, record = folder / "customers.csv", folder / "record.yaml"
    customers.write_text(CUSTOMERS, encoding="utf-8")
    notifier("customers", "import", str(customers), "--yes", *by_anna)
    record.write_text(notifier("incidents", "example", "credential-stuffing"), encoding="utf-8")
    incident = ask("incidents", "declare", str(record), *by_anna)["code"]
    notifier("incidents", "affect", incident, "--where", "holds email", "--basis", "sign-in log", *by_anna)
    audience = ask("incidents", "freeze", incident, *by_anna)["code"]
    code = str(ask("incidents", "announce", incident, "--audience", audience, *by_anna)["announcement"])
    notifier("announcements", "preflight", code, *by_anna)
    notifier("announcements", "approve-locale", code, "en", *by_anna)
    notifier("announcements", "approve", code, *by_ben, types=[*ben.proof(), "1"])
    notifier("announcements", "release", code, *by_ben, types=ben.proof())
    return code


def sent(code: str) -> None:
    """Wait until the service has handed the notice over and knows the answer."""
    until = time.monotonic() + PATIENCE
    while (status := ask("announcements", "status", code))["deliveries"] != {"accepted": 1}:
        check(time.monotonic() < until, f"it takes too long: {status}")
        time.sleep(0.2)
    print(notifier("announcements", "status", code), end="")
    check((status["people"], status["unaccounted"]) == (1, 0), f"not everybody is accounted for: {status}")


def arrived(caught: Path, told: Path) -> None:
    """Check that one message was caught, for the customer, and that it is the one ``told`` of."""
    files = list(caught.iterdir())
    check(len(files) == 1, f"{len(files)} messages arrived instead of one")
    notifier("customers", "show", NUMBER, "--raw", str(told), "--operator", "anna")
    message, kept = (message_from_bytes(file.read_bytes(), policy=SMTP) for file in (files[0], told))
    print(f"caught: To: {message['To']}\n        Message-ID: {message['Message-ID']}")
    check([one.addr_spec for one in message["To"].addresses] == [ADDRESS], "it is addressed to somebody else")
    check(message.get_all("X-Rcpt-Args") == [f"<{ADDRESS}>"], "the envelope names somebody else")
    check(bool(message["Message-ID"]), "it has no Message-ID")
    check(message["Message-ID"] == kept["Message-ID"], f"on record is {kept['Message-ID']}")


if __name__ == "__main__":
    work = Path.home() / "one-notice"
    work.mkdir()
    sent(release(work))
    arrived(Path(sys.argv[1]), work / "told.eml")
    print(notifier("audit", "verify"), end="")
