"""Whether sign-ins would work at each provider: what `gatepost provider` finds, and the client."""

import asyncio
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.assembly.providers import providers_of
from gateway.cli.doctor_checks.finding import Finding, Level, from_provider
from gateway.cli.doctor_checks.redirects import check_post_logout_uri, check_redirect_uri
from gateway.cli.doctor_checks.surroundings import Surroundings
from gateway.cli.provider_examination import Expected, examine, expectations
from gateway.cli.registration import Registration, registrations
from gateway.errors import GatewayError
from gateway.oidc.client_auth import choose_method
from gateway.oidc.discovery import Metadata
from gateway.oidc.errors import ClientRefusedError, CodeRefusedError
from gateway.oidc.finding import Finding as ProviderFinding
from gateway.oidc.finding import quoted
from gateway.oidc.provider import Provider
from gateway.settings.addresses import is_on_private_network

_OF_APP = " of the app "


async def check_providers(around: Surroundings) -> list[Finding]:
    """Findings on every provider."""
    providers = providers_of(around.settings, around.http, around.clock)
    expected = expectations(around.settings, providers)
    found = await asyncio.gather(
        *(
            _check(providers[it.provider], expected[it.provider], it)
            for it in registrations(around.settings)
        )
    )
    return [finding for findings in found for finding in findings]


async def _check(
    provider: Provider, expected: Expected, registration: Registration
) -> list[Finding]:
    name = registration.provider
    findings = [_named(it, name) for it in await examine(provider, expected)]
    try:
        metadata = await provider.metadata()
    except GatewayError:
        return findings  # They say why.
    asked = await asyncio.gather(
        # A star stands for hosts, each with a URI of its own: which are registered is not known.
        *(
            check_redirect_uri(provider, metadata, it)
            for it in registration.redirect_uris
            if "*" not in it
        ),
        *(
            check_post_logout_uri(provider, metadata, it)
            for it in registration.post_logout_redirect_uris
            if metadata.end_session_endpoint is not None and "*" not in it
        ),
        _check_client(provider, metadata, registration),
    )
    return [*findings, *asked, *_reaches_us(provider, registration)]


def _named(found: ProviderFinding, provider: str) -> Finding:
    topic, _, app = found.topic.partition(_OF_APP)
    name = topic.lower().replace(" ", "-")
    says = f"for the app {app}: {found.says}" if app else found.says
    told = ProviderFinding(found.level, topic, says, found.do)
    return from_provider(
        told, "clock-provider" if name == "clock" else f"provider-{name}", provider
    )


async def _check_client(
    provider: Provider, metadata: Metadata, registration: Registration
) -> Finding:
    """Whether the token endpoint accepts the client, asked with a made-up code."""
    name, about = "provider-client-secret", registration.provider
    method = choose_method(provider.registration, metadata)
    what = "client id is" if method == "none" else "client id and secret are"
    try:
        await provider.client.redeem(
            metadata,
            f"gatepost-doctor-{secrets.token_urlsafe(16)}",
            redirect_uri=registration.redirect_uris[0],
            code_verifier=secrets.token_urlsafe(32),
        )
    except ClientRefusedError as error:
        do = (
            f"compare providers.{about}.client_id, its secret and client_auth with the client at "
            "the provider; a secret file must hold the secret alone"
        )
        return Finding("error", name, about, f"the {what} refused ({method}): {error}", do)
    except CodeRefusedError as error:
        if "'invalid_grant'" in str(error):
            says = f"the {what} accepted ({method}), as far as a made-up code can tell"
            return Finding("ok", name, about, says)
        says = f"the token endpoint refuses this client's requests: {error}"
        do = "allow the authorization code flow for this client at the provider"
        level: Level = "error" if "'unauthorized_client'" in str(error) else "warning"
        return Finding(level, name, about, says, do)
    except GatewayError as error:
        do = "sign in once to find out"
        return Finding("warning", name, about, f"cannot be told: {error}", do)
    says = "the token endpoint gave tokens for a made-up code"
    return Finding("error", name, about, says, "do not use this provider, and tell its maker")


def _reaches_us(provider: Provider, registration: Registration) -> Iterator[Finding]:
    """Whether the provider can send logout tokens, as far as names tell."""
    uri = registration.backchannel_logout_uri
    if uri is None:
        return
    name, about = "provider-reaches-us", registration.provider
    ours = urlsplit(uri).hostname or ""
    theirs = urlsplit(provider.registration.issuer).hostname or ""
    if is_on_private_network(ours) and not is_on_private_network(theirs):
        says = f"{theirs} may not reach {quoted(uri)}, an address inside your network"
        do = f"make it reachable for the provider, or set providers.{about}.backchannel_logout: "
        yield Finding("warning", name, about, says, f"{do}false")
    else:
        says = f"back-channel logout needs the provider's servers to reach {quoted(uri)}"
        yield Finding(
            "ok", name, about, says, "to be sure, end a session there and see it end here"
        )
