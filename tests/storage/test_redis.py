"""What the Redis store promises beyond the contract: names, lifetimes, TLS, sentinels."""

import asyncio
import datetime
import ipaddress
import re
from contextlib import suppress
from pathlib import Path

import pytest
import redis.asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.errors import StoreUnavailableError
from gateway.storage import open_store
from tests.fixtures.network import take_free_port
from tests.patience import until


@pytest.fixture
def location(locate):
    return locate("redis")


@pytest.fixture
async def raw(redis_server):
    """The server, without the store."""
    async with redis.asyncio.Redis(port=redis_server.port, protocol=2) as client:
        yield client


@pytest.fixture
def prefix(location):
    """What the names of the store begin with."""
    return "{" + location.partition("prefix=")[2] + "}:"


async def unavailable(call):
    with pytest.raises(StoreUnavailableError) as caught:
        await call
    return str(caught.value)


async def test_all_names_have_one_hash_tag(store, raw, prefix):
    known = set(await raw.keys())
    await store.put("{k}", b"v", ttl_s=10, indexes={"{i}", "j"})
    await store.add_once("jti", ttl_s=10)
    await store.lock("a", ttl_s=10)
    await store.ping()

    new = {name.decode() for name in set(await raw.keys()) - known}
    assert new == {
        prefix + name for name in ("v:{k}", "v:jti", "i:{i}", "i:j", "ends", "l:a", "token", "ping")
    }


async def test_the_server_frees_by_itself_what_no_gateway_sweeps(store, raw, prefix):
    await store.put("k", b"v", ttl_s=100, indexes={"i"})
    await store.put("l", b"v", ttl_s=50, indexes={"i"})
    await store.lock("a", ttl_s=30)

    for name, ttl_s in (("v:k", 100), ("v:l", 50), ("i:i", 100), ("ends", 100), ("l:a", 30)):
        assert ttl_s <= await raw.ttl(prefix + name) <= ttl_s + 300
    await store.put("m", b"v", ttl_s=None, indexes={"i"})
    assert await raw.ttl(prefix + "v:m") == await raw.ttl(prefix + "i:i") == -1


async def test_keys_of_values_that_vanished_leave_their_indexes(store, raw, prefix):
    for key in ("a", "b", "c"):
        await store.put(key, b"v", ttl_s=10, indexes={"i", "j"})
    await raw.delete(prefix + "v:a", prefix + "v:b")
    await store.put("b", b"w", ttl_s=10, indexes={"j"})

    assert await store.find("i") == [("c", b"v")]
    assert await raw.zrange(prefix + "i:i", 0, -1) == [b"c"]
    assert await store.find("j") == [("b", b"w"), ("c", b"v")]


async def test_a_write_takes_what_ended_out_of_its_indexes(store, raw, prefix, clock):
    await store.put("old", b"v", ttl_s=10, indexes={"i"})
    await raw.delete(prefix + "v:old")
    clock.now += 10
    await store.put("new", b"v", ttl_s=10, indexes={"i"})

    assert await raw.zrange(prefix + "i:i", 0, -1) == [b"new"]


async def test_a_sweep_leaves_nothing_behind(store, raw, prefix, clock):
    await store.put("k", b"v", ttl_s=10, indexes={"i"})
    await store.put("gone", b"v", ttl_s=10)
    assert await store.page("i", limit=9) == [("k", b"v")]
    await raw.delete(prefix + "v:gone")
    clock.now += 10

    assert await store.sweep(clock.now) == 2
    assert [name async for name in raw.scan_iter(f"{prefix}*")] == []


async def test_tokens_grow_even_if_the_server_forgot_them(store, raw, prefix):
    first = await store.lock("a", ttl_s=10)
    await raw.delete(prefix + "token", prefix + "l:a")

    assert (await store.lock("a", ttl_s=10)).token > first.token


async def test_scripts_the_server_forgot_are_sent_again(store, raw):
    await store.put("k", b"v", ttl_s=10)
    await raw.script_flush()

    assert await store.take("k") == b"v"


