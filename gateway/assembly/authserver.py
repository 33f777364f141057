"""Builds the authorization server from settings, routes and the store."""

from collections.abc import Callable, Mapping

from gateway.assembly.apps import token_settings
from gateway.authserver.client import Client, Origin, digest_of
from gateway.authserver.client_url import Hosts
from gateway.authserver.clients import Clients
from gateway.authserver.codes import Codes
from gateway.authserver.consents import Consents
from gateway.authserver.devices import Devices
from gateway.authserver.documents import MetadataDocuments
from gateway.authserver.id_token import IdTokens
from gateway.authserver.id_token_keys import IdTokenKeys
from gateway.authserver.registrations import Registrations
from gateway.authserver.resources import Resource
from gateway.authserver.server import AuthServer
from gateway.authserver.sign_ins import SignIns
from gateway.authz.access import Access, compile_access, decide, whatever_the_message
from gateway.authz.facts import Facts
from gateway.credentials.tokens import TokenFamilies
from gateway.errors import GatewayError
from gateway.message.public_url import base_of, origin_of
from gateway.message.request import Request
from gateway.message.target import Target, parse_target
from gateway.model import Allow, Decision, Deny, Identity
from gateway.oidc.http import Answer
from gateway.oidc.keys import read_keys
from gateway.pipeline.route_plan import RoutePlan
from gateway.routing.table import RouteTable
from gateway.settings.countries import countries_of
from gateway.settings.public_keys import read_public_keys
from gateway.settings.schema import Settings
from gateway.settings.tokens import COMMAND_LINE, ClientSettings, TokenSettings
from gateway.storage.store import Clock, Store

# `gatepost login`.  People are always asked, because any program can say that it is this client.
_COMMAND_LINE = Client(
    client_id=COMMAND_LINE,
    name="gatepost login",
    redirect_uris=("http://127.0.0.1/callback",),
    is_asked_every_time=True,
    may_use_devices=True,
)


def own_clients(settings: Settings) -> dict[str, Client]:
    """The clients of the configuration that sign people in here, by name."""
    tokens = token_settings(settings)
    return {
        name: _client(name, it, asks=tokens.consent == "ask")
        for name, it in tokens.clients.items()
        if it.provider is None
    }


def clients_of(settings: Settings, registrations: Registrations, clock: Clock) -> Clients | None:
    """The clients of the authorization server; None if it is off."""
    if not settings.is_authorization_server:
        return None
    tokens, known = token_settings(settings), own_clients(settings)
    if tokens.command_line is not False:
        known[COMMAND_LINE] = _COMMAND_LINE
    # Clients that have registered stay when registration is closed.
    return Clients(known, (registrations, _documents(tokens, clock)))


def _documents(tokens: TokenSettings, clock: Clock) -> MetadataDocuments:
    is_test = tokens.insecure_metadata_addresses

    async def fetch(url: str, /, *, is_named: bool) -> Answer:
        # With aiohttp, which a gateway that is never asked for a document does without.
        from gateway.authserver.document_fetch import fetch_document

        return await fetch_document(url, is_named=is_named, any_address=is_test)

    return MetadataDocuments(Hosts.of(tokens.document_hosts, any_port=is_test), fetch, clock)


def registrations_of(store: Store, tokens: TokenFamilies, clock: Clock) -> Registrations:
    """The clients that registered themselves, in `store`; they last as long as their `tokens`."""
    sessions = tokens.sessions
    return Registrations(store, lambda: sessions.sealer, clock, lambda: sessions.limits.absolute_s)


def _client(name: str, settings: ClientSettings, *, asks: bool) -> Client:
    secret = settings.client_secret
    return Client(
        client_id=name,
        name=settings.name or name,
        redirect_uris=settings.redirect_uris,
        scopes=frozenset(settings.scopes),
        secret_digest=None if secret is None else digest_of(secret),
        keys=()
        if settings.client_key is None
        else read_keys(read_public_keys(settings.client_key)),
        asks_for_consent=asks,
        may_use_devices=settings.device,
        signs_with=settings.id_token,
        post_logout_redirect_uris=settings.post_logout_redirect_uris,
        backchannel_logout_uri=settings.backchannel_logout_uri,
    )


