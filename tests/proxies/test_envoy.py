"""Envoy's questions, as its HTTP service of ext_authz sends them by the guide's configuration."""

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.credentials.key_format import new_key
from tests.dataplane.conftest import gateway
from tests.dataplane.harness import Answer, RunningGateway
from tests.fixtures.real_clock import real_clock

__all__ = ["gateway", "real_clock"]

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "forward-auth.md"
# Sent whatever is allowed, says Envoy's documentation of `HttpService`.
ALWAYS = ("authorization",)
NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


def _configured(beginning: str) -> Any:
    blocks = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if block.startswith(beginning)]
    return yaml.safe_load(found)


FILTER = _configured("http_filters:")["http_filters"][0]["typed_config"]
SERVICE = FILTER["http_service"]
ANSWERED = SERVICE["authorization_response"]


def _passes(name: str, allowed: dict[str, Any]) -> bool:
    return any(
        name == it.get("exact") or ("prefix" in it and name.startswith(it["prefix"]))
        for it in allowed["patterns"]
    )


async def _ask(
    running: RunningGateway, target: str, fields: dict[str, str], method: str = "GET"
) -> Answer:
    sent = {
        name: value
        for name, value in fields.items()
        if name.lower() in ALWAYS or _passes(name.lower(), FILTER["allowed_headers"])
    }
    lines = "".join(f"{name.lower()}: {value}\r\n" for name, value in sent.items())
    head = f"{method} {SERVICE['path_prefix']}{target} HTTP/1.1\r\nhost: app.test\r\n"
    head += "x-forwarded-for: 192.0.2.1\r\n"
    return await running.ask(f"{head}content-length: 0\r\n{lines}\r\n".encode())


@pytest.fixture
async def asked(gateway):
    """A gateway that Envoy asks, and an API key."""
    key = new_key(os.urandom)
    static = {"name": "ci", "sha256": hashlib.sha256(key.encode()).hexdigest(), "user": "ci"}
    running = await gateway(
        server={"trusted_proxies": ["127.0.0.1"]},
        forward_auth={"dialect": "envoy"},
        api_keys={"static": [static]},
        routes=[
            {"name": "open", "prefix": "/public", "access": "public"},
            {"name": "app", "prefix": "/", "access": "signed_in"},
        ],
    )
    return running, key


async def test_what_the_configuration_passes_on_is_all_that_counts(asked):
    running, key = asked
    name, _, cookie = (await running.sign_in()).decode().strip().partition(": ")
    for fields, user in (
        ({name: cookie}, b"alice"),
        ({"X-API-Key": key}, b"ci"),
        ({"Authorization": f"Bearer {key}"}, b"ci"),
    ):
        answer = await _ask(running, "/notes?a=b", {**fields, "Remote-User": "root"}, "PUT")
        assert (answer.status, answer.all(b"remote-user")) == (200, [user])
        names = {n.decode() for n, _ in answer.fields}
        told = {it["exact"] for it in ANSWERED["allowed_upstream_headers"]["patterns"]}
        assert told <= names
        assert {it for it in names if it.startswith(("remote-", "gatepost-"))} == told


async def test_what_a_client_must_know_is_passed_on(asked):
    running, _ = asked
    answer = await _ask(running, "/notes", NAVIGATION)
    assert answer.status == 302
    for sent in (answer, await _ask(running, "/notes", {"Cookie": "gatepost=old"})):
        for wanted in ("location", "set-cookie", "www-authenticate", "content-type"):
            if sent.all(wanted.encode()):
                assert _passes(wanted, ANSWERED["allowed_client_headers"])
    assert (await _ask(running, "/notes", {})).status == 401


async def test_a_websocket_and_a_form_of_another_site_are_known(asked):
    running, _ = asked
    name, _, cookie = (await running.sign_in()).decode().strip().partition(": ")
    foreign = {name: cookie, "Origin": "http://evil.test"}
    own = {name: cookie, "Origin": "http://app.test"}
    for more, method in (
        ({"Upgrade": "websocket"}, "GET"),
        ({"Sec-WebSocket-Key": "dGVzdA=="}, "GET"),
        ({"Sec-Fetch-Mode": "websocket"}, "GET"),
        ({}, "POST"),
    ):
        assert (await _ask(running, "/ws", {**foreign, **more}, method)).status == 403
        assert (await _ask(running, "/ws", {**own, **more}, method)).status == 200


async def test_what_no_rule_can_judge_is_known(asked):
    running, _ = asked
    names = ("X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X-HTTP-Method-Override")
    for fields in (*({name: "/admin"} for name in names), {"Upgrade": "h2c"}):
        assert (await _ask(running, "/public", fields)).status == 400, fields


def test_the_gateways_own_paths_are_not_asked_about():
    exact, below, own, rest = _configured("routes:")["routes"]
    assert exact["match"] == {"path": SERVICE["path_prefix"]}
    assert below["match"] == {"prefix": SERVICE["path_prefix"] + "/"}
    assert exact["direct_response"] == below["direct_response"] == {"status": 404}
    assert (own["match"], own["route"]) == ({"prefix": "/_gatepost/"}, {"cluster": "gatepost"})
    for route in (exact, below, own):
        (unasked,) = route["typed_per_filter_config"].values()
        assert unasked["disabled"] is True
    assert "typed_per_filter_config" not in rest
    assert FILTER["failure_mode_allow"] is False
