"""`gatepost sessions`: list and end sessions in the store that the gateway uses."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from gateway.cli.options import config_option, json_option
from gateway.errors import GatewayError, SettingsError

if TYPE_CHECKING:
    from gateway.sessions import Ended, SessionInfo
    from gateway.sessions.kinds import AllSessions
    from gateway.settings.schema import Settings

# As many characters of an id as the list shows; fewer might name another session tomorrow.
_SHORT_ID = 16
_WHOLE_ID = 64
_COLUMNS = ("ID", "USER", "KIND", "PROVIDER", "DEVICE", "ADDRESS", "SIGNED IN", "LAST USED")

_T = TypeVar("_T")


@click.group("sessions")
def sessions_command() -> None:
    """List and end the sessions of signed-in browsers and apps.

    Works on the store of the configuration, while the gateway runs as well: a running gateway
    knows within two seconds that a session has ended.
    """


@sessions_command.command("list")
@config_option
@click.option("--user", help="Only the sessions of this user.")
@json_option
def list_command(config: Path | None, user: str | None, as_json: bool) -> None:
    """List the live sessions, most recently used first."""

    async def run(sessions: "AllSessions") -> "list[SessionInfo]":
        return await (sessions.list_all() if user is None else sessions.list_for(user))

    found = _with_sessions(config, run)
    if as_json:
        click.echo(json.dumps([_described(info) for info in found]))
    else:
        _table(found)


@sessions_command.command("revoke")
@config_option
@click.argument("session_id", metavar="[ID]", required=False)
@click.option("--user", help="End every session of this user.")
@click.option("--all", "everyone", is_flag=True, help="End all sessions.")
@json_option
def revoke_command(
    config: Path | None, session_id: str | None, user: str | None, everyone: bool, as_json: bool
) -> None:
    """End one session, or several.

    ID is the id of a session, or its first 16 characters, as shown by the list.
    """
    if sum((session_id is not None, user is not None, everyone)) != 1:
        raise click.UsageError("give exactly one of ID, --user and --all")
    if session_id is not None and not re.fullmatch(
        rf"[0-9a-f]{{{_SHORT_ID},{_WHOLE_ID}}}", session_id
    ):
        raise click.UsageError(f"an ID needs at least the {_SHORT_ID} characters shown by the list")

    async def run(sessions: "AllSessions") -> "list[Ended]":
        if everyone:
            return await sessions.end_every()
        if user is not None:
            return await sessions.end_for(user)
        return await _end_one(sessions, session_id or "")

    ended = _with_sessions(config, run)
    if as_json:
        click.echo(json.dumps([_told(item) for item in ended]))
    else:
        click.echo(f"ended {len(ended)} session{'' if len(ended) == 1 else 's'}")
    if session_id is not None and not ended:
        click.echo(f"gatepost: no session {session_id}", err=True)
        sys.exit(1)


async def _end_one(sessions: "AllSessions", session_id: str) -> "list[Ended]":
    if len(session_id) < _WHOLE_ID:
        found = await sessions.list_all()
        return await sessions.end_these(i for i in found if i.session_id.startswith(session_id))
    return await sessions.end_by_id(session_id)


def _with_sessions(config: Path | None, use: Callable[["AllSessions"], Awaitable[_T]]) -> _T:
    """What `use` gives, done with the sessions of the configuration; exits where it cannot be."""
    from gateway.settings.load import load

    async def run(settings: "Settings") -> _T:
        async with _opened(settings) as sessions:
            return await use(sessions)

    try:
        return asyncio.run(run(load(config, os.environ).settings))
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    except GatewayError as error:
        click.echo(f"gatepost: {error}", err=True)
        sys.exit(1)


@asynccontextmanager
async def _opened(settings: "Settings") -> "AsyncIterator[AllSessions]":
    """The sessions of `settings`; refresh tokens of those ended are revoked before it is over."""
    from gateway.assembly.lasting import limits_of, sealer_of, tokens_of
    from gateway.assembly.providers import app_providers, providers_of
    from gateway.assembly.serving import clock
    from gateway.assembly.token_revocation import Revocations
    from gateway.oidc.http import ProviderHttp
    from gateway.sessions import SessionManager
    from gateway.sessions.kinds import AllSessions
    from gateway.storage import open_store
    from gateway.storage.sqlite import FILE_NAME

    if settings.store == "memory":
        raise SettingsError(["store: memory is inside the gateway's process and cannot be opened"])
    # Asking must not make a data directory that then belongs to whoever asked.
    if settings.store == "sqlite" and not (settings.data_dir / FILE_NAME).exists():
        raise SettingsError([f"data_dir: {settings.data_dir} contains no store"])
    store = open_store(settings.store, settings.data_dir, clock)
    sealer, http = sealer_of(settings), ProviderHttp()
    browsers = SessionManager(store, sealer, limits_of(settings), clock=clock)
    apps = tokens_of(settings, store, sealer, clock).sessions
    # An app of the same name as a provider is asked in its own name.
    providers = providers_of(settings, http, clock)
    revocations = (Revocations(providers), Revocations(app_providers(settings, providers)))
    for sessions, revoked in zip((browsers, apps), revocations, strict=True):
        sessions.on_revoke(revoked.session_ended)
    try:
        yield AllSessions(browsers, apps)
        for revoked in revocations:
            await revoked.aclose()
    finally:
        await http.aclose()
        await store.aclose()


def _told(ended: "Ended") -> dict[str, object]:
    return {"id": ended.session_id} if ended.info is None else _described(ended.info)


def _described(info: "SessionInfo") -> dict[str, object]:
    return {
        "id": info.session_id,
        "kind": info.kind,
        "client": info.client,
        "user": info.user,
        "issuer": info.issuer,
        "subject": info.subject,
        "provider": info.provider,
        "created_at": int(info.created_at),
        "last_seen_at": int(info.last_seen_at),
        "ip": info.ip,
        "device": info.device,
    }


def _table(found: "Iterable[SessionInfo]") -> None:
    rows: list[Sequence[str]] = [_COLUMNS]
    for info in found:
        rows.append(
            (
                info.session_id[:_SHORT_ID],
                _printable(info.user),
                info.kind if info.client is None else f"{info.kind} ({_printable(info.client)})",
                info.provider,
                _printable(info.device),
                info.ip,
                _time(info.created_at),
                _time(info.last_seen_at),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def _printable(text: str) -> str:
    # A name is the provider's: it may not move the cursor of whoever reads the list.
    return "".join(c if c.isprintable() else "?" for c in text)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
