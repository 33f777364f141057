import asyncio

from gateway.errors import StoreUnavailableError
from gateway.storage.sweeper import sweep_forever
from tests.fixtures.memory import CountedStore
from tests.patience import PATIENCE_S


async def test_it_goes_on_after_the_store_failed(clock, caplog):
    swept = asyncio.Event()

    class Flaky(CountedStore):
        failed = False

        async def sweep(self, now):
            if not self.failed:
                self.failed = True
                raise StoreUnavailableError("told to fail")
            swept.set()
            return await super().sweep(now)

    store = Flaky(clock)
    await store.put("k", b"v", ttl_s=10)
    clock.now += 10
    sweeper = asyncio.get_running_loop().create_task(sweep_forever(store, clock, every_s=0))
    async with asyncio.timeout(PATIENCE_S):
        await swept.wait()
    sweeper.cancel()

    assert "told to fail" in caplog.text
    assert store.held == {}
