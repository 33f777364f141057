"""`gatepost keys`: create, list and revoke API keys in the gateway's store."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.by_command import by_command
from gateway.cli.opened import Kept, fail, load_settings, with_kept
from gateway.cli.options import config_option, json_option
from gateway.cli.table import print_table, printable, shown_time
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.credentials.key_record import KeyRecord
    from gateway.credentials.key_request import KeyRequest
    from gateway.settings.schema import Settings

_COLUMNS = ("ID", "USER", "NAME", "SCOPES", "ROUTES", "CREATED", "EXPIRES", "STATE", "LAST USED")


@click.group("keys")
def keys_command() -> None:
    """Create, list and revoke API keys.

    Works on the store of the configuration.  The gateway may be running, and refuses a revoked
    key within two seconds.
    """


@keys_command.command("create")
@config_option
@click.option("--user", required=True, help="User name of the key, as sent to the app.")
@click.option("--name", required=True, help="Purpose of the key.")
@click.option("--scope", "scopes", multiple=True, help="A scope of the key; may be repeated.")
@click.option(
    "--route", "routes", multiple=True, help="Limit the key to this route; may be repeated."
)
@click.option(
    "--expires-in", help="Such as 90d.  [default: 90d, or api_keys.max_lifetime if shorter]"
)
@click.option("--static", is_flag=True, help="Store nothing, and print the entry for the file.")
@json_option
def create_command(
    config: Path | None,
    user: str,
    name: str,
    scopes: tuple[str, ...],
    routes: tuple[str, ...],
    expires_in: str | None,
    static: bool,
    as_json: bool,
) -> None:
    """Create a key and print it.  It is shown only once.

    Its identity is that of the account with the user name, from the last sign-in.  If there is no
    such account, it has only the user name.  You can give any scope here:
    `api_keys.grantable_scopes` limits only what users can give.
    """
    settings = load_settings(config)
    wanted = _wanted(settings, user, name, scopes, routes, expires_in)
    if static:
        if routes:
            fail("--static: a key in the file cannot have --route", 2)
        _tell_static(user, wanted.name, wanted.scopes, wanted.lifetime_s)
        return
    key, record = with_kept(settings, partial(_create, settings, user, wanted, routes))
    if as_json:
        click.echo(json.dumps({**_described(record), "key": key}))
    else:
        click.echo(key)
        click.echo(f"id {record.key_id}, expires {shown_time(record.expires_at)}", err=True)


def _wanted(
    settings: "Settings",
    user: str,
    name: str,
    scopes: tuple[str, ...],
    routes: tuple[str, ...],
    expires_in: str | None,
) -> "KeyRequest":
    """The requested key; exits if it is not allowed."""
    from gateway.credentials.key_request import read_key_request
    from gateway.settings.api_keys import ApiKeySettings

    rules = settings.api_keys
    if rules is None:
        fail('api_keys: add this section, or no key is accepted ("api_keys: {}")', 2)
    unknown = set(routes) - {route.name for route in settings.routes}
    if unknown:
        fail(f"no route {', '.join(sorted(unknown))}", 2)
    if not user.strip() or not user.isprintable():
        fail("--user must be one line of text", 2)
    try:
        any_scope = ApiKeySettings(grantable_scopes=scopes, max_lifetime=rules.max_lifetime)
        return read_key_request(name, list(scopes), expires_in, any_scope)
    except (GatewayError, ValueError) as error:
        fail(_said(error), 2)


async def _create(
    settings: "Settings", user: str, wanted: "KeyRequest", routes: tuple[str, ...], kept: Kept
) -> "tuple[str, KeyRecord]":
    from gateway.assembly.serving import clock
    from gateway.model import Identity

    nobody_yet = Identity(user, user, settings.public_url[0], "api_key")
    owner = await kept.keys.owner(user) or nobody_yet
    async with by_command(kept, "key.create", "", name=wanted.name, user=user) as acting:
        key, record = await kept.keys.create(
            owner,
            name=wanted.name,
            scopes=wanted.scopes,
            routes=routes,
            lifetime_s=wanted.lifetime_s,
            now=clock(),
        )
        acting.target = replace(acting.target, id=record.key_id, account_id=owner.account_id)
    return key, record


@keys_command.command("list")
@config_option
@click.option("--user", help="Only the keys of this user.")
@json_option
def list_command(config: Path | None, user: str | None, as_json: bool) -> None:
    """List the keys in the store, newest first.  Keys in the file are not listed.

    An expired key is listed for another week.
    """

    async def run(kept: Kept) -> "list[KeyRecord]":
        return await (kept.keys.list_all() if user is None else kept.keys.list_for(user))

    found = with_kept(load_settings(config), run)
    from gateway.assembly.serving import clock

    now = clock()
    if as_json:
        listed = [{**_described(it), "expired": now >= it.expires_at} for it in found]
        click.echo(json.dumps(listed))
    else:
        _table(found, now)


@keys_command.command("revoke")
@config_option
@click.argument("key_id", metavar="ID")
@json_option
def revoke_command(config: Path | None, key_id: str, as_json: bool) -> None:
    """Revoke the key with this id."""

    async def run(kept: Kept) -> bool:
        record = await kept.keys.record(key_id)
        if record is None:
            return False
        about = {"name": record.name, "user": record.owner.user}
        async with by_command(kept, "key.revoke", key_id, **about):
            return await kept.keys.revoke(key_id)

    revoked = with_kept(load_settings(config), run)
    if as_json:
        click.echo(json.dumps({"id": key_id, "revoked": revoked}))
    elif revoked:
        click.echo(f"revoked {key_id}")
    if not revoked:
        fail(f"no key {printable(key_id)}", 1)


def _tell_static(user: str, name: str, scopes: Sequence[str], lifetime_s: float) -> None:
    import secrets
    from hashlib import sha256

    from gateway.assembly.serving import clock
    from gateway.credentials.key_format import new_key

    key = new_key(secrets.token_bytes)
    # A key in the file expires at the start of a day, so round up.
    expires = datetime.fromtimestamp(clock() + lifetime_s + 86_399, UTC).date()
    entry = {
        "name": name,
        "sha256": sha256(key.encode()).hexdigest(),
        "user": user,
        "scopes": list(scopes),
        "expires": expires.isoformat(),
    }
    click.echo(key)
    # The entry is JSON, which is also YAML.
    click.echo("# for api_keys.static:", err=True)
    click.echo(f"- {json.dumps(entry)}", err=True)


def _said(error: Exception) -> str:
    errors = getattr(error, "errors", None)
    return "; ".join(it["msg"] for it in errors()) if callable(errors) else str(error)


def _described(record: "KeyRecord") -> dict[str, object]:
    return {
        "id": record.key_id,
        "name": record.name,
        "user": record.owner.user,
        "issuer": record.owner.issuer,
        "subject": record.owner.subject,
        "scopes": record.scopes,
        "routes": record.routes,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "last_used_at": record.last_used_at,
    }


def _table(found: "Iterable[KeyRecord]", now: float) -> None:
    print_table(
        _COLUMNS,
        (
            (
                record.key_id,
                record.owner.user,
                record.name,
                " ".join(record.scopes) or "-",
                " ".join(record.routes) or "all",
                shown_time(record.created_at),
                shown_time(record.expires_at),
                "expired" if now >= record.expires_at else "valid",
                shown_time(record.last_used_at),
            )
            for record in found
        ),
    )
