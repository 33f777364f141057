"""What stores that are servers promise while the server is gone, slow or back."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailableError
from gateway.storage import open_store
from tests.patience import PATIENCE_S, until
from tests.storage.conftest import CLUSTER, every_call

ROOT = Path(__file__).parents[2]

SERVERS = ["redis", "valkey", CLUSTER, "postgresql"]


@pytest.fixture(params=SERVERS)
def server(request):
    """A server of this test's own."""
    name = {CLUSTER: "redis_cluster", "postgresql": "postgres_server"}
    started = name.get(request.param, f"{request.param}_server")
    return request.getfixturevalue(f"start_{started}")()


@pytest.fixture
async def store(server, tmp_path, clock):
    opened = open_store(server.url, tmp_path, clock)
    yield opened
    await opened.aclose()


@pytest.fixture(params=SERVERS)
def shared(request, locate):
    """The location of a store on a server that is left alone."""
    return locate(request.param)


async def outcomes(calls):
    """What became of all of them at once."""
    async with asyncio.timeout(PATIENCE_S):
        results = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    return {type(result) for result in results}


async def answers_again(store):
    """The first answer after a fault."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await store.get("k")
            except StoreUnavailableError:
                await asyncio.sleep(0.02)


async def hears_again(store, heard):
    """A message published after a fault."""

    async def is_heard():
        await store.publish("c", b"after")
        return not heard.empty()

    await until(is_heard)
    return heard.get_nowait()


async def test_after_kill_9_nothing_is_lost_and_no_restart_is_needed(server, store):
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", heard.put_nowait)
    await asyncio.gather(*(store.put(f"k{n}", b"v", ttl_s=1000, indexes={"i"}) for n in range(100)))
    await store.put("k", b"v", ttl_s=1000)
    token = (await store.lock("a", ttl_s=1000)).token

    server.kill()
    assert await outcomes(every_call(store)) == {StoreUnavailableError}

    server.start()
    assert await answers_again(store) == b"v"
    assert await store.count("i") == 100
    assert await store.lock("a", ttl_s=10) is None
    assert (await store.lock("b", ttl_s=10)).token > token
    assert await hears_again(store, heard) == b"after"
    await store.ping()


@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_whoever_may_miss_messages_is_told_and_again_once_they_come_again(
    server, store, fault
):
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    def tell(what):
        return lambda: heard.put_nowait(what)

    await store.subscribe("c", heard.put_nowait, tell(b"gap"), tell(b"loss"))
    leave = await store.subscribe("c", print, tell(b"to one who left"), tell(b"to one who left"))
    leave()
    await store.publish("c", b"before")
    assert await heard.get() == b"before"

    getattr(server, fault)()
    async with asyncio.timeout(PATIENCE_S):
        assert await heard.get() == b"loss"
    {"kill": server.start, "pause": server.resume}[fault]()

    await answers_again(store)
    assert await hears_again(store, heard) == b"gap"
    assert await hears_again(store, heard) == b"after"


async def test_a_server_that_hangs_is_given_up_and_used_again_when_it_goes_on(server, store):
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", heard.put_nowait)
    await store.put("k", b"v", ttl_s=1000)

    server.pause()
    assert await outcomes(every_call(store)) == {StoreUnavailableError}
    # More than there are connections.
    assert await outcomes([lambda: store.get("k")] * 200) == {StoreUnavailableError}

    server.resume()
    # What was asked before it hung may still be done: "k" was deleted and written then.
    await answers_again(store)
    await store.put("k", b"w", ttl_s=1000)
    assert await store.get("k") == b"w"
    assert await hears_again(store, heard) == b"after"


async def test_whoever_leaves_while_the_server_hangs_is_let_go_whenever_that_is(server, store):
    await store.put("k", b"v", ttl_s=1000)
    server.pause()

    # A step of the loop later each: a driver that takes a departure for something else, as
    # asyncio.wait_for does in one moment on Python 3.11, would keep the caller until its own limit.
    async with asyncio.TaskGroup() as group:
        callers = [group.create_task(store.get("k")) for _ in range(60)]
        for caller in callers:
            caller.cancel()
            await asyncio.sleep(0)

    assert all(caller.cancelled() for caller in callers)
    server.resume()


async def test_a_server_that_comes_later_is_used_then(server, tmp_path, clock):
    server.kill()
    store = open_store(server.url, tmp_path, clock)
    calls = [*every_call(store), lambda: store.subscribe("c", print)]
    assert await outcomes(calls) == {StoreUnavailableError}

    server.start()
    assert await answers_again(store) is None
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", heard.put_nowait)
    assert await hears_again(store, heard) == b"after"
    await store.aclose()


async def test_a_store_closes_while_the_server_hangs(server, store):
    await store.put("k", b"v", ttl_s=10)
    await store.subscribe("c", print)
    server.pause()

    async with asyncio.timeout(PATIENCE_S):
        await store.aclose()

    server.resume()


START = """
import asyncio, sys
from pathlib import Path
from gateway.storage import open_store
async def main(store):
%s
    await store.aclose()
