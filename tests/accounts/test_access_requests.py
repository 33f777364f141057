"""What people ask the administrators for is kept, bounded and sealed."""

from dataclasses import replace

import pytest

from gateway.accounts import access_requests
from gateway.accounts.access_requests import (
    DECLINED,
    DONE,
    MOST_IN_A_DAY,
    AccessRequest,
    AccessRequests,
    TooManyAccessRequestsError,
)
from gateway.sealing.sealer import Sealer

DAY_S = 86400
SEALER = Sealer((b"s" * 32,))


@pytest.fixture
def requests(store, clock):
    return AccessRequests(store, lambda: SEALER, clock)


@pytest.fixture
def wanted(clock):
    return lambda person="ann", route="wiki": AccessRequest(
        person=person,
        user=f"{person}\ud800",
        name=None,
        email="ann@a.test",
        route=route,
        app="Wiki",
        url="/wiki",
        reason="role-missing",
        missing=("allow[0] would pass with role: staff",),
        asked_at=clock(),
    )


async def ask(requests, wanted):
    if not await requests.is_new(wanted):
        return False
    await requests.keep(wanted)
    return True


async def test_a_request_is_found_and_sealed(requests, wanted, store):
    assert await ask(requests, wanted())
    [found] = await requests.of("ann")

    assert found == wanted()
    assert await requests.find(found.request_id) == found
    assert await requests.every() == [found]
    assert await requests.of("bob") == []
    assert await requests.find("made up") is None
    [(_, kept)] = await store.find("access-requests")
    assert b"ann@a.test" not in kept


@pytest.mark.parametrize(
    ("state", "after_s", "is_new"),
    [
        (None, DAY_S - 1, False),
        (None, DAY_S, True),
        (DECLINED, DAY_S - 1, False),
        (DECLINED, DAY_S, True),
        (DONE, 1, True),
    ],
)
async def test_the_same_is_asked_again_a_day_later(requests, wanted, clock, state, after_s, is_new):
    first = wanted()
    await ask(requests, first)
    if state is not None:
        answered = await requests.answer(first.request_id, state, "bob")
        assert (answered.state, answered.answered_by) == (state, "bob")
    clock.ahead_s += after_s

    assert await ask(requests, wanted()) is is_new
    [found] = await requests.every()
    assert (found.state == "open") is (is_new or state is None)


async def test_one_person_asks_for_so_much_in_a_day(requests, wanted, clock):
    for number in range(MOST_IN_A_DAY):
        await ask(requests, wanted(route=f"{number}"))
    with pytest.raises(TooManyAccessRequestsError):
        await ask(requests, wanted(route="one more"))

    assert await ask(requests, wanted("bob"))
    clock.ahead_s += DAY_S
    assert await ask(requests, wanted(route="one more"))


async def test_everybody_together_fills_no_store(requests, wanted, monkeypatch):
    monkeypatch.setattr(access_requests, "MOST_KEPT", 3)
    for number in range(3):
        await ask(requests, wanted(f"person {number}"))

    with pytest.raises(TooManyAccessRequestsError):
        await ask(requests, wanted("one more"))


async def test_open_ones_come_first_and_all_are_gone_after_a_month(requests, wanted, clock):
    await ask(requests, wanted("ann"))
    clock.ahead_s += 1
    await ask(requests, wanted("bob"))
    clock.ahead_s += 1
    await ask(requests, wanted("cleo"))
    await requests.answer(replace(wanted("cleo")).request_id, DONE, "bob")

    assert [it.person for it in await requests.every()] == ["bob", "ann", "cleo"]
    clock.ahead_s += 30 * DAY_S
    assert await requests.every() == []
    assert await requests.answer("unknown", DONE, "bob") is None