async def test_a_server_without_memory_reads_and_is_not_ready(start_redis_server, tmp_path, clock):
    server = start_redis_server()
    store = open_store(server.url, tmp_path, clock)
    await store.put("k", b"v", ttl_s=10)
    async with redis.asyncio.Redis(port=server.port, protocol=2) as raw:
        await raw.config_set("maxmemory", 1)

        assert await store.get("k") == b"v"
        assert "maxmemory" in await unavailable(store.ping())
        assert "maxmemory" in await unavailable(store.put("l", b"v", ttl_s=10))
        await raw.config_set("maxmemory", 0)
    await store.ping()
    await store.aclose()


async def test_a_master_that_became_a_replica_is_not_ready(start_redis_server, tmp_path, clock):
    server, other = start_redis_server(), start_redis_server()
    store = open_store(server.url, tmp_path, clock)
    await store.ping()
    async with redis.asyncio.Redis(port=server.port, protocol=2) as raw:
        await raw.replicaof("127.0.0.1", other.port)
        assert "read only replica" in await unavailable(store.ping())
        await raw.replicaof("NO", "ONE")
    await store.ping()
    await store.aclose()


async def test_what_the_server_repeats_of_a_command_is_not_told(
    start_redis_server, tmp_path, clock
):
    server = start_redis_server("--rename-command", "EVALSHA", "")
    store = open_store(server.url, tmp_path, clock)

    told = await unavailable(store.put("key", b"value", ttl_s=10))

    assert "unknown command" in told
    assert "gatepost" not in told
    await store.aclose()


async def test_a_password_is_read_anew_from_its_file(start_redis_server, tmp_path, clock, caplog):
    server = start_redis_server("--requirepass", "hunter2")
    file = tmp_path / "password"
    file.write_text("hunter1\n")
    location = f"redis://default@127.0.0.1:{server.port}"
    store = open_store(f"{location}?password_file={file}", tmp_path, clock)
    assert "hunter" not in await unavailable(store.get("k"))

    file.write_text("hunter2\n")
    await store.put("k", b"v", ttl_s=10)
    assert await store.get("k") == b"v"
    await store.aclose()

    store = open_store(f"redis://:hunter3@127.0.0.1:{server.port}", tmp_path, clock)
    assert "hunter" not in await unavailable(store.get("k"))
    assert "hunter" not in await unavailable(store.subscribe("c", print))
    await store.aclose()
    file.unlink()
    store = open_store(f"{location}?password_file={file}", tmp_path, clock)
    assert "password_file cannot be read" in await unavailable(store.get("k"))
    await store.aclose()
    assert "hunter" not in caplog.text


async def test_databases_of_one_server_share_nothing(location, tmp_path, clock):
    zero = open_store(location, tmp_path, clock)
    seven = open_store(location.replace("?", "/7?"), tmp_path, clock)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await zero.subscribe("c", heard.put_nowait)
    await seven.put("k", b"v", ttl_s=10)
    await seven.publish("c", b"theirs")
    await zero.publish("c", b"ours")

    assert await zero.get("k") is None
    assert await heard.get() == b"ours"
    await zero.aclose()
    await seven.aclose()


async def test_what_others_publish_on_its_channel_is_passed_over(store, raw, prefix, caplog):
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", heard.put_nowait)
    for message in (b"", b"\xff\xff", b"\x00\x01\xffm"):
        await raw.publish(f"{prefix}0:messages", message)
    await store.publish("c", b"ours")

    assert await heard.get() == b"ours"
    assert caplog.text.count("in an unknown format") == 3


