"""`gatepost accounts invite`: lets somebody join an account."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.account_changes import noted
from gateway.cli.account_parts import (
    check_line,
    check_listed,
    checked_email,
    group_option,
    print_option,
    role_option,
    tell,
)
from gateway.cli.mails import link_to, mail
from gateway.cli.opened import Kept, load_settings, with_kept
from gateway.cli.options import config_option, json_option

if TYPE_CHECKING:
    from gateway.accounts.desk import Found


@click.command("invite")
@config_option
@click.option(
    "--email", required=True, help="Address of the user, which a provider must have verified."
)
@click.option("--account", help="The account to join.  [default: a new one]")
@click.option("--issuer", default="", help="Only if this issuer has verified the address.")
@role_option
@group_option
@print_option
@json_option
def invite_command(
    config: Path | None,
    email: str,
    account: str | None,
    issuer: str,
    roles: tuple[str, ...],
    groups: tuple[str, ...],
    prints_only: bool,
    as_json: bool,
) -> None:
    """Let the user with this verified e-mail address join an account, once.

    Where there are local accounts, this also makes a link to choose a user name and a password.  It
    works for an hour, and is mailed to the address with `smtp` in the configuration.

    Example: gatepost accounts invite --email alice@example.com --role editor
    """
    address, settings = checked_email("--email", email), load_settings(config)
    if issuer:
        check_line("--issuer", issuer)
    check_listed("a role", roles)
    check_listed("a group", groups)

    async def run(kept: Kept) -> "tuple[Found, str | None]":
        from gateway.accounts.desk import AccountDesk
        from gateway.credentials.invitations import Invitations

        desk = AccountDesk(kept.accounts)

        async def invite() -> "Found":
            return await desk.invite(address, account, issuer, roles, groups)

        found = await noted(kept, "invitation.create", address, invite)
        if not settings.has_local_accounts:
            return found, None
        invitations = Invitations(kept.accounts, kept.local.accounts)
        return found, await invitations.token(found.account_id, address)

    found, token = with_kept(settings, run)
    link = None if token is None else link_to(settings, "invitation", token)
    tell(found, as_json, link)
    if link is None and not as_json:
        click.echo(f"# send the user to {settings.public_url[0]}/", err=True)
    if link is not None and not prints_only:
        mail(settings, lambda letters: letters.invitation(address, link))
