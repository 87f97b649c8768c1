"""``notifier email``: what an operator sees of the relays before anything is at stake."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from incidents.app import app
from notifier.channels.email.scripts import Script
from notifier.channels.email.sink import LoopbackSink

Say = Callable[..., tuple[int, Any]]


@contextmanager
def running_sink(*scripts: Script) -> Iterator[LoopbackSink]:
    """Run a sink on a loop of its own, because commands bring theirs."""
    sink = LoopbackSink(keep=True, scripts=scripts)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(sink.__aenter__(), loop).result(10)
    try:
        yield sink
    finally:
        asyncio.run_coroutine_threadsafe(sink.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def say(tmp_path: Path) -> Say:
    """Runs a command with ``--json`` in an installation with the given relays."""
    home = tmp_path / "home"
    assert CliRunner().invoke(app, ["--home", str(home), "init", "--brand", "Acme"]).exit_code == 0
    configuration = home / "notifier.toml"
    made = configuration.read_text()

    def run(
        *arguments: str, ports: dict[str, int] | None = None, more: str = "", **env: str
    ) -> tuple[int, Any]:
        relays = "".join(
            f'[[email.relays]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\n'
            for name, port in (ports or {}).items()
        )
        configuration.write_text(f"{made}\n{relays}\n{more}\n")
        result = CliRunner().invoke(app, ["--home", str(home), "--json", "email", *arguments], env=env)
        try:
            return result.exit_code, json.loads(result.stdout)
        except ValueError:
            return result.exit_code, result.output

    return run


TEAM = {"NOTIFIER_ALERTS__RECIPIENTS": '["team@example.com"]'}


def test_a_usable_relay_is_described(say: Say) -> None:
    """What it offers is listed, TLS and login are told, and nothing is sent."""
    with running_sink() as sink:
        code, (found,) = say("test", ports={"main": sink.port})
    assert code == 0
    assert (found["usable"], found["tls"], found["login"], found["test_message"]) == (
        True,
        "",
        "not asked for",
        None,
    )
    assert "PIPELINING" in found["extensions"]
    assert "clear" in found["warnings"][0]
    assert not sink.accepted


def test_relays_that_fail_are_told_apart(say: Say) -> None:
    """One of two that works is done in part; none is refused."""
    with running_sink() as sink:
        code, found = say("test", ports={"main": sink.port, "backup": 1})
    assert code == 3
    assert [one["usable"] for one in found] == [True, False]
    assert "backup" in found[1]["problem"]
    assert say("test", ports={"backup": 1})[0] == 1


def test_a_test_message_goes_to_the_team_alone(say: Say) -> None:
    """--to takes an address of the team; any other is refused before a connection is made."""
    with running_sink() as sink:
        code, said = say("test", "--to", "customer@example.com", ports={"main": sink.port}, **TEAM)
        assert (code, sink.connections) == (1, 0)
        assert "customer" not in str(said)
        code, (found,) = say("test", "--to", "team@example.com", ports={"main": sink.port}, **TEAM)
    assert (code, found["test_message"]) == (0, "accepted 250 2.0.0 kept")
    assert [message.recipients for message in sink.accepted] == [("team@example.com",)]
    assert b"relay-test" in sink.accepted[0].content


def test_a_refused_test_message_is_a_failure(say: Say) -> None:
    """A relay that answers but does not take our mail is not fine."""
    with running_sink(Script("*", reply="550 5.7.1 go away")) as sink:
        code, (found,) = say("test", "--to", "team@example.com", ports={"main": sink.port}, **TEAM)
    assert code == 1
    assert found["test_message"] == "deferred 550 5.7.1 go away"


def test_a_drill_tests_no_relay(say: Say) -> None:
    """A drill installation has none by construction, whatever is written down."""
    with running_sink() as sink:
        code, said = say(
            "test",
            ports={"main": sink.port},
            NOTIFIER_DRILL="true",
            NOTIFIER_AUDIT__ORIGIN="drill.example.com/audit",
        )
    assert (code, sink.connections) == (1, 0)
    assert "drill" in said


def test_without_a_relay_there_is_nothing_to_test(say: Say) -> None:
    """The message says what to add."""
    code, said = say("test")
    assert code == 1
    assert "email.relays" in said


def test_the_records_for_the_dns_are_printed(say: Say, tmp_path: Path) -> None:
    """Each key's TXT record, under its name."""
    key = ed25519.Ed25519PrivateKey.generate()
    path = tmp_path / "s.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    code, records = say(
        "dkim", more=f'[[email.dkim]]\ndomain = "example.com"\nselector = "s"\nkey_file = "{path}"'
    )
    assert code == 0
    assert records["s._domainkey.example.com"].startswith("v=DKIM1; k=ed25519; p=")
