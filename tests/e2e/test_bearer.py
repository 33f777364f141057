"""Access tokens at a running gateway: what a client is told, and a certified provider's tokens."""

import json
import urllib.parse
import urllib.request
from base64 import b64encode

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from gateway.assembly.serving import clock
from tests.authn.issuer import INTROSPECTION
from tests.e2e.raw import OK, ask, behind
from tests.fixtures.network import take_free_port
from tests.oidc.hostile import basic_of, tampered
from tests.patience import PATIENCE_S

WELL_KNOWN = "/.well-known/oauth-protected-resource"
SIGNED_IN = {"name": "rest", "prefix": "/", "access": "signed_in"}


@pytest.fixture
async def start(gateway_process, raw_upstream, issuer):
    """Start a gateway that takes `issuer`'s tokens: ``gateway, app = await start(route, …)``."""

    async def run(*routes, **settings):
        app = await raw_upstream(OK)
        listen = f"127.0.0.1:{take_free_port()}"
        bearer = {
            "issuer": issuer.issuer,
            "audiences": ["https://api.example.com", f"http://{listen}/mcp"],
            "introspection": INTROSPECTION,
        }
        asked = {"bearer": [bearer], "server": {"listen": listen}, **settings}
        return gateway_process(behind(app, *(routes or [SIGNED_IN]), **asked)), app

    return run


def by(token):
    return f"Authorization: Bearer {token}"


def challenges(answer):
    return [value.decode() for value in answer.all(b"www-authenticate")]


async def test_a_good_token_gets_through_and_the_app_never_sees_it(start, issuer):
    gateway, app = await start()
    token = issuer.token(groups=["staff"])

    for _ in range(2):
        assert (await ask(gateway, "/x", by(token))).status == 200
    for head in app.heads:
        assert b"\r\nRemote-User: alice\r\n" in head
        assert b"\r\nRemote-Groups: staff\r\n" in head
        assert token.encode() not in head
        assert b"authorization:" not in head.lower()
    event = gateway.wait_for_audit(decision="allow")
    assert (event["user"], event["credential"]) == ("alice", "bearer")
    assert token not in gateway.log()
    counted = 'gatepost_authentications_total{credential="bearer",outcome="success"} 2.0'
    assert counted in gateway.metrics()


async def test_one_that_ran_out_just_now_comes_with_an_assertion_that_has_not(start, issuer):
    gateway, app = await start()
    keys = json.loads((await ask(gateway, "/_gatepost/.well-known/jwks.json")).body)
    now = int(clock())

    for token in (issuer.token(exp=now - 30), issuer.token(exp=now + 1)):
        assert (await ask(gateway, "/x", by(token))).status == 200
        assertion = app.heads[-1].partition(b"Gatepost-Assertion: ")[2].partition(b"\r\n")[0]
        claims = jwt.decode(assertion, KeySet.import_key_set(keys), algorithms=["ES256"]).claims
        required = jwt.JWTClaimsRegistry(exp={"essential": True}, iat={"essential": True})
        required.validate(claims)
        assert claims["exp"] - claims["iat"] == 10


async def test_a_bad_one_is_told_what_is_wrong_and_where_to_go(start, issuer):
    gateway, app = await start()
    where = f'resource_metadata="{gateway.base_url}{WELL_KNOWN}"'

    for token, reason, title in [
        (tampered(issuer.token()), "invalid-token", "Invalid token"),
        (issuer.token(exp=7), "token-expired", "Token expired"),
        (issuer.token(nonce="n"), "not-an-access-token", "Not an access token"),
        ("made-up", "token-inactive", "Token no longer active"),
        (issuer.token(iss="https://x.test"), "unknown-credential", "Unknown credential"),
    ]:
        for line in ("Accept: */*", "Accept: text/html"):
            answer = await ask(gateway, "/x", by(token), line)
            assert answer.status == 401
            assert challenges(answer)[0] == (
                'Bearer realm="gatepost", error="invalid_token", '
                f'error_description="{title}", {where}'
            )
        assert json.loads((await ask(gateway, "/x", by(token))).body)["reason"] == reason
    assert app.connections == 0
    rejected = 'gatepost_authentications_total{credential="bearer",outcome="token-expired"}'
    assert rejected in gateway.metrics()


