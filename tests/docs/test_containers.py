"""The container files, as far as they can be judged without a container engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from notifier.settings import EmailSettings, Settings, load

DOCKER = Path(__file__).parents[2] / "docker"
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))


@pytest.fixture
def compose() -> dict[str, Any]:
    """The compose file as data."""
    return dict(yaml.safe_load((DOCKER / "compose.yaml").read_text()))


def test_the_compose_file_fits_its_schema(compose: dict[str, Any]) -> None:
    """Judged by the Compose Specification's own schema."""
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(compose, json.loads(schema.read_text()))


def test_every_variable_that_the_start_reads_reaches_it(compose: dict[str, Any]) -> None:
    """What the guide and the start script name is passed on, or set in the image."""
    known = set(compose["services"]["app"]["environment"])
    known |= set(re.findall(r"(\w+)=", (DOCKER / "Dockerfile").read_text()))
    assert set(re.findall(r"\$\{?([A-Z_]+)", (DOCKER / "start.sh").read_text())) <= known


def test_the_app_can_write_its_state_only(compose: dict[str, Any]) -> None:
    """Read-only root, no capability, no new privileges; reached from this machine alone."""
    app = compose["services"]["app"]
    assert app["read_only"]
    assert app["cap_drop"] == ["ALL"]
    assert app["security_opt"] == ["no-new-privileges:true"]
    assert all(
        port.startswith("127.0.0.1:") for one in compose["services"].values() for port in one.get("ports", [])
    )


def test_the_settings_it_gives_are_settings(
    compose: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every variable is known, and the relay it names is the mail catcher."""
    for name, value in compose["services"]["app"]["environment"].items():
        monkeypatch.setenv(name, re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value))
    settings = load(tmp_path)
    assert settings.store_url.startswith("postgresql+psycopg://notifier:")
    assert [relay.host for relay in settings.email.relays] == ["mail"]
    assert settings.email.from_address == EmailSettings().from_address
    assert settings.web == Settings().web


def test_every_image_is_pinned(compose: dict[str, Any]) -> None:
    """No image follows a moving tag."""
    images = [one["image"] for one in compose["services"].values() if "build" not in one]
    images += re.findall(r"(?m)^FROM (\S+)", (DOCKER / "Dockerfile").read_text())
    assert [image for image in images if ":" not in image or image.endswith(":latest")] == []


@pytest.mark.skipif(HADOLINT is None and not os.environ.get("CI"), reason="no hadolint for this machine")
def test_the_dockerfile_has_no_finding() -> None:
    """hadolint, with ShellCheck inside, is content."""
    done = subprocess.run(
        [str(HADOLINT), str(DOCKER / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
    assert done.returncode == 0


def test_the_image_takes_nothing_it_does_not_need() -> None:
    """Everything is left out of the build but what is named, and what is named exists."""
    lines = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    named = [line[1:] for line in lines if line.startswith("!")]
    assert [name for name in named if not (DOCKER.parent / name).exists()] == []


def test_the_runtime_lock_agrees_with_the_lock() -> None:
    """The image runs the very versions that were tested."""

    def pins(path: Path) -> set[str]:
        return set(re.findall(r"(?m)^([a-z0-9._-]+==[^\s;\\]+)", path.read_text()))

    tested = pins(DOCKER.parent / "requirements.lock")
    assert pins(DOCKER / "runtime.lock") <= tested
    assert pins(DOCKER / "build.lock") <= tested
