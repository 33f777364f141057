"""`gatepost apps`: list and revoke what people let apps do."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.by_command import by_command
from gateway.cli.opened import Kept, fail, load_settings, with_kept
from gateway.cli.options import config_option, json_option
from gateway.cli.table import print_table, shown_time

if TYPE_CHECKING:
    from gateway.authserver.consents import Consent
    from gateway.authserver.registrations import Registered
    from gateway.sessions import SessionInfo
    from gateway.settings.schema import Settings

_COLUMNS = ("CLIENT", "NAME", "KIND", "HOST", "PEOPLE", "SESSIONS", "LAST USED")


@dataclass(slots=True)
class _App:
    """A client, and who uses it.

    Attributes:
        users: Those with a session or a consent.
    """

    client: str
    name: str = ""
    users: set[str] = field(default_factory=set)
    sessions: "list[SessionInfo]" = field(default_factory=list)
    consents: "list[Consent]" = field(default_factory=list)
    registered: "Registered | None" = None

    @property
    def last_used_at(self) -> float | None:
        times = [it.last_seen_at for it in self.sessions] + [it.given_at for it in self.consents]
        if self.registered is not None and self.registered.used_at is not None:
            times.append(self.registered.used_at)
        return max(times, default=None)


@click.group("apps")
def apps_command() -> None:
    """List and revoke what people let apps do.

    Works on the store of the configuration, even while the gateway runs: it applies a change
    within two seconds.
    """


@apps_command.command("list")
@config_option
@json_option
def list_command(config: Path | None, as_json: bool) -> None:
    """List the apps with a session, a consent or a registration, last used first.

    KIND is where an app is registered: file, document, registered, or unknown if the configuration
    takes it no more. HOST vouches for an app with a document.

    Example: gatepost apps list --json
    """
    settings = load_settings(config)
    found = with_kept(settings, _apps)
    ordered = sorted(found.values(), key=lambda it: (-(it.last_used_at or 0), it.client))
    told = [_described(settings, it) for it in ordered]
    if as_json:
        click.echo(json.dumps(told))
    else:
        rows = zip(told, ordered, strict=True)
        print_table(_COLUMNS, (_row(it, app.last_used_at) for it, app in rows))


@apps_command.command("revoke")
@config_option
@click.argument("client", required=False)
@click.option("--user", help="Only for this user.")
@click.option("--unused", is_flag=True, help="Remove every registration that was never used.")
@json_option
def revoke_command(
    config: Path | None, client: str | None, user: str | None, unused: bool, as_json: bool
) -> None:
    """End the sessions of an app, and take back what people allowed it.

    CLIENT is its client id, as the list shows it. Without --user, its registration is removed too.

    Example: gatepost apps revoke https://claude.ai/oauth/mcp-oauth-client-metadata --user ann
    """
    if (client is None) != unused or (unused and user is not None):
        raise click.UsageError("give either CLIENT, perhaps with --user, or --unused")

    async def run(kept: Kept) -> dict[str, int]:
        if client is None:
            async with by_command(kept, "app.remove-unused", ""):
                return await _remove_unused(kept)
        async with by_command(kept, "app.revoke", client, user=user or ""):
            return await _revoke(kept, client, user)

    done = with_kept(load_settings(config), run)
    if as_json:
        click.echo(json.dumps(done))
    else:
        click.echo(", ".join(_counted(number, what) for what, number in done.items()))
    if client is not None and not any(done.values()):
        fail(f"nothing of an app {client}" + ("" if user is None else f" for {user}"), 1)


async def _apps(kept: Kept) -> dict[str, _App]:
    """What the store has of apps, by client id."""
    found: dict[str, _App] = {}

    def of(client: str) -> _App:
        return found.setdefault(client, _App(client))

    for session in await kept.sessions.list_all():
        if session.client is not None:
            app = of(session.client)
            app.sessions.append(session)
            app.users.add(session.user)
    for consent in await kept.consents.every():
        app = of(consent.client)
        app.name = app.name or consent.name
        app.consents.append(consent)
        app.users.add(consent.user)
    for registered in await kept.registrations.all():
        app = of(registered.client.client_id)
        app.registered, app.name = registered, registered.client.name
    return found


async def _revoke(kept: Kept, client: str, user: str | None) -> dict[str, int]:
    from gateway.authserver.revoking import revoke_app

    return await revoke_app(client, user, kept.sessions, kept.consents, kept.registrations)


async def _remove_unused(kept: Kept) -> dict[str, int]:
    unused = [it.client.client_id for it in await kept.registrations.all() if it.used_at is None]
    removed = [await kept.registrations.remove(client_id) for client_id in unused]
    return {"registrations": sum(removed)}


def _described(settings: "Settings", app: _App) -> dict[str, object]:
    kind, name, host = _origin(settings, app)
    at = app.last_used_at
    return {
        "client": app.client,
        "name": name,
        "kind": kind,
        "host": host,
        "people": len(app.users),
        "sessions": len(app.sessions),
        "last_used_at": None if at is None else int(at),
    }


def _origin(settings: "Settings", app: _App) -> tuple[str, str, str | None]:
    """Where the app is registered, its name, and the host that vouches for it."""
    from gateway.authserver.client import Client
    from gateway.authserver.client_url import Hosts

    tokens = settings.tokens
    of_file = None if tokens is None else tokens.clients.get(app.client)
    if of_file is not None:
        return "file", of_file.name or app.client, None
    if app.registered is not None:
        return "registered", app.name, None
    if tokens is not None:
        any_port = tokens.insecure_metadata_addresses
        if Hosts.of(tokens.document_hosts, any_port=any_port).takes(app.client):
            host = Client(app.client, app.name, (), origin="document").host
            return "document", app.name or host, host
    return "unknown", app.name, None


def _row(told: dict[str, object], last_used_at: float | None) -> tuple[str, ...]:
    named = ("client", "name", "kind", "host", "people", "sessions")
    texts = ("" if told[it] is None else str(told[it]) for it in named)
    return (*texts, shown_time(last_used_at))


def _counted(number: int, what: str) -> str:
    return f"{number} {what if number != 1 else what.removesuffix('s')}"
