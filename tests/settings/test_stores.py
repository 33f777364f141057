"""The `store` setting: what is taken, what is refused, and that no password is ever repeated."""

import sys

import pytest
from pydantic_core import PydanticCustomError

from gateway.errors import SettingsError
from gateway.settings.load import load
from gateway.settings.stores import parse_store

FILE = """\
public_url: https://a.example.com
upstreams: {app: "http://app:1"}
providers: {idp: {issuer: "https://id.example.com", client_id: x}}
"""
SECRET = "secret: 0123456789abcdef0123456789abcdef\n"


@pytest.mark.parametrize(
    "text",
    [
        "sqlite",
        "memory",
        "redis://r",
        "redis://:hunter2@[::1]:6380/3?prefix=team.a",
        "rediss://me:hunter2@r/0?ca_file=/ca.pem",
        "redis://s1,s2:26380/0?sentinel=mymaster&sentinel_password_file=/run/secrets/s",
        "rediss://me:hunter2@n1,n2:6380/?cluster=1&ca_file=/ca.pem&prefix=team.a",
        "redis://r/0?cluster=1",
        "redis://r/3?cluster=0",
        "postgresql://me:hunter2@db/gatepost?sslmode=verify-full&sslrootcert=/ca.pem",
        "postgresql://me@db1,db2:5433/gatepost?password_file=/run/secrets/db",
        "postgresql:///gatepost?host=/run/postgresql",
        "postgresql://pool:6432/gatepost?pgbouncer=1&direct=db:5432",
    ],
)
def test_a_store_that_can_be_opened_is_taken_as_it_is(text):
    assert parse_store(text) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a store"),
        ("hunter2@host", "is not a store"),
        ("sqlit", 'did you mean "sqlite"?'),
        ("postgres://me:hunter2@db/x", 'did you mean "postgresql://"?'),
        ("mysql://me:hunter2@db/x", 'unknown store "mysql://"'),
        ("redis:/r", "is not a store"),
        ("redis://", "names no host"),
        ("redis://me:hunter2@", "names no host"),
        ("redis://me:hunter2/3@r", "has a host that is not one"),
        ("redis://me:hunter2#3@r", "has a space, a control or a #"),
        ("redis://me:hunter2 @r", "has a space, a control or a #"),
        ("redis://r:0", "has a host that is not one"),
        ("redis://r:65536", "has a host that is not one"),
        ("redis://r/x", "number of a database"),
        ("redis://r,s", "add ?sentinel=NAME, of the master, or ?cluster=1"),
        ("redis://r,s?cluster=0", "several hosts are sentinels or a Cluster"),
        ("redis://r?cluster=yes", "cluster is 0 or 1"),
        ("redis://r/1?cluster=1", "no database but 0"),
        ("redis://r?cluster=1&sentinel=m", "both sentinel and cluster"),
        ("redis://r?ca_file=/ca.pem", "needs rediss://"),
        ("redis://r?prefix={x}", "prefix is"),
        ("redis://r?password=hunter2", "unknown option"),
        ("redis://r?sentinel=", "an option without a value"),
        ("redis://:hunter2@r?password_file=/x", "both a password and a password_file"),
        ("postgresql://db", "names no database"),
        ("postgresql:///x", "names no host"),
        ("postgresql://db/x?host=/run", "names its host twice"),
        ("postgresql://db/x?sslmode=on", "sslmode is one of"),
        ("postgresql://db/x?pgbouncer=yes", "pgbouncer is 0 or 1"),
        ("postgresql://db/x?direct=/", "has a host that is not one"),
    ],
)
def test_what_is_wrong_is_told_without_the_password(text, told):
    with pytest.raises(PydanticCustomError) as caught:
        parse_store(text)

    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("store", ["redis://r", "rediss://r", "postgresql://db/x"])
@pytest.mark.parametrize("extra", ["", "rotues: []\n"])
def test_a_shared_store_needs_a_secret(tmp_path, store, extra):
    path = tmp_path / "gatepost.yaml"
    path.write_text(f"{FILE}store: {store}\n{extra}")

    with pytest.raises(SettingsError) as caught:
        load(path, {})

    assert f'{path}:4:8: store: a shared store needs "secret"' in str(caught.value)


def test_with_a_secret_it_is_taken_and_its_password_is_not_shown(tmp_path):
    path = tmp_path / "gatepost.yaml"
    path.write_text(f"{FILE}store: redis://:hunter2@r\n{SECRET}")
    settings = load(path, {}).settings

    assert settings.store == "redis://:hunter2@r"
    assert "hunter2" not in repr(settings)


def test_a_secret_of_a_file_is_one_too(tmp_path):
    (tmp_path / "secret").write_text("0123456789abcdef0123456789abcdef")
    path = tmp_path / "gatepost.yaml"
    path.write_text(f"{FILE}store: redis://r\nsecret_file: {tmp_path / 'secret'}\n")

    assert load(path, {}).settings.store == "redis://r"


def test_reading_the_settings_loads_no_driver(tmp_path):
    import subprocess

    path = tmp_path / "gatepost.yaml"
    path.write_text(f"{FILE}store: redis://r\n{SECRET}")
    code = (
        "import sys; from pathlib import Path; from gateway.settings.load import load;"
        "load(Path(sys.argv[1]), {});"
        "print({'redis', 'asyncpg', 'asyncio'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("set()\n", "")
