"""What the commands about accounts share: options, and how an account is shown."""

import json
from typing import TYPE_CHECKING

import click

from gateway.cli.table import printable

if TYPE_CHECKING:
    from gateway.accounts.desk import Found

account_argument = click.argument("account", metavar="ACCOUNT")
print_option = click.option(
    "--print", "prints_only", is_flag=True, help="Only print the link, even if mails can be sent."
)
role_option = click.option(
    "--role", "roles", multiple=True, help="A role of the account; may be repeated."
)

group_option = click.option(
    "--group", "groups", multiple=True, help="A group of the account; may be repeated."
)


def check_line(option: str, value: str) -> None:
    """Exit unless `value` is one line of text."""
    if not value or value != value.strip() or not value.isprintable():
        raise click.UsageError(f"{option} must be one line of text without blanks around it")


def check_listed(what: str, values: tuple[str, ...]) -> None:
    """Exit unless every value can stand in a list that apps split at commas."""
    for value in values:
        check_line(what, value)
        if "," in value:
            raise click.UsageError(f"{what} must not contain a comma: {value!r}")


def checked_email(option: str, email: str) -> str:
    """The address; exit if it is none."""
    from gateway.credentials.passwords import UserNameRefusedError, check_email

    try:
        address = check_email(email)
    except UserNameRefusedError:
        address = None
    if address is None:
        raise click.UsageError(f"{option}: {printable(email)!r} is not an e-mail address")
    return address


def described(found: "Found") -> dict[str, object]:
    """The account as JSON shows it."""
    from gateway.accounts.desk import describe

    return describe(found)


def tell(found: "Found", as_json: bool, link: str | None = None) -> None:
    """Print the account, and a link that its owner needs."""
    if as_json:
        more = {} if link is None else {"link": link}
        click.echo(json.dumps({**described(found), **more}))
        return
    for key, value in described(found).items():
        if key in ("identities", "invitations"):
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        click.echo(f"{key:<14} {printable(str('-' if shown in (None, '') else shown))}")
    for it in found.account.invitations:
        click.echo(f"{'invitation':<14} {printable(f'{it.email} {it.issuer}'.strip())}")
    for subject in found.account.subjects:
        click.echo(f"{'identity':<14} {printable(f'{subject[0]} {subject[1]}')}")
    if link is not None:
        click.echo(f"{'link':<14} {link}")
