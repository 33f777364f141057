"""Listening over connections that are lost."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import StoreUnavailableError
from gateway.storage.listener import Listener, pack_message, unpack_message
from tests.patience import until


class Subscription:
    """Hears what it is given; None is the end of its connection."""

    def __init__(self):
        self.heard = asyncio.Queue()
        self.closed = False

    async def next_message(self):
        packed = await self.heard.get()
        if packed is None:
            raise StoreUnavailableError("lost")
        return packed

    async def aclose(self):
        self.closed = True


@given(channel=st.text(st.characters(exclude_categories=["Cs"])), message=st.binary())
def test_a_message_is_read_as_it_was_written(channel, message):
    assert unpack_message(pack_message(channel, message)) == (channel, message)


@pytest.mark.parametrize("packed", [b"", b"\0", b"\0\1", b"\0\1\xff", b"\xff\xff" + bytes(9)])
def test_what_is_no_message_is_refused(packed):
    with pytest.raises(ValueError, match=r"too short|decode"):
        unpack_message(packed)


async def test_a_lost_ear_is_closed_and_replaced():
    subscriptions = []

    async def open_subscription():
        # Every other attempt fails.
        subscriptions.append(Subscription() if len(subscriptions) % 2 == 0 else None)
        if subscriptions[-1] is None:
            raise StoreUnavailableError("down")
        return subscriptions[-1]

    listener = Listener(open_subscription)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    told = []
    await listener.subscribe(
        "c",
        heard.put_nowait,
        lambda: told.append(("gap", len(subscriptions))),
        lambda: told.append(("loss", len(subscriptions))),
    )
    subscriptions[0].heard.put_nowait(pack_message("c", b"1"))
    assert await heard.get() == b"1"

    subscriptions[0].heard.put_nowait(None)
    await until(lambda: len(subscriptions) == 3)
    subscriptions[2].heard.put_nowait(pack_message("other", b"2"))
    subscriptions[2].heard.put_nowait(b"")
    subscriptions[2].heard.put_nowait(pack_message("c", b"3"))
    assert await heard.get() == b"3"
    assert told == [("loss", 1), ("gap", 3)]  # Told before any message after it.
    await listener.aclose()
    await listener.aclose()
    assert [subscription.closed for subscription in subscriptions if subscription] == [True, True]
