"""Gateways that share a store, in front of one app, and a browser that is signed in."""

import re
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.fixtures.gateway import GatewayProcess
from tests.fixtures.network import take_free_port
from tests.fixtures.oidc import OidcProvider, sign_in_at_oidc_provider

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
SESSION = re.compile(r"(?:__Host-)?gatepost=([^;]+)")
SCOPES = ["openid", "profile", "email", "groups", "offline_access"]


@dataclass
class Cluster:
    """Gateway processes that share `data_dir`, all of them for the first one's public URL."""

    origin: str
    gateways: list[GatewayProcess]
    provider: OidcProvider
    client_id: str

    def urls(self, path: str) -> Iterator[str]:
        """The URL of `path` at each gateway in turn, without end."""
        while True:
            for gateway in self.gateways:
                yield f"{gateway.base_url}{path}"

    def metric(self, name: str) -> float:
        """The sum of a metric over all gateways and labels; `name` may have some of the labels."""
        return sum(
            float(line.rpartition(" ")[2])
            for gateway in self.gateways
            for line in gateway.metrics().splitlines()
            if line.startswith(name)
        )

    def granted(self, what: str = "refresh_token") -> int:
        """How many grants of a kind the provider says it has made."""
        return self.provider.log_path.read_text().count(f"granted: {what}")


def start_cluster(
    gateway_process: Any,
    provider: OidcProvider,
    upstream: str,
    tmp_path: Path,
    *,
    count: int = 1,
    client: dict[str, Any] | None = None,
    backchannel: bool = True,
    claims: dict[str, Any] | None = None,
    **settings: Any,
) -> Cluster:
    """Start `count` gateways, registered at `provider` as one client."""
    origin = f"http://127.0.0.1:{take_free_port()}"
    registered = provider.register(
        f"{origin}/_gatepost/callback/oidc",
        post_logout_redirect_uris=[f"{origin}/_gatepost/logout"],
        **{
            name: value.replace("ORIGIN", origin) if isinstance(value, str) else value
            for name, value in (client or {}).items()
        },
    )
    of_provider = {
        "issuer": provider.issuer,
        "client_id": registered.client_id,
        "client_secret": registered.client_secret,
        "scopes": SCOPES,
        "authorize_params": {"prompt": "consent"},
        "claims": claims or {"groups": "groups"},
        "backchannel_logout": backchannel,
    }
    gateways = [
        gateway_process(
            {
                "public_url": origin,
                "server": {"listen": origin.removeprefix("http://")} if number == 0 else {},
                "data_dir": str(tmp_path / "shared"),
                "upstreams": {"app": {"url": upstream, "logout_paths": ["/logout"]}},
                "providers": {"oidc": of_provider},
                **settings,
            }
        )
        for number in range(count)
    ]
    return Cluster(origin, gateways, provider, registered.client_id)


@asynccontextmanager
async def browser():
    """A client that keeps cookies."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield session


async def sign_in(session: aiohttp.ClientSession, cluster: Cluster, user: str) -> str:
    """Sign `user` in at the first gateway; the session's cookie value."""
    begin = f"{cluster.origin}/_gatepost/sign-in?return_to=/"
    async with session.get(begin, allow_redirects=False) as response:
        there = response.headers["Location"]
    back = await sign_in_at_oidc_provider(session, there, user)
    async with session.get(back, allow_redirects=False) as response:
        assert response.status == 302, await response.text()
        found = [SESSION.match(value) for value in response.headers.getall("Set-Cookie")]
    (cookie,) = [match[1] for match in found if match]
    return cookie


async def ask(
    cookie: str | None, method: str, url: str, origin: str, **kwargs: Any
) -> tuple[int, bytes]:
    """Ask with this session and nothing else; status and body."""
    headers = {"Host": origin.removeprefix("http://"), **kwargs.pop("headers", {})}
    if cookie is not None:
        headers["Cookie"] = f"gatepost={cookie}"
    jar = aiohttp.DummyCookieJar()
    async with (
        aiohttp.ClientSession(cookie_jar=jar) as session,
        session.request(method, url, headers=headers, allow_redirects=False, **kwargs) as response,
    ):
        return response.status, await response.read()
