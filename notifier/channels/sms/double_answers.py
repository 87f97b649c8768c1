"""What the loopback double answers: messages and errors in Twilio's form."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from notifier.channels.sms.double_http import Response
from notifier.channels.sms.double_scripts import MAGIC_FROM, MESSAGES, Script
from notifier.channels.sms.segments import count
from notifier.channels.sms.senders import is_e164

_LONGEST = 1_600


@dataclass(frozen=True, slots=True)
class Taken:
    """One message that the double has taken."""

    sid: str
    number: str
    sender: str
    text: str
    callback: str
    form: tuple[tuple[str, str], ...]


def objection(fields: dict[str, str], stopped: Collection[str]) -> int:
    """Return the error code of a request that is itself at fault, or of a magic sender; 0 for a good one.

    ``stopped`` are the numbers that have sent STOP.
    """
    number, text, sender = fields.get("To", ""), fields.get("Body", ""), fields.get("From", "")
    callback = fields.get("StatusCallback", "")
    faults = (
        (21603, not sender and not fields.get("MessagingServiceSid")),
        (21604, not number),
        (21211, not is_e164(number)),
        (21602, not text),
        (21617, len(text) > _LONGEST),
        (21610, number in stopped),
        (21609, bool(callback) and not urlsplit(callback).hostname),
    )
    return next((code for code, at_fault in faults if at_fault), MAGIC_FROM.get(sender, 0))


def answer(status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    every = {"Content-Type": "application/json;charset=utf-8", **(headers or {})}
    return Response(status, json.dumps(content).encode(), every)


def refusal(code: int, http: int = 400, script: Script | None = None) -> Response:
    """Return an error as Twilio shows it, or what the script has in its place."""
    headers = {"Retry-After": script.retry_after} if script and script.retry_after else {}
    if script and (script.body or not code):
        return Response(http, script.body or b"<html>", {"Content-Type": "text/html", **headers})
    page = f"https://www.twilio.com/docs/errors/{code}"
    content = {"code": code, "message": MESSAGES.get(code, "Refused"), "more_info": page, "status": http}
    return answer(http, content, headers)


def resource(message: Taken, fields: dict[str, str], script: Script, account: str) -> dict[str, Any]:
    """Return a message as Twilio shows it."""
    service = fields.get("MessagingServiceSid")
    path = f"/2010-04-01/Accounts/{account}/Messages/{message.sid}"
    return {
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": message.text,
        "date_created": "Thu, 24 Aug 2023 05:01:45 +0000",
        "date_sent": None,
        "date_updated": "Thu, 24 Aug 2023 05:01:45 +0000",
        "direction": "outbound-api",
        "error_code": script.code or None,
        "error_message": MESSAGES.get(script.code),
        "from": fields.get("From"),
        "messaging_service_sid": service,
        "num_media": "0",
        "num_segments": "0" if service else str(count(message.text).segments),
        "price": None,
        "price_unit": "USD",
        "sid": message.sid,
        "status": script.first or ("accepted" if service else "queued"),
        "subresource_uris": {"media": f"{path}/Media.json"},
        "to": message.number,
        "uri": f"{path}.json",
    }