def entries_of(settings: Settings) -> dict[str, Access]:
    """The `access` of each client that has one, by name."""
    country_of = countries_of(settings.country_file)
    return {
        name: compile_access(it.access, country_of)
        for name, it in token_settings(settings).clients.items()
        if it.access is not None
    }


class RouteResources:
    """The MCP routes of one configuration; see Resources."""

    def __init__(
        self,
        table: RouteTable,
        plans: Mapping[int, RoutePlan],
        entries: Mapping[str, Access],
    ) -> None:
        """`entries` are the rules of clients by name; those without any let everybody in."""
        self._entries = entries
        self._table = table
        self._plans = plans
        self._names = frozenset(it.route.name for it in plans.values() if it.route.is_mcp)

    def find(self, request: Request, url: str) -> Resource | None:
        """See Resources.find."""
        if url in (request.public_url, request.public_url + "/"):
            return Resource(url)
        plan = self._plan_of(request, url)
        if plan is None:
            return None
        return Resource(url, plan.route.name, plan.admission.scopes)

    def judge(self, request: Request, resource: Resource, identity: Identity) -> Decision:
        """See Resources.judge."""
        if resource.route is None:
            return Allow()
        target, plan = _target_of(request, resource.url), self._plan_of(request, resource.url)
        if target is None or plan is None:
            return Deny("no-route", status=404)
        # As the first message of an MCP client.
        asked = request.changed(method="POST", target=target)
        access = whatever_the_message(plan.access)
        return decide(access, Facts(asked, identity, request.received_at))

    def judge_entry(self, request: Request, client: str, identity: Identity) -> Decision:
        """See Resources.judge_entry."""
        access = self._entries.get(client)
        if access is None:
            return Allow()
        return decide(access, Facts(request, identity, request.received_at))

    def serves(self, route: str) -> bool:
        """See Resources.serves."""
        return route in self._names

    def _plan_of(self, request: Request, url: str) -> RoutePlan | None:
        """The plan of the MCP route that serves `url` on the host of `request`, if any."""
        target = _target_of(request, url)
        if target is None:
            return None
        base = base_of(request.public_url)
        route = self._table.match(request.host, "POST", target.path, base=base)
        if route is None or not route.is_mcp:
            return None
        return self._plans[route.index]


def consents_of(store: Store, tokens: TokenFamilies, clock: Clock) -> Consents:
    """What people allow, in `store`; it lasts as long as `tokens`."""
    sessions = tokens.sessions
    return Consents(store, lambda: sessions.sealer, clock, lambda: sessions.limits.absolute_s)


def auth_server_of(
    settings: Settings,
    clients: Clients | None,
    resources: RouteResources,
    registrations: Registrations,
    store: Store,
    tokens: TokenFamilies,
    sign_ins: SignIns,
    id_token_keys: IdTokenKeys,
    clock: Clock,
    on_tokens: Callable[[Origin], None],
) -> AuthServer | None:
    """The authorization server for `clients`; None if it is off."""
    if clients is None:
        return None
    given = token_settings(settings)
    return AuthServer(
        clients=clients,
        codes=Codes(store, lambda: tokens.sessions.sealer),
        consents=consents_of(store, tokens, clock),
        devices=Devices(store, lambda: tokens.sessions.sealer, clock),
        resources=resources,
        tokens=tokens,
        sign_ins=sign_ins,
        id_token_keys=id_token_keys,
        id_tokens=IdTokens(id_token_keys, clock),
        registrations=registrations if given.registration == "open" else None,
        takes_documents=bool(given.document_hosts),
        on_tokens=on_tokens,
    )


def _target_of(request: Request, url: str) -> Target | None:
    """The target of `url`; None unless it is on this very origin, and has one reading."""
    origin = origin_of(request.public_url)
    # RFC 8707, section 2: no fragment; a query would name no route.
    if not url.startswith(origin + "/") or "?" in url or "#" in url or not url.isascii():
        return None
    try:
        target = parse_target(url[len(origin) :].encode())
    except GatewayError:
        return None
    return None if target.is_ambiguous else target
