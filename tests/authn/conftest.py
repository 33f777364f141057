"""Requests, sessions and every authenticator that is listed."""

from collections.abc import AsyncIterator, Callable

import pytest

from gateway.authn import AUTHENTICATORS, Authenticator, Parts
from gateway.message.fields import Fields
from gateway.message.request import Request
from gateway.message.target import Target
from gateway.model import Identity
from gateway.sessions import Limits, Sealer, SessionManager, Tokens
from gateway.settings.schema import Settings
from gateway.storage.memory import MemoryStore

NOW = 1_000_000.0
PUBLIC_URL = "https://notes.example.com"
SECRET = b"only-for-tests-0123456789abcdef0123456789"


def make_settings(**changes):
    return Settings.model_validate(
        {
            "public_url": PUBLIC_URL,
            "upstreams": {"notes": "http://127.0.0.1:3000"},
            "providers": {"zitadel": {"issuer": "https://id.example.com", "client_id": "notes"}},
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
def parts(sessions: SessionManager) -> Parts:
    return Parts(settings=make_settings(), sessions=sessions)


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
            identity, Tokens("at"), provider_sid=None, ip="192.0.2.1", device="curl", now=NOW
        )
        return cookie

    return run
