"""A gateway with local accounts, before an app, at an address that browsers trust."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.world import Names, World, worlds
from tests.fixtures.network import take_free_port
from tests.fixtures.oidc import OidcProvider

APP = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n<h1>Notes</h1>"

# Only `make screenshots` takes the pictures of the documentation.
collect_ignore = [] if os.environ.get("PICTURES") else ["test_pictures.py"]


@pytest.fixture
async def start_standalone(
    gateway_process: Callable[..., Any], raw_upstream: Callable[..., Any]
) -> Callable[..., Any]:
    """Start it: ``start_standalone(path="/notes", smtp={…})``, with a path of its public URL."""
    app = await raw_upstream(APP)

    def start(path: str = "", module: str = "gateway", **settings: Any) -> Any:
        port = take_free_port()
        return gateway_process(
            {
                "auth_mode": "standalone",
                # Scripts may use passkeys here, as on a site with TLS.
                "public_url": f"http://localhost:{port}{path}",
                "server": {"listen": f"127.0.0.1:{port}"},
                "upstreams": {"app": {"url": app.url}},
                **settings,
            },
            module=module,
        )

    return start


@pytest.fixture
def gateway(start_standalone: Callable[..., Any]) -> Any:
    """The gateway; a module may have one that differs."""
    return start_standalone()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, oidc_provider: OidcProvider) -> Iterator[World]:
    """Gateways on which every page can be met, for all tests that leave them as they were."""
    with worlds(tmp_path_factory.mktemp("world"), oidc_provider) as begin:
        yield begin(Names())
