"""Requests, sessions and every authenticator that is listed."""

from collections.abc import AsyncIterator, Callable

import pytest

from gateway.accounts.manager import Accounts
from gateway.authn import AUTHENTICATORS, Authenticator, Parts
from gateway.credentials.kept_keys import load_key_sealer
from gateway.credentials.keys import ApiKeys
from gateway.credentials.tokens import TokenFamilies
from gateway.message.fields import Fields
from gateway.message.request import Request
from gateway.message.target import Target
from gateway.model import Identity
from gateway.oidc.http import ProviderHttp
from gateway.sessions import Limits, ProviderTokens, Sealer, SessionManager
from gateway.settings.schema import Settings
from gateway.storage.memory import MemoryStore
from tests.authn.issuer import INTROSPECTION, TokenIssuer, make_door

NOW = 1_000_000.0
PUBLIC_URL = "https://notes.example.com"
SECRET = b"only-for-tests-0123456789abcdef0123456789"


def make_settings(**changes):
    return Settings.model_validate(
        {
            "public_url": PUBLIC_URL,
            "upstreams": {"notes": "http://127.0.0.1:3000"},
            "api_keys": {},
            "providers": {"zitadel": {"issuer": "https://id.example.com", "client_id": "notes"}},
            "tokens": {"clients": {"ios": {"provider": "zitadel"}}},
        }
        | changes
    )


def make_request(*, fields=(), cookie=None, public_url=PUBLIC_URL, at=NOW):
    cookies = [] if cookie is None else [(b"Cookie", cookie.encode("utf-8", "surrogateescape"))]
    return Request(
        method="GET",
        target=Target(b"/", "/", "", ("/",)),
        fields=Fields([*fields, *cookies]),
        host="notes.example.com",
        public_url=public_url,
        client="192.0.2.1",
        request_id="r1",
        received_at=at,
    )


@pytest.fixture
async def sessions() -> AsyncIterator[SessionManager]:
    store = MemoryStore(lambda: NOW)
    limits = Limits(idle_s=3600, absolute_s=86400)
    manager = SessionManager(store, Sealer((SECRET,)), limits, clock=lambda: NOW)
    await manager.start()
    yield manager
    await manager.aclose()


@pytest.fixture
def key_store() -> MemoryStore:
    return MemoryStore(lambda: NOW)


@pytest.fixture
async def keys(key_store: MemoryStore) -> AsyncIterator[ApiKeys]:
    sealer = await load_key_sealer(key_store, Sealer((SECRET,)))
    found = ApiKeys(key_store, sealer, Accounts(key_store, SECRET), lambda: NOW)
    await found.start()
    yield found
    await found.aclose()


@pytest.fixture
async def tokens() -> AsyncIterator[TokenFamilies]:
    store = MemoryStore(lambda: NOW)
    limits = Limits(idle_s=3600, absolute_s=86400)
    apps = SessionManager(store, Sealer((SECRET,)), limits, clock=lambda: NOW)
    await apps.start()
    yield TokenFamilies(store, apps, 900.0, clock=lambda: NOW)
    await apps.aclose()


@pytest.fixture
async def token_issuer() -> AsyncIterator[TokenIssuer]:
    issuer = TokenIssuer(lambda: NOW)
    await issuer.start()
    yield issuer
    await issuer.stop()


@pytest.fixture
async def provider_http() -> AsyncIterator[ProviderHttp]:
    http = ProviderHttp(timeout_s=2.0)
    yield http
    await http.aclose()


@pytest.fixture
def parts(
    sessions: SessionManager,
    keys: ApiKeys,
    tokens: TokenFamilies,
    token_issuer: TokenIssuer,
    provider_http: ProviderHttp,
) -> Parts:
    settings = {"issuer": token_issuer.issuer, "introspection": INTROSPECTION}
    door = make_door(lambda: NOW, provider_http, settings)
    return Parts(
        settings=make_settings(),
        sessions=sessions,
        bearer=door.authenticator,
        keys=keys,
        tokens=tokens,
    )


@pytest.fixture
def make_key(keys: ApiKeys) -> Callable[..., object]:
    """Make an API key of `user`; the key."""

    async def run(user="alice", lifetime_s=3600.0, **changes):
        owner = Identity(
            user=user, subject=user, issuer="https://id.example.com", credential="session"
        )
        wanted = {"name": "ci", "scopes": [], "routes": []} | changes
        text, _ = await keys.create(owner, lifetime_s=lifetime_s, now=NOW, **wanted)
        return text

    return run


@pytest.fixture(params=sorted(AUTHENTICATORS))
def authenticator(request: pytest.FixtureRequest, parts: Parts) -> Authenticator:
    return AUTHENTICATORS[request.param](parts)


@pytest.fixture
def sign_in(sessions: SessionManager) -> Callable[..., object]:
    """Sign `user` in; the session's cookie value."""

    async def run(user="alice"):
        identity = Identity(
            user=user, subject=user, issuer="https://id.example.com", credential="session"
        )
        cookie, _ = await sessions.create(
            identity,
            ProviderTokens("at"),
            provider_sid=None,
            ip="192.0.2.1",
            device="curl",
            now=NOW,
        )
        return cookie

    return run


@pytest.fixture
def issue(tokens: TokenFamilies) -> Callable[..., object]:
    """Give an app of `user` tokens of the gateway's."""

    async def run(user="alice"):
        identity = Identity(
            user=user, subject=user, issuer="https://id.example.com", credential="session"
        )
        return await tokens.issue(
            identity,
            ProviderTokens(),
            client="ios",
            device="Phone",
            ip="192.0.2.1",
            provider_sid=None,
        )

    return run
