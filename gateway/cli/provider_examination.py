"""Fetches a provider's documents as `serve` does, and judges them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gateway.assembly.providers import app_providers, wanted_claims
from gateway.cli.registration import registrations
from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.oidc.client_assertion import read_assertion
from gateway.oidc.discovery import WELL_KNOWN, Metadata, fetch_document, read_metadata
from gateway.oidc.errors import IssuerMisconfiguredError
from gateway.oidc.finding import Finding
from gateway.oidc.given_endpoints import need_no_discovery
from gateway.oidc.http import Answer
from gateway.oidc.internal_url import Addresses
from gateway.oidc.keys import fetch_key_set
from gateway.oidc.metadata_peer import judge_by_standards
from gateway.oidc.mutual_tls import METHOD, with_mutual_tls
from gateway.oidc.oauth2_report import examine_oauth2
from gateway.oidc.provider import Provider
from gateway.oidc.provider_asks import Asks, judge_asks
from gateway.oidc.provider_extras import judge_clock, judge_extras
from gateway.oidc.provider_report import (
    judge_client_auth,
    judge_document,
    judge_endpoints,
    judge_keys,
)
from gateway.oidc.proxies import proxy_for
from gateway.oidc.registration import Registration
from gateway.settings.access import items_of
from gateway.settings.providers import ProviderSettings
from gateway.settings.schema import AccessRules, Settings


@dataclass(frozen=True, slots=True)
class Expected:
    """What the configuration expects of a provider, apart from the registration.

    Attributes:
        claims: The claims that rules and header fields use.
        apps: The client registration of each app that exchanges codes.
        asks: What settings ask that many files leave alone.
    """

    backchannel_logout: bool
    claims: Collection[str]
    apps: Mapping[str, Registration]
    asks: Asks


def expectations(settings: Settings, providers: Mapping[str, Provider]) -> dict[str, Expected]:
    """What `settings` expect of each of `providers`."""
    by_app, claims = app_providers(settings, providers), wanted_claims(settings)
    return {
        it.provider: Expected(
            backchannel_logout=settings.providers[it.provider].backchannel_logout,
            claims=claims,
            apps={app.name: by_app[app.name].registration for app in it.apps},
            asks=_asks(settings, settings.providers[it.provider]),
        )
        for it in registrations(settings)
    }


def _asks(settings: Settings, provider: ProviderSettings) -> Asks:
    rules = [it.access for it in settings.routes if isinstance(it.access, AccessRules)]
    conditions = [it for access in rules for it in items_of(access.allow)]
    bearers = [it for it in settings.bearer if it.issuer == provider.issuer]
    called = Addresses(provider.issuer, provider.internal_url).called(provider.issuer)
    try:
        proxy = proxy_for(called, provider.proxy) or ""
    except ProviderUnavailableError:
        proxy = ""  # Then fetching the document says why.
    return Asks(
        acr=tuple(dict.fromkeys(acr for it in conditions for acr in it.acr or ())),
        wants_signed=any(it.introspection and it.introspection.signed for it in bearers),
        introspects=any(it.introspection is not None for it in bearers),
        has_certificate=provider.tls.cert_file is not None,
        # Without its password.
        proxy=urlsplit(proxy).netloc.rpartition("@")[2],
    )


async def examine(provider: Provider, expected: Expected) -> tuple[Finding, ...]:
    """All findings on `provider`, in reading order."""
    registration, asked_at = provider.registration, provider.clock()
    if registration.oauth2 is not None:
        return await examine_oauth2(registration, registration.oauth2, provider.http)
    if need_no_discovery(registration.endpoints):
        return await _without_discovery(provider, expected)
    try:
        answer = await fetch_document(registration.addresses, provider.http)
    except GatewayError as error:
        return (_not_had("discovery", error, provider),)
    answered_at = provider.clock()
    try:
        document = {**answer.json_object(), **registration.endpoints}
    except GatewayError as error:
        do = f"set providers.{registration.name}.issuer to the provider's: another server answers"
        return (Finding("problem", "discovery", str(error), do),)
    date, age = answer.fields.get("date", ""), answer.fields.get("age", "")
    return (
        *_where(answer, registration),
        *judge_document(document, registration),
        *await _with_metadata(document, provider, expected),
        *judge_extras(
            document,
            registration,
            backchannel_logout=expected.backchannel_logout,
            wanted_claims=expected.claims,
        ),
        *judge_asks(document, registration, expected.asks),
        judge_clock(date, age, (asked_at + answered_at) / 2),
        *judge_by_standards(document),
    )


async def _without_discovery(provider: Provider, expected: Expected) -> tuple[Finding, ...]:
    """Findings where the file gives the endpoints, and nothing else is known of the provider."""
    registration = provider.registration
    document = {"issuer": registration.issuer, **registration.endpoints}
    return (
        Finding("note", "discovery", "none is asked for: the file gives the endpoints"),
        *judge_endpoints(document, registration),
        *await _with_metadata(document, provider, expected),
        *judge_asks(document, registration, expected.asks),
    )


def _where(answer: Answer, registration: Registration) -> Iterator[Finding]:
    """Where the discovery document is from, if not from where one expects."""
    if answer.url.endswith(WELL_KNOWN):
        given = ", ".join(registration.endpoints)
        if given:
            yield Finding("ok", "discovery", f"the file's own: {given}")
        return
    says = f"OpenID Connect's is missing, so that of OAuth 2.0 counts (RFC 8414): {answer.url}"
    yield Finding("note", "discovery", says)


async def _with_metadata(
    document: Mapping[str, object], provider: Provider, expected: Expected
) -> tuple[Finding, ...]:
    """Findings that need a valid document: client authentication and keys."""
    registration = provider.registration
    try:
        if registration.client_auth == METHOD:
            document = with_mutual_tls(document)
        metadata = read_metadata(document, registration.addresses, registration.issuer_aliases)
    except GatewayError:
        return (Finding("note", "keys", "not fetched, because the document is refused"),)
    clients = tuple(_clients(metadata, registration, expected, provider.clock()))
    try:
        answer = await fetch_key_set(metadata.jwks_uri, provider.http)
        key_set = answer.json_object()
    except GatewayError as error:
        return (*clients, _not_had("keys", error, provider))
    return (*clients, *judge_keys(key_set, document, registration))


def _clients(
    metadata: Metadata, registration: Registration, expected: Expected, now: float
) -> Iterator[Finding]:
    yield judge_client_auth(registration, metadata)
    if registration.client_assertion_file is not None:
        yield _assertion(registration, registration.client_assertion_file, now)
    for name, of_app in expected.apps.items():
        found = judge_client_auth(of_app, metadata)
        yield Finding(found.level, f"{found.topic} of the app {name}", found.says, found.do)


def _assertion(registration: Registration, file: Path, now: float) -> Finding:
    topic = "client authentication"
    try:
        read_assertion(file, now)
    except GatewayError as error:
        do = f"see what should keep that file fresh, or correct providers.{registration.name}"
        return Finding("problem", topic, str(error), do)
    return Finding("ok", topic, f"client_assertion_file {str(file)!r} has a token that is valid")


def _not_had(topic: str, error: GatewayError, provider: Provider) -> Finding:
    name = provider.registration.name
    # The report already names the provider.
    says = str(error).removeprefix(f'provider "{name}": ')
    if isinstance(error, IssuerMisconfiguredError) and says.startswith("internal_url"):
        do = (
            f"set providers.{name}.internal_url to what stands for the issuer inside, with its path"
        )
    elif isinstance(error, IssuerMisconfiguredError):
        do = f"set providers.{name}.issuer to the provider's issuer, exactly as it writes it"
    else:
        do = "make sure that this machine can reach that address and the provider responds there"
    return Finding("problem", topic, says, do)
