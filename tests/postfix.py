"""A Postfix of our own: Debian's programs, a configuration and queue of the moment, ports of its own."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import Certificates, make_certificates

HOST = "127.0.0.1"
USER, PASSWORD = "relay-user", "correct horse"

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
smtpd_client_restrictions =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/access, permit_mynetworks, reject
header_checks = regexp:{folder}/header_checks
default_transport = smtp:[127.0.0.1]:{behind}
maillog_file = {folder}/mail.log
maillog_file_prefixes = /tmp, /var
smtpd_tls_cert_file = {certificates.certificate}
smtpd_tls_key_file = {certificates.key}
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{login}
message_size_limit = 100000
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
"""

_MASTER = """
127.0.0.1:{ports[piped]} inet n - n - - smtpd
127.0.0.1:{ports[plain]} inet n - n - - smtpd -o smtpd_discard_ehlo_keywords=pipelining
127.0.0.1:{ports[slow]} inet n - n - - smtpd -o {{ smtpd_recipient_restrictions = sleep 1, permit }}
127.0.0.1:{ports[starttls]} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
127.0.0.1:{ports[implicit]} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:{ports[login]} inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_security_level=encrypt -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_recipient_restrictions=permit
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

_ACCESS = """
dead@example.com 550 5.1.1 no such mailbox
full@example.com 450 4.2.2 mailbox full
policy@example.com 554 5.7.1 not from you
"""

_HEADER_CHECKS = "/^Subject: refuse me/ REJECT 5.6.0 not in this form\n"


@dataclass(frozen=True)
class Postfix:
    """A running instance: the port of each of its ways in, and its log."""

    ports: dict[str, int]
    certificates: Certificates
    log: Path


class _Logins(socketserver.StreamRequestHandler):
    """Dovecot's authentication protocol, as much of it as Postfix asks for: PLAIN and one user."""

    def handle(self) -> None:
        self.wfile.write(
            b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t" + b"0" * 32 + b"\nDONE\n"
        )
        for line in self.rfile:
            verb, *fields = line.decode().rstrip("\n").split("\t")
            if verb == "AUTH":
                response = next(field[5:] for field in fields if field.startswith("resp="))
                _, user, password = base64.b64decode(response).decode().split("\0")
                word = "OK" if (user, password) == (USER, PASSWORD) else "FAIL"
                self.wfile.write(f"{word}\t{fields[0]}\tuser={user}\n".encode())


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind((HOST, 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def postfix(behind: int, *, more: str = "", transport: str = "") -> Iterator[Postfix]:
    """Run an instance that passes everything on to port ``behind``; ``LookupError`` where it cannot run.

    ``more`` is added to its configuration, ``transport`` becomes its transport map.
    """
    if shutil.which("postfix", path="/usr/sbin") is None:
        raise LookupError("Postfix is not installed (Debian: postfix)")
    if os.geteuid() != 0:
        raise LookupError("Postfix starts as root only")
    logins = socketserver.ThreadingTCPServer((HOST, 0), _Logins)
    logins.daemon_threads = True
    threading.Thread(target=logins.serve_forever, daemon=True).start()
    names = ("piped", "plain", "slow", "starttls", "implicit", "login")
    with tempfile.TemporaryDirectory(prefix="postfix-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postfix's own user must get to the queue.
        for part in ("queue", "data", "config"):
            (folder / part).mkdir(mode=0o755)
        shutil.chown(folder / "data", "postfix")
        made = Postfix(
            dict(zip(names, free_ports(len(names)), strict=True)),
            make_certificates(folder),
            folder / "mail.log",
        )
        values = {
            "folder": folder,
            "behind": behind,
            "ports": made.ports,
            "certificates": made.certificates,
            "login": logins.server_address[1],
        }
        (folder / "config/main.cf").write_text((_MAIN + more).format(**values))
        (folder / "transport").write_text(transport)
        (folder / "config/master.cf").write_text(_MASTER.format(**values))
        (folder / "access").write_text(_ACCESS)
        (folder / "header_checks").write_text(_HEADER_CHECKS)
        command = ["/usr/sbin/postfix", "-c", str(folder / "config")]
        subprocess.run([*command, "start"], check=True, capture_output=True)
        try:
            yield made
        finally:
            subprocess.run([*command, "stop"], check=False, capture_output=True)
            logins.shutdown()
            logins.server_close()
