"""Spans as a collector gets them from a running gateway."""

import re
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.people import Browser
from tests.fixtures.collector import CLIENT, ERROR, SERVER
from tests.fixtures.gateway import clean_environment, dump, with_defaults
from tests.fixtures.network import take_free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
# The SDK's own variable: how often it exports, in milliseconds.
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
PUBLIC = {"name": "open", "prefix": "/open", "access": "public"}
REST = {"name": "rest", "prefix": "/", "access": "signed_in"}


@pytest.fixture
async def traced(gateway_process, raw_upstream, collector):
    """A gateway that traces, in front of an app: ``gateway, app = await traced()``."""

    async def begin(**settings):
        app = await raw_upstream(OK)
        whole = {
            "upstreams": {"app": app.url},
            "routes": [PUBLIC, REST],
            "tracing": {"otlp": collector.url},
            **settings,
        }
        return gateway_process(whole, env=SOON), app

    return begin


async def get(url, **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers=fields, allow_redirects=False) as response,
    ):
        return response.status


def sent_parent(head):
    found = re.search(rb"\r\ntraceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])\r\n", head)
    return [it.decode() for it in found.groups()]


async def test_a_request_and_the_call_to_its_app_are_two_spans(traced, collector):
    gateway, app = await traced()

    assert await get(f"{gateway.base_url}/open/a;jsessionid=s?code=c") == 200

    span = collector.server_span(gatepost_route="open")
    assert (span.name, span.parent_id, span.status) == ("GET open", "", 0)
    assert span.took_ns > 0
    assert span.attributes == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/open/a…",
        "http.response.status_code": 200,
        "gatepost.request_id": gateway.wait_for_audit(route="open")["request_id"],
        "gatepost.route": "open",
        "gatepost.decision": "allow",
        "gatepost.reason": "public",
    }
    assert span.resource["service.name"] == "gatepost"
    [upstream] = collector.below(span, "upstream")
    assert (upstream.kind, upstream.attributes) == (
        CLIENT,
        {"gatepost.upstream": "app", "http.response.status_code": 200},
    )
    assert sent_parent(app.heads[0]) == [upstream.trace_id, upstream.span_id, "01"]
    assert upstream.trace_id == span.trace_id


async def test_what_a_client_says_begins_no_trace_and_a_trusted_proxy_goes_on_with_its_own(
    traced, collector
):
    given = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "a=1"}
    stranger, app = await traced()
    assert await get(f"{stranger.base_url}/open", **given) == 200
    span = collector.server_span(gatepost_route="open")
    assert TRACE not in (span.trace_id, *sent_parent(app.heads[0]))
    assert b"tracestate" not in app.heads[0]
    collector.bodies.clear()

    proxied, app = await traced(server={"trusted_proxies": ["127.0.0.1"]})
    assert await get(f"{proxied.base_url}/open", **given) == 200

    span = collector.server_span(gatepost_route="open")
    assert (span.trace_id, span.parent_id) == (TRACE, PARENT)
    [upstream] = collector.below(span, "upstream")
    assert sent_parent(app.heads[0]) == [TRACE, upstream.span_id, "01"]
    assert b"\r\ntracestate: a=1\r\n" in app.heads[0]


async def test_a_trace_that_the_proxy_does_not_sample_makes_no_span(traced, collector):
    gateway, app = await traced(server={"trusted_proxies": ["127.0.0.1"]})

    assert await get(f"{gateway.base_url}/open", traceparent=f"00-{TRACE}-{PARENT}-00") == 200
    assert await get(f"{gateway.base_url}/open") == 200

    collector.server_span(gatepost_route="open")
    assert [it for it in collector.spans() if it.trace_id == TRACE] == []
    trace_id, span_id, flags = sent_parent(app.heads[0])
    assert (trace_id, flags) == (TRACE, "00")
    assert span_id != PARENT


