"""`gatepost accounts`: list, link and disable accounts in the store that the gateway uses."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.account_changes import change, look
from gateway.cli.account_parts import (
    account_argument,
    check_line,
    check_listed,
    described,
    role_option,
    tell,
)
from gateway.cli.carried_accounts import export_command, import_command
from gateway.cli.invite import invite_command
from gateway.cli.local_accounts import (
    add_command,
    remove_passkeys_command,
    reset_password_command,
    reset_second_factor_command,
    set_email_command,
)
from gateway.cli.move_issuer import move_issuer_command
from gateway.cli.opened import fail
from gateway.cli.options import config_option, json_option
from gateway.cli.table import print_table, shown_time

if TYPE_CHECKING:
    from gateway.accounts.desk import AccountDesk, Found

_COLUMNS = ("ID", "USER", "E-MAIL", "EXTERNAL ID", "ROLES", "STATE", "CREATED")
_PAGE = 100


@click.group("accounts")
def accounts_command() -> None:
    """List, link, invite and disable accounts.

    ACCOUNT is the id of an account or its user name.  Works on the store of the configuration,
    even while the gateway runs: it applies a change within two seconds.

    Example: gatepost accounts link --issuer https://id.example.com --subject 1234 --account alice
    """


accounts_command.add_command(add_command)
accounts_command.add_command(invite_command)
accounts_command.add_command(reset_password_command)
accounts_command.add_command(export_command)
accounts_command.add_command(import_command)
accounts_command.add_command(set_email_command)
accounts_command.add_command(move_issuer_command)
accounts_command.add_command(remove_passkeys_command)
accounts_command.add_command(reset_second_factor_command)


@accounts_command.command("list")
@config_option
@click.option("--email", help="Only accounts with this verified e-mail address or an invitation.")
@click.option("--after", default="", help="Start after this id, to see the next page.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=_PAGE, show_default=True)
@json_option
def list_command(
    config: Path | None, email: str | None, after: str, limit: int, as_json: bool
) -> None:
    """List accounts in order of their ids, a page at a time.

    Example: gatepost accounts list --email alice@example.com
    """

    async def run(desk: "AccountDesk") -> "list[Found]":
        return await (desk.page(after, limit) if email is None else desk.with_email(email))

    found = look(config, run)
    if as_json:
        click.echo(json.dumps([described(it) for it in found]))
        return
    print_table(_COLUMNS, map(_row, found))
    if email is None and len(found) == limit:
        click.echo(f"# more: --after {found[-1].account_id}", err=True)


@accounts_command.command("show")
@config_option
@account_argument
@json_option
def show_command(config: Path | None, account: str, as_json: bool) -> None:
    """Show an account: its identities, and the data kept with it.

    Secrets are shown by name only.
    """
    tell(look(config, lambda desk: desk.find(account)), as_json)


@accounts_command.command("disable")
@config_option
@account_argument
@json_option
def disable_command(config: Path | None, account: str, as_json: bool) -> None:
    """Sign an account out everywhere and refuse it from now on.

    Its sessions, tokens, API keys and tunnels end within two seconds.
    """
    tell(
        change(config, "account.disable", account, lambda desk: desk.set_disabled(account, True)),
        as_json,
    )


@accounts_command.command("enable")
@config_option
@account_argument
@json_option
def enable_command(config: Path | None, account: str, as_json: bool) -> None:
    """Let a disabled account sign in again.  Its API keys work again too."""
    tell(
        change(config, "account.enable", account, lambda desk: desk.set_disabled(account, False)),
        as_json,
    )


@accounts_command.command("link")
@config_option
@click.option("--issuer", required=True, help="Issuer of the provider, as in the configuration.")
@click.option("--subject", required=True, help="The user's subject at the provider (sub).")
@click.option("--account", help="The account to join.  [default: its own, created if needed]")
@click.option("--external-id", help="The app's own key for the user.")
@role_option
@json_option
def link_command(
    config: Path | None,
    issuer: str,
    subject: str,
    account: str | None,
    external_id: str | None,
    roles: tuple[str, ...],
    as_json: bool,
) -> None:
    """Let an identity sign in to an account, even if it has never signed in.

    Example: gatepost accounts link --issuer https://id.example.com --subject 1234 --external-id 17
    """
    for option, value in (("--issuer", issuer), ("--subject", subject)):
        check_line(option, value)
    if external_id is not None:
        check_line("--external-id", external_id)
    check_listed("a role", roles)
    tell(
        change(
            config,
            "identity.link",
            subject,
            lambda desk: desk.link((issuer, subject), account, external_id, roles),
        ),
        as_json,
    )


@accounts_command.command("unlink")
@config_option
@click.option("--issuer", required=True, help="Issuer of the provider.")
@click.option("--subject", required=True, help="The user's subject at the provider (sub).")
@json_option
def unlink_command(config: Path | None, issuer: str, subject: str, as_json: bool) -> None:
    """Remove an identity from its account and end its sessions.

    The next time it signs in, it gets an account of its own.
    """
    tell(
        change(config, "identity.unlink", subject, lambda desk: desk.unlink((issuer, subject))),
        as_json,
    )


@accounts_command.command("set-roles")
@config_option
@account_argument
@click.argument("roles", nargs=-1, metavar="[ROLE]...")
@json_option
def set_roles_command(
    config: Path | None, account: str, roles: tuple[str, ...], as_json: bool
) -> None:
    """Give an account exactly these roles, in addition to those from its provider.

    Example: gatepost accounts set-roles alice doctor
    """
    check_listed("a role", roles)
    tell(
        change(config, "account.set-roles", account, lambda desk: desk.set_roles(account, roles)),
        as_json,
    )


@accounts_command.command("set-secret")
@config_option
@account_argument
@click.argument("name")
@click.option("--remove", is_flag=True, help="Remove the secret.")
@json_option
def set_secret_command(
    config: Path | None, account: str, name: str, remove: bool, as_json: bool
) -> None:
    """Store a secret with an account, read from standard input.

    An app that accepts only its own credentials gets it through `account_secret` in
    `request_headers`.

    Example: gatepost accounts set-secret alice notes-key < key.txt
    """
    check_line("NAME", name)
    secret = None if remove else _read_secret()
    tell(
        change(
            config,
            "secret.remove" if remove else "secret.set",
            name,
            lambda desk: desk.set_secret(account, name, secret),
        ),
        as_json,
    )


@accounts_command.command("merge")
@config_option
@click.argument("source", metavar="ACCOUNT")
@click.argument("target", metavar="INTO")
@json_option
def merge_command(config: Path | None, source: str, target: str, as_json: bool) -> None:
    """Merge ACCOUNT into INTO, which then has everything of both.

    The user name is that of INTO.  This cannot be undone.
    """
    tell(change(config, "account.merge", source, lambda desk: desk.merge(source, target)), as_json)


@accounts_command.command("release-name")
@config_option
@click.argument("user")
@json_option
def release_name_command(config: Path | None, user: str, as_json: bool) -> None:
    """Remove a user name from its account, so that another user can have it.

    The app may still have data under that name: check there first.
    """
    tell(change(config, "name.release", user, lambda desk: desk.release_name(user)), as_json)


def _read_secret() -> str:
    from gateway.accounts.account import MAX_SECRET

    if sys.stdin.isatty():
        secret = click.prompt("Secret", hide_input=True, err=True)
    else:
        secret = sys.stdin.read(MAX_SECRET + 1).removesuffix("\n").removesuffix("\r")
    text = str(secret)
    if not 0 < len(text) <= MAX_SECRET or not text.isprintable() or text != text.strip():
        fail("the secret must be one line of text without blanks around it", 2)
    return text


def _row(found: "Found") -> tuple[str, ...]:
    account = found.account
    email = account.email
    if email is None:
        email = next((f"{it.email} (invited)" for it in account.invitations), "-")
    return (
        found.account_id,
        account.user or "-",
        email,
        account.external_id or "-",
        ",".join(account.roles) or "-",
        _state(found),
        shown_time(account.created_at or None),
    )


def _state(found: "Found") -> str:
    account = found.account
    if account.is_disabled:
        return "disabled"
    if account.is_client:
        return "client"
    return "active" if account.seen else "invited" if account.invitations else "linked"
