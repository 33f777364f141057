"""`gatepost sessions`: list and end sessions in the gateway's store."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.by_command import by_command
from gateway.cli.opened import Kept, fail, load_settings, with_kept
from gateway.cli.options import config_option, json_option
from gateway.cli.table import print_table, shown_time

if TYPE_CHECKING:
    from gateway.sessions import Ended, SessionInfo
    from gateway.sessions.all_sessions import AllSessions

# The characters of an id that the list shows; fewer could become ambiguous.
_SHORT_ID = 16
_WHOLE_ID = 64
_COLUMNS = ("ID", "USER", "KIND", "PROVIDER", "DEVICE", "ADDRESS", "SIGNED IN", "LAST USED")


@click.group("sessions")
def sessions_command() -> None:
    """List and end the sessions of signed-in browsers and apps.

    Works on the store of the configuration, even while the gateway runs: it applies a change
    within two seconds.
    """


@sessions_command.command("list")
@config_option
@click.option("--user", help="Only the sessions of this user.")
@json_option
def list_command(config: Path | None, user: str | None, as_json: bool) -> None:
    """List the live sessions, most recently used first."""

    async def run(kept: Kept) -> "list[SessionInfo]":
        sessions = kept.sessions
        return await (sessions.list_all() if user is None else sessions.list_for(user))

    found = with_kept(load_settings(config), run)
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

    async def run(kept: Kept) -> "list[Ended]":
        if everyone:
            async with by_command(kept, "session.end-every", ""):
                return await kept.sessions.end_every()
        if user is not None:
            async with by_command(kept, "session.end-all", user, user=user):
                return await kept.sessions.end_for(user)
        return await _end_one(kept, session_id or "")

    ended = with_kept(load_settings(config), run)
    if as_json:
        click.echo(json.dumps([_told(item) for item in ended]))
    else:
        click.echo(f"ended {len(ended)} session{'' if len(ended) == 1 else 's'}")
    if session_id is not None and not ended:
        fail(f"no session {session_id}", 1)


async def _end_one(kept: Kept, session_id: str) -> "list[Ended]":
    async with by_command(kept, "session.end", session_id) as acting:
        ended = await _ended(kept.sessions, session_id)
        for it in ended:
            if it.info is not None:
                acting.target = replace(acting.target, id=it.session_id, user=it.info.user)
        return ended


async def _ended(sessions: "AllSessions", session_id: str) -> "list[Ended]":
    if len(session_id) < _WHOLE_ID:
        found = await sessions.list_all()
        return await sessions.end_these(i for i in found if i.session_id.startswith(session_id))
    return await sessions.end_by_id(session_id)


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
    print_table(
        _COLUMNS,
        (
            (
                info.session_id[:_SHORT_ID],
                info.user,
                info.kind if info.client is None else f"{info.kind} ({info.client})",
                info.provider,
                info.device,
                info.ip,
                shown_time(info.created_at),
                shown_time(info.last_seen_at),
            )
            for info in found
        ),
    )
