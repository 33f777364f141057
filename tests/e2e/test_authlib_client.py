"""An OAuth client that knows nothing of the gateway, Authlib's, and the gateway's own tokens.

Authlib makes the URLs, the forms and the proof of the code, and reads the answers and the metadata.
It waits where it works, so each call runs in a thread.
"""

import asyncio
import re

import aiohttp
import pytest
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

from tests.e2e.phone import ACCESS_TOKEN, CALLBACK, EXCHANGE, ID_TOKEN
from tests.e2e.test_reload import hang_up
from tests.e2e.test_tokens import made_key
from tests.fixtures.oidc import sign_in_at_oidc_provider
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def on_loopback(monkeypatch):
    # Authlib asks for https everywhere else.
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture
def make_client():
    """Make an Authlib client: ``make_client(phone.client_id, token=...)``."""
    made = []

    def make(client_id, **options):
        options = {"default_timeout": PATIENCE_S, "redirect_uri": CALLBACK, **options}
        client = OAuth2Session(client_id, code_challenge_method="S256", **options)
        # No proxy of the machine's is asked.
        client.trust_env = False
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


async def read(client, url):
    """A public document."""
    response = await asyncio.to_thread(client.get, url, withhold_token=True)
    assert response.status_code == 200, response.text
    return response.json()


async def discovered(client, issuer):
    """The metadata of an issuer, found and validated by Authlib."""
    document = await read(client, get_well_known_url(issuer, external=True))
    metadata = AuthorizationServerMetadata(document)
    metadata.validate()
    # RFC 8414, section 3.3.
    assert metadata.issuer == issuer
    return metadata


def own_issuer(phone):
    return f"{phone.gateway.base_url}/_gatepost"


async def sign_in(client, metadata, user):
    """Take a person to the provider, and bring the code to the gateway."""
    client.scope = "openid profile email"
    verifier = generate_token(48)
    url, state = client.create_authorization_url(
        metadata.authorization_endpoint, code_verifier=verifier
    )
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        answer = await sign_in_at_oidc_provider(browser, url, user)
    return await asyncio.to_thread(
        client.fetch_token,
        metadata.token_endpoint,
        authorization_response=answer,
        state=state,
        code_verifier=verifier,
    )


async def status(client, url):
    return (await asyncio.to_thread(client.get, url)).status_code


async def test_from_a_refused_address_to_an_answer(start_phone, make_client):
    phone, app = await start_phone()
    client = make_client(phone.client_id)
    notes = f"{phone.gateway.base_url}/notes"
    refused = await asyncio.to_thread(client.get, notes, withhold_token=True)
    # RFC 9728, section 5.1; Authlib has no model of it, but knows where such documents are.
    challenge = refused.headers["WWW-Authenticate"]
    (told,) = re.findall(r'resource_metadata="([^"]+)"', challenge)

    of_host = await read(client, told)
    where = get_well_known_url(notes, external=True, suffix="oauth-protected-resource")
    resource = await read(client, where)
    (issuer,) = resource["authorization_servers"]
    metadata = await discovered(client, issuer)
    token = await sign_in(client, metadata, "alice")

    assert refused.status_code == 401
    assert of_host["authorization_servers"] == [issuer]
    assert resource["resource"] == notes
    assert resource["bearer_methods_supported"] == ["header"]
    assert token["token_type"] == "Bearer"
    assert token.is_expired(leeway=0) is False
    assert await status(client, notes) == 200
    assert b"\r\nRemote-User: alice\r\n" in app.heads[-1]


