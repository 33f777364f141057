"""What a provider may ask for beyond the plain code flow; a certified one where there is one."""

import json
from urllib.parse import parse_qs, urlsplit

import aiohttp
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.e2e.raw import OK, ask, behind
from tests.e2e.test_bearer import by
from tests.e2e.test_provider_quirks import SECRET, authorize, session, start
from tests.fixtures.network import take_free_port
from tests.fixtures.oidc import sign_in_at_oidc_provider
from tests.oidc.hostile import CLIENT_ID
from tests.oidc.test_client_auth import pem

__all__ = ["session", "start"]


async def signed_in(session, gateway, user="alice"):
    """Sign `user` in; what whoami says."""
    back = await sign_in_at_oidc_provider(session, await authorize(session, gateway), user)
    async with session.get(back, allow_redirects=False) as told:
        assert told.status == 302, gateway.log()
    async with session.get(f"{gateway.base_url}/_gatepost/whoami") as told:
        return await told.json()


async def test_a_provider_that_requires_pushed_requests(start, session):
    gateway = await start(
        {},
        {
            "features": {
                "pushedAuthorizationRequests": {
                    "enabled": True,
                    "requirePushedAuthorizationRequests": True,
                }
            }
        },
    )

    location = await authorize(session, gateway)
    assert "request_uri=urn" in location
    assert "redirect_uri" not in location
    assert (await signed_in(session, gateway))["subject"] == "alice"


async def test_a_provider_that_refuses_a_pushed_request(start, session):
    gateway = await start(
        {"scope": "openid"},
        {"features": {"pushedAuthorizationRequests": {"enabled": True}}},
        pushed_authorization=True,
        scopes=["openid", "email"],
    )

    begin = f"{gateway.base_url}/_gatepost/sign-in"
    async with session.get(begin, allow_redirects=False) as told:
        assert told.status == 403

    gateway.wait_for_audit(reason="provider-error")
    assert "error 'invalid_scope': 'requested scope is not allowed'" in gateway.log()


async def test_a_token_in_a_file_proves_the_client_until_it_expires(
    gateway_process, start_oidc_provider, raw_upstream, session, tmp_path, clock
):
    """As Kubernetes and Entra ID do it: who replaces the file holds the key, the gateway not."""
    key = ECKey.generate_key("P-256", {"kid": "cluster", "use": "sig"})
    provider = start_oidc_provider()
    listen = f"127.0.0.1:{take_free_port()}"
    registered = provider.register(
        f"http://{listen}/_gatepost/callback/id",
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [key.as_dict(private=False)]},
    )
    file = tmp_path / "token"

    def replace_token(lasts_s):
        now = int(clock())
        claims = {
            "iss": registered.client_id,
            "sub": registered.client_id,
            "aud": provider.issuer,
            "jti": f"{now}-{lasts_s}",
            "iat": now - 100,
            "exp": now + lasts_s,
        }
        file.write_text(jwt.encode({"alg": "ES256", "kid": "cluster"}, claims, key))

    replace_token(-1)
    gateway = gateway_process(
        behind(
            await raw_upstream(OK),
            {"name": "all", "prefix": "/", "access": "signed_in"},
            server={"listen": listen},
            providers={
                "id": {
                    "issuer": provider.issuer,
                    "client_id": registered.client_id,
                    "client_assertion_file": str(file),
                }
            },
        )
    )

    back = await sign_in_at_oidc_provider(session, await authorize(session, gateway), "alice")
    async with session.get(back, allow_redirects=False) as told:
        assert told.status == 503
    gateway.wait_for_audit(reason="provider-unavailable")
    assert f"client_assertion_file: {str(file)!r} has a token that expired" in gateway.log()
    for lasts_s in (300, 301):
        session.cookie_jar.clear()
        replace_token(lasts_s)
        assert (await signed_in(session, gateway))["subject"] == "alice"


async def test_apple_gets_a_secret_made_of_the_key_and_tells_the_name_once(
    gateway_process, hostile, raw_upstream, session, tmp_path, clock
):
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "AuthKey.p8").write_text(pem(key))
    (tmp_path / "AuthKey.p8").chmod(0o600)
    gateway = gateway_process(
        behind(
            await raw_upstream(OK),
            {"name": "all", "prefix": "/", "access": "signed_in"},
            providers={
                "apple": {
                    "issuer": hostile.issuer,
                    "profile": "apple",
                    "client_id": CLIENT_ID,
                    "client_key_file": str(tmp_path / "AuthKey.p8"),
                    "client_key_id": "ABC123",
                    "team_id": "TEAM",
                }
            },
        )
    )
    hostile.wrongs.claims = {"preferred_username": None}

    async def sign_in(**extra):
        location = await authorize(session, gateway)
        assert parse_qs(urlsplit(location).query)["response_mode"] == ["form_post"]
        form = {**hostile.approve(location), **extra}
        callback = f"{gateway.base_url}/_gatepost/callback/apple"
        async with session.post(callback, data=form) as told:
            assert told.status == 200, gateway.log()
        async with session.get(f"{gateway.base_url}/_gatepost/whoami") as told:
            return await told.json()

    user = {"name": {"firstName": "Ada", "lastName": "Lovelace"}, "email": "evil@example.com"}
    first = await sign_in(user=json.dumps(user))
    session.cookie_jar.clear()
    second = await sign_in()

    assert first["name"] == second["name"] == "Ada Lovelace"
    assert first["email"] == second["email"] == "alice@example.com"
    secrets = {form["client_secret"][0] for form in hostile.forms if "client_secret" in form}
    for secret in secrets:
        token = jwt.decode(secret, ECKey.import_key(key), algorithms=["ES256"])
        assert token.header["kid"] == "ABC123"
        assert token.claims["aud"] == "https://appleid.apple.com"
        assert (token.claims["iss"], token.claims["sub"]) == ("TEAM", CLIENT_ID)
        assert token.claims["iat"] <= clock() < token.claims["exp"]
    assert secrets


