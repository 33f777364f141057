"""What a copy of each store tells, and one refresh however many workers share the store."""

import asyncio
import base64
from contextlib import suppress

import pytest

from gateway.assembly.worker import Gateway
from gateway.settings.load import load
from tests.e2e.people import Browser
from tests.e2e.raw import admin
from tests.e2e.signed_in import OK, browser, sign_in, start_cluster
from tests.e2e.test_refresh import crowd
from tests.fixtures.gateway import dump, with_defaults
from tests.fixtures.network import take_free_port
from tests.patience import until

HEADERS = {
    "Remote-User": "{name}",
    "X-Access-Token": "{access_token}",
    "X-Id-Token": "{id_token}",
}
USER = "zebulon.quartermain"
NETWORKED = {"redis": "start_redis_server", "postgresql": "start_postgres_server"}


@pytest.fixture
def start(request, gateway_process, start_oidc_provider, raw_upstream, tmp_path):
    """Start gateways over a store of their own."""

    async def run(store, *, provider=None, worker_count=1, **options):
        def one(settings):
            server = {**settings["server"], "workers": worker_count}
            return gateway_process({**settings, "server": server})

        server = request.getfixturevalue(NETWORKED[store])() if store in NETWORKED else None
        upstream = await raw_upstream(OK)
        cluster = start_cluster(
            one,
            start_oidc_provider(**(provider or {})),
            upstream.url,
            tmp_path,
            store=store if server is None else server.url,
            upstreams={"app": {"url": upstream.url, "identity": {"headers": HEADERS}}},
            **options,
        )

        async def are_ready():
            # With several workers, the admin listener comes after the public ones.
            with suppress(ConnectionRefusedError):
                found = [(await admin(gateway, "/readyz")).status for gateway in cluster.gateways]
                return set(found) == {200}
            return False

        await until(are_ready)
        return cluster, upstream, server

    return run


@pytest.mark.parametrize("store", ["redis", "postgresql"])
async def test_a_crowd_at_two_gateways_refreshes_once(start, store):
    slow = {"ttl": {"AccessToken": 2}, "delay": {"/token": 1000}}
    cluster, _, _ = await start(store, provider=slow, count=2)

    await one_refresh(cluster)


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
async def test_a_crowd_at_two_workers_refreshes_once(start, store):
    slow = {"ttl": {"AccessToken": 2}, "delay": {"/token": 1000}}
    cluster, _, _ = await start(store, provider=slow, worker_count=2)

    await one_refresh(cluster)


async def one_refresh(cluster):
    async with browser() as session:
        cookie = await sign_in(session, cluster, "ann")
    await asyncio.sleep(2)  # The provider's clock decides when the token is over.

    assert await crowd(cluster, cookie, 100) == [200] * 100
    assert cluster.granted() == 1
    assert cluster.metric('gatepost_session_refreshes_total{outcome="success"') == 1


def copy_of(store, server, tmp_path):
    """All that lies in a store's files, and in the tables of one that keeps them its own way."""
    if store != "postgresql":
        return files_below(server.directory if server else tmp_path / "shared")
    server.sql("CHECKPOINT")
    tables = server.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").split()
    assert "gatepost_entries" in tables
    # Bytes are shown as they are, since hexadecimal digits hide a name from no thief.
    rows = server.sql("SET bytea_output = 'escape'", *(f"SELECT * FROM {it}" for it in tables))
    return rows.encode() + files_below(server.directory / "data")


def files_below(directory):
    return b"\n".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("store", ["sqlite", "redis", "postgresql"])
async def test_a_copy_of_the_store_tells_no_name_and_opens_nothing(start, store, tmp_path):
    cluster, upstream, server = await start(store)
    async with browser() as session:
        cookies = [await sign_in(session, cluster, USER) for _ in range(2)]
        assert await crowd(cluster, cookies[1], 4) == [200] * 4
    tokens = [token_in(upstream.heads[-1], name) for name in (b"X-Access-Token", b"X-Id-Token")]

    copy = copy_of(store, server, tmp_path)

    assert b"session:" in copy
    for secret in (*tokens, *secrets_of(cookies)):
        assert secret not in copy, secret


async def test_what_the_store_in_memory_holds_tells_no_name_either(
    tmp_path, raw_upstream, demo_provider
):
    upstream = await raw_upstream(OK)
    origin = f"http://127.0.0.1:{take_free_port()}"
    redirect = f"{origin}/_gatepost/callback/oidc"
    provider = demo_provider({"client_id": "notes", "redirect_uris": [redirect]})
    config = tmp_path / "gatepost.yaml"
    settings = {
        "server": {"listen": origin.removeprefix("http://")},
        "store": "memory",
        "upstreams": {"app": upstream.url},
        "providers": {"oidc": {"issuer": provider.issuer, "client_id": "notes"}},
    }
    config.write_text(dump(with_defaults(settings, tmp_path)))
    gateway = Gateway(load(config, {}).settings)
    await gateway.start()
    async with Browser(origin) as person:
        assert (await person.sign_in(USER))[0] in (302, 303)
        cookie = person.cookies()["gatepost"].value
    copy = repr(gateway.lasting.store._store._entries)
    await gateway.stop()

    assert "session:" in copy
    for secret in secrets_of([cookie]):
        assert secret not in copy.encode(), secret
        assert repr(secret)[2:-1] not in copy, secret


def token_in(head, name):
    """The value of a field of a request; there must be one."""
    value = head.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0]
    assert len(value) > 20, head
    return value


def secrets_of(cookies):
    """What no copy may have, in the spellings a thief would look for."""
    yield from (USER.encode(), USER.capitalize().encode(), f"{USER}@example.com".encode())
    yield from (USER.encode().hex().encode(), base64.b64encode(USER.encode() * 3)[8:24])
    yield from (b"eyJhbGciOi", b"access_token", b"refresh_token", b"id_token")
    for cookie in cookies:
        raw = base64.urlsafe_b64decode(cookie)
        # Nor either half of it: the id, of which the store has a digest, and the key.
        for half in (raw[:16], raw[16:]):
            yield from (half, half.hex().encode())
        yield cookie.encode()
