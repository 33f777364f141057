"""Looking at a session without using it."""

import pytest

from gateway.errors import StoreUnavailableError
from tests.builders import LIMITS, make_identity, make_sessions, open_session

IDLE_S = LIMITS.idle_s


@pytest.fixture
def make(store, clock):
    return lambda: make_sessions(store, clock)


async def signed_in(manager, clock):
    return (await open_session(manager, make_identity(), clock()))[0]


async def test_it_is_seen_in_memory_and_in_the_store(make, clock):
    here, elsewhere = make(), make()
    cookie = await signed_in(here, clock)

    assert here.peek(cookie, clock()).identity.user == "alice"
    assert elsewhere.peek(cookie, clock()) is None
    assert (await elsewhere.look_up(cookie, clock())).identity.user == "alice"
    assert elsewhere.peek(cookie, clock()).identity.user == "alice"


@pytest.mark.parametrize("cookie", ["", "x", "A" * 64, "A" * 65, "ä" * 64, "!" * 64])
async def test_what_is_no_session_is_none(make, clock, cookie):
    manager = make()

    assert manager.peek(cookie, clock()) is None
    assert await manager.look_up(cookie, clock()) is None


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_looking_keeps_no_session_alive_and_writes_nothing(make, store, clock, elsewhere):
    here = make()
    cookie = await signed_in(here, clock)
    manager = make() if elsewhere else here
    (before,) = await store.find("sessions")
    began_at = clock.now

    for elapsed_s in range(0, int(IDLE_S), 20):
        clock.now = began_at + elapsed_s
        seen = manager.peek(cookie, clock()) or await manager.look_up(cookie, clock())
        assert seen is not None
        await manager.upkeep()
    clock.now = began_at + IDLE_S
    after = await store.find("sessions")

    assert manager.peek(cookie, clock()) is None
    assert await manager.look_up(cookie, clock()) is None
    assert after in ([before], [])


async def test_a_use_still_counts_after_a_look(make, clock):
    manager = make()
    cookie = await signed_in(manager, clock)

    clock.now += IDLE_S - 1
    manager.peek(cookie, clock()) or await manager.look_up(cookie, clock())
    assert await manager.load(cookie, clock()) is not None
    await manager.upkeep()
    clock.now += IDLE_S - 1

    assert await manager.look_up(cookie, clock()) is not None


async def test_a_session_that_was_ended_is_not_seen(make, clock):
    manager = make()
    cookie = await signed_in(manager, clock)
    await manager.end(cookie)

    assert manager.peek(cookie, clock()) is None
    assert await manager.look_up(cookie, clock()) is None


async def test_a_store_that_is_down_is_no_answer(make, store, clock):
    cookie = await signed_in(make(), clock)
    await store.aclose()

    with pytest.raises(StoreUnavailableError):
        await make().look_up(cookie, clock())
