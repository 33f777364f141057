"""A clock that tests drive, a store over it, and managers that share them as workers do."""

from collections.abc import AsyncIterator, Callable

import pytest

from gateway.model import Identity
from gateway.sessions import Limits, ProviderTokens, Sealer, SessionManager
from gateway.storage.memory import MemoryStore
from tests.builders import SECRET
from tests.fixtures.clock import Clock

LIMITS = Limits(idle_s=8 * 3600, absolute_s=7 * 86400)


@pytest.fixture
async def make_manager(clock: Clock, store: MemoryStore) -> AsyncIterator[Callable[..., object]]:
    """Workers over one store; started, unless told otherwise, and closed at the end."""
    made: list[SessionManager] = []

    async def make(*, limits=LIMITS, secrets=(SECRET,), started=True, over=None, **options):
        manager = SessionManager(over or store, Sealer(secrets), limits, clock=clock, **options)
        made.append(manager)
        if started:
            await manager.start()
        return manager

    yield make
    for manager in made:
        await manager.aclose()


@pytest.fixture
async def manager(make_manager) -> SessionManager:
    return await make_manager()


@pytest.fixture
def sign_in(clock: Clock):
    """Sign `user` in with `manager`; the cookie and the session."""

    async def run(manager, user="alice", *, sid=None, tokens=None, replaces=None):
        return await manager.create(
            make_identity(user),
            tokens or ProviderTokens("at", f"rt-{user}", "idt", clock.now + 300),
            provider_sid=sid,
            ip="192.0.2.1",
            device="Firefox on Linux",
            now=clock.now,
            replaces=replaces,
        )

    return run


def make_identity(user="alice", **facts):
    facts = {"groups": ("staff", "ops"), "email": f"{user}@example.com"} | facts
    return Identity(
        user=user,
        subject=f"{user}-subject",
        issuer="https://id.example.com",
        credential="session",
        provider="zitadel",
        **facts,
    )
