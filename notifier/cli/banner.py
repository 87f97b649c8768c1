"""Commands for those who put the banner into an application."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from notifier.channels.banner.notices import is_safe_link
from notifier.channels.banner.token import LONGEST, Tokens
from notifier.cli import application, fail
from notifier.errors import NotifierError, Refused
from notifier.web.banner.assets import element, tag

app = typer.Typer()

_PREFIX = re.compile(r"[A-Za-z0-9/:._~-]*[A-Za-z0-9._~-]", re.ASCII)


@app.command("tag")
def tag_command(
    context: typer.Context,
    prefix: Annotated[str, typer.Option(help="Where the banner's addresses begin.")] = "/banner",
) -> None:
    """Print the script element for your pages, with the digest of this version's file (SRI)."""
    made = element()
    if not (is_safe_link(prefix) and _PREFIX.fullmatch(prefix)):
        fail(
            Refused(
                "the banner's addresses begin with a path or with https",
                advice="Give --prefix as /banner, or as https://notices.example.com/banner.",
            )
        )
    value = {
        "src": f"{prefix}/{made.hashed_name}",
        "integrity": made.integrity,
        "gzip_bytes": len(made.compressed),
    }
    application(context).show(value, lambda: typer.echo(tag(prefix)))


@app.command("token")
def token_command(context: typer.Context) -> None:
    """Say what a token, given on standard input, vouches for under the settings; refused if for nobody."""
    app_ = application(context)
    try:
        if not app_.settings.banner.keys:
            raise Refused(
                "no key of a host application is set",
                advice="Name its public key in [[banner.keys]]; see docs/how-to/show-the-banner.md.",
            )
        claims = Tokens.load(app_.settings.banner, app_.clock).verify(sys.stdin.read(LONGEST + 1).strip())
        if claims is None:
            raise Refused(
                "the token vouches for nobody",
                advice="Look at its kid, algorithm, iss, aud, iat and exp; see docs/reference/banner.md.",
            )
    except NotifierError as error:
        fail(error)
    value = {
        "sub": claims.sub,
        "key": claims.key_id,
        "expires_at": claims.expires_at.isoformat(),
        "customary_place": claims.customary_place,
        "authenticated_at": claims.authenticated_at and claims.authenticated_at.isoformat(),
    }
    lines = "\n".join(f"{name}: {one}" for name, one in value.items())
    app_.show(value, lambda: typer.echo(lines))
