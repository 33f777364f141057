"""Builders of values that many tests need: name what your test is about, the rest is filled in."""

from typing import Any

from gateway.message.fields import Fields
from gateway.message.request import Request
from gateway.message.target import Target, parse_target
from gateway.model import Identity
from gateway.sessions import Limits, ProviderTokens, Sealer, SessionManager
from gateway.sessions.session import Session
from gateway.storage import Store
from tests.fixtures.clock import NOW

SECRET = b"only-for-tests-0123456789abcdef0123456789"
LIMITS = Limits(idle_s=3600, absolute_s=86400)
SESSION = {"provider_sid": None, "ip": "192.0.2.1", "device": "curl"}


def make_request(
    target: bytes | Target = b"/",
    *,
    method: str = "GET",
    fields: Any = (),
    cookie: bytes | str | None = None,
    host: str = "notes.example.com",
    public_url: str = "https://notes.example.com",
    client: str = "192.0.2.1",
    request_id: str = "r1",
    at: float = NOW,
) -> Request:
    """A request that the gateway has read, with `fields` and, after them, the field `cookie`."""
    if isinstance(cookie, str):
        cookie = cookie.encode("utf-8", "surrogateescape")
    return Request(
        method=method,
        target=target if isinstance(target, Target) else parse_target(target),
        fields=Fields([*fields, *([(b"Cookie", cookie)] if cookie is not None else [])]),
        host=host,
        public_url=public_url,
        client=client,
        request_id=request_id,
        received_at=at,
    )


def make_identity(user: str = "alice", **facts: Any) -> Identity:
    """`user`, who is also the subject, signed in at ``id.example.com``."""
    who = {"subject": user, "issuer": "https://id.example.com", "credential": "session"}
    return Identity(user=user, **{**who, **facts})


def make_sessions(store: Store, clock: Any, **options: Any) -> SessionManager:
    """One worker's sessions in `store`; start it, and close it at the end."""
    given = {"sealer": Sealer((SECRET,)), "limits": LIMITS, **options}
    return SessionManager(store, clock=clock, **given)


async def open_session(
    manager: SessionManager,
    identity: Identity,
    now: float,
    tokens: ProviderTokens | None = None,
    **about: Any,
) -> tuple[str, Session]:
    """Sign `identity` in; the cookie's value and the session."""
    held = tokens or ProviderTokens()
    return await manager.create(identity, held, now=now, **{**SESSION, **about})