async def run():
    await main(open_store(sys.argv[1], Path("/nonexistent"), lambda: 1_000_000.0))
asyncio.run(run())
"""


def run_python(body, location):
    code = START % "".join(f"    {line}\n" for line in body.strip().splitlines())
    return subprocess.Popen(
        [sys.executable, "-c", code, location], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_processes_that_lock_lose_nothing_and_their_tokens_grow(shared):
    body = """
for _ in range(100):
    while (lock := await store.lock("a", ttl_s=30)) is None:
        await asyncio.sleep(0.001)
    before = await store.get("n") or b""
    await store.put("n", before + b" %d" % lock.token, ttl_s=None)
    assert await store.unlock(lock)
"""
    processes = [run_python(body, shared) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    for process in processes:
        process.communicate()

    async def written():
        store = open_store(shared, Path("/nonexistent"), lambda: 1_000_000.0)
        value = await store.get("n")
        await store.aclose()
        return [int(token) for token in value.split()]

    tokens = asyncio.run(written())
    assert len(tokens) == 200
    assert tokens == sorted(set(tokens))


def test_processes_that_start_at_once_and_swap_lose_no_update(shared):
    body = """
for _ in range(100):
    while True:
        n = await store.get("n")
        m = str(int(n or b"0") + 1).encode()
        if await store.compare_and_swap("n", n, m, ttl_s=None, indexes={"i", m.decode()}):
            break
if m == b"300":
    print(await store.find("i") == await store.find("300") == [("n", m)], await store.find("299"))
"""
    processes = [run_python(body, shared) for _ in range(3)]
    printed = "".join(process.communicate()[0] for process in processes)

    assert [process.returncode for process in processes] == [0] * 3
    assert printed == "True []\n"


async def test_a_message_reaches_another_process(shared, tmp_path, clock):
    process = run_python(
        """
heard = asyncio.Queue()
await store.subscribe("c", heard.put_nowait)
print("ready", flush=True)
print(await heard.get(), flush=True)
""",
        shared,
    )
    assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
    store = open_store(shared, tmp_path, clock)

    await store.publish("c", b"hello")

    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.to_thread(process.stdout.readline) == "b'hello'\n"
    await store.aclose()
    await asyncio.to_thread(process.communicate)


async def test_stores_beside_each_other_share_nothing(locate, tmp_path, clock):
    for name in SERVERS:
        one, other = (open_store(locate(name), tmp_path, clock) for _ in range(2))
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        await one.subscribe("c", heard.put_nowait)
        await other.put("k", b"v", ttl_s=10)
        await other.publish("c", b"theirs")
        await one.publish("c", b"ours")

        assert await one.get("k") is None
        assert await heard.get() == b"ours"
        assert heard.empty()
        await one.aclose()
        await other.aclose()


@pytest.mark.parametrize(
    ("name", "driver", "extra"),
    [("redis://r", "redis", "redis"), ("postgresql://r/d", "asyncpg", "postgres")],
)
def test_a_missing_driver_is_told_with_what_to_install(name, driver, extra):
    code = (
        f"import sys; sys.modules[{driver!r}] = None\n"
        "from pathlib import Path; from gateway.storage import open_store\n"
        "from gateway.errors import StoreUnavailableError\n"
        f"try: open_store({name!r}, Path('.'), lambda: 0.0)\n"
        "except StoreUnavailableError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert done.stderr == ""
    assert done.stdout.endswith(f"the driver is not installed: pip install 'gatepost[{extra}]'\n")


def test_no_driver_is_imported_for_a_local_store(tmp_path):
    code = (
        "import sys; from pathlib import Path; from gateway.storage import open_store\n"
        "import asyncio\n"
        "for name in ('sqlite', 'memory'): "
        "asyncio.run(open_store(name, Path(sys.argv[1]), lambda: 0.0).aclose())\n"
        "print({'redis', 'asyncpg'} & sys.modules.keys())"
    )
    command = [sys.executable, "-c", code, tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("set()\n", "")
