"""``notifier customers correct``: what a person, or their mail, says is otherwise by now."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from notifier.cli import application, err, out, run
from notifier.cli.identity import ask_line, identify
from notifier.customers.correcting import FIELDS, Corrected, Learned, correct
from notifier.errors import BadInput
from notifier.escalation.resend import offered_to

app = typer.Typer()
_QUESTIONS = {
    "email": "E-mail address: ",
    "phone": "Telephone number: ",
    "street": "Street and number: ",
    "postal_code": "Postal code: ",
    "city": "City: ",
    "region": "State or region: ",
    "country": "Country, such as DE: ",
    "name": "Name: ",
    "locale": "Language, such as de or en-GB: ",
}


@app.command("correct")
def correct_one(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="The customer number.")],
    *,
    learned: Annotated[Learned, typer.Option(help="How you learned it.")],
    operator: Annotated[str, typer.Option(help="Your handle.")],
    email: Annotated[bool, typer.Option("--email", help="Ask for the e-mail address.")] = False,
    phone: Annotated[bool, typer.Option("--phone", help="Ask for the telephone number.")] = False,
    address: Annotated[bool, typer.Option("--address", help="Ask for the postal address.")] = False,
    name: Annotated[bool, typer.Option("--name", help="Ask for the name.")] = False,
    language: Annotated[bool, typer.Option("--language", help="Ask for the language.")] = False,
) -> None:
    """Correct what is known of one customer, and see what can be sent to them again.

    The values are asked for, a line each, so that they stand in no list of commands. A dash says that
    there is none any more. What was right before is not used again.
    """
    app_ = application(context)
    wanted = {"email": email, "phone": phone, "address": address, "name": name, "language": language}

    async def act() -> tuple[Corrected, list[tuple[str, str]]]:
        fields = [field for what, asked in wanted.items() if asked for field in FIELDS[what]]
        if not fields:
            raise BadInput(
                "nothing is to be corrected", advice=f"Name it: {', '.join(f'--{what}' for what in wanted)}."
            )
        async with app_.store() as store:
            handle = await identify(app_, store, operator)
            typed = {field: ask_line(_QUESTIONS[field]) for field in fields}
            if not any(value.strip() for value in typed.values()):
                raise BadInput(
                    "nothing was typed; nothing is changed", advice="A dash says that there is none."
                )
            async with store.begin() as tx:
                done = await correct(tx, app_.load_keys(), number, typed, learned=learned, actor=handle)
                return done, await offered_to(tx, done.customer)

    done, again = run(act())
    value: dict[str, Any] = {
        "number": number,
        "changed": done.changed,
        "unusable": dict(done.unusable),
        "offered": [{"announcement": code, "channel": channel} for code, channel in again],
    }

    def human() -> None:
        out.print(f"{number} is corrected." if done.changed else f"{number} was so already.", markup=False)
        for channel, why in done.unusable.items():
            err.print(
                f"By {channel} nobody writes there: {why} (see: notifier suppressions list)", markup=False
            )
        for code, channel in again:
            out.print(
                f"{code} has not reached them. Send it again: notifier announcements resend {code}"
                f" --channel {channel} --operator HANDLE --reason ...",
                markup=False,
            )

    app_.show(value, human)
