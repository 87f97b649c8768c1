"""``notifier banner``: what an integrator asks for."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from incidents.app import app
from notifier.web.banner.assets import element
from tests.banner import AUDIENCE, ISSUER, Host


def _say(home: Path, *words: str, given: str = "") -> tuple[int, Any]:
    result = CliRunner().invoke(app, ["--home", str(home), "--json", "banner", *words], input=given)
    return result.exit_code, json.loads(result.stdout) if result.stdout.strip() else None


def test_the_tag_and_a_token_are_explained(tmp_path: Path) -> None:
    """The digest is that of the served file; a token that vouches for nobody, or that no key could verify, is refused."""
    home, host = tmp_path / "home", Host()
    assert CliRunner().invoke(app, ["--home", str(home), "init", "--brand", "Acme"]).exit_code == 0
    assert _say(home, "token", given=host.mint("10042", time.time()))[0] == 1
    code, tag = _say(home, "tag", "--prefix", "/notices")
    assert (code, tag["integrity"]) == (0, element().integrity)
    assert tag["src"] == f"/notices/{element().hashed_name}"
    (tmp_path / "key.pem").write_bytes(host.pem)
    with (home / "notifier.toml").open("a") as configuration:
        configuration.write(f'\n[[banner.keys]]\nid = "ed-1"\nkey_file = "{tmp_path / "key.pem"}"\n')
    settings = (home / "notifier.toml").read_text()
    named = f'[banner]\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\n'
    (home / "notifier.toml").write_text(settings.replace("[banner]\n", named, 1))
    code, said = _say(home, "token", given=host.mint("10042", time.time()))
    assert (code, said["sub"], said["key"]) == (0, "10042", "ed-1")
    assert _say(home, "token", given=host.mint("10042", time.time() - 4000))[0] == 1
