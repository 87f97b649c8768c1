"""A Dovecot of our own: Debian's programs, a configuration and mailboxes of the moment, ports of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import Certificates, make_certificates
from tests.postfix import HOST, free_ports

USER, PASSWORD = "bounces", "correct horse ü"

_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificates.certificate}
ssl_key = <{certificates.key}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = {secure}
auth_mechanisms = {mechanisms}
default_internal_user = dovecot
default_login_user = dovenull
mail_location = maildir:{folder}/mail
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {ports[0]}
  }}
  inet_listener imaps {{
    port = {ports[1]}
  }}
}}
service stats {{
  chroot =
}}
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}/home
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """A running instance: its ports, without TLS at first and with it, and the mailbox as a Maildir."""

    plain: int
    tls: int
    certificates: Certificates
    mail: Path

    def put(self, name: str, message: bytes, folder: str = "") -> None:
        """Lay a message into the inbox or a folder, as a local delivery does."""
        target = self.mail / folder
        for part in ("new", "cur", "tmp"):
            (target / part).mkdir(parents=True, exist_ok=True)
            shutil.chown(target / part, "mail", "mail")
        shutil.chown(target, "mail", "mail")
        path = target / "tmp" / name
        path.write_bytes(message)
        shutil.chown(path, "mail", "mail")
        path.rename(target / "new" / name)

    def flags(self, folder: str = "") -> dict[str, str]:
        """Return the flags of each message by its name, as Dovecot has written them down."""
        found = [path.name for part in ("new", "cur") for path in (self.mail / folder / part).iterdir()]
        return {name.partition(":")[0].partition(",")[0]: name.partition(":2,")[2] for name in found}


@contextmanager
def dovecot(*, secure: bool = True, mechanisms: str = "plain login") -> Iterator[Dovecot]:
    """Run an instance with one user; ``LookupError`` where it cannot run."""
    program = shutil.which("dovecot", path="/usr/sbin")
    if program is None:
        raise LookupError("Dovecot is not installed (Debian: dovecot-imapd)")
    if os.geteuid() != 0:
        raise LookupError("Dovecot starts as root only")
    with tempfile.TemporaryDirectory(prefix="dovecot-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Dovecot's own users must get to what is in it.
        for part in ("run", "state", "mail", "home"):
            (folder / part).mkdir(mode=0o755)
        for part in ("mail", "home"):
            shutil.chown(folder / part, "mail", "mail")
        ports = free_ports(2)
        made = make_certificates(folder)
        (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        configuration = folder / "dovecot.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=folder,
                certificates=made,
                secure="yes" if secure else "no",
                mechanisms=mechanisms,
                ports=ports,
            )
        )
        process = subprocess.Popen(
            [program, "-F", "-c", str(configuration)], stderr=subprocess.PIPE, text=True
        )
        try:
            _wait(process, folder / "run" / "master.pid", ports[0])
            yield Dovecot(ports[0], ports[1], made, folder / "mail")
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _wait(process: subprocess.Popen[str], pid: Path, port: int) -> None:
    """Return once it answers."""
    import socket
    import time

    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(f"Dovecot did not start: {process.communicate()[1]}")
        if pid.exists():
            try:
                with socket.create_connection((HOST, port), 5) as greeted:
                    if greeted.recv(100).startswith(b"* OK"):
                        return
            except OSError:
                pass
        time.sleep(0.05)
    raise RuntimeError("Dovecot does not answer")