async def test_nobody_is_told_without_an_error(start):
    gateway, _ = await start()
    bearer, session = challenges(await ask(gateway, "/x"))

    assert bearer == (
        f'Bearer realm="gatepost", resource_metadata="{gateway.base_url}{WELL_KNOWN}"'
    )
    assert session.startswith("Gatepost ")


async def test_a_missing_scope_and_a_weak_sign_in_are_told(start, issuer):
    gateway, _ = await start(
        {"name": "admin", "prefix": "/admin", "access": {"allow": {"scope": ["admin", "root"]}}},
        {
            "name": "vault",
            "prefix": "/vault",
            "access": {"allow": {"acr": "gold", "max_age": "5m"}},
        },
        SIGNED_IN,
    )
    token = issuer.token(acr="silver", auth_time=int(clock()))

    answer = await ask(gateway, "/admin", by(token))
    assert answer.status == 403
    told = f'scope="admin root", resource_metadata="{gateway.base_url}{WELL_KNOWN}"'
    assert challenges(answer) == [f'Bearer error="insufficient_scope", {told}']
    assert challenges(await ask(gateway, "/admin"))[0] == f'Bearer realm="gatepost", {told}'
    answer = await ask(gateway, "/vault", by(token))
    assert answer.status == 401
    assert 'error="insufficient_user_authentication"' in challenges(answer)[0]
    assert 'acr_values="gold"' in challenges(answer)[0]
    assert (await ask(gateway, "/admin", by(issuer.token(scp=["admin"], scope=None)))).status == 200


async def test_a_client_finds_its_way_unaided(start, issuer):
    gateway, _ = await start(
        {"name": "mcp", "prefix": "/mcp", "methods": "POST", "access": {"allow": {"scope": "mcp"}}},
        {"name": "open", "prefix": "/open", "access": "public"},
        SIGNED_IN,
    )
    common = {
        "authorization_servers": [issuer.issuer],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["mcp"],
    }
    refused = await ask(gateway, "/mcp")
    where = challenges(refused)[0].rpartition('resource_metadata="')[2].rstrip('"')

    # An audience that is a URL here is a resource of its own.
    assert where == f"{gateway.base_url}{WELL_KNOWN}/mcp"
    for path in ("", "/mcp"):
        answer = await ask(gateway, WELL_KNOWN + path, "Origin: https://anywhere.example.com")
        assert answer.status == 200
        assert json.loads(answer.body) == {"resource": gateway.base_url + path, **common}
        assert answer.all(b"access-control-allow-origin") == [b"*"]
        assert answer.all(b"cache-control") == [b"no-store"]


async def test_where_no_token_is_taken_there_is_no_document(start):
    session = {**SIGNED_IN, "credentials": "session"}
    api = {"name": "api", "prefix": "/api", "access": "signed_in"}
    gateway, _ = await start(api, session)

    assert (await ask(gateway, f"{WELL_KNOWN}/api")).status == 200
    assert (await ask(gateway, WELL_KNOWN)).status == 200
    assert (await ask(gateway, f"{WELL_KNOWN}/notes")).status == 401
    assert (await ask(gateway, f"{WELL_KNOWN}s")).status == 401
    assert challenges(await ask(gateway, "/notes"))[0].startswith("Gatepost ")


async def test_whoami_tells_by_token_too(start, issuer):
    gateway, _ = await start()
    found = await ask(gateway, "/_gatepost/whoami", by(issuer.token()))
    told = json.loads(found.body)

    assert (told["user"], told["issuer"], told["credential"]) == ("alice", issuer.issuer, "bearer")
    assert told["scopes"] == ["read", "write"]
    refused = await ask(gateway, "/_gatepost/whoami", by(tampered(issuer.token())))
    assert (refused.status, json.loads(refused.body)["reason"]) == (401, "invalid-token")
    assert 'error="invalid_token"' in challenges(refused)[0]
    nobody = await ask(gateway, "/_gatepost/whoami")
    assert [it.split(" ")[0] for it in challenges(nobody)] == ["Bearer", "Gatepost"]


async def test_without_issuers_there_is_no_document(start):
    gateway, _ = await start(bearer=[])

    assert (await ask(gateway, WELL_KNOWN)).status == 401


