"""What `gatepost doctor` says of the session cookie and of stores."""

import re
import sqlite3
from pathlib import Path

import pytest
import yaml

from tests.cli.doctor_command.run import SLOW, doctor


@pytest.mark.parametrize(
    ("domain", "level"), [("co.uk", "error"), ("github.io", "error"), ("notes.co.uk", "ok")]
)
async def test_a_cookie_domain_that_is_a_public_suffix(configured, domain, level):
    report = await doctor(
        configured(
            public_url=f"https://app.{domain}",
            sessions={"cookie": {"domain": domain}},
            auth_mode="standalone",
        ),
        "--only",
        "cookies",
    )

    assert (report.level("cookie-domain"), report.status) == (level, int(level == "error"))


async def test_cookies_over_plain_http(configured):
    report = await doctor(
        configured(public_url="http://notes.example.com", auth_mode="standalone"),
        "--only",
        "cookies",
    )

    assert (report.level("cookie-secure"), report.status) == ("warning", 0)


@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
async def test_a_store_that_is_down(configured, free_port, scheme):
    path = "/gatepost" if scheme == "postgresql" else ""
    report = await doctor(
        configured(store=f"{scheme}://127.0.0.1:{free_port}{path}", auth_mode="standalone"),
        "--only",
        "store",
    )

    assert report.status == 1
    assert report.amiss("error").keys() == {"store-round-trip"}


async def test_a_redis_that_forgets(configured, start_redis_server):
    server = start_redis_server(*("--maxmemory-policy", "allkeys-lru"), *("--appendonly", "no"))

    report = await doctor(configured(store=server.url, auth_mode="standalone"), "--only", "store")

    assert report.amiss("warning").keys() - SLOW == {"store-eviction", "store-persistence"}
    assert report.level("store-version") == "ok"
    assert report.status == 0


async def test_a_redis_that_keeps(configured, redis_server):
    report = await doctor(
        configured(store=f"{redis_server.url}?prefix=doctor", auth_mode="standalone"),
        "--only",
        "store",
    )

    assert report.amiss("error").keys() | report.amiss("warning").keys() <= SLOW
    assert {it["id"] for it in report.findings} >= {"store-eviction", "store-persistence"}


async def test_a_postgres(configured, postgres_server):
    report = await doctor(
        configured(store=postgres_server.schema_url(), auth_mode="standalone"), "--only", "store"
    )

    assert report.status == 0
    assert re.fullmatch(r"version [0-9]{2}\b.*", report.one("store-version")["says"])


async def test_a_store_under_another_secret(serve, configured):
    gateway = serve(auth_mode="standalone")
    settings = yaml.safe_load(gateway.config_path.read_text())

    report = await doctor(
        configured(data_dir=settings["data_dir"], secret="x" * 40, auth_mode="standalone"),
        "--only",
        "store",
    )

    assert report.amiss("error").keys() == {"store-secret"}
    assert "last of the list" in report.one("store-secret")["do"]


async def test_a_store_that_others_can_read(serve):
    gateway = serve(auth_mode="standalone")
    data_dir = yaml.safe_load(gateway.config_path.read_text())["data_dir"]
    Path(data_dir, "gatepost.db").chmod(0o644)

    report = await doctor(gateway.config_path, "--only", "store")

    assert report.level("store-file") == "warning"
    assert "0644" in report.one("store-file")["says"]


async def test_an_older_store_is_not_migrated(serve):
    gateway = serve(auth_mode="standalone")
    data_dir = yaml.safe_load(gateway.config_path.read_text())["data_dir"]
    gateway.stop()
    file = f"{data_dir}/gatepost.db"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 1")
    connection.close()

    report = await doctor(gateway.config_path, "--only", "store")

    assert report.amiss("warning").keys() - SLOW == {"store-version"}
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
