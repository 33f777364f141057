"""What the SQLite store promises beyond the contract: files, processes, failures."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailableError
from gateway.storage.sqlite import SqliteStore
from gateway.storage.sqlite_file import MIGRATIONS, VERSION
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def path(tmp_path):
    return tmp_path / "data" / "gatepost.db"


@pytest.fixture
async def store(path, clock):
    opened = SqliteStore(path, clock)
    yield opened
    await opened.aclose()


def run_python(code, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


START = """
import asyncio, sys
from pathlib import Path
from gateway.storage.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]), lambda: 1_000_000.0)
"""


async def test_the_file_is_for_its_owner_alone(store, path):
    await store.put("k", b"v", ttl_s=10)

    assert path.parent.stat().st_mode & 0o777 == 0o700
    files = list(path.parent.iterdir())
    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


async def test_a_file_others_could_read_is_closed_to_them(path, clock):
    path.parent.mkdir()
    path.touch(mode=0o644)
    await SqliteStore(path, clock).aclose()

    assert path.stat().st_mode & 0o777 == 0o600


async def test_values_are_there_after_a_restart(store, path, clock):
    await store.put("k", b"v", ttl_s=10, indexes={"i"})
    await store.aclose()
    again = SqliteStore(path, clock)

    assert await again.find("i") == [("k", b"v")]
    await again.aclose()


async def test_a_file_of_a_newer_version_is_refused_and_left_alone(store, path, clock):
    await store.aclose()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()

    with pytest.raises(StoreUnavailableError, match="newer version"):
        SqliteStore(path, clock)


async def test_a_directory_that_cannot_be_made_is_named(tmp_path, clock):
    (tmp_path / "file").touch()

    with pytest.raises(StoreUnavailableError, match="file"):
        SqliteStore(tmp_path / "file" / "gatepost.db", clock)


async def test_a_file_that_is_no_database_is_refused(path, clock):
    path.parent.mkdir()
    path.write_bytes(os.urandom(8192))

    with pytest.raises(StoreUnavailableError, match="not a database"):
        SqliteStore(path, clock)


def test_processes_that_start_at_once_make_one_file(path):
    code = START + "asyncio.run(store.put(sys.argv[2], b'v', ttl_s=None, indexes={'i'}))"
    processes = [run_python(code, path, number) for number in range(6)]

    assert [process.wait() for process in processes] == [0] * 6
    for process in processes:
        process.communicate()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM index_entries").fetchall() == [(6,)]
    db.close()


def test_processes_that_make_a_file_at_the_same_moment_wait_for_each_other(tmp_path):
    """SQLite itself does not wait there: of four processes, one in ten failed."""
    code = """
import sys
from pathlib import Path
from gateway.storage.sqlite_file import SqliteFile
for line in sys.stdin:
    SqliteFile(Path(line.strip()), "NORMAL")
    print("made", flush=True)
