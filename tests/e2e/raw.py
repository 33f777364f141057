"""Connections to a gateway in a process of its own: exact bytes, and what comes back."""

import asyncio
import ssl
from urllib.parse import urlsplit

from tests.dataplane.harness import Answer, Client


async def connect(gateway, *, tls: ssl.SSLContext | None = None, name: str | None = None) -> Client:
    """A connection to the public listener."""
    return Client(
        *await asyncio.open_connection("127.0.0.1", gateway.port, ssl=tls, server_hostname=name)
    )


def get(gateway, target: str = "/", *lines: str) -> bytes:
    """A request for `target` on the host of its public URL."""
    head = [f"GET {target} HTTP/1.1", f"Host: {urlsplit(gateway.base_url).netloc}", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n"


async def ask(gateway, target: str = "/", *lines: str) -> Answer:
    """The answer to a request on a connection of its own."""
    client = await connect(gateway)
    try:
        return await client.ask(get(gateway, target, *lines))
    finally:
        client.writer.transport.abort()


async def admin(gateway, path: str) -> Answer:
    """What the admin listener answers."""
    address = urlsplit(gateway.admin_url)
    client = Client(*await asyncio.open_connection(address.hostname, address.port))
    try:
        return await client.ask(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    finally:
        client.writer.transport.abort()


def behind(app, *routes, **settings) -> dict:
    """Settings of a gateway before `app`; without `routes`, all of it is public."""
    return {
        "upstreams": {"app": {"url": app.url}},
        "providers": {"idp": {"issuer": "https://id.test", "client_id": "c"}},
        "routes": list(routes) or [{"name": "all", "prefix": "/", "access": "public"}],
        **settings,
    }


PUBLIC = {"name": "all", "prefix": "/", "access": "public"}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
