"""Requests, sessions and every authenticator that is listed."""

from collections.abc import AsyncIterator, Callable

import pytest

from gateway.accounts.manager import Accounts
from gateway.authn import AUTHENTICATORS, Authenticator, Parts
from gateway.credentials.kept_keys import load_key_sealer
from gateway.credentials.keys import ApiKeys
from gateway.credentials.tokens import TokenFamilies
from gateway.oidc.http import ProviderHttp
from gateway.sessions import ProviderTokens, Sealer, SessionManager
from gateway.settings.schema import Settings
from gateway.storage.memory import MemoryStore
from tests.authn.issuer import INTROSPECTION, TokenIssuer, make_door
from tests.builders import SECRET, SESSION, make_identity, open_session
from tests.fixtures.clock import NOW, Clock


def make_settings(**changes):
    return Settings.model_validate(
        {
            "public_url": "https://notes.example.com",
            "upstreams": {"notes": "http://127.0.0.1:3000"},
            "api_keys": {},
            "providers": {"zitadel": {"issuer": "https://id.example.com", "client_id": "notes"}},
            "tokens": {"clients": {"ios": {"provider": "zitadel"}}},
        }
        | changes
    )


@pytest.fixture
async def keys(store: MemoryStore, clock: Clock) -> AsyncIterator[ApiKeys]:
    sealer = await load_key_sealer(store, Sealer((SECRET,)))
    found = ApiKeys(store, sealer, Accounts(store, SECRET), clock)
    await found.start()
    yield found
    await found.aclose()


@pytest.fixture
def tokens(store: MemoryStore, apps: SessionManager, clock: Clock) -> TokenFamilies:
    return TokenFamilies(store, apps, 900.0, clock=clock)


@pytest.fixture
def parts(
    sessions: SessionManager,
    keys: ApiKeys,
    tokens: TokenFamilies,
    issuer: TokenIssuer,
    http: ProviderHttp,
    clock: Clock,
) -> Parts:
    settings = {"issuer": issuer.issuer, "introspection": INTROSPECTION}
    door = make_door(clock, http, settings)
    return Parts(
        settings=make_settings(),
        sessions=sessions,
        bearer=door.authenticator,
        keys=keys,
        tokens=(tokens, {"ios"}.__contains__),
    )


@pytest.fixture
def make_key(keys: ApiKeys) -> Callable[..., object]:
    """Make an API key of `user`; the key."""

    async def run(user="alice", lifetime_s=3600.0, **changes):
        wanted = {"name": "ci", "scopes": [], "routes": []} | changes
        owner = make_identity(user)
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
        cookie, _ = await open_session(sessions, make_identity(user), NOW, ProviderTokens("at"))
        return cookie

    return run


@pytest.fixture
def issue(tokens: TokenFamilies) -> Callable[..., object]:
    """Give an app of `user` tokens of the gateway's."""

    async def run(user="alice"):
        return await tokens.issue(make_identity(user), ProviderTokens(), client="ios", **SESSION)

    return run
