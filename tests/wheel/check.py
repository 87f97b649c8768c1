"""Build the wheel, install it with its locked dependencies in a fresh environment, and use it there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

TOP = Path(__file__).parents[2]


def constraints() -> str:
    """Return the lock file as constraints: without digests, which pip takes for requirements only."""
    pins = re.findall(
        r"(?m)^([a-z0-9._-]+==[^\s;\\]+(?: ; [^\\\n]+)?)", (TOP / "requirements.lock").read_text()
    )
    return "\n".join(pins) + "\n"


def main() -> None:
    """Do it in a folder of its own, which goes again."""
    with tempfile.TemporaryDirectory(prefix="notifier-wheel-") as made:
        folder = Path(made)
        # Neither the checkout nor settings of this shell may help.
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("NOTIFIER_", "PYTHONPATH"))}

        def run(*command: str | Path) -> None:
            sys.stdout.write(f"+ {' '.join(str(part) for part in command)}\n")
            sys.stdout.flush()
            subprocess.run([str(part) for part in command], check=True, cwd=folder, env=clean)

        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", TOP)
        (wheel,) = (folder / "dist").glob("*.whl")
        (folder / "constraints.txt").write_text(constraints())
        venv.create(folder / "fresh", with_pip=True)
        python = folder / "fresh" / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", "--constraint", folder / "constraints.txt", wheel)
        run(python, "-m", "pip", "check")
        notifier = folder / "fresh" / "bin" / "notifier"
        run(notifier, "--version")
        run(notifier, "--home", folder / "home", "init", "--brand", "Example Company")
        run(notifier, "--home", folder / "home", "settings")
        run(python, TOP / "tests" / "wheel" / "render_all.py", TOP / "tests" / "data" / "notice-facts.json")
    sys.stdout.write("The wheel stands alone.\n")


if __name__ == "__main__":
    main()