async def test_it_renews_asks_about_and_ends_its_tokens(start_phone, make_client):
    phone, _ = await start_phone()
    client = make_client(phone.client_id)
    metadata = await discovered(client, own_issuer(phone))
    key = made_key(phone, "--scope", "introspect")
    backend = make_client("backend", token={"access_token": key, "token_type": "Bearer"})
    notes = f"{phone.gateway.base_url}/notes"

    async def ask(token):
        url = metadata.introspection_endpoint
        response = await asyncio.to_thread(
            backend.introspect_token, url, token=token, auth=backend.token_auth
        )
        assert response.status_code == 200
        return response.json()

    first = dict(await sign_in(client, metadata, "alice"))
    second = dict(await asyncio.to_thread(client.refresh_token, metadata.token_endpoint))

    assert second["refresh_token"] != first["refresh_token"]
    assert await status(client, notes) == 200
    about = await ask(second["access_token"])
    assert (about["active"], about["username"], about["client_id"]) == (True, "alice", "ios")
    assert about["exp"] == pytest.approx(second["expires_at"], abs=5)

    ended = await asyncio.to_thread(client.revoke_token, metadata.revocation_endpoint)

    assert ended.status_code == 200
    assert await status(client, notes) == 401
    for token in (first, second):
        assert await ask(token["access_token"]) == {"active": False}
    with pytest.raises(OAuthError) as refused:
        await asyncio.to_thread(client.refresh_token, metadata.token_endpoint)
    assert refused.value.error == "invalid_grant"
    assert refused.value.description


async def test_it_renews_by_itself_what_is_about_to_end(start_phone, make_client):
    # Authlib's client does so a minute ahead.
    phone, _ = await start_phone(access_ttl="30s")
    renewed = []
    client = make_client(
        phone.client_id,
        token_endpoint=f"{own_issuer(phone)}/token",
        update_token=lambda token, refresh_token: renewed.append(refresh_token),
    )
    token = dict(await sign_in(client, await discovered(client, own_issuer(phone)), "alice"))

    assert await status(client, f"{phone.gateway.base_url}/notes") == 200
    assert renewed == [token["refresh_token"]]
    assert client.token["access_token"] != token["access_token"]


async def test_it_trades_a_token_of_the_provider(start_phone, make_client):
    # RFC 8693.
    phone, _ = await start_phone()
    client = make_client(phone.client_id)
    metadata = await discovered(client, own_issuer(phone))
    assert EXCHANGE in metadata.grant_types_supported
    given = await phone.provider_tokens("alice")

    def trade(token):
        return asyncio.to_thread(
            client.fetch_token,
            metadata.token_endpoint,
            grant_type=EXCHANGE,
            subject_token=token,
            subject_token_type=ID_TOKEN,
        )

    with pytest.raises(OAuthError) as refused:
        await trade(given["access_token"])
    token = await trade(given["id_token"])

    assert refused.value.error == "invalid_request"
    assert token["issued_token_type"] == ACCESS_TOKEN
    assert await status(client, f"{phone.gateway.base_url}/notes") == 200


async def test_a_code_without_its_proof_is_refused_in_words_it_reads(start_phone, make_client):
    phone, _ = await start_phone()
    client = make_client(phone.client_id)
    metadata = await discovered(client, own_issuer(phone))
    code = await phone.code("alice")

    for verifier, error in ((None, "invalid_request"), (generate_token(48), "invalid_grant")):
        with pytest.raises(OAuthError) as refused:
            await asyncio.to_thread(
                client.fetch_token, metadata.token_endpoint, code=code, code_verifier=verifier
            )
        assert refused.value.error == error
    assert client.token is None


async def test_metadata_of_a_gateway_that_takes_no_codes(start_phone, make_client):
    phone, _ = await start_phone()
    mine = {"provider": "id", "client_id": phone.client_id}
    await hang_up(phone.gateway, tokens={"clients": {"ios": mine}})
    client = make_client(phone.client_id)
    metadata = await discovered(client, own_issuer(phone))

    # No type of answer that would need the endpoint that is not there.
    assert metadata["response_types_supported"] == ["none"]
    assert "authorization_endpoint" not in metadata
    assert "authorization_code" not in metadata["grant_types_supported"]
