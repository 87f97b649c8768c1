"""The loopback double: a server on 127.0.0.1 that behaves as Twilio does and sends nothing to anybody.

Drills hand over to it and to nothing else. It speaks the two endpoints that the channel uses, notes each
message before it answers, and reports on it with Twilio's own fields and signatures, only ever to a port of
this machine, whatever host the status callback names.

``python -m notifier.channels.sms.double --port 2600 --log taken.jsonl`` runs it on its own.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
import os
import re
import secrets
import signal
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urldefrag, urlencode, urlsplit

from notifier.channels.sms.double_answers import Taken, answer, objection, refusal, resource
from notifier.channels.sms.double_http import HOST, Request, Response, post, serve
from notifier.channels.sms.double_scripts import Script, Scripts
from notifier.channels.sms.signature import HEADER, sign

ACCOUNT = "AC" + "0" * 32
AUTH_TOKEN = "double"  # noqa: S105 - of a server that reaches nobody
_API = re.compile(r"/2010-04-01/Accounts/(AC[0-9a-f]{32})(/Messages)?\.json", re.ASCII)
_REPORTS_AT_ONCE = 20


class TwilioDouble:
    """An async context manager. ``port`` 0 takes any free one.

    ``callback_port`` is where reports are posted, asked for at each where it is known only later; 0 keeps
    them in ``reports``, unposted. ``log`` is appended to with one plain write a message. ``keep`` holds the
    messages in ``taken``; the counters always run.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        account: str = ACCOUNT,
        auth_token: str = AUTH_TOKEN,
        callback_port: int | Callable[[], int] = 0,
        scripts: Sequence[Script] = (),
        keep: bool = False,
        log: Path | None = None,
        wait: float = 0,
    ) -> None:
        self.port = port
        self._callback_port = callback_port
        self.taken: list[Taken] = []
        self.reports: list[tuple[str, list[tuple[str, str]], str]] = []
        """URL, fields and signature of each report that was not posted."""
        self.answers: Counter[int] = Counter()
        """HTTP status of answers to reports."""
        self.requests = 0
        self.scripts = Scripts(scripts)
        self._account, self._token = account, auth_token
        self._login = b64encode(f"{account}:{auth_token}".encode()).decode()
        self._keep, self._log_path, self._wait = keep, log, wait
        self._log = -1
        self._stopped: set[str] = set()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._all_closed = asyncio.Event()
        self._posts: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(_REPORTS_AT_ONCE)

    @property
    def base_url(self) -> str:
        """What takes the place of Twilio's address."""
        return f"http://{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        """Listen."""
        if self._log_path:
            self._log = os.open(self._log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._server = await asyncio.start_server(self._connected, HOST, self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the reports under way go out, then close all connections."""
        await self.reported()
        if self._server:
            self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        if self._open:
            await self._all_closed.wait()
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    async def reported(self) -> None:
        """Return once all reports due so far were posted."""
        while self._posts:
            await asyncio.gather(*self._posts)

    async def inbound(self, base: str, number: str, text: str, opt_out: str = "") -> None:
        """Behave as if ``number`` had sent us a text; a STOP makes later messages to it fail with 21610."""
        if text.strip().upper() == "STOP" or opt_out == "STOP":
            self._stopped.add(number)
        sid = f"SM{secrets.token_hex(16)}"
        fields = {
            "ToCountry": "US",
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "SmsSid": sid,
            "SmsStatus": "received",
        }
        fields |= {"Body": text, "To": "+15005550006", "NumSegments": "1", "MessageSid": sid}
        fields |= {"AccountSid": self._account, "From": number, "ApiVersion": "2010-04-01"}
        fields |= {"OptOutType": opt_out} if opt_out else {}
        await self._report(f"{base}/sms/inbound", list(fields.items()))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        self._all_closed.clear()
        try:
            await serve(self._answer, reader, writer)
        finally:
            self._open.discard(writer)
            if not self._open:
                self._all_closed.set()

    async def _answer(self, request: Request) -> Response:
        self.requests += 1
        if self._wait:
            await asyncio.sleep(self._wait)
        found = _API.fullmatch(request.target)
        given = request.headers.get("authorization", "").removeprefix("Basic ")
        if not hmac.compare_digest(given.encode(), self._login.encode()):
            return refusal(20003, 401)
        if found is None or found[1] != self._account:
            return refusal(20404, 404)
        if request.method == "GET" and not found[2]:
            return answer(200, {"sid": self._account, "status": "active", "type": "Full", "auth_token": ""})
        if request.method != "POST" or not found[2]:
            return refusal(20404, 404)
        return self._create(tuple(parse_qsl(request.body.decode(), keep_blank_values=True)))

    def _create(self, form: tuple[tuple[str, str], ...]) -> Response:
        fields = dict(form)
        number = fields.get("To", "")
        if code := objection(fields, self._stopped):
            return refusal(code)
        script = self.scripts.find(number)
        if script.lose == "before":
            return Response(cut=True)
        if not script.first and (script.code or script.http):
            return refusal(script.code, script.http or 400, script)
        sid = f"SM{secrets.token_hex(16)}"
        message = Taken(
            sid,
            number,
            fields.get("MessagingServiceSid") or fields["From"],
            fields["Body"],
            fields.get("StatusCallback", ""),
            form,
        )
        self._take(message, script)
        if script.lose:
            return Response(cut=script.lose == "answer", silent=script.lose == "silence")
        if script.body:
            return Response(201, script.body, {"Content-Type": "application/json"})
        return answer(201, resource(message, fields, script, self._account))

    def _take(self, message: Taken, script: Script) -> None:
        """Note a message for good, then begin to report on it."""
        if self._log >= 0:
            line = {"sid": message.sid, "to": message.number, "callback": message.callback}
            os.write(self._log, json.dumps(line).encode() + b"\n")
        if self._keep:
            self.taken.append(message)
        if message.callback and script.reports:
            task = asyncio.get_running_loop().create_task(self._reports(message, script))
            self._posts.add(task)
            task.add_done_callback(self._posts.discard)

    async def _reports(self, message: Taken, script: Script) -> None:
        for name, code in script.reports:
            fields = {"SmsSid": message.sid, "SmsStatus": name, "MessageStatus": name, "To": message.number}
            service = message.sender.startswith("MG")
            fields |= {"MessagingServiceSid": message.sender} if service else {}
            fields |= {"MessageSid": message.sid, "AccountSid": self._account}
            fields |= {"From": "+15005550006" if service else message.sender, "ApiVersion": "2010-04-01"}
            fields |= {"ErrorCode": str(code)} if code else {}
            await self._report(message.callback, list(fields.items()))

    async def _report(self, url: str, fields: list[tuple[str, str]]) -> None:
        url = urldefrag(url).url  # Twilio takes its orders from the fragment, and signs without it.
        signature = sign(self._token, url, fields)
        port = self._callback_port() if callable(self._callback_port) else self._callback_port
        if not port:
            self.reports.append((url, fields, signature))
            return
        parts = urlsplit(url)
        headers = {
            "Host": parts.netloc,
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            HEADER: signature,
        }
        target = parts._replace(scheme="", netloc="").geturl() or "/"
        async with self._places:
            self.answers[await post(port, target, headers, urlencode(fields).encode())] += 1


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    double = TwilioDouble(
        port=arguments.port, callback_port=arguments.callback_port, log=arguments.log, wait=arguments.wait
    )
    async with double:
        sys.stdout.write(f"{HOST}:{double.port}\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    """Run a double until SIGTERM; its first line of output is the address it listens on."""
    parser = argparse.ArgumentParser(prog="python -m notifier.channels.sms.double", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--callback-port", type=int, default=0, help="where reports go; 0: nowhere")
    parser.add_argument("--log", type=Path, help="file for one line of JSON per message taken")
    parser.add_argument("--wait", type=float, default=0, help="seconds before each answer")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
