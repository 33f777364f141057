"""`gatepost accounts move-issuer`: lets the users of one issuer keep their accounts at another."""

import json
from pathlib import Path

import click

from gateway.cli.by_command import by_command
from gateway.cli.opened import Kept, load_settings, with_kept
from gateway.cli.options import config_option, json_option
from gateway.cli.table import print_table


@click.command("move-issuer")
@config_option
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option(
    "--by",
    type=click.Choice(["email", "subject"]),
    default="email",
    show_default=True,
    help="How users are matched at the new issuer: by verified e-mail address, at their next"
    " sign-in, or by the same subject.",
)
@click.option(
    "--apply", "applies", is_flag=True, help="Make the changes.  Without this, only list them."
)
@json_option
def move_issuer_command(
    config: Path | None, old: str, new: str, by: str, applies: bool, as_json: bool
) -> None:
    """Let the users of issuer OLD keep their accounts at issuer NEW.

    Lists what would change; --apply makes the changes.  It is safe to repeat.

    Example: gatepost accounts move-issuer https://old.example.com https://new.example.com
    """
    from gateway.accounts.moving import move_issuer

    async def run(kept: Kept) -> list[dict[str, object]]:
        from gateway.accounts.desk import AccountDesk

        desk = AccountDesk(kept.accounts)
        if not applies:
            return await move_issuer(desk, old, new, by=by, applies=False)
        async with by_command(kept, "accounts.move-issuer", new, name=f"{old} {new}"):
            return await move_issuer(desk, old, new, by=by, applies=True)

    moves = with_kept(load_settings(config), run)
    if as_json:
        click.echo(json.dumps(moves))
    else:
        print_table(
            ("ID", "USER", "NOW", "RESULT"),
            ([str(it[key] or "-") for key in ("id", "user", "subject", "result")] for it in moves),
        )
        if not applies:
            click.echo("# nothing was changed: add --apply", err=True)
