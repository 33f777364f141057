"""A document is fetched once, kept while the provider is down, and asked for with patience."""

import asyncio

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.oidc.cache import CachedDocument, freshness_s
from tests.patience import soon


class Source:
    def __init__(self):
        self.calls = 0
        self.down = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def fetch(self):
        self.calls += 1
        self.asked.set()
        await self.gate.wait()
        if self.down:
            raise ProviderUnavailableError("down")
        return self.calls, 60.0


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def document(source, clock):
    return CachedDocument(source.fetch, clock)


@pytest.mark.parametrize(
    ("cache_control", "expected"),
    [
        ("", 900),
        ("max-age=300", 300),
        ("public, Max-Age=300", 300),
        ('max-age="300"', 300),
        ("max-age=1", 60),
        ("max-age=0", 60),
        ("max-age=31536000", 3600),
        ("no-cache", 60),
        ("no-store, max-age=300", 60),
        ("max-age=x", 900),
        ("max-age=-1", 900),
        ("max-age=" + "9" * 50, 900),
    ],
)
def test_how_long_a_document_is_fresh(cache_control, expected):
    assert freshness_s(cache_control) == expected


async def test_it_is_fetched_once_however_many_ask(document, source):
    source.gate.clear()
    waiting = [asyncio.ensure_future(document.get()) for _ in range(5)]  # noqa: TID251 - held
    await soon(source.asked.wait())
    source.gate.set()

    assert await asyncio.gather(*waiting) == [1] * 5
    assert source.calls == 1


async def test_who_goes_away_takes_nobody_along(document, source):
    source.gate.clear()
    first = asyncio.ensure_future(document.get())  # noqa: TID251 - held
    second = asyncio.ensure_future(document.get())  # noqa: TID251 - held
    await soon(source.asked.wait())
    first.cancel()
    source.gate.set()

    assert await second == 2
    with pytest.raises(asyncio.CancelledError):
        await first


@pytest.mark.parametrize(("elapsed_s", "calls"), [(59.9, 1), (60, 2), (61, 2)])
async def test_it_is_fetched_again_when_stale(document, source, clock, elapsed_s, calls):
    await document.get()
    clock.now += elapsed_s

    assert await document.get() == calls


async def test_the_old_one_stays_while_the_provider_is_down(document, source, clock):
    await document.get()
    source.down = True
    clock.now += 100

    assert await document.get() == 1
    assert source.calls == 2
    await document.get()
    assert source.calls == 2
    clock.now += 3
    source.down = False
    assert await document.get() == 3


async def test_the_old_one_serves_while_a_new_one_is_fetched(document, source, clock):
    await document.get()
    clock.now += 100
    source.gate.clear()
    source.asked.clear()
    fetching = asyncio.ensure_future(document.get())  # noqa: TID251 - held
    await soon(source.asked.wait())

    assert await document.get() == 1
    source.gate.set()
    assert await fetching == 2


async def test_a_dead_provider_is_asked_every_few_seconds(document, source, clock):
    source.down = True
    for _ in range(10):
        with pytest.raises(ProviderUnavailableError):
            await document.get()
    assert source.calls == 1

    clock.now += 2.9
    with pytest.raises(ProviderUnavailableError):
        await document.get()
    assert source.calls == 1

    clock.now += 0.1
    source.down = False
    assert await document.get() == 2


async def test_a_clock_set_back_does_not_silence_it(document, source, clock):
    source.down = True
    with pytest.raises(ProviderUnavailableError):
        await document.get()
    clock.now -= 500
    source.down = False

    assert await document.get() == 2


async def test_a_fresh_one_can_be_renewed(document, source):
    await document.get()

    assert await document.renewed() == 2
    source.down = True
    assert await document.renewed() == 2


async def test_it_tells_when_it_was_fetched_the_last_time(clock):
    answers = [("one", 60.0), ProviderUnavailableError("down")]

    async def fetch():
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    document = CachedDocument(fetch, clock)
    assert document.fetched_at is None
    at = clock()
    await document.get()
    clock.now += 61
    assert await document.get() == "one"

    assert document.fetched_at == at
    assert isinstance(document.failure, ProviderUnavailableError)
