"""What outlives a configuration: the store and its contents, providers, metrics."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.accounts.access_requests import AccessRequests
from gateway.accounts.manager import Accounts, load_accounts
from gateway.assembly.apps import token_limits, token_settings
from gateway.assembly.authserver import registrations_of
from gateway.assembly.providers import app_providers, directories_of, providers_of
from gateway.assembly.refusals import Refusals
from gateway.authserver.id_token_keys import IdTokenKeys
from gateway.authserver.registrations import Registrations
from gateway.authserver.sign_ins import SignIns
from gateway.credentials.kept_keys import load_key_sealer
from gateway.credentials.keys import ApiKeys
from gateway.credentials.local import Local, local_of
from gateway.credentials.tokens import TokenFamilies
from gateway.limits import RateTable
from gateway.mail.outbox import Outbox
from gateway.mutate.signer import AssertionSigner, load_signer
from gateway.oidc.http import ProviderHttp
from gateway.oidc.provider import Provider
from gateway.record.audit_writer import AuditWriter
from gateway.record.journal import Journal
from gateway.record.metrics import Metrics
from gateway.record.watched import Watched
from gateway.sealing.secret import server_secrets
from gateway.sessions import Limits, Sealer, SessionManager
from gateway.sessions.all_sessions import token_store
from gateway.settings.schema import Settings
from gateway.storage.store import Clock, Store
from gateway.storage.stores import is_networked

if TYPE_CHECKING:
    from gateway.endpoints.watch import Watch
    from gateway.ldap.directory import Directory
    from gateway.record.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Lasting:
    """What outlives a configuration.

    Attributes:
        sessions: Browser sessions.
        tokens: The gateway's tokens with their sessions, even if no app gets tokens now.
        providers: Those of the current configuration; changed in place.
        apps: The provider of each app, called as the app, by app name; changed in place.
        directories: The directory that people sign in with, by its name; changed in place.
        refusals: Why requests were refused.
        journal: Who changed what.
        access_requests: What people asked the administrators for.
        registrations: Clients that registered themselves.
        watched: The last refusals and differences.
        tracing: Makes spans; None if none are wanted.
        watch_of: What administrators see of a gateway with some settings; None of one that does
            not serve.
    """

    clock: Clock
    store: Store
    sessions: SessionManager
    tokens: TokenFamilies
    signer: AssertionSigner
    id_token_keys: IdTokenKeys
    sign_ins: SignIns
    accounts: Accounts
    local: Local
    outbox: Outbox
    keys: ApiKeys
    http: ProviderHttp
    providers: dict[str, Provider]
    apps: dict[str, Provider]
    metrics: Metrics
    audit: AuditWriter
    rates: RateTable
    refusals: Refusals
    journal: Journal
    directories: "dict[str, Directory]"
    registrations: Registrations
    watched: Watched
    access_requests: AccessRequests
    tracing: "Tracing | None" = None
    watch_of: "Callable[[Settings], Watch] | None" = None

    def close_directories(self) -> None:
        """Ask no directory any more."""
        for directory in self.directories.values():
            directory.close()


async def load_lasting(
    settings: Settings,
    sealer: Sealer,
    store: Store,
    http: ProviderHttp,
    metrics: Metrics,
    audit: AuditWriter,
    rates: RateTable,
    clock: Clock,
    tracing: "Tracing | None" = None,
    watch_of: "Callable[[Settings], Watch] | None" = None,
) -> Lasting:
    """Load what the store holds for `settings`; starts no background task.

    Raises:
        StoreUnavailableError: The store cannot be read.
    """
    signer = await load_signer(store, sealer, clock())
    accounts = await load_accounts(store, sealer, clock)
    providers = providers_of(settings, http, clock)
    sessions = SessionManager(store, sealer, limits_of(settings), clock=clock)
    tokens = tokens_of(settings, store, sealer, clock)
    key_sealer = await load_key_sealer(store, sealer)
    return Lasting(
        clock=clock,
        store=store,
        sessions=sessions,
        tokens=tokens,
        signer=signer,
        id_token_keys=IdTokenKeys(store, lambda: sessions.sealer, clock),
        sign_ins=SignIns(store, lambda: sessions.sealer, lambda: tokens.sessions.limits.absolute_s),
        accounts=accounts,
        local=local_of(accounts, settings.public_url[0], clock),
        outbox=Outbox(settings.smtp, settings.public_url[0], clock),
        keys=ApiKeys(store, key_sealer, accounts, clock),
        http=http,
        providers=providers,
        apps=app_providers(settings, providers),
        metrics=metrics,
        audit=audit,
        rates=rates,
        refusals=Refusals(store, lambda: sessions.sealer, clock),
        journal=Journal(store, key_sealer, clock),
        directories=directories_of(settings),
        registrations=registrations_of(store, tokens, clock),
        watched=Watched(),
        access_requests=AccessRequests(store, lambda: sessions.sealer, clock),
        tracing=tracing,
        watch_of=watch_of,
    )


def sealer_of(settings: Settings) -> Sealer:
    """The sealer for the secrets of `settings`, or for the one in the data directory.

    Also opens what was sealed under the data directory's secret before `settings` had one.

    Raises:
        SettingsError: The secret cannot be read or created.
    """
    # The data directory is on one machine, so its secret never sealed anything in a shared store.
    own = not is_networked(settings.store)
    return Sealer(server_secrets(settings.secret, settings.data_dir, uses_data_dir=own))


def limits_of(settings: Settings) -> Limits:
    """The limits on sessions: their lifetime and their number."""
    return Limits(
        idle_s=settings.sessions.idle_timeout,
        absolute_s=settings.sessions.absolute_timeout,
        max_per_user=settings.sessions.max_per_user,
    )


def tokens_of(settings: Settings, store: Store, sealer: Sealer, clock: Clock) -> TokenFamilies:
    """The gateway's own tokens in `store`."""
    part = token_store(store)
    sessions = SessionManager(part, sealer, token_limits(settings), clock=clock)
    return TokenFamilies(part, sessions, token_settings(settings).access_ttl, clock=clock)
