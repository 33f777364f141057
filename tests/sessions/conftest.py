"""A clock that tests drive, a store over it, and managers that share them as workers do."""

from collections.abc import AsyncIterator, Callable

import pytest

from gateway.errors import StoreUnavailableError
from gateway.model import Identity
from gateway.sessions import Limits, ProviderTokens, Sealer, SessionManager
from gateway.storage.memory import MemoryStore

SECRET = b"only-for-tests-0123456789abcdef0123456789"
LIMITS = Limits(idle_s=8 * 3600, absolute_s=7 * 86400)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class CountedStore(MemoryStore):
    """A memory store that counts its round trips and can be told to fail.

    Attributes:
        calls: Names of the methods called.
        down: Whether every call fails.
        mute: Whether published messages are lost.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.calls: list[str] = []
        self.down = False
        self.mute = False

    def _note(self, name):
        self.calls.append(name)
        if self.down:
            raise StoreUnavailableError("told to fail")

    async def get(self, key):
        self._note("get")
        return await super().get(key)

    async def put(self, key, value, *, ttl_s, indexes=()):
        self._note("put")
        await super().put(key, value, ttl_s=ttl_s, indexes=indexes)

    async def take(self, key):
        self._note("take")
        return await super().take(key)

    async def find(self, index):
        self._note("find")
        return await super().find(index)

    async def compare_and_swap(self, key, expected, value, *, ttl_s, indexes=()):
        self._note("compare_and_swap")
        return await super().compare_and_swap(key, expected, value, ttl_s=ttl_s, indexes=indexes)

    async def publish(self, channel, message):
        self._note("publish")
        if not self.mute:
            await super().publish(channel, message)

    async def subscribe(self, channel, handler, on_gap=None, on_loss=None):
        self._note("subscribe")
        return await super().subscribe(channel, handler, on_gap, on_loss)

    def lose_contact(self):
        """What a store does that notices that no messages come."""
        self._subscribers.lost()

    def lose_messages(self):
        """What a store does that notices a gap."""
        self._subscribers.missed()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> CountedStore:
    return CountedStore(clock)


@pytest.fixture
async def make_manager(clock: Clock, store: CountedStore) -> AsyncIterator[Callable[..., object]]:
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
