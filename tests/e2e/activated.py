"""Gateways that listen on sockets passed to them; see tests/fixtures/activation.py."""

import asyncio
import socket

from tests.dataplane.harness import Client
from tests.e2e.raw import behind

PUBLIC_URL = "http://app.test"
REQUEST = b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"


def settings(app, listen, **server):
    server = {"listen": listen, "drain_timeout": "2s", **server}
    return behind(app, public_url=PUBLIC_URL, server=server)


async def connect(bound: socket.socket) -> Client:
    name = bound.getsockname()
    if bound.family == socket.AF_UNIX:
        return Client(*await asyncio.open_unix_connection(name))
    return Client(*await asyncio.open_connection(*name))


async def ask(bound: socket.socket, request: bytes = REQUEST):
    client = await connect(bound)
    try:
        return await client.ask(request)
    finally:
        client.abort()
