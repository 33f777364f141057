"""`gatepost login`, `gatepost token` and `gatepost logout`."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.cli.login.address import read_resource, read_url
from gateway.cli.login.failure import CommandError
from gateway.cli.login.keeping import Keeper, keeper_of
from gateway.cli.login.tokens import Tokens, end, fresh, keep, name_of, of_answer
from gateway.cli.opened import fail
from gateway.cli.options import json_option

_F = TypeVar("_F", bound=Callable[..., Any])


def _common(command: _F) -> _F:
    options = (
        click.argument("url"),
        click.option(
            "--resource",
            metavar="URL",
            help="An MCP server of the gateway; tokens for it are good there alone.",
        ),
        click.option(
            "--file",
            metavar="PATH",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Keep the tokens in this file, with mode 0600.  [default: the system's keyring]",
        ),
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@_common
@click.option("--scope", "scopes", multiple=True, help="Ask for this scope; may be repeated.")
@click.option("--device", is_flag=True, help="Sign in on another device, with a code.")
def login_command(
    url: str,
    resource: str | None,
    file: Path | None,
    as_json: bool,
    scopes: tuple[str, ...],
    device: bool,
) -> None:
    """Sign in to the gateway at URL.

    Opens your browser, or shows a code to type on another device where there is none.
    An earlier sign-in at the same URL ends.  Exit status: 0, 1 for a failure, 2 for wrong
    arguments.

    Example: gatepost login https://notes.example.com
    """
    with _told():
        url, resource, keeper = _read(url, resource, file)
        # Before anybody signs in for nothing.
        keeper.read(name_of(url, resource))
        tokens = _sign_in(url, resource, scopes, on_device=device)
        keep(keeper, tokens)
        _print(f"Signed in to {resource or url}", tokens.told, as_json=as_json)


@click.command()
@_common
def token_command(url: str, resource: str | None, file: Path | None, as_json: bool) -> None:
    """Print an access token for the gateway at URL, renewed if it ends soon.

    Exit status: 0, 1 for a failure, 2 for wrong arguments, 3 if you have to sign in.

    Example: curl -H "Authorization: Bearer $(gatepost token https://notes.example.com)"
    https://notes.example.com/api
    """
    with _told():
        url, resource, keeper = _read(url, resource, file)
        tokens = fresh(keeper, name_of(url, resource), _now())
        told = {"access_token": tokens.access_token, "token_type": "Bearer", **tokens.told}
        _print(tokens.access_token, told, as_json=as_json)


@click.command()
@_common
def logout_command(url: str, resource: str | None, file: Path | None, as_json: bool) -> None:
    """Revoke the tokens for the gateway at URL, and forget them.

    Exit status: 0, 1 for a failure, 2 for wrong arguments, 3 if you are not signed in.

    Example: gatepost logout https://notes.example.com
    """
    with _told():
        url, resource, keeper = _read(url, resource, file)
        end(keeper, name_of(url, resource))
        told = {"url": url, "resource": resource, "revoked": True}
        _print(f"Signed out of {resource or url}", told, as_json=as_json)


def _read(url: str, resource: str | None, file: Path | None) -> tuple[str, str | None, Keeper]:
    try:
        url = read_url(url)
        resource = None if resource is None else read_resource(resource, url)
    except CommandError as error:
        raise click.UsageError(str(error)) from None
    return url, resource, keeper_of(file)


def _sign_in(url: str, resource: str | None, scopes: tuple[str, ...], *, on_device: bool) -> Tokens:
    from gateway.cli.login import device, loopback
    from gateway.cli.login.server import find_server

    server = find_server(url, resource)
    asked = {"scope": " ".join(scopes), "resource": resource or ""}
    given = {name: value for name, value in asked.items() if value}
    if on_device or not loopback.can_open_browser():
        answer = device.sign_in(server, url, given, _tell)
    else:
        try:
            answer = loopback.sign_in(server, url, given, _tell)
        except loopback.NoBrowserError:
            answer = device.sign_in(server, url, given, _tell)
    return of_answer(answer, server, url, resource, _now())


@contextmanager
def _told() -> Iterator[None]:
    """Print what is wrong, and exit."""
    try:
        yield
    except CommandError as error:
        fail(str(error), error.status)


def _tell(text: str) -> None:
    # Not where scripts read the result.
    click.echo(text, err=True)


def _print(text: str, told: Mapping[str, object], *, as_json: bool) -> None:
    click.echo(json.dumps(told) if as_json else text)


def _now() -> float:
    return datetime.now(UTC).timestamp()