async def test_a_public_route_that_names_the_document_wins(start):
    own = {"name": "own", "prefix": "/.well-known", "access": "public"}
    gateway, app = await start(own, SIGNED_IN)

    assert (await ask(gateway, WELL_KNOWN)).body == b"ok"
    assert app.heads[0].startswith(b"GET " + WELL_KNOWN.encode())


async def test_a_token_is_good_only_where_the_route_takes_one(start, issuer):
    gateway, app = await start({**SIGNED_IN, "credentials": "session"})

    assert (await ask(gateway, "/x", by(issuer.token()))).status == 401
    assert app.connections == 0


async def test_on_a_public_route_a_token_is_the_apps(start, issuer):
    gateway, app = await start({"name": "open", "prefix": "/", "access": "public"})
    token = issuer.token()

    assert (await ask(gateway, "/x", by(token))).status == 200
    assert token.encode() in app.heads[0]


async def test_an_opaque_token_is_asked_about(start, issuer):
    gateway, _ = await start()
    issuer.answers["opaque"] = {"active": True, **issuer.claims()}

    for _ in range(3):
        assert (await ask(gateway, "/x", by("opaque"))).status == 200
    assert issuer.count("/introspect") == 1
    assert basic_of(issuer.headers[-1]) == ("api:1", "s+e%c/ret@1")


async def test_while_the_issuer_is_down_known_tokens_go_on(start, issuer):
    gateway, _ = await start()
    known = issuer.token()
    assert (await ask(gateway, "/x", by(known))).status == 200
    await issuer.stop()

    assert (await ask(gateway, "/x", by(known))).status == 200
    assert (await ask(gateway, "/x", by("opaque"))).status == 503


async def test_a_flood_of_forged_tokens_slows_no_known_one(start, issuer):
    gateway, _ = await start()
    known = issuer.token()
    assert (await ask(gateway, "/x", by(known))).status == 200
    asked = len(issuer.requests)
    flood = [tampered(issuer.token(jti=str(number))) for number in range(300)]

    statuses = [(await ask(gateway, "/x", by(token))).status for token in flood]
    assert set(statuses[:200]) == {401}
    assert 429 in statuses[200:]
    assert (await ask(gateway, "/x", by(known))).status == 200
    assert len(issuer.requests) == asked
    throttled = await ask(gateway, "/x", by(flood[0]))
    assert throttled.status in (401, 429)


async def test_a_certified_providers_tokens_are_taken(gateway_process, oidc_provider, raw_upstream):
    app = await raw_upstream(OK)
    api = "https://api.example.com"
    client = oidc_provider.register(
        grant_types=["client_credentials"],
        response_types=[],
        client_id="robot@1",
        client_secret="s3+cret%&=:0123456789abcdef",
    )
    introspection = {"client_id": client.client_id, "client_secret": client.client_secret}
    gateway = gateway_process(
        behind(
            app,
            {"name": "api", "prefix": "/api", "access": {"allow": {"scope": "api:read"}}},
            bearer=[
                {
                    "issuer": oidc_provider.issuer,
                    "audiences": [api, "https://opaque.example.com"],
                    "introspection": introspection,
                }
            ],
        )
    )

    def token(resource, scope):
        form = {"grant_type": "client_credentials", "resource": resource, "scope": scope}
        request = urllib.request.Request(
            f"{oidc_provider.issuer}/token", urllib.parse.urlencode(form).encode()
        )
        pair = ":".join(urllib.parse.quote_plus(it) for it in introspection.values())
        request.add_header("Authorization", f"Basic {b64encode(pair.encode()).decode()}")
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return json.load(response)["access_token"]

    async def status(value):
        return (await ask(gateway, "/api/x", by(value))).status

    jwt, opaque = token(api, "api:read"), token("https://opaque.example.com", "api:read")
    assert (jwt.count("."), opaque.count(".")) == (2, 0)
    assert [await status(jwt), await status(opaque)] == [200, 200]
    assert await status(token(api, "api:write")) == 403
    assert await status(token("https://other.example.com", "api:read")) == 401
    assert await status(token("https://opaque.other.example.com", "api:read")) == 401
    assert await status(opaque + "x") == 401
