"""Real proxies that ask the gateway, each configured as its guide says."""

import asyncio
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import pytest

from gateway.credentials.key_format import new_key
from tests.authn.issuer import INTROSPECTION
from tests.dataplane.harness import Answer, Client
from tests.e2e.people import Browser
from tests.examples.manifests import manifests, of_kind
from tests.fixtures.gateway import GatewayProcess
from tests.fixtures.network import RawConnection, RawUpstream, counted_length, take_free_port
from tests.fixtures.processes import require_tool, terminate, wait_until
from tests.fixtures.real_clock import real_clock

__all__ = ["fronted", "real_clock"]

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "forward-auth.md"
# Of each the dialect that the gateway speaks with it.
PROXIES = {
    "nginx": "nginx",
    "caddy": "caddy",
    "traefik": "traefik",
    "nginx-gateway-fabric": "nginx",
}
# The others differ in their configuration, not in what they ask.
IN_EVERY_RUN = ("nginx", "caddy")
ROUTES = [
    {"name": "open", "prefix": "/public", "access": "public"},
    {"name": "admin", "prefix": "/admin", "access": "denied"},
    {"name": "app", "prefix": "/", "access": "signed_in"},
]
_ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def app(upstream: RawUpstream, connection: RawConnection) -> None:
    """Answer each request, and let every WebSocket in."""
    while head := await connection.read_head():
        upstream.heads.append(head)
        await connection.read(counted_length(head))
        if re.search(rb"\r\nupgrade: websocket\r\n", head, re.IGNORECASE):
            await connection.send(_ACCEPTED)
            await connection.read_to_end()
            return
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@dataclass(slots=True)
class Fronted:
    """A proxy in front of an app, and the gateway that it asks.

    Attributes:
        heads: What the app got.
        key: An API key of the user `ci`.
    """

    proxy: str
    port: int
    gateway: GatewayProcess
    heads: list[bytes]
    key: str
    clients: list[Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address that browsers know."""
        return f"http://127.0.0.1:{self.port}"

    def browser(self) -> Browser:
        """A browser, to be closed."""
        return Browser(self.url)

    async def ask(self, target: str, *lines: str, method: str = "GET", body: bytes = b"") -> Answer:
        """The answer to one request on a connection of its own."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**20))
        self.clients.append(client)
        length = (f"Content-Length: {len(body)}",) if body or method == "POST" else ()
        head = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *lines, *length]
        return await client.ask(("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body)

    def got(self) -> dict[str, list[str]]:
        """The fields of the last request that the app got, as an app over CGI reads their names."""
        found: dict[str, list[str]] = {}
        for line in self.heads[-1].decode().split("\r\n")[1:]:
            name, _, value = line.partition(":")
            if name:
                found.setdefault(re.sub("[^a-z0-9]", "-", name.lower()), []).append(value.strip())
        return found


@pytest.fixture(params=PROXIES if "TEST_MORE" in os.environ else IN_EVERY_RUN)
async def fronted(request, tmp_path, gateway_process, demo_provider, raw_upstream, issuer):
    """An app behind a proxy that asks the gateway."""
    key = new_key(os.urandom)
    upstream = await raw_upstream(lambda connection: app(upstream, connection))
    port, listen = take_free_port(), take_free_port()
    public = f"http://127.0.0.1:{port}"
    callback = f"{public}/_gatepost/callback/oidc"
    provider = demo_provider({"client_id": "notes", "redirect_uris": [callback]})
    gateway = gateway_process(
        {
            "public_url": public,
            "server": {"listen": f"127.0.0.1:{listen}", "trusted_proxies": ["127.0.0.1"]},
            "forward_auth": {"dialect": PROXIES[request.param]},
            "upstreams": {"app": {"url": upstream.url, "logout_paths": ["/logout"]}},
            "providers": {
                "oidc": {
                    "issuer": provider.issuer,
                    "client_id": "notes",
                    "claims": {"user": "preferred_username"},
                }
            },
            "bearer": [
                {
                    "issuer": issuer.issuer,
                    "audiences": ["https://api.example.com"],
                    "introspection": INTROSPECTION,
                }
            ],
            "api_keys": {
                "static": [
                    {"name": "ci", "sha256": hashlib.sha256(key.encode()).hexdigest(), "user": "ci"}
                ]
            },
            "routes": ROUTES,
        }
    )
    places = {"gatepost:8080": f"127.0.0.1:{listen}", "app:3000": f"127.0.0.1:{upstream.port}"}
    with _STARTS[request.param](tmp_path, port, places):
        running = Fronted(request.param, port, gateway, upstream.heads, key)
        yield running
        for client in running.clients:
            client.abort()


def snippet(language: str, beginning: str, places: dict[str, str]) -> str:
    """The guide's block that begins so, for these addresses."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if block.startswith(beginning)]
    for name, address in places.items():
        assert name in found
        found = found.replace(name, address)
    return found


@contextmanager
def _nginx(directory: Path, port: int, places: dict[str, str]) -> Iterator[None]:
    inside = snippet(
        "nginx",
        "map",
        {
            **places,
            "listen 443 ssl;": f"listen 127.0.0.1:{port};",
            "server_name app.example.com;": "",
            "ssl_certificate /etc/ssl/app.crt;": "",
            "ssl_certificate_key /etc/ssl/app.key;": "",
        },
    )
    _write_nginx(directory, inside)
    with running(_nginx_command(directory), directory, port):
        yield


def _write_nginx(directory: Path, inside: str) -> None:
    """nginx's configuration, with `inside` in its context `http`."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{name}_temp_path {directory}/{name};" for name in kinds)
    (directory / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {directory}/pid;\n"
        f"events {{ }}\nhttp {{ access_log off; {paths}\n{inside}\n}}\n"
    )


def _nginx_command(directory: Path) -> list[str]:
    return ["nginx", "-c", str(directory / "nginx.conf"), "-p", str(directory)]


@contextmanager
def _caddy(directory: Path, port: int, places: dict[str, str]) -> Iterator[None]:
    site = {"app.example.com {": f"http://127.0.0.1:{port} {{\n\tbind 127.0.0.1"}
    inside = snippet("caddy", "app.example.com {", {**places, **site})
    config = directory / "Caddyfile"
    config.write_text("{\n\tadmin off\n\tauto_https off\n\tpersist_config off\n}\n" + inside)
    with running(["caddy", "run", "--config", str(config)], directory, port):
        yield


@contextmanager
def _traefik(directory: Path, port: int, places: dict[str, str]) -> Iterator[None]:
    config = directory / "dynamic.yaml"
    config.write_text(snippet("yaml", "http:", {**places, "app.example.com": "127.0.0.1"}))
    command = [
        "traefik",
        f"--providers.file.filename={config}",
        "--providers.file.watch=false",
        f"--entrypoints.web.address=127.0.0.1:{port}",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]
    with running(command, directory, port):
        yield


@contextmanager
def _fabric(directory: Path, port: int, places: dict[str, str]) -> Iterator[None]:
    """nginx with the example's snippets where NGINX Gateway Fabric would include them.

    Around them is what it writes (`internal/controller/nginx/config`), as far as requests notice.
    """
    (snippets,) = of_kind(manifests("nginx-gateway-fabric-snippets"), "SnippetsFilter").values()
    texts = {it["context"]: it["value"] for it in snippets["spec"]["snippets"]}
    gateway, app = places["gatepost:8080"], places["app:3000"]
    server = texts["http.server"].replace("gatepost.notes.svc.cluster.local:8080", gateway)
    assert gateway in server
    said = """
        proxy_http_version 1.1;
        proxy_set_header X-Forwarded-For "$proxy_add_x_forwarded_for";
        proxy_set_header X-Real-IP "$remote_addr";
        proxy_set_header X-Forwarded-Proto "$scheme";
        proxy_set_header X-Forwarded-Host "$host";
        proxy_set_header X-Forwarded-Port "$server_port";
        proxy_set_header Upgrade "$http_upgrade";
        proxy_set_header Connection "$connection_upgrade";
    """
    _write_nginx(
        directory,
        f"""
        map $http_host $gw_api_compliant_host {{ "" $host; default $http_host; }}
        map $http_upgrade $connection_upgrade {{ default upgrade; "" close; }}
        server {{
            listen 127.0.0.1:{port};
            {server}
            location /_gatepost/ {{
                {said}
                proxy_set_header Host "$gw_api_compliant_host";
                proxy_set_header Forwarded "";
                proxy_set_header X-Request-ID "";
                proxy_pass http://{gateway}$request_uri;
            }}
            location / {{
                {texts["http.server.location"]}
                {said}
                proxy_set_header Host "127.0.0.1:{port}";
                proxy_pass http://{app}$request_uri;
            }}
        }}
        """,
    )
    with running(_nginx_command(directory), directory, port):
        yield


_STARTS = {
    "nginx": _nginx,
    "caddy": _caddy,
    "traefik": _traefik,
    "nginx-gateway-fabric": _fabric,
}


@contextmanager
def running(
    command: list[str], directory: Path, port: int, is_ready: Callable[[int], bool] | None = None
) -> Iterator[None]:
    """Run a proxy until the end; it listens on `port`, and `is_ready` says when it does."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}{os.pathsep}/usr/sbin"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", tools)
        program = require_tool(command[0])
    log = directory / "proxy.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, *command[1:]],
            env={**os.environ, "HOME": str(directory), "XDG_DATA_HOME": str(directory)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: (is_ready or listens)(port), process, command[0])
        yield
    except RuntimeError as error:
        pytest.fail(f"{error}; it wrote:\n{log.read_text()}", pytrace=False)
    finally:
        terminate(process, command[0])


def listens(port: int, path: str = "/_gatepost/whoami") -> bool:
    """Whether the proxy has read its routes: the gateway answers behind it."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 401
    except OSError:
        return False
    finally:
        connection.close()
