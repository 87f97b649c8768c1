"""A server that takes only what Twilio's published OpenAPI description allows, and answers with its examples."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from notifier.channels.sms.double_http import Request, Response

DESCRIPTION = json.loads(
    (Path(__file__).parent / "data" / "twilio" / "messages-openapi.json").read_text(encoding="utf-8")
)
MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
ACCOUNT = "/2010-04-01/Accounts/{Sid}.json"
_FORM = "application/x-www-form-urlencoded"


def check(value: Any, schema: dict[str, Any]) -> list[str]:
    """Return what stands against a value, by one of the description's schemas."""
    with_parts = {**schema, "components": DESCRIPTION["components"]}
    validator = validator_for(with_parts, Draft202012Validator)(with_parts)
    return [f"{'/'.join(map(str, one.absolute_path))}: {one.message}" for one in validator.iter_errors(value)]


def message_schema() -> dict[str, Any]:
    """Return the schema of a message in an answer; what may be null says so in OpenAPI 3.0's way."""
    return _nullable(DESCRIPTION["components"]["schemas"]["api.v2010.account.message"])


def _nullable(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_nullable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _nullable(one) for name, one in schema.items()}
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") is True else made


def _typed(values: list[str], schema: dict[str, Any]) -> Any:
    """Return a form field as the type its schema asks for; unreadable ones stay text, and fail there."""
    kind = schema.get("type")
    if kind == "array":
        return values
    (value,) = values
    if kind == "boolean":
        return {"true": True, "false": False}.get(value, value)
    if kind in ("integer", "number") and re.fullmatch(r"-?[0-9]+", value):
        return int(value)
    return value


class OpenApiServer:
    """Answers 201 to a valid request, else 422; ``objections`` and ``operations`` say what came."""

    def __init__(self) -> None:
        self.objections: list[str] = []
        self.operations: list[str] = []
        self.fields: list[dict[str, Any]] = []

    async def __call__(self, request: Request) -> Response:
        """Check one request and answer it."""
        found = [self._match(request, path) for path in DESCRIPTION["paths"]]
        operation = next((one for one in found if one), None)
        objections = [f"{request.method} {request.target} is not described"] if operation is None else []
        if operation is not None:
            self.operations.append(operation["operationId"])
            objections += self._login(request) + self._body(request, operation)
        self.objections += objections
        if objections or operation is None:
            return Response(422, b"{}", {"Content-Type": "application/json"})
        status, answer = next(iter(operation["responses"].items()))
        example = next(iter(answer["content"]["application/json"]["examples"].values()))["value"]
        return Response(int(status), json.dumps(example).encode(), {"Content-Type": "application/json"})

    def _match(self, request: Request, path: str) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = DESCRIPTION["paths"][path].get(request.method.lower())
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
        found = re.fullmatch(pattern, request.target)
        if operation is None or found is None:
            return None
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                self.objections += check(found[parameter["name"]], parameter["schema"])
        return operation

    def _login(self, request: Request) -> list[str]:
        (scheme,) = DESCRIPTION["components"]["securitySchemes"].values()
        kind, _, credentials = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != scheme["scheme"] or b":" not in b64decode(credentials):
            return ["the login is not of the described scheme"]
        return []

    def _body(self, request: Request, operation: dict[str, Any]) -> list[str]:
        if "requestBody" not in operation:
            return ["there is a body"] if request.body else []
        if request.headers.get("content-type", "").partition(";")[0] != _FORM:
            return ["the body is no form"]
        schema = operation["requestBody"]["content"][_FORM]["schema"]
        given = parse_qs(request.body.decode(), keep_blank_values=True, strict_parsing=True)
        typed = {name: _typed(values, schema["properties"].get(name, {})) for name, values in given.items()}
        self.fields.append(typed)
        return check(typed, {**schema, "additionalProperties": False})
