"""The examples for host applications, taken out of the page and run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from notifier.channels.banner.keys import TokenKey
from notifier.channels.banner.token import Tokens
from notifier.clock import SystemClock
from tests.banner import AUDIENCE, ISSUER, SECRET, Host

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "show-the-banner.md"
PROGRAMS = {"python": sys.executable, "js": shutil.which("node"), "php": shutil.which("php")}


@pytest.mark.parametrize("language", PROGRAMS)
def test_an_example_mints_a_token_for_exactly_the_account(language: str, tmp_path: Path) -> None:
    """What it prints is verified as by the service; a language that is not on the machine is skipped."""
    program = PROGRAMS[language]
    if program is None:
        pytest.skip(f"no program for {language} examples")
    (source,) = re.findall(rf"(?ms)^```{language}\n(.*?)^```", PAGE.read_text())
    host = Host()
    pem = host.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    shared = language == "php"
    (tmp_path / "key").write_bytes(b64encode(SECRET) if shared else pem)
    (tmp_path / f"mint.{language}").write_text(source)
    result = subprocess.run(
        [program, tmp_path / f"mint.{language}", "10042"],
        env=os.environ | {"BANNER_KEY_FILE": str(tmp_path / "key")},
        check=True,
        capture_output=True,
        text=True,
    )
    key = TokenKey("2026-03", "HS256", SECRET) if shared else TokenKey("2026-03", "EdDSA", host.pem)
    found = Tokens([key], issuer=ISSUER, audience=AUDIENCE, clock=SystemClock()).verify(result.stdout.strip())
    assert found is not None
    assert (found.sub, found.customary_place) == ("10042", True)
    assert found.authenticated_at is not None
