"""`gatepost accounts add`, `reset-password` and more: accounts with a local user name."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.account_changes import noted
from gateway.cli.account_parts import (
    account_argument,
    check_listed,
    checked_email,
    group_option,
    print_option,
    role_option,
    tell,
)
from gateway.cli.mails import link_to, mail
from gateway.cli.opened import Kept, fail, load_settings, with_kept
from gateway.cli.options import config_option, json_option

if TYPE_CHECKING:
    from gateway.accounts.account import Account
    from gateway.accounts.desk import Found
    from gateway.model import Identity
    from gateway.settings.schema import Settings

# More than the longest password, which the rules for passwords then refuse.
_MAX_READ = 8192


@click.command("add")
@config_option
@click.argument("user")
@click.option("--email", default="", help="The user's e-mail address; you vouch for it.")
@click.option("--admin", "is_admin", is_flag=True, help="Make the account an administrator.")
@role_option
@group_option
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
    """Add a local account; asks for its password, or reads it from a pipe.

    A password has at least 10 characters.

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
        ready = await kept.local.accounts.ready(person, password)

        async def add() -> "Found":
            account_id = await kept.local.accounts.add(*ready)
            if is_admin:
                await kept.local.first_run.close()
            return await AccountDesk(kept.accounts).find(account_id)

        return await noted(kept, "account.add", user, add)

    tell(with_kept(settings, run), as_json)


@click.command("reset-password")
@config_option
@account_argument
@print_option
def reset_password_command(config: Path | None, account: str, prints_only: bool) -> None:
    """Print a link that sets a new password: once, and within an hour.

    With `smtp` in the configuration, the link is also mailed to the account's address.  Using it
    ends all sessions of the account.

    Example: gatepost accounts reset-password alice
    """
    settings = load_local(config)

    async def run(kept: Kept) -> "tuple[Identity | None, str]":
        from gateway.accounts.desk import AccountDesk
        from gateway.record.journal import COMMAND_LINE, Target

        found = await AccountDesk(kept.accounts).find(account)
        target = Target.of_account(found.account_id, found.account)
        async with kept.journal.act(COMMAND_LINE, "password.reset-link", target):
            token = await kept.local.accounts.reset_token(found.account_id, may_be_first=True)
        return found.account.local, token

    local, token = with_kept(settings, run)
    link = link_to(settings, "reset", token)
    click.echo(link)
    if prints_only or local is None or not local.email:
        return
    to, user = local.email, local.user
    mail(settings, lambda letters: letters.new_password(to, user, link))


@click.command("set-email")
@config_option
@account_argument
@click.option("--email", required=True, help='The new address; you vouch for it.  "" removes it.')
@json_option
def set_email_command(config: Path | None, account: str, email: str, as_json: bool) -> None:
    """Change the e-mail address of a local account.

    This ends all its sessions, and links to a new password that were sent to the old address.

    Example: gatepost accounts set-email alice --email alice@example.com
    """
    settings = load_local(config)
    address = checked_email("--email", email) if email else None

    async def run(kept: Kept) -> "Found":
        return await noted(kept, "email.set", account, lambda: set_email(kept))

    async def set_email(kept: Kept) -> "Found":
        from gateway.accounts.desk import AccountDesk, Found
        from gateway.assembly.accounts import AccountPolicy
        from gateway.assembly.serving import clock
        from gateway.credentials.email_change import EmailChanges

        found = await AccountDesk(kept.accounts).find(account)
        policy = AccountPolicy(kept.accounts, clock)
        try:
            # The app learns of it now: the next sign-in brings nothing new.
            hooks = policy.hooks_of(settings.accounts)
            policy.follow(settings.accounts, hooks, ways_in=None)
            changed = await EmailChanges(kept.accounts).vouch(found.account_id, address)
        finally:
            await policy.aclose()
        await kept.sessions.end_all_of(changed.account.subjects)
        return Found(found.account_id, changed.account)

    tell(with_kept(settings, run), as_json)


@click.command("remove-passkeys")
@config_option
@account_argument
@json_option
def remove_passkeys_command(config: Path | None, account: str, as_json: bool) -> None:
    """Remove all passkeys of an account, and end all its sessions.

    Its password stays.  To let a user in who has neither, see `gatepost accounts reset-password`.

    Example: gatepost accounts remove-passkeys alice
    """
    _take_away(
        config,
        "passkey.remove-all",
        account,
        lambda kept, found: kept.local.passkeys.remove_all(found),
        as_json,
    )


@click.command("reset-second-factor")
@config_option
@account_argument
@json_option
def reset_second_factor_command(config: Path | None, account: str, as_json: bool) -> None:
    """Remove an account's authenticator app and recovery codes, and end its sessions.

    For a user who has lost both.  The password alone is enough then, so make sure who asks you.

    Example: gatepost accounts reset-second-factor alice
    """
    _take_away(
        config,
        "second-factor.turn-off",
        account,
        lambda kept, found: kept.local.factors.turn_off(found),
        as_json,
    )


def _take_away(
    config: Path | None,
    action: str,
    account: str,
    change: "Callable[[Kept, str], Awaitable[Account]]",
    as_json: bool,
) -> None:
    """Do `change` to the account with the id that it is given, and end its sessions."""
    settings = load_local(config)

    async def run(kept: Kept) -> "Found":
        return await noted(kept, action, account, lambda: take_away(kept))

    async def take_away(kept: Kept) -> "Found":
        from gateway.accounts.desk import AccountDesk

        desk = AccountDesk(kept.accounts)
        found = await desk.find(account)
        changed = await change(kept, found.account_id)
        await kept.sessions.end_all_of(changed.subjects)
        return await desk.find(found.account_id)

    tell(with_kept(settings, run), as_json)


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
