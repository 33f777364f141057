"""What attacks run against: gateways in the test's event loop, upstreams, providers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.dataplane.conftest import StartGateway, gateway, pytest_asyncio_loop_factories
from tests.fixtures.network import RawUpstream
from tests.fixtures.oidc import OidcProvider
from tests.fixtures.real_clock import real_clock

# Their assertions say what they found, as those of tests do.
_THEMES = ("http_messages", "identity_fields", "paths_and_hosts", "sessions_and_tokens")
pytest.register_assert_rewrite(*(f"tests.attacks.{theme}" for theme in _THEMES))

__all__ = ["gateway", "lab", "pytest_asyncio_loop_factories", "real_clock"]


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
def lab(request, raw_upstream, gateway, start_issuer) -> Lab:
    certified = partial(request.getfixturevalue, "oidc_provider")
    return Lab(raw_upstream, gateway, start_issuer, certified)
