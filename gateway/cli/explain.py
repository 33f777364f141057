"""`gatepost explain`: what happens to a request, and why."""

import asyncio
import json
import os
import sys
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gateway.cli.options import config_option
from gateway.errors import SettingsError
from gateway.kinds import KINDS
from gateway.settings.scalars import printable

if TYPE_CHECKING:
    from gateway.assembly.explanation import Explanation
    from gateway.assembly.pretence import Pretence
    from gateway.cli.recorded import Recorded
    from gateway.cli.replay import Replay
    from gateway.cli.review import Review
    from gateway.settings.load import Loaded
    from gateway.settings.schema import Settings


@click.command("explain")
@config_option
@click.argument("method", required=False)
@click.argument("target", required=False)
@click.option(
    "--from-audit",
    "logs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Decide the requests of an audit log again, and list what changes; - for standard input,"
    " may be repeated.",
)
@click.option(
    "--people",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --from-audit: a file of USER: {groups: [...], email: ..., roles: ...}, because the"
    " audit has only names.",
)
@click.option("--host", help="The requested host.  [default: that of public_url]")
@click.option("--user", help="The user.  [default: anonymous]")
@click.option("--email", help="The verified e-mail address of the user.")
@click.option("--group", "groups", multiple=True, help="A group of the user's; may be repeated.")
@click.option("--role", "roles", multiple=True, help="A role of the user's; may be repeated.")
@click.option(
    "--scope", "scopes", multiple=True, help="A scope of the credential; may be repeated."
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="NAME=VALUE",
    help="A claim of the user; NAME may be a JSON pointer, VALUE a number, true or other JSON;"
    " may be repeated.",
)
@click.option("--provider", help="The user's provider.  [default: the first one]")
@click.option("--acr", help="The authentication context class from the provider.")
@click.option("--amr", multiple=True, help="A method the user signed in with; may be repeated.")
@click.option(
    "--auth-age",
    metavar="DURATION",
    help="How long ago the user signed in, such as 2h.  [default: just now; for bearer: unknown]",
)
@click.option(
    "--credential",
    type=click.Choice([*KINDS, "foreign"]),
    help="The kind of credential; foreign: one that only the app recognises.  [default: session]",
)
@click.option("--bad", is_flag=True, help="The credential has expired or is unknown.")
@click.option(
    "--key-route",
    "key_routes",
    multiple=True,
    metavar="ROUTE",
    help="A route that the API key is limited to; may be repeated.",
)
@click.option("--ip", default="127.0.0.1", help="The client's address.  [default: 127.0.0.1]")
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="A field of the request; may be repeated.",
)
@click.option(
    "--mcp-method",
    metavar="METHOD",
    help="The method of the JSON-RPC message in the body, such as tools/list.",
)
@click.option("--mcp-tool", metavar="TOOL", help="The tool that the message calls.")
@click.option(
    "--at", metavar="TIME", help="When it is sent, such as 2027-03-01T12:00Z.  [default: now]"
)
@click.option(
    "--after",
    type=click.IntRange(0, 100_000),
    default=0,
    help="Number of similar requests at the same moment before it, for rate limits.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def explain_command(
    context: click.Context,
    /,
    config: Path | None,
    as_json: bool,
    logs: tuple[Path, ...],
    people: Path | None,
    **options: Any,
) -> None:
    """Show what happens to a request: each route tried, each condition met or not.

    Runs the request through the code that serves, and forwards nothing.  Reads no provider, store
    or secret: the options describe the credential, and are trusted.

    \b
    Examples:
      gatepost explain GET /reports/1 --user alice --group admins
      gatepost explain POST /api/keys --user ci --credential api_key
      gatepost explain POST /notes --user alice --header 'Origin: https://evil.example'
      gatepost explain POST /mcp --user bob --group staff --mcp-tool delete_note
      gatepost explain -c new.yaml --from-audit /var/log/gatepost/audit.log
    """
    from gateway.assembly.pretence import Pretence, PretenceError
    from gateway.settings.load import load

    _check(context, logs, people)
    try:
        loaded = load(config, os.environ, reads_secrets=False)
        told: Explanation | Review
        if logs:
            told = asyncio.run(_review(loaded.settings, logs, people, options["host"]))
        else:
            told = asyncio.run(_explain(loaded, Pretence(**options)))
    except PretenceError as error:
        raise click.UsageError(str(error)) from error
    except SettingsError as error:
        click.echo("\n".join(error.problems), err=True)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps(told.as_json()))
    else:
        click.echo("\n".join(told.lines()))


def _check(context: click.Context, logs: tuple[Path, ...], people: Path | None) -> None:
    """Refuse options that go with the other way to ask."""
    if not logs:
        if people is not None:
            raise click.UsageError("--people: only with --from-audit")
        for name in ("method", "target"):
            if context.params[name] is None:
                raise click.UsageError(f"Missing argument '{name.upper()}'.")
        return
    given = [
        it.opts[0]
        for it in context.command.params
        if it.name not in ("config", "logs", "people", "host", "as_json")
        and context.get_parameter_source(it.name or "") is ParameterSource.COMMANDLINE
        and context.params.get(it.name or "") is not None
    ]
    if given:
        raise click.UsageError(f"--from-audit: {', '.join(given)} cannot be given with it")


async def _review(
    settings: "Settings", logs: tuple[Path, ...], people: Path | None, host: str | None
) -> "Review":
    from gateway.cli.people import read_people
    from gateway.cli.recorded import open_log, records_of
    from gateway.cli.replay import Replay, why_not
    from gateway.cli.review import Review

    review = Review()
    known = {} if people is None else read_people(people, settings.providers)
    async with Replay(settings, known, host) as replay:
        for log in logs:
            try:
                with open_log(log) as stream:
                    for record in records_of(stream):
                        if record is None:
                            review.unread += 1
                        elif why := why_not(record):
                            review.leave(why)
                        else:
                            await _decide_again(replay, record, review)
            except (OSError, EOFError, zlib.error) as error:
                raise SettingsError([printable(f"{log}: cannot be read: {error}")]) from error
    if review.unread:
        click.echo(f"warning: {review.unread} lines are none of the audit", err=True)
    return review


async def _decide_again(replay: "Replay", record: "Recorded", review: "Review") -> None:
    from gateway.assembly.pretence import PretenceError

    try:
        again = await replay.decide(record)
    except PretenceError:
        review.leave("no client can send what is recorded")
    else:
        review.add(record, again)


async def _explain(loaded: "Loaded", pretence: "Pretence") -> "Explanation":
    from gateway.assembly.explanation import explain_all

    now = datetime.now(UTC).timestamp()
    return await explain_all(loaded.settings, pretence, now, loaded.place)
