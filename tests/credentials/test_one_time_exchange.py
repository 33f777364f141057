"""What may be traded once, and again by whoever lost the answer."""

import asyncio

import pytest

from gateway.credentials.one_time_exchange import Brought, OneTimeExchange, UsedBeforeError
from gateway.credentials.tokens import Issued
from gateway.errors import StoreUnavailableError
from gateway.sealing.sealer import Sealer
from gateway.sessions.session import Session
from tests.credentials.conftest import ALICE, SECRET
from tests.patience import soon

TICKETS = iter(range(10**6))
SESSION = Session("0" * 64, ALICE, "oidc", 0.0, 0.0, "Phone", "192.0.2.1", client="ios")


# Put side by side, their parts make the same text.
ALL_DIFFERENT = [
    Brought("ios", "code", "a", ("x",)),
    Brought("tablet", "code", "a", ("x",)),
    Brought("ios", "token", "a", ("x",)),
    Brought("ios", "code", "b", ("x",)),
    Brought("io", "scode", "a", ("x",)),
    Brought("ios", "cod", "ea", ("x",)),
    Brought("ios code", "", "a", ("x",)),
    Brought("ios", "code", "\ud800", ("x",)),
    Brought("ios", "code", "?", ("x",)),
]


def issued():
    return Issued(SESSION, f"ticket-{next(TICKETS)}", "at", "rt", 900)


class Trader:
    """Counts what it was asked for."""

    def __init__(self, once):
        self.once = once
        self.first, self.again = 0, []
        self.fails = None
        self.is_over = False
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def make(self):
        self.first += 1
        fails = self.fails
        self.asked.set()
        await self.go_on.wait()
        if fails is not None:
            raise fails
        return issued()

    async def make_again(self, ticket):
        self.again.append(ticket)
        return None if self.is_over else issued()

    async def bring(self, secret="code"):
        return await self.trade(Brought("ios", "code", "code", (secret,)))

    async def trade(self, brought):
        return await self.once.redeem(brought, self.make, self.make_again, keep_s=600)


@pytest.fixture
def trader(store, clock):
    return Trader(OneTimeExchange(store, lambda: Sealer((SECRET,)), clock))


@pytest.mark.parametrize(
    ("elapsed_s", "good"), [(0, True), (29.9, True), (30, False), (-30, False)]
)
async def test_it_may_come_again_for_half_a_minute(trader, clock, elapsed_s, good):
    lost = await trader.bring()
    clock.now += elapsed_s

    if good:
        await trader.bring()
        assert trader.again == [lost.ticket]
    else:
        with pytest.raises(UsedBeforeError):
            await trader.bring()
        assert trader.again == []
    assert trader.first == 1


async def test_coming_again_takes_the_place_of_the_last_and_does_not_begin_anew(trader, clock):
    await trader.bring()
    clock.now += 20
    second = await trader.bring()
    clock.now += 9
    await trader.bring()

    assert trader.again[1] == second.ticket
    clock.now += 1
    with pytest.raises(UsedBeforeError):
        await trader.bring()


async def test_with_something_else_than_was_traded_nobody_goes_on(trader, store):
    await trader.bring("code and verifier")

    with pytest.raises(UsedBeforeError, match=r"^exchanged before, with different parameters$"):
        await trader.bring("code and another verifier")
    assert trader.again == []
    assert b"ticket" not in b"".join(store.held.values())


async def test_a_session_that_is_over_does_not_come_back(trader):
    await trader.bring()
    trader.is_over = True

    with pytest.raises(UsedBeforeError):
        await trader.bring()


async def test_what_failed_was_not_traded(trader):
    trader.fails = StoreUnavailableError("told to")
    with pytest.raises(StoreUnavailableError):
        await trader.bring()
    trader.fails = None

    await trader.bring()
    assert (trader.first, trader.again) == (2, [])


async def test_two_at_once_are_one_and_one_that_comes_again(trader):
    one, two = await asyncio.gather(trader.bring(), trader.bring())

    assert trader.first == 1
    assert trader.again in ([one.ticket], [two.ticket])


@pytest.mark.parametrize("fails", [None, UsedBeforeError("told to")])
async def test_a_phone_that_hangs_up_does_not_spoil_what_it_brought(trader, fails):
    trader.fails = fails
    trader.go_on.clear()
    asked = asyncio.get_running_loop().create_task(trader.bring())
    await soon(trader.asked.wait())
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    trader.fails = None
    trader.go_on.set()

    await trader.bring()
    assert (trader.first, len(trader.again)) == ((1, 1) if fails is None else (2, 0))


async def test_another_thing_is_another_thing(trader):
    for brought in ALL_DIFFERENT:
        await trader.trade(brought)

    assert (trader.first, trader.again) == (len(ALL_DIFFERENT), [])


async def test_it_is_known_as_long_as_it_could_come_back(trader, clock):
    await trader.bring()
    clock.now += 599
    with pytest.raises(UsedBeforeError):
        await trader.bring()
