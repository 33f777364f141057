"""Attacks on the framing of messages, and by answers that do not end."""

import asyncio
import gzip
import json
import tomllib
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pytest
from aiohttp import web
from packaging.requirements import Requirement

from gateway.errors import ProviderUnavailableError
from gateway.oidc.http import ProviderHttp
from tests.attacks.conftest import Lab
from tests.attacks.sessions_and_tokens import begin, callback_of, providers
from tests.authn.issuer import AUDIENCE, INTROSPECTION, TokenIssuer
from tests.dataplane.harness import Answer, request
from tests.fixtures.network import RawConnection
from tests.patience import soon

ROOT = Path(__file__).parents[2]
PROTECTED = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nprotected"
SMUGGLED = request("/smuggled")
NAVIGATION = ("Sec-Fetch-Mode: navigate", "Accept: text/html")
BOMB = gzip.compress(bytes(32 * 2**20), 1)
# What a 401 says to a program.
PROBLEM = {"type", "title", "status", "reason", "request_id", "sign_in", "detail"}


async def an_answer_for_nobody_holds_nothing_of_the_app(lab: Lab) -> None:
    """Ask for what is protected without a good credential, in every way, twice in a row."""
    upstream = await lab.upstream(PROTECTED)
    running = await lab.gateway(
        upstream.url,
        api_keys={},
        routes=[
            {"name": "login", "path": "/login", "access": "sign_in"},
            {"name": "all", "prefix": "/", "access": "signed_in"},
        ],
    )
    for lines, status in (
        ((), 401),
        (("Sec-Fetch-Mode: cors",), 401),
        (("Cookie: gatepost=" + "A" * 64,), 401),
        (("Cookie: gatepost=x", *NAVIGATION), 302),
        (("X-API-Key: gp_x",), 401),
        (("X-API-Key: gp_x", *NAVIGATION), 401),
        (("Authorization: Bearer x",), 401),
        (("Authorization: Basic eDp5", *NAVIGATION), 401),
        (("Connection: Upgrade", "Upgrade: websocket"), 401),
        (NAVIGATION, 302),
    ):
        for method, target in (("GET", "/"), ("HEAD", "/"), ("GET", "/login")):
            asked = request(target, *lines, method=method)
            client = await running.client()
            await client.send(asked + asked)
            for _ in range(2):
                answer = await client.response(method)
                expected = {status} if target == "/" else {401, 302}
                assert answer.status in expected, (lines, target, answer)
                _assert_is_ours(answer)
                if answer.closes:
                    break
            client.abort()
    assert upstream.connections == 0


def _assert_is_ours(answer: Answer) -> None:
    """Nothing but the gateway's own words, framed once."""
    assert b"protected" not in answer.body
    assert answer.all(b"cache-control") == [b"no-store"]
    assert answer.all(b"transfer-encoding") == []
    # HEAD may leave it out (RFC 9110, section 8.6).
    assert len(answer.all(b"content-length")) == 1 or not answer.body
    if answer.body and answer.all(b"content-type")[0].startswith(b"application/problem+json"):
        assert json.loads(answer.body).keys() <= PROBLEM


async def connect_opens_nothing(lab: Lab) -> None:
    """Send CONNECT with a request as its body, and behind it, on a connection that is kept."""
    upstream = await lab.upstream(PROTECTED)
    running = await lab.gateway(upstream.url)
    counted = (f"Content-Length: {len(SMUGGLED)}",)
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
    bodies = (((), SMUGGLED), (counted, SMUGGLED), (("Transfer-Encoding: chunked",), chunks))
    for target in ("app.test:80", "app.test:443", "127.0.0.1:22", "/", "http://app.test/"):
        for framing, body in bodies:
            client = await running.client()
            sent = request(target, "Connection: keep-alive", *framing, method="CONNECT", body=body)
            answer = await client.ask(sent + SMUGGLED)
            assert answer.status in (400, 405), (target, framing)
            assert answer.closes, (target, framing)
            assert await client.is_closed(), (target, framing)
    assert upstream.connections == 0


async def no_library_with_a_known_hole_may_be_installed(_lab: Lab) -> None:
    """Look at which versions of aiohttp, which talks to providers, the project takes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (taken,) = [
        found
        for found in map(Requirement, project["project"]["dependencies"])
        if found.name == "aiohttp"
    ]
    assert "3.14.2" not in taken.specifier
    assert version("aiohttp") in taken.specifier


class Flood(TokenIssuer):
    """A provider that answers one path with more than anybody can keep."""

    async def fail(self, failure, request):
        if failure == "bomb":
            fields = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
            return web.Response(body=BOMB, headers=fields)
        if failure != "endless":
            return await super().fail(failure, request)
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        with suppress(ConnectionError):
            while True:
                await answer.write(b'{"a":' * 10_000)
        return answer


async def what_a_provider_answers_is_capped(lab: Lab) -> None:
    """Answer without end, packed a thousandfold and byte by byte, at every endpoint."""
    for failure in ("endless", "bomb"):
        await _flooded_sign_in(lab, failure)
        await _flooded_token(lab, failure)
    await _dripping(lab)


async def _flooded_sign_in(lab: Lab, failure: str) -> None:
    upstream = await lab.upstream(PROTECTED)
    for path in ("/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"):
        provider = await lab.provider(Flood)
        provider.wrongs.failures = {path: failure}
        running = await lab.gateway(upstream.url, providers=providers(provider))
        begun = await begin(running)
        answer = begun.answer
        if answer.status == 302:
            answer = await running.ask(callback_of(provider, begun))
        assert provider.count(path) >= 1
        assert (path, answer.status) == (path, 503)


async def _flooded_token(lab: Lab, failure: str) -> None:
    upstream = await lab.upstream(PROTECTED)
    for path, token in (
        ("/.well-known/openid-configuration", None),
        ("/jwks", None),
        ("/introspect", "opaque-0123456789"),
    ):
        issuer = await lab.provider(Flood)
        issuer.wrongs.failures = {path: failure}
        settings = {"issuer": issuer.issuer, "audiences": [AUDIENCE]}
        running = await lab.gateway(
            upstream.url,
            routes=[{"name": "all", "prefix": "/", "access": "signed_in"}],
            bearer=[{**settings, "introspection": INTROSPECTION}],
        )
        line = f"Authorization: Bearer {token or issuer.token()}"
        answer = await running.ask(request("/", line))
        assert issuer.count(path) >= 1
        assert (path, answer.status) == (path, 503)
    assert upstream.connections == 0


async def _dripping(lab: Lab) -> None:
    async def drip(connection: RawConnection) -> None:
        await connection.read_head()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{")
        while not connection.writer.is_closing():
            await connection.send(b" ")
            await asyncio.sleep(0.01)

    slow = await lab.upstream(drip)
    http = ProviderHttp(timeout_s=0.3)
    with pytest.raises(ProviderUnavailableError):
        await soon(http.get(slow.url))
    await http.aclose()
