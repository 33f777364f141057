"""`gatepost accounts add` and `reset-password`: accounts with a local user name and password."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.account_parts import account_argument, check_listed, role_option, tell
from gateway.cli.opened import Kept, fail, load_settings, with_kept
from gateway.cli.options import config_option, json_option

if TYPE_CHECKING:
    from gateway.accounts.desk import Found
    from gateway.settings.schema import Settings

# More than the longest password, which the rules for passwords then refuse.
_MAX_READ = 8192


@click.command("add")
@config_option
@click.argument("user")
@click.option("--email", default="", help="The user's e-mail address; you vouch for it.")
@click.option("--admin", "is_admin", is_flag=True, help="Make the account an administrator.")
@role_option
@click.option("--group", "groups", multiple=True, help="A group of the account; may be repeated.")
@json_option
def add_command(
    config: Path | None,
    user: str,
    email: str,
    is_admin: bool,
    roles: tuple[str, ...],
    groups: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add a local account; its password is read from standard input.

    With --admin, this does what the first-run page does, which is then gone.

    Example: gatepost accounts add alice --email alice@example.com --admin
    """
    check_listed("a role", roles)
    check_listed("a group", groups)
    settings = load_local(config)
    password = _read_password()

    async def run(kept: Kept) -> "Found":
        from gateway.accounts.desk import AccountDesk
        from gateway.credentials.local_accounts import NewPerson

        person = NewPerson(user, email, roles, groups, is_admin)
        account_id = await kept.local.accounts.add(
            *await kept.local.accounts.ready(person, password)
        )
        if is_admin:
            await kept.local.first_run.close()
        return await AccountDesk(kept.accounts).find(account_id)

    tell(with_kept(settings, run), as_json)


@click.command("reset-password")
@config_option
@account_argument
def reset_password_command(config: Path | None, account: str) -> None:
    """Print a link that sets a new password: once, and within an hour.

    Using it ends all sessions of the account.

    Example: gatepost accounts reset-password alice
    """
    settings = load_local(config)

    async def run(kept: Kept) -> str:
        from gateway.accounts.desk import AccountDesk

        found = await AccountDesk(kept.accounts).find(account)
        return await kept.local.accounts.reset_token(found.account_id, may_be_first=True)

    token = with_kept(settings, run)
    click.echo(f"{settings.public_url[0]}/_gatepost/reset?token={token}")


def load_local(config: Path | None) -> "Settings":
    """The settings, if they allow local accounts; else print why not and exit."""
    settings = load_settings(config)
    if not settings.has_local_accounts:
        fail("auth_mode: oidc-only has no local accounts: write standalone or hybrid", 2)
    return settings


def _read_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    # The rules for passwords judge the rest.
    return sys.stdin.read(_MAX_READ + 1).removesuffix("\n").removesuffix("\r")
