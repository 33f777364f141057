"""What the PostgreSQL store promises beyond the contract: tables, long messages, poolers."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailableError
from gateway.storage import open_store
from gateway.storage.postgres_tables import MIGRATIONS, VERSION
from gateway.storage.postgres_writes import LISTED
from tests.fixtures.network import take_free_port
from tests.fixtures.postgres import PASSWORD, PASSWORD_IN_URL, USER
from tests.fixtures.processes import require_tool, terminate, wait_until
from tests.patience import PATIENCE_S, until


@pytest.fixture
def location(locate):
    return locate("postgresql")


@pytest.fixture
def schema(location):
    return location.partition("search_path=")[2]


async def unavailable(call):
    with pytest.raises(StoreUnavailableError) as caught:
        await call
    return str(caught.value)


async def test_every_name_it_makes_begins_with_gatepost(store, schema, postgres_server):
    await store.ping()

    names = postgres_server.sql(
        f"SELECT relname FROM pg_class WHERE relnamespace = '{schema}'::regnamespace"
    ).splitlines()
    assert len(names) > 5
    assert [name for name in names if not name.startswith("gatepost_")] == []


async def test_tables_of_a_newer_version_are_refused_and_left_alone(
    store, location, schema, postgres_server, tmp_path, clock
):
    await store.put("k", b"v", ttl_s=10)
    postgres_server.sql(f"UPDATE {schema}.gatepost_version SET version = {VERSION + 1}")
    newer = open_store(location, tmp_path, clock)

    assert "newer version" in await unavailable(newer.get("k"))
    await newer.aclose()
    postgres_server.sql(f"UPDATE {schema}.gatepost_version SET version = {VERSION}")
    assert await store.get("k") == b"v"


async def test_tables_of_the_first_version_are_brought_up_to_date(
    store, schema, postgres_server, clock
):
    postgres_server.sql(
        f"""SET search_path = {schema};
        {MIGRATIONS[0]}
        UPDATE gatepost_version SET version = 1;
        INSERT INTO gatepost_entries (key, value, expires_at)
            VALUES ('b', '1', {clock.now + 10}), ('a', '2', 'infinity'), ('c', '3', 0);
        INSERT INTO gatepost_index_entries VALUES ('i', 1), ('i', 2), ('i', 3), ('j', 1);"""
    )

    assert await store.find("i") == await store.page("i", limit=9) == [("a", b"2"), ("b", b"1")]
    assert await store.find("j") == [("b", b"1")]
    assert [await store.count(name) for name in "ij"] == [2, 1]
    await store.put("b", b"4", ttl_s=None, indexes={"j"})
    assert await store.take("a") == b"2"
    assert await store.sweep(clock.now) == 1
    assert await store.page("i", limit=9) == []
    assert await store.page("j", limit=9) == [("b", b"4")]


@pytest.mark.parametrize("is_analyzed", [False, True])
async def test_a_page_is_read_from_the_index_whatever_the_planner_knows(
    store, schema, postgres_server, is_analyzed
):
    await store.ping()
    entries, listed = f"{schema}.gatepost_entries", f"{schema}.gatepost_index_entries"
    postgres_server.sql(
        f"INSERT INTO {entries} (key, value, expires_at)"
        " SELECT n::text::bytea, 'v', 'infinity' FROM generate_series(1, 50000) n",
        f"INSERT INTO {listed} SELECT 'every', key, id FROM {entries}"
        f" UNION ALL SELECT 'of' || key, key, id FROM {entries}",
        *[f"ANALYZE {entries}, {listed}"] * is_analyzed,
    )

    plan = postgres_server.sql(
        f"SET search_path = {schema}",
        "SET plan_cache_mode = force_generic_plan",
        f"PREPARE page (float8, bytea, bytea, bigint) AS {LISTED}",
        "EXPLAIN EXECUTE page (0, 'every', '3', 100)",
    )

    assert "using gatepost_index_entries_pkey" in plan
    assert "using gatepost_entries_pkey" in plan
    for slow in ("Sort", "Seq Scan", "Hash", "Bitmap"):
        assert slow not in plan


async def test_tables_that_are_gone_are_not_made_again_under_a_running_gateway(
    store, schema, postgres_server
):
    await store.put("k", b"v", ttl_s=10)
    postgres_server.sql(f"DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}")

    for _ in range(3):
        await unavailable(store.get("k"))
        await unavailable(store.put("k", b"v", ttl_s=10))
    assert postgres_server.sql(f"SELECT to_regclass('{schema}.gatepost_entries')") == ""


async def test_messages_of_any_length_come_in_order(store, schema, postgres_server, clock):
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", heard.put_nowait)
    sent = [os.urandom(size) for size in (0, 5990, 5994, 5997, 8000, 1, 1_000_000, 10)]
    for message in sent:
        await store.publish("c", message)

    async with asyncio.timeout(PATIENCE_S):
        assert [await heard.get() for _ in sent] == sent
    clock.now += 60
    await store.sweep(clock.now)
    assert postgres_server.sql(f"SELECT count(*) FROM {schema}.gatepost_messages") == "0"


async def test_what_others_notify_is_passed_over(store, schema, postgres_server):
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", heard.put_nowait)
    channel = f"'gatepost_' || '{schema}'::regnamespace::oid"
    for payload in ("", "x", "AAAA", "#", "#x", "#1", "?x"):
        postgres_server.sql(f"SELECT pg_notify({channel}, '{payload}')")
    await store.publish("c", b"ours")

    assert await heard.get() == b"ours"


async def test_it_looks_for_messages_no_more_after_its_connection_is_cut(store, postgres_server):
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", heard.put_nowait)
    postgres_server.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='gatepost'"
    )

    async def is_heard():
        with suppress(StoreUnavailableError):
            await store.publish("c", b"after")
        return not heard.empty()

    await until(is_heard)


async def test_a_database_that_reads_only_is_not_ready(store, postgres_server, location):
    await store.put("k", b"v", ttl_s=10)
    await store.aclose()
    # What a standby is, without a second server.
    postgres_server.sql(f"ALTER ROLE {USER} SET default_transaction_read_only = on")
    standby = open_store(location, Path(), lambda: 1_000_000.0)
    try:
        assert "read-only" in await unavailable(standby.put("k", b"w", ttl_s=10))
    finally:
        postgres_server.sql(
            "SET default_transaction_read_only = off",
            f"ALTER ROLE {USER} RESET default_transaction_read_only",
        )
        await standby.aclose()


async def test_the_next_host_is_asked_where_one_is_down(postgres_server, location, clock):
    hosts = f"127.0.0.1:{take_free_port()},127.0.0.1:{postgres_server.port}"
    store = open_store(location.replace(f"127.0.0.1:{postgres_server.port}", hosts), Path(), clock)
    await store.put("k", b"v", ttl_s=10)

    assert await store.get("k") == b"v"
    await store.aclose()


async def test_a_password_is_read_anew_from_its_file(location, tmp_path, clock, caplog):
    file = tmp_path / "password"
    file.write_text("hunter1\n")
    bare = location.replace(f":{PASSWORD_IN_URL}@", "@")
    store = open_store(f"{bare}&password_file={file}", tmp_path, clock)
    told = [await unavailable(store.get("k"))]
    told.append(await unavailable(store.subscribe("c", print)))

    file.write_text(f"{PASSWORD}\n")
    await store.put("k", b"v", ttl_s=10)
    assert await store.get("k") == b"v"
    await store.aclose()
    file.unlink()
    store = open_store(f"{bare}&password_file={file}", tmp_path, clock)
    told.append(await unavailable(store.get("k")))
    await store.aclose()
    assert "hunter1" not in "".join(told) + caplog.text


async def test_a_server_without_tls_is_refused_where_tls_is_asked_for(location, clock):
    store = open_store(f"{location}&sslmode=require", Path(), clock)

    assert "SSL" in await unavailable(store.get("k"))
    await store.aclose()


@pytest.fixture
def pooler(postgres_server):
    """The port of a pgbouncer in transaction mode."""
    directory, port = Path(tempfile.mkdtemp(prefix="gatepost-pgbouncer-")), take_free_port()
    (directory / "users").write_text(f'"{USER}" "{PASSWORD}"\n')
    (directory / "ini").write_text(
        f"[databases]\npostgres = host=127.0.0.1 port={postgres_server.port}\n"
        "[pgbouncer]\npool_mode = transaction\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = plain\n"
        f"auth_file = {directory}/users\ndefault_pool_size = 3\n"
    )
    command = [require_tool("pgbouncer"), str(directory / "ini")]
    if os.geteuid() == 0:  # It refuses to be run by root.
        nobody = pwd.getpwnam("nobody")
        for path in (directory, *directory.iterdir()):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        ids = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        command = [require_tool("setpriv"), *ids, *command]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log)

    def is_ready():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(is_ready, process, "pgbouncer")
    yield port
    terminate(process, "pgbouncer")
    shutil.rmtree(directory)


async def test_through_a_pooler_everything_works_but_messages_need_a_direct_way(
    pooler, postgres_server, clock, tmp_path
):
    # A pooler passes no search_path on.
    postgres_server.sql(
        "CREATE SCHEMA test_pooled", f"ALTER ROLE {USER} SET search_path = test_pooled"
    )
    try:
        through = postgres_server.url.replace(str(postgres_server.port), str(pooler))
        blind = open_store(f"{through}?pgbouncer=1", tmp_path, clock)
        await asyncio.gather(
            *(blind.put(f"k{n}", b"v", ttl_s=10, indexes={"i"}) for n in range(100))
        )
        assert await asyncio.gather(*(blind.get(f"k{n}") for n in range(100))) == [b"v"] * 100
        assert await blind.count("i") == 100
        assert "direct=host:port" in await unavailable(blind.subscribe("c", print))
        await blind.aclose()

        direct = f"{through}?pgbouncer=1&direct=127.0.0.1:{postgres_server.port}"
        store = open_store(direct, tmp_path, clock)
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        await store.subscribe("c", heard.put_nowait)
        await store.publish("c", b"m")
        assert await heard.get() == b"m"
        await store.aclose()
    finally:
        postgres_server.sql(f"ALTER ROLE {USER} RESET search_path")
