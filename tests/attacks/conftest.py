"""What attacks run against: gateways in the test's event loop, upstreams, providers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.assembly.serving import clock
from tests.authn.issuer import TokenIssuer
from tests.dataplane.conftest import StartGateway, gateway, pytest_asyncio_loop_factories
from tests.fixtures.network import RawUpstream
from tests.fixtures.oidc import OidcProvider

# Their assertions say what they found, as those of tests do.
_THEMES = ("http_messages", "identity_fields", "paths_and_hosts", "sessions_and_tokens")
pytest.register_assert_rewrite(*(f"tests.attacks.{theme}" for theme in _THEMES))

__all__ = ["gateway", "lab", "pytest_asyncio_loop_factories"]


@dataclass(frozen=True, slots=True)
class Lab:
    """What an attack is run with.

    Attributes:
        upstream: Starts an app: ``await lab.upstream(handler_or_bytes)``.
        gateway: Starts a gateway: ``await lab.gateway(upstream.url, {...}, **settings)``.
        provider: Starts a provider of the given class that does as it is told.
        certified: Gives npm's certified oidc-provider.
    """

    upstream: Callable[..., Awaitable[RawUpstream]]
    gateway: StartGateway
    provider: Callable[..., Awaitable[Any]]
    certified: Callable[[], OidcProvider]


@pytest.fixture
async def lab(request, raw_upstream, gateway) -> AsyncIterator[Lab]:
    started = []

    async def provider(kind: type[TokenIssuer] = TokenIssuer) -> TokenIssuer:
        started.append(kind(clock))
        await started[-1].start()
        return started[-1]

    yield Lab(raw_upstream, gateway, provider, lambda: request.getfixturevalue("oidc_provider"))

    for each in started:
        await each.stop()
