"""The URLs of networked stores; what is refused is in tests/settings/test_stores.py."""

import pytest

from gateway.storage.location import PostgresLocation, RedisLocation
from gateway.storage.stores import is_networked


@pytest.mark.parametrize(
    ("text", "hosts", "database", "is_tls", "way"),
    [
        ("redis://r", (("r", 6379),), 0, False, ("", False)),
        ("rediss://r:6380/3", (("r", 6380),), 3, True, ("", False)),
        ("redis://[::1]/", (("::1", 6379),), 0, False, ("", False)),
        ("redis://a,b:7/2?sentinel=m", (("a", 26379), ("b", 7)), 2, False, ("m", False)),
        ("redis://a,b:7?cluster=1", (("a", 6379), ("b", 7)), 0, False, ("", True)),
    ],
)
def test_a_redis_url_says_where_the_server_is(text, hosts, database, is_tls, way):
    location = RedisLocation.read(text)

    assert (location.hosts, location.database) == (hosts, database)
    assert (location.is_tls, (location.sentinel, location.is_cluster)) == (is_tls, way)
    assert location.prefix == "gatepost"


@pytest.mark.parametrize("read", [RedisLocation.read, PostgresLocation.read])
@pytest.mark.parametrize(
    ("login", "user", "password"),
    [
        ("", "", ""),
        ("me@", "me", ""),
        (":p4ss@", "", "p4ss"),
        ("me:p4ss@", "me", "p4ss"),
        ("m%40e:p%2F%3A%23%25@", "m@e", "p/:#%"),
        ("me:p:q@r@", "me", "p:q@r"),
    ],
)
def test_user_and_password_are_decoded_and_never_shown(read, login, user, password):
    location = read(f"redis://{login}host/1")

    assert (location.user, location.password) == (user, password)
    assert not password or password not in repr(location)


def test_a_postgresql_url_says_where_the_database_is():
    text = "postgresql://a,b:7/d%2F1?sslmode=require&pgbouncer=1&direct=c:8&search_path=x"
    location = PostgresLocation.read(text)

    assert location.hosts == (("a", None), ("b", 7))
    assert location.database == "d/1"
    assert (location.is_pooled, location.direct) == (True, ("c", 8))
    assert location.options == {"sslmode": "require", "search_path": "x"}


@pytest.mark.parametrize(
    ("location", "networked"),
    [
        ("redis://r", True),
        ("rediss://", True),
        ("postgresql://r/d", True),
        ("redis", False),
        ("sqlite", False),
        ("memory", False),
        ("http://r", False),
        ("", False),
    ],
)
def test_stores_that_machines_share_are_told_from_the_others(location, networked):
    assert is_networked(location) is networked