def certificate(directory):
    """A certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "redis")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (directory / "key.pem").write_bytes(pem)
    (directory / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return directory / "cert.pem", directory / "key.pem"


async def test_over_tls_the_server_must_show_a_certificate_that_is_trusted(
    start_redis_server, tmp_path, clock
):
    cert, key = certificate(tmp_path)
    port = take_free_port()
    start_redis_server(
        *("--tls-port", str(port), "--tls-cert-file", str(cert), "--tls-key-file", str(key)),
        *("--tls-auth-clients", "no"),
    )
    stranger = open_store(f"rediss://127.0.0.1:{port}", tmp_path, clock)
    assert "certificate verify failed" in await unavailable(stranger.get("k"))
    await stranger.aclose()

    store = open_store(f"rediss://127.0.0.1:{port}?ca_file={cert}", tmp_path, clock)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", heard.put_nowait)
    await store.publish("c", b"m")
    assert await heard.get() == b"m"
    await store.ping()
    await store.aclose()


async def test_sentinels_lead_to_the_new_master(start_redis_server, tmp_path, clock):
    master = start_redis_server()
    replica = start_redis_server("--replicaof", "127.0.0.1", str(master.port))
    sentinel = start_redis_server(
        program="redis-sentinel",
        conf=(
            f"sentinel monitor here 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds here 300\n"
            "sentinel failover-timeout here 2000\n"
        ),
    )
    nobody = take_free_port()
    location = f"redis://127.0.0.1:{nobody},127.0.0.1:{sentinel.port}/0?sentinel=here"
    store = open_store(location, tmp_path, clock)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await store.subscribe("c", heard.put_nowait)
    await store.put("k", b"v", ttl_s=1000)
    async with redis.asyncio.Redis(port=master.port, protocol=2) as raw:
        # WAIT is about what its own connection wrote, and what came before.
        await raw.set("marker", "1")
        assert await raw.wait(1, 60_000) == 1
    async with redis.asyncio.Redis(port=sentinel.port, protocol=2) as raw:
        await until(lambda: raw.sentinel_slaves("here"))

    master.kill()

    async def answers():
        with suppress(StoreUnavailableError):
            await store.ping()
            return True

    async def is_heard():
        await store.publish("c", b"after")
        return not heard.empty()

    await until(answers)
    assert await store.get("k") == b"v"
    await until(is_heard)
    async with redis.asyncio.Redis(port=replica.port, protocol=2) as raw:
        assert (await raw.role())[0] == b"master"
    await store.aclose()


async def test_sentinels_that_know_no_such_master_are_unavailable(
    start_redis_server, tmp_path, clock
):
    sentinel = start_redis_server(program="redis-sentinel", conf="\n")
    location = f"redis://:hunter2@127.0.0.1:{sentinel.port}?sentinel=nowhere"
    store = open_store(location, tmp_path, clock)

    told = await unavailable(store.get("k"))

    assert "nowhere" in told
    assert "hunter2" not in told
    await store.aclose()


async def test_the_rights_the_documentation_asks_for_are_enough(
    start_redis_server, tmp_path, clock
):
    text = (Path(__file__).parents[2] / "docs" / "stores.md").read_text()
    (rights,) = re.findall(r"`(~\{gatepost\}[^`]*)`", text)
    server = start_redis_server("--user", "gate", "on", ">hunter2", *rights.split())
    store = open_store(f"redis://gate:hunter2@127.0.0.1:{server.port}/1", tmp_path, clock)
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    await store.ping()
    await store.subscribe("c", heard.put_nowait)
    await store.publish("c", b"m")
    await store.put("k", b"v", ttl_s=10, indexes={"i"})
    await store.put("k", b"w", ttl_s=None, indexes={"j"})
    assert await store.compare_and_swap("k", b"w", b"x", ttl_s=10, indexes={"i"})
    assert await store.find("i") == [("k", b"x")]
    assert await store.page("i", limit=1) == [("k", b"x")]
    assert await store.count("i") == 1
    assert await store.unlock(await store.lock("a", ttl_s=10))
    assert await store.take("k") == b"x"
    assert await store.sweep(clock.now) == 0
    assert await heard.get() == b"m"
    await store.aclose()