"""
    processes = [run_python(code) for _ in range(4)]
    for number in range(100):
        for process in processes:
            process.stdin.write(f"{tmp_path / str(number)}.db\n")
        for process in processes:
            process.stdin.flush()
        assert [process.stdout.readline() for process in processes] == ["made\n"] * 4
    for process in processes:
        process.communicate()


async def test_what_was_acknowledged_survives_kill_9(path, clock):
    code = START + (
        "async def main():\n"
        "    async def write(start):\n"
        "        for n in range(start, 10**9, 4):\n"
        "            await store.put(str(n), b'v', ttl_s=None)\n"
        "            print(n, flush=True)\n"
        "    await asyncio.gather(*(write(start) for start in range(4)))\n"
        "asyncio.run(main())"
    )
    process = run_python(code, path)
    acknowledged = [int(process.stdout.readline()) for _ in range(200)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    acknowledged += [int(line) for line in rest.splitlines(keepends=True) if line[-1] == "\n"]

    store = SqliteStore(path, clock)
    missing = [n for n in acknowledged if await store.get(str(n)) is None]
    await store.aclose()
    assert missing == []


def test_processes_that_swap_lose_no_update(path):
    code = START + (
        "async def main():\n"
        "    for _ in range(100):\n"
        "        while True:\n"
        "            n = await store.get('n')\n"
        "            m = str(int(n or b'0') + 1).encode()\n"
        "            if await store.compare_and_swap('n', n, m, ttl_s=None): break\n"
        "    await store.aclose()\n"
        "asyncio.run(main())"
    )
    processes = [run_python(code, path) for _ in range(3)]

    assert [process.wait() for process in processes] == [0] * 3
    for process in processes:
        process.communicate()
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT value FROM entries WHERE key = 'n'").fetchall()
    db.close()
    assert rows == [(b"300",)]


async def test_a_message_reaches_another_process(store, path):
    code = START + (
        "async def main():\n"
        "    heard = asyncio.Queue()\n"
        "    await store.subscribe('c', heard.put_nowait)\n"
        "    print('ready', flush=True)\n"
        "    print(await heard.get(), flush=True)\n"
        "    await store.aclose()\n"
        "asyncio.run(main())"
    )
    process = run_python(code, path)
    assert await asyncio.to_thread(process.stdout.readline) == "ready\n"

    await store.publish("c", b"hello")

    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.to_thread(process.stdout.readline) == "b'hello'\n"
    process.communicate()


async def test_an_idle_store_writes_nothing(store, path, clock):
    await store.subscribe("c", print)
    await store.put("k", b"v", ttl_s=100)
    other = sqlite3.connect(path)
    before = other.execute("PRAGMA data_version").fetchall()
    await store.get("absent")
    await store.sweep(clock.now)
    await store.delete("absent")
    await store.ping()

    assert other.execute("PRAGMA data_version").fetchall() == before
    other.close()


async def test_old_messages_are_swept(store, path, clock):
    await store.publish("c", b"m")
    clock.now += 300
    await store.sweep(clock.now)

    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM messages").fetchall() == [(0,)]
    db.close()


async def test_messages_that_were_swept_before_they_were_heard_are_a_gap(store, path, clock):
    other = SqliteStore(path, clock)
    for _ in range(3):
        await other.publish("c", b"earlier")
    await other.sweep(clock.now + 300)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", heard.put_nowait, lambda: heard.put_nowait(b"gap"))
    await other.publish("c", b"1")
    assert await heard.get() == b"1"

    # As if this process had been stopped for five minutes.
    await other.publish("c", b"lost")
    await other.sweep(clock.now + 300)
    assert await heard.get() == b"gap"
    await other.publish("c", b"lost too")
    await other.sweep(clock.now + 300)
    await other.publish("c", b"2")
    assert [await heard.get(), await heard.get()] == [b"gap", b"2"]
    assert heard.empty()
    await other.aclose()


async def test_a_store_locked_too_long_is_unavailable_and_then_answers_again(store, path, clock):
    # Not a setting: in production, it is as long as a request may wait.
    store._writer._busy_s = 0.05
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")

    outcomes = await asyncio.gather(
        *(store.put(f"k{n}", b"v", ttl_s=10) for n in range(3)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailableError] * 3
    assert await store.get("k1") is None  # Readers are not held up.

    blocker.execute("ROLLBACK")
    blocker.close()
    await store.put("k", b"v", ttl_s=10)
    assert await store.get("k") == b"v"


async def test_a_file_that_is_gone_is_unavailable_until_it_is_back(store, path, tmp_path):
    await store.put("k", b"v", ttl_s=10)
    away = tmp_path / "away"
    path.parent.rename(away)

    for call in (lambda: store.get("k"), lambda: store.put("k", b"w", ttl_s=10), store.ping):
        with pytest.raises(StoreUnavailableError):
            await call()
    assert not path.parent.exists()

    away.rename(path.parent)
    assert await store.get("k") == b"v"
    await store.put("k", b"w", ttl_s=10)
    assert await store.get("k") == b"w"


async def test_no_messages_come_while_the_file_is_gone(store, path, tmp_path, clock):
    other = SqliteStore(path, clock)
    told: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe(
        "c", told.put_nowait, lambda: told.put_nowait(b"gap"), lambda: told.put_nowait(b"loss")
    )
    away = tmp_path / "away"
    for _ in range(2):
        path.parent.rename(away)
        assert await told.get() == b"loss"
        away.rename(path.parent)
        await other.publish("c", b"m")
        assert [await told.get(), await told.get()] == [b"gap", b"m"]
    assert told.empty()
    await other.aclose()


async def test_a_file_put_back_from_a_backup_is_read(store, path, tmp_path, clock):
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", heard.put_nowait, lambda: heard.put_nowait(b"gap"))
    for _ in range(5):
        await store.publish("c", b"old")
        assert await heard.get() == b"old"
    backup = SqliteStore(tmp_path / "backup" / "gatepost.db", clock)
    await backup.put("k", b"from the backup", ttl_s=10)
    await backup.aclose()
    for file in path.parent.iterdir():
        file.unlink()
    (tmp_path / "backup" / "gatepost.db").rename(path)

    assert await store.get("k") == b"from the backup"
    await store.publish("c", b"new")
    async with asyncio.timeout(PATIENCE_S):
        # The end of a session may have been told of in the file that was there.
        assert [await heard.get(), await heard.get()] == [b"gap", b"new"]


async def test_an_empty_file_in_its_place_is_unavailable(store, path):
    await store.put("k", b"v", ttl_s=10)
    for file in path.parent.iterdir():
        file.unlink()
    path.touch()

    with pytest.raises(StoreUnavailableError):
        await store.get("k")
    with pytest.raises(StoreUnavailableError):
        await store.put("k", b"v", ttl_s=10)


async def test_a_damaged_file_is_unavailable(store, path, clock):
    for number in range(200):
        await store.put(str(number), bytes(1000), ttl_s=10)
    await store.aclose()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    try:
        damaged = SqliteStore(path, clock)
    except StoreUnavailableError:
        return
    with pytest.raises(StoreUnavailableError):
        await damaged.get("1")
    with pytest.raises(StoreUnavailableError):
        await damaged.put("1", b"v", ttl_s=10)
    await damaged.aclose()


def test_a_full_disk_is_unavailable_until_there_is_room(path):
    code = START + (
        "import resource\n"
        "from gateway.errors import StoreUnavailableError\n"
        "async def main():\n"
        "    await store.put('a', bytes(100_000), ttl_s=None)\n"
        "    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))\n"
        "    outcome = await asyncio.gather(store.put('b', bytes(500_000), ttl_s=None),"
        " return_exceptions=True)\n"
        "    assert isinstance(outcome[0], StoreUnavailableError), outcome\n"
        "    assert await store.get('a') == bytes(100_000)\n"
        "    assert await store.get('b') is None\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "    await store.put('b', bytes(500_000), ttl_s=None)\n"
        "    assert await store.get('b') == bytes(500_000)\n"
        "    await store.aclose()\n"
        "asyncio.run(main())"
    )
    process = run_python(code, path, stderr=subprocess.PIPE)
    _, errors = process.communicate()

    assert (process.returncode, errors) == (0, "")


async def test_a_write_that_cannot_be_made_spares_its_neighbours(store):
    outcomes = await asyncio.gather(
        store.put("good", b"v", ttl_s=10),
        store.put("\udcff", b"v", ttl_s=10),
        store.put("too", b"v", ttl_s=10),
        return_exceptions=True,
    )

    assert outcomes[0] is outcomes[2] is None
    assert isinstance(outcomes[1], UnicodeEncodeError)
    assert await store.get("good") == await store.get("too") == b"v"


async def test_writes_that_wait_are_committed_together(store, path):
    await store.put("k", b"v", ttl_s=10)
    statements = []
    # SQLite tells what a connection runs to nobody but who holds it.
    store._writer._connection.set_trace_callback(statements.append)

    await asyncio.gather(*(store.put(str(n), b"v", ttl_s=10) for n in range(200)))

    assert statements.count("COMMIT") < 50


async def test_requests_go_on_while_many_are_counted(store, path, clock):
    with closing(sqlite3.connect(path)) as database, database:
        rows = ((n, f"k{n}", clock.now + 10) for n in range(200_000))
        database.executemany("INSERT INTO entries VALUES (?, ?, x'00', ?)", rows)
        database.execute("INSERT INTO index_entries SELECT 'i', key, id FROM entries")
    counting = asyncio.ensure_future(store.count("i"))  # noqa: TID251 - held
    answered = 0
    while not counting.done():
        assert await store.get("k1") == b"\0"
        await asyncio.sleep(0)
        answered += 1

    assert await counting == 200_000
    assert answered > 10


async def test_no_thread_is_left_behind(path, clock):
    before = threading.active_count()
    store = SqliteStore(path, clock)
    await store.put("k", b"v", ttl_s=10)
    await store.aclose()

    assert "sqlite-writer" not in {thread.name for thread in threading.enumerate()}
    assert threading.active_count() <= before + 1  # The loop's own pool keeps one.


async def test_a_page_takes_as_many_steps_among_many_as_among_few(store, path, clock):
    taken = {}
    for many in (1_000, 50_000):
        with closing(sqlite3.connect(path)) as database, database:
            rows = ((f"{many}-{n:05}", clock.now + 10) for n in range(many))
            database.executemany(
                "INSERT INTO entries (key, value, expires_at) VALUES (?, x'00', ?)", rows
            )
            database.execute(
                "INSERT INTO index_entries"
                " SELECT ?1, key, id FROM entries WHERE key LIKE ?1 || '-%'",
                (str(many),),
            )
        await store.get("warm")
        steps = []
        # SQLite tells its steps to nobody but who holds the connection.
        store._reader.set_progress_handler(lambda steps=steps: steps.append(1), 1)
        page = await store.page(str(many), after=f"{many}-00499", limit=100)
        store._reader.set_progress_handler(None, 0)
        assert [key for key, _ in page] == [f"{many}-{n:05}" for n in range(500, 600)]
        taken[many] = len(steps)

    assert taken[1_000] == taken[50_000] > 100


async def test_a_file_of_the_first_version_is_brought_up_to_date(path, clock):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(MIGRATIONS[0])
        old.execute("PRAGMA user_version = 1")
        old.executemany(
            "INSERT INTO entries VALUES (?, ?, ?, ?)",
            [(1, "b", b"1", clock.now + 10), (2, "a", b"2", float("inf")), (3, "c", b"3", 0)],
        )
        rows = [("i", 1), ("i", 2), ("i", 3), ("j", 1)]
        old.executemany("INSERT INTO index_entries VALUES (?, ?)", rows)
    store = SqliteStore(path, clock)

    assert await store.find("i") == await store.page("i", limit=9) == [("a", b"2"), ("b", b"1")]
    assert await store.find("j") == [("b", b"1")]
    assert [await store.count(name) for name in "ij"] == [2, 1]
    await store.put("b", b"4", ttl_s=None, indexes={"j"})
    assert await store.take("a") == b"2"
    assert await store.sweep(clock.now) == 1
    assert await store.page("i", limit=9) == []
    assert await store.page("j", limit=9) == [("b", b"4")]
    await store.aclose()
