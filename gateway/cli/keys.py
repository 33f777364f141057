"""`gatepost keys`: make, list and revoke API keys in the store that the gateway uses."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from gateway.cli.options import config_option, json_option
from gateway.errors import GatewayError, SettingsError

if TYPE_CHECKING:
    from gateway.credentials.key_record import KeyRecord
    from gateway.credentials.keys import ApiKeys
    from gateway.settings.schema import Settings

_COLUMNS = ("ID", "USER", "NAME", "SCOPES", "ROUTES", "CREATED", "EXPIRES", "STATE", "LAST USED")

_T = TypeVar("_T")


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
    from gateway.credentials.key_request import read_key_request
    from gateway.settings.api_keys import ApiKeySettings

    settings = _load(config)
    rules = settings.api_keys
    if rules is None:
        _fail('api_keys: add this section, or no key is accepted ("api_keys: {}")', 2)
    unknown = set(routes) - {route.name for route in settings.routes}
    if unknown:
        _fail(f"no route {', '.join(sorted(unknown))}", 2)
    if not user.strip() or not user.isprintable():
        _fail("--user must be one line of text", 2)
    try:
        any_scope = ApiKeySettings(grantable_scopes=scopes, max_lifetime=rules.max_lifetime)
        wanted = read_key_request(name, list(scopes), expires_in, any_scope)
    except (GatewayError, ValueError) as error:
        _fail(_said(error), 2)
    if static:
        if routes:
            _fail("--static: a key in the file cannot have --route", 2)
        _tell_static(user, wanted.name, wanted.scopes, wanted.lifetime_s)
        return

    async def run(keys: "ApiKeys") -> "tuple[str, KeyRecord]":
        from gateway.assembly.serving import clock
        from gateway.model import Identity

        nobody_yet = Identity(user, user, settings.public_url[0], "api_key")
        return await keys.create(
            await keys.owner(user) or nobody_yet,
            name=wanted.name,
            scopes=wanted.scopes,
            routes=routes,
            lifetime_s=wanted.lifetime_s,
            now=clock(),
        )

    key, record = _with_keys(settings, run)
    if as_json:
        click.echo(json.dumps({**_described(record), "key": key}))
    else:
        click.echo(key)
        click.echo(f"id {record.key_id}, expires {_time(record.expires_at)}", err=True)


@keys_command.command("list")
@config_option
@click.option("--user", help="Only the keys of this user.")
@json_option
def list_command(config: Path | None, user: str | None, as_json: bool) -> None:
    """List the keys in the store, newest first.  Keys in the file are not listed.

    An expired key is listed for another week.
    """

    async def run(keys: "ApiKeys") -> "list[KeyRecord]":
        return await (keys.list_all() if user is None else keys.list_for(user))

    found = _with_keys(_load(config), run)
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

    async def run(keys: "ApiKeys") -> bool:
        return await keys.revoke(key_id)

    revoked = _with_keys(_load(config), run)
    if as_json:
        click.echo(json.dumps({"id": key_id, "revoked": revoked}))
    elif revoked:
        click.echo(f"revoked {key_id}")
    if not revoked:
        _fail(f"no key {_printable(key_id)}", 1)


def _load(config: Path | None) -> "Settings":
    from gateway.settings.load import load

    try:
        return load(config, os.environ).settings
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(2)


def _fail(message: str, status: int) -> NoReturn:
    click.echo(f"gatepost: {message}", err=True)
    sys.exit(status)


def _with_keys(settings: "Settings", use: Callable[["ApiKeys"], Awaitable[_T]]) -> _T:
    """What `use` gives, done with the keys of the configuration; exits where it cannot be."""

    async def run() -> _T:
        async with _opened(settings) as keys:
            return await use(keys)

    try:
        return asyncio.run(run())
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    except GatewayError as error:
        _fail(str(error), 1)


@asynccontextmanager
async def _opened(settings: "Settings") -> "AsyncIterator[ApiKeys]":
    from gateway.accounts.manager import load_accounts
    from gateway.assembly.lasting import sealer_of
    from gateway.assembly.serving import clock
    from gateway.credentials.kept_keys import load_key_sealer
    from gateway.credentials.keys import ApiKeys
    from gateway.storage import open_store
    from gateway.storage.sqlite import FILE_NAME

    if settings.store == "memory":
        raise SettingsError(["store: memory is inside the gateway's process and cannot be opened"])
    # Asking must not make a data directory that then belongs to whoever asked.
    if settings.store == "sqlite" and not (settings.data_dir / FILE_NAME).exists():
        raise SettingsError([f"data_dir: {settings.data_dir} contains no store"])
    store = open_store(settings.store, settings.data_dir, clock)
    try:
        sealer = sealer_of(settings)
        accounts = await load_accounts(store, sealer)
        yield ApiKeys(store, await load_key_sealer(store, sealer), accounts, clock)
    finally:
        await store.aclose()


def _tell_static(user: str, name: str, scopes: Sequence[str], lifetime_s: float) -> None:
    import secrets
    from hashlib import sha256

    from gateway.assembly.serving import clock
    from gateway.credentials.key_format import new_key

    key = new_key(secrets.token_bytes)
    # A key of the file runs out at the start of a day.
    expires = datetime.fromtimestamp(clock() + lifetime_s + 86_399, UTC).date()
    entry = {
        "name": name,
        "sha256": sha256(key.encode()).hexdigest(),
        "user": user,
        "scopes": list(scopes),
        "expires": expires.isoformat(),
    }
    click.echo(key)
    # JSON is YAML too.
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
    rows: list[Sequence[str]] = [_COLUMNS]
    for record in found:
        used_at = record.last_used_at
        rows.append(
            (
                record.key_id,
                _printable(record.owner.user),
                _printable(record.name),
                " ".join(record.scopes) or "-",
                " ".join(record.routes) or "all",
                _time(record.created_at),
                _time(record.expires_at),
                "expired" if now >= record.expires_at else "valid",
                "-" if used_at is None else _time(used_at),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def _printable(text: str) -> str:
    # A name may be anybody's: it may not move the cursor of whoever reads the list.
    return "".join(c if c.isprintable() else "?" for c in text)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
