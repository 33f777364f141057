"""`gatepost explain`: what happens to a request, and why."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import config_option
from gateway.errors import SettingsError
from gateway.kinds import KINDS

if TYPE_CHECKING:
    from gateway.cli.explanation import Explanation
    from gateway.cli.pretence import Pretence
    from gateway.settings.schema import Settings


@click.command("explain")
@config_option
@click.argument("method")
@click.argument("target")
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
    help="A claim of the user; NAME may be a JSON pointer; may be repeated.",
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
    "--at", metavar="TIME", help="When it is sent, such as 2027-03-01T12:00Z.  [default: now]"
)
@click.option(
    "--after",
    type=click.IntRange(0, 100_000),
    default=0,
    help="Number of similar requests at the same moment before it, for rate limits.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def explain_command(config: Path | None, as_json: bool, **options: Any) -> None:
    """Show what happens to a request: each route tried, each condition met or not.

    Runs the request through the code that serves, and forwards nothing.  Reads no provider, store
    or secret: the options describe the credential, and are trusted.

    \b
    Examples:
      gatepost explain GET /reports/1 --user alice --group admins
      gatepost explain POST /api/keys --user ci --credential api_key
      gatepost explain POST /notes --user alice --header 'Origin: https://evil.example'
    """
    from gateway.cli.pretence import Pretence
    from gateway.settings.load import load

    try:
        settings = load(config, os.environ, reads_secrets=False).settings
    except SettingsError as error:
        click.echo("\n".join(error.problems), err=True)
        sys.exit(2)
    explained = asyncio.run(_explain(settings, Pretence(**options)))
    if as_json:
        click.echo(json.dumps(explained.as_json()))
    else:
        click.echo("\n".join(explained.lines()))


async def _explain(settings: "Settings", pretence: "Pretence") -> "Explanation":
    from gateway.cli.explanation import explain_all

    return await explain_all(settings, pretence, datetime.now(UTC).timestamp())
