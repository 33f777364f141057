"""CORS: the gateway answers preflights, and scripts of listed origins can read its answers."""

import pytest

from gateway.settings.load import load
from tests.dataplane.conftest import gateway
from tests.dataplane.harness import request

__all__ = ["gateway"]

SPA = "https://spa.example.com"
APPS_OWN = (
    b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: no\r\n"
    b"Access-Control-Expose-Headers: X-Total\r\nVary: Accept\r\nContent-Length: 2\r\n\r\nok"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
PREFLIGHT = ["Access-Control-Request-Method: POST"]
OTHERS = [
    "https://evil.example",
    "null",
    "http://spa.example.com",
    "https://spa.example.com.evil.example",
    "https://SPA.example.com",
    "https://spa.example.com/",
    f"{SPA}\r\nOrigin: https://evil.example",
]


@pytest.fixture
def serve(gateway, raw_upstream):
    """Start a gateway and its app: ``running, app = await serve(origins=…, …)``."""

    async def start(*, answer=APPS_OWN, route=None, settings=None, **cors):
        app = await raw_upstream(answer)
        api = {
            "name": "api",
            "prefix": "/api",
            "access": "signed_in",
            "cors": {"origins": SPA, **cors},
            **(route or {}),
        }
        rest = {"name": "rest", "prefix": "/", "access": "signed_in"}
        return await gateway(app.url, routes=[api, rest], **(settings or {})), app

    return start


def allowed(answer):
    """What the answer says of CORS."""
    names = (b"access-control-allow-origin", b"access-control-allow-credentials")
    return [value.decode() for name in names for value in answer.all(name)]


async def test_a_preflight_is_answered_without_the_app_and_without_identity(serve):
    running, app = await serve(
        credentials=True, headers=["X-One", "X-Two"], max_age="1h", route={"methods": ["POST"]}
    )

    answer = await running.ask(request("/api/x", f"Origin: {SPA}", *PREFLIGHT, method="OPTIONS"))

    assert (answer.status, allowed(answer)) == (204, [SPA, "true"])
    assert answer.all(b"access-control-allow-methods") == [b"POST"]
    assert answer.all(b"access-control-allow-headers") == [b"X-One, X-Two"]
    assert answer.all(b"access-control-max-age") == [b"3600"]
    assert b"Origin" in answer.all(b"vary")[0]
    assert app.connections == 0


@pytest.mark.parametrize("origin", OTHERS)
async def test_another_origin_is_told_nothing(serve, origin):
    running, app = await serve(credentials=True)
    cookie = (await running.sign_in()).strip()

    preflight = request("/api/x", f"Origin: {origin}", *PREFLIGHT, method="OPTIONS")
    refused = await running.ask(preflight)
    assert (refused.status, allowed(refused)) == (403, [])
    assert app.connections == 0
    read = await running.ask(request("/api/x", f"Origin: {origin}", cookie))
    assert (read.status, allowed(read)) == (200, [])
    assert b"Origin" in read.all(b"vary")
    write = request("/api/x", f"Origin: {origin}", cookie, "Content-Length: 0", method="POST")
    assert (await running.ask(write)).status == 403


async def test_refusals_and_the_apps_answers_can_be_read(serve):
    running, _ = await serve(
        credentials=True,
        route={"rate_limit": {"requests": 1, "per": "1h"}},
    )
    cookie = (await running.sign_in()).strip()
    of_spa = [f"Origin: {SPA}", "Sec-Fetch-Site: cross-site"]

    answers = [
        await running.ask(request("/api/x", *of_spa)),
        await running.ask(request("/api/x", *of_spa, "Cookie: gatepost=unknown")),
        await running.ask(request("/api/x", *of_spa, cookie)),
        await running.ask(request("/api/x", *of_spa, cookie)),
        await running.ask(request("/api//x", *of_spa, cookie)),
    ]

    assert [it.status for it in answers] == [401, 401, 200, 429, 429]
    assert [allowed(it) for it in answers] == [[SPA, "true"]] * len(answers)
    refusals = [it for it in answers if it.status != 200]
    assert all(b"Retry-After" in it.all(b"access-control-expose-headers")[0] for it in refusals)
    # What else the app says of CORS stays.
    assert answers[2].all(b"access-control-expose-headers") == [b"X-Total"]
    assert answers[2].all(b"vary") == [b"Accept", b"Origin"]


async def test_it_holds_while_the_app_is_down(serve):
    running, _ = await serve(settings={"upstreams": {"app": "http://127.0.0.1:9"}})
    cookie = (await running.sign_in()).strip()

    answer = await running.ask(request("/api/x", f"Origin: {SPA}", cookie))

    assert (answer.status, allowed(answer)) == (502, [SPA])
    elsewhere = await running.ask(request("/x", f"Origin: {SPA}", cookie))
    assert (elsewhere.status, allowed(elsewhere)) == (502, [])


@pytest.mark.parametrize("has_credentials", [True, False])
async def test_only_an_origin_with_credentials_may_write_with_the_session(serve, has_credentials):
    running, _ = await serve(credentials=has_credentials)
    cookie = (await running.sign_in()).strip()
    of_spa = [f"Origin: {SPA}", "Sec-Fetch-Site: cross-site", cookie, "Content-Length: 0"]

    found = await running.ask(request("/api/x", *of_spa, method="POST"))
    # Elsewhere it is a stranger.
    other = await running.ask(request("/x", *of_spa, method="POST"))

    assert (found.status, other.status) == (200 if has_credentials else 403, 403)
    assert allowed(found)[0] == SPA


async def test_a_star_is_for_whoever_sends_no_cookie(serve):
    running, _ = await serve(origins="*")
    cookie = (await running.sign_in()).strip()
    of_any = ["Origin: https://any.example", "Sec-Fetch-Site: cross-site"]

    refused = await running.ask(request("/api/x", *of_any))
    preflight = await running.ask(request("/api/x", *of_any, *PREFLIGHT, method="OPTIONS"))
    write = request("/api/x", *of_any, cookie, "Content-Length: 0", method="POST")

    assert (refused.status, allowed(refused)) == (401, ["*"])
    assert (preflight.status, allowed(preflight)) == (204, ["*"])
    assert (await running.ask(write)).status == 403


async def test_a_public_route_and_a_deprecated_one_have_it_too(serve):
    deprecated = {"since": "2020-01-01", "sunset": "2999-01-01"}
    running, app = await serve(route={"access": "public", "deprecated": deprecated})

    preflight = await running.ask(request("/api/x", f"Origin: {SPA}", *PREFLIGHT, method="OPTIONS"))
    answer = await running.ask(request("/api/x", f"Origin: {SPA}"))

    assert (preflight.status, answer.status) == (204, 200)
    assert allowed(answer) == [SPA]
    assert answer.all(b"deprecation")
    assert len(app.heads) == 1


async def test_a_proxy_that_only_asks_gets_the_plain_decision(serve):
    # 204 would let the preflight pass, with whatever identity its sender claims.
    running, _ = await serve(
        settings={
            "forward_auth": {"dialect": "traefik"},
            "server": {"trusted_proxies": ["127.0.0.1"]},
        }
    )
    asked = [
        "X-Forwarded-Method: OPTIONS",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: app.test",
        "X-Forwarded-Uri: /api/x",
        "X-Forwarded-For: 192.0.2.1",
        f"Origin: {SPA}",
        *PREFLIGHT,
    ]

    answer = await running.ask(request("/_gatepost/auth", *asked))

    assert (answer.status, allowed(answer)) == (401, [])


async def test_what_the_configuration_says_of_answers_is_overruled_too(serve):
    fields = {
        "access-control-allow-ORIGIN": "https://old.example.com",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Max-Age": "5",
    }
    app = await serve()
    running, _ = await serve(
        settings={"upstreams": {"app": {"url": app[1].url, "response_headers": {"set": fields}}}}
    )
    cookie = (await running.sign_in()).strip()

    for origin, said in ((SPA, [SPA]), ("https://old.example.com", [])):
        answer = await running.ask(request("/api/x", f"Origin: {origin}", cookie))
        assert (answer.status, allowed(answer)) == (200, said)
        assert answer.all(b"access-control-max-age") == [b"5"]
    elsewhere = await running.ask(request("/x", cookie))
    assert allowed(elsewhere) == ["https://old.example.com", "true"]


async def test_a_reload_closes_what_an_origin_opened_that_is_trusted_no_more(serve):
    running, _ = await serve(answer=SWITCHED, credentials=True)
    cookie = (await running.sign_in()).strip()
    tunnel = await running.client()
    asked = [f"Origin: {SPA}", "Connection: Upgrade", "Upgrade: websocket", cookie]
    assert (await tunnel.ask(request("/api/x", *asked))).status == 101
    path = running.directory / "gatepost.yaml"

    path.write_text(path.read_text().replace("credentials: true", "credentials: false"))
    await running.gateway.reload(load(path, {}).settings)

    assert await tunnel.rest() == b""


async def test_a_route_by_the_gateways_name_opens_none_of_its_endpoints(serve):
    running, _ = await serve(credentials=True, route={"name": "gatepost"})
    of_spa = [f"Origin: {SPA}", (await running.sign_in()).strip(), "Content-Length: 100000"]

    answer = await running.ask(
        request("/_gatepost/logout", *of_spa, method="POST", body=bytes(100_000))
    )

    assert (answer.status, allowed(answer)) == (413, [])
