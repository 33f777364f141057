"""Opens the gateway's store for a command; the gateway may be running."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from gateway.errors import GatewayError, SettingsError

if TYPE_CHECKING:
    from gateway.accounts.manager import Accounts
    from gateway.authserver.consents import Consents
    from gateway.authserver.registrations import Registrations
    from gateway.credentials.keys import ApiKeys
    from gateway.credentials.local import Local
    from gateway.record.journal import Journal
    from gateway.sessions import Sealer
    from gateway.sessions.all_sessions import AllSessions
    from gateway.settings.schema import Settings
    from gateway.storage.store import Store

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Kept:
    """The store and its contents.  A change to an account also affects its sessions and keys."""

    accounts: "Accounts"
    local: "Local"
    keys: "ApiKeys"
    sessions: "AllSessions"
    store: "Store"
    sealer: "Sealer"
    consents: "Consents"
    registrations: "Registrations"
    journal: "Journal"


def load_settings(config: Path | None) -> "Settings":
    """Load the settings; on errors, print them all and exit."""
    from gateway.settings.load import load

    try:
        return load(config, os.environ).settings
    except SettingsError as error:
        _exit_with(error)


def with_kept(settings: "Settings", use: Callable[[Kept], Awaitable[_T]]) -> _T:
    """The result of `use`; on an error, print it and exit."""

    async def run() -> _T:
        async with _opened(settings) as kept:
            return await use(kept)

    try:
        return asyncio.run(run())
    except SettingsError as error:
        _exit_with(error)
    except GatewayError as error:
        fail(str(error), 1)


def fail(message: str, status: int) -> NoReturn:
    """Print an error and exit."""
    click.echo(f"gatepost: {message}", err=True)
    sys.exit(status)


def _exit_with(error: SettingsError) -> NoReturn:
    for problem in error.problems:
        click.echo(problem, err=True)
    sys.exit(2)


def _require_store(settings: "Settings") -> None:
    from gateway.storage.sqlite import FILE_NAME

    if settings.store == "memory":
        raise SettingsError(["store: memory is inside the gateway's process and cannot be opened"])
    # Do not create a data directory, because it would belong to the user of the command.
    if settings.store == "sqlite" and not (settings.data_dir / FILE_NAME).exists():
        raise SettingsError([_no_store(settings.data_dir)])


def _no_store(data_dir: Path) -> str:
    # The default is relative to the working directory, which is often the fault.
    return (
        f"data_dir: {data_dir.absolute()} contains no store: run this in the directory in which "
        "the gateway starts, set data_dir, or start the gateway once"
    )


@asynccontextmanager
async def _opened(settings: "Settings") -> AsyncIterator[Kept]:
    """Open the store.  On exit, wait until refresh tokens of ended sessions are revoked."""
    from gateway.accounts.manager import load_accounts
    from gateway.assembly.accounts import connect_sessions
    from gateway.assembly.authserver import consents_of, registrations_of
    from gateway.assembly.lasting import limits_of, sealer_of, tokens_of
    from gateway.assembly.providers import app_providers, providers_of
    from gateway.assembly.serving import clock
    from gateway.assembly.token_revocation import Revocations
    from gateway.credentials.kept_keys import load_key_sealer
    from gateway.credentials.keys import ApiKeys
    from gateway.credentials.local import local_of
    from gateway.oidc.http import ProviderHttp
    from gateway.record.journal import Journal
    from gateway.sessions import SessionManager
    from gateway.sessions.all_sessions import AllSessions
    from gateway.storage import open_store

    _require_store(settings)
    store = open_store(settings.store, settings.data_dir, clock)
    http = ProviderHttp()
    try:
        sealer = sealer_of(settings)
        browsers = SessionManager(store, sealer, limits_of(settings), clock=clock)
        tokens = tokens_of(settings, store, sealer, clock)
        apps = tokens.sessions
        # Apps have their own mapping, because an app may have the name of a provider.
        providers = providers_of(settings, http, clock)
        revocations = (Revocations(providers), Revocations(app_providers(settings, providers)))
        for sessions, revoked in zip((browsers, apps), revocations, strict=True):
            sessions.on_revoke(revoked.session_ended)
        accounts, every = await load_accounts(store, sealer, clock), AllSessions(browsers, apps)
        connect_sessions(accounts, every)
        key_sealer = await load_key_sealer(store, sealer)
        keys = ApiKeys(store, key_sealer, accounts, clock)
        yield Kept(
            accounts,
            local_of(accounts, settings.public_url[0], clock),
            keys,
            every,
            store,
            sealer,
            consents_of(store, tokens, clock),
            registrations_of(store, tokens, clock),
            Journal(store, key_sealer, clock),
        )
        for revoked in revocations:
            await revoked.aclose()
    finally:
        await http.aclose()
        await store.aclose()