async def test_refusals_and_failures_have_their_reason(traced, collector):
    gateway, _ = await traced(
        upstreams={"app": f"http://127.0.0.1:{take_free_port()}"},
        routes=[PUBLIC, {**REST, "access": "denied"}],
    )
    assert await get(f"{gateway.base_url}/x") == 403
    assert await get(f"{gateway.base_url}/open") == 502
    assert await get(f"{gateway.base_url}/open", Host="nowhere.test") == 421
    reader_status = await get(f"{gateway.base_url}/open/%2e%2e%2f%2fx%00")

    denied = collector.server_span(gatepost_route="rest")
    assert (denied.name, denied.status) == ("GET rest", 0)
    assert denied.attributes["gatepost.decision"] == "deny"
    failed = collector.server_span(gatepost_reason="upstream-refused")
    assert (failed.status, failed.attributes["http.response.status_code"]) == (ERROR, 502)
    [upstream] = collector.below(failed, "upstream")
    assert upstream.status == ERROR
    assert upstream.attributes == {"error.type": "upstream-refused"}
    unknown = collector.server_span(gatepost_reason="unknown-host")
    assert (unknown.name, unknown.status) == ("GET", 0)
    assert unknown.attributes["http.response.status_code"] == 421
    # Bytes that never became a request.
    assert reader_status == 400
    collector.wait_for(lambda it: it.kind == SERVER, 4)


async def test_calls_to_the_store_and_the_provider_stand_under_the_request_that_waits_for_them(
    traced, collector, demo_provider
):
    address = f"127.0.0.1:{take_free_port()}"
    callback = f"http://{address}/_gatepost/callback/oidc"
    provider = demo_provider({"client_id": "notes", "redirect_uris": [callback]})
    gateway, _ = await traced(
        server={"listen": address},
        providers={"oidc": {"issuer": provider.issuer, "client_id": "notes"}},
    )
    async with Browser(gateway.base_url) as browser:
        assert (await browser.sign_in("alice"))[0] == 302

    back = collector.server_span(url_path="/_gatepost/callback/oidc")
    [token] = collector.below(back, "provider POST")
    assert token.attributes["server.address"] == "127.0.0.1"
    assert token.attributes["http.response.status_code"] == 200
    assert {it.trace_id for it in collector.below(back, "store ")} == {back.trace_id}
    kept = collector.below(back, "store ")[0].attributes
    assert kept["db.system.name"] == "sqlite"
    there = collector.server_span(url_path="/_gatepost/login/oidc")
    [found, *_] = collector.below(there, "provider GET")
    assert found.attributes["url.path"].endswith("/.well-known/openid-configuration")
    own = [it for it in collector.spans() if it.kind == CLIENT and not it.parent_id]
    assert own == []


async def test_a_collector_that_is_away_holds_up_neither_requests_nor_the_end(
    gateway_process, raw_upstream
):
    app = await raw_upstream(OK)
    gateway = gateway_process(
        {
            "upstreams": {"app": app.url},
            "routes": [PUBLIC],
            "tracing": {"otlp": f"http://127.0.0.1:{take_free_port()}"},
        },
        env={"OTEL_BSP_SCHEDULE_DELAY": "10"},
    )

    for _ in range(20):
        assert await get(f"{gateway.base_url}/open") == 200

    assert gateway.stop() == 0


async def test_the_last_spans_are_sent_before_the_end(gateway_process, raw_upstream, collector):
    app = await raw_upstream(OK)
    gateway = gateway_process(
        {
            "upstreams": {"app": app.url},
            "routes": [PUBLIC],
            "tracing": {"otlp": f"{collector.url}/v1/traces"},
        },
        env={"OTEL_BSP_SCHEDULE_DELAY": "600000"},
    )
    assert await get(f"{gateway.base_url}/open") == 200
    assert collector.spans() == []

    assert gateway.stop() == 0

    assert sorted(it.name for it in collector.spans()) == ["GET open", "upstream"]


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=Path(__file__).parents[2],
        env=clean_environment({}),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def test_without_tracing_nothing_of_it_is_imported():
    done = run(
        "import sys, gateway.assembly.worker\n"
        "print([it for it in sys.modules if 'opentelemetry' in it or 'trac' in it and "
        "it.startswith('gateway')])"
    )

    assert (done.stdout, done.stderr) == ("['gateway.mutate.trace']\n", "")


def test_without_the_extra_the_error_names_it(tmp_path):
    file = tmp_path / "gatepost.yaml"
    settings = {"upstreams": {"app": "http://a"}, "tracing": {"otlp": "http://collector:4318"}}
    file.write_text(dump(with_defaults(settings, tmp_path)))
    # As where it is not installed.
    blocked = "import sys; sys.modules['opentelemetry.sdk'] = None\n"

    done = run(
        blocked + "from gateway.__main__ import main; sys.argv[0] = 'gatepost'; main()",
        "check",
        "-c",
        str(file),
    )

    assert done.returncode == 2
    needs = "tracing: needs packages that are not installed: pip install 'gatepost[otel]'"
    assert needs in done.stdout + done.stderr