WELL_KNOWN = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"


async def test_a_provider_with_a_document_of_oauth_alone(start, session):
    places = {WELL_KNOWN: None, OAUTH: WELL_KNOWN}
    gateway = await start({}, {"places": places})

    assert (await signed_in(session, gateway))["email"] == "alice@example.com"


async def test_a_provider_without_a_document(
    gateway_process, start_oidc_provider, raw_upstream, session
):
    provider = start_oidc_provider(places={WELL_KNOWN: None, OAUTH: None})
    listen = f"127.0.0.1:{take_free_port()}"
    registered = provider.register(f"http://{listen}/_gatepost/callback/id")
    gateway = gateway_process(
        behind(
            await raw_upstream(OK),
            {"name": "all", "prefix": "/", "access": "signed_in"},
            server={"listen": listen},
            providers={
                "id": {
                    "issuer": provider.issuer,
                    "client_id": registered.client_id,
                    "client_secret": registered.client_secret,
                    "authorization_endpoint": f"{provider.issuer}/auth",
                    "token_endpoint": f"{provider.issuer}/token",
                    "jwks_uri": f"{provider.issuer}/jwks",
                    "userinfo_endpoint": f"{provider.issuer}/me",
                    "end_session_endpoint": f"{provider.issuer}/session/end",
                }
            },
        )
    )

    assert (await signed_in(session, gateway))["email"] == "alice@example.com"


async def test_what_a_provider_demands_in_vain_is_in_the_log(
    gateway_process, hostile, raw_upstream, session
):
    hostile.wrongs.discovery = {"require_signed_request_object": True}
    gateway = gateway_process(
        behind(
            await raw_upstream(OK),
            {"name": "all", "prefix": "/", "access": "signed_in"},
            providers={"id": {"issuer": hostile.issuer, "client_id": CLIENT_ID}},
        )
    )

    for _ in range(2):
        await authorize(session, gateway)

    told = [it for it in gateway.log().splitlines() if "require_signed_request_object" in it]
    assert len(told) == 1
    assert "JAR, RFC 9101" in told[0]


async def test_groups_that_are_too_many_for_a_token(
    gateway_process, hostile, raw_upstream, session
):
    hostile.wrongs.claims = {"_claim_names": {"groups": "src1"}}
    hostile.wrongs.groups_pages = [["staff"], ["editors"]]
    route = {"name": "all", "prefix": "/", "access": {"allow": [{"group": "editors"}]}}
    gateway = gateway_process(
        behind(
            await raw_upstream(OK),
            route,
            providers={
                "entra": {
                    "issuer": hostile.issuer,
                    "profile": "entra",
                    "client_id": CLIENT_ID,
                    "groups_overage": "graph",
                    "groups_endpoint": f"{hostile.issuer}/groups?$select=id&$top=999",
                }
            },
        )
    )

    for failures, status in (({}, 200), ({"/groups": "403"}, 403)):
        hostile.wrongs.failures = failures
        session.cookie_jar.clear()
        answer = hostile.approve(await authorize(session, gateway))
        callback = f"{gateway.base_url}/_gatepost/callback/entra"
        async with session.get(callback, params=answer, allow_redirects=False) as told:
            assert told.status == 302, gateway.log()
        async with session.get(f"{gateway.base_url}/page") as told:
            assert told.status == status, gateway.log()

    assert "the access token may not read the groups" in gateway.log()
    assert "$select=id&$top=999" in hostile.groups_query


async def test_userinfo_that_is_signed(start, session):
    gateway = await start({"userinfo_signed_response_alg": "ES256"})

    assert (await signed_in(session, gateway))["email"] == "alice@example.com"


async def test_introspection_answers_that_are_signed(
    gateway_process, start_oidc_provider, raw_upstream
):
    provider = start_oidc_provider(features={"jwtIntrospection": {"enabled": True}})
    proof = {"client_id": "robot", "client_secret": SECRET}
    client = provider.register(
        grant_types=["client_credentials"],
        response_types=[],
        introspection_signed_response_alg="ES256",
        **proof,
    )
    gateway = gateway_process(
        behind(
            await raw_upstream(OK),
            {"name": "api", "prefix": "/api", "access": {"allow": {"scope": "api:read"}}},
            bearer=[
                {
                    "issuer": provider.issuer,
                    "audiences": ["https://opaque.example.com"],
                    "introspection": {**proof, "signed": True},
                }
            ],
        )
    )
    form = {
        "grant_type": "client_credentials",
        "resource": "https://opaque.example.com",
        "scope": "api:read",
    }
    basic = {"Authorization": aiohttp.encode_basic_auth(client.client_id, SECRET)}
    async with (
        aiohttp.ClientSession(headers=basic) as robot,
        robot.post(f"{provider.issuer}/token", data=form) as answer,
    ):
        token = (await answer.json())["access_token"]

    assert token.count(".") == 0
    assert (await ask(gateway, "/api/x", by(token))).status == 200, gateway.log()
    assert (await ask(gateway, "/api/x", by(token + "x"))).status == 401
