"""When files are read again, and what of a new configuration has to wait."""

import os

import pytest

from gateway.assembly.reload import STILL_S, Reloader, Watch, as_started, needs_restart
from gateway.settings.load import load


def write(path, text):
    """Replace `path`, as editors do."""
    other = path.with_name("other")
    other.write_text(text)
    other.replace(path)


def test_a_file_is_read_once_when_it_has_stood_still(tmp_path):
    path = tmp_path / "gatepost.yaml"
    path.write_text("one")
    watch = Watch([path])

    assert not watch.look(100)
    write(path, "two")
    assert not watch.look(101)
    assert not watch.look(101 + STILL_S / 2)
    write(path, "three")
    assert not watch.look(102)
    assert not watch.look(102 + STILL_S - 0.01)
    assert watch.look(102 + STILL_S)
    assert not watch.look(110)


def test_a_file_that_goes_away_and_one_that_appears_are_changes(tmp_path):
    path, missing = tmp_path / "here", tmp_path / "there"
    path.write_text("one")
    watch = Watch([path, missing])

    path.unlink()
    assert [watch.look(at) for at in (1, 3)] == [False, True]
    missing.write_text("two")
    assert [watch.look(at) for at in (4, 6)] == [False, True]


def test_a_change_behind_a_link_is_noticed(tmp_path):
    """As Kubernetes changes a mounted secret: the directory is swapped, the path is the same."""
    for name in ("v1", "v2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "secret").write_text(name)
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "secret").symlink_to("..data/secret")
    watch = Watch([tmp_path / "secret"])

    (tmp_path / "new").symlink_to("v2")
    (tmp_path / "new").replace(tmp_path / "..data")

    assert [watch.look(at) for at in (1, 3)] == [False, True]


def test_a_change_that_is_taken_back_is_none(tmp_path):
    path, kept = tmp_path / "file", tmp_path / "kept"
    path.write_text("one")
    os.link(path, kept)
    watch = Watch([path])

    write(path, "two")
    assert not watch.look(1)
    kept.replace(path)

    assert [watch.look(at) for at in (1.5, 3, 5)] == [False, False, False]


BASE = {"GATEPOST_PUBLIC_URL": "http://localhost", "GATEPOST_UPSTREAM": "http://127.0.0.1:9"} | {
    "GATEPOST_OIDC_ISSUER": "https://id.test",
    "GATEPOST_OIDC_CLIENT_ID": "c",
}


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({}, []),
        ({"GATEPOST_SERVER__LISTEN": "127.0.0.1:1"}, ["server.listen"]),
        ({"GATEPOST_SERVER__ADMIN_LISTEN": "127.0.0.1:1"}, ["server.admin_listen"]),
        ({"GATEPOST_SERVER__WORKERS": "3"}, ["server.workers"]),
        (
            {
                "GATEPOST_SERVER__PROXY_PROTOCOL": "v2",
                "GATEPOST_SERVER__TRUSTED_PROXIES": "10.0.0.0/8",
            },
            ["server.proxy_protocol"],
        ),
        ({"GATEPOST_DATA_DIR": "elsewhere", "GATEPOST_STORE": "memory"}, ["data_dir", "store"]),
        ({"GATEPOST_SERVER__DRAIN_TIMEOUT": "1s"}, []),
        ({"GATEPOST_SESSIONS__IDLE_TIMEOUT": "1h"}, []),
    ],
)
def test_what_needs_a_restart_stays_as_it_was_started(tmp_path, monkeypatch, change, names):
    monkeypatch.chdir(tmp_path)
    old, new = load(None, BASE).settings, load(None, {**BASE, **change}).settings

    assert needs_restart(old, new) == names
    assert needs_restart(old, as_started(old, new)) == []
    assert (as_started(old, new) == new) is (not names)


@pytest.mark.parametrize("text", ["server: {drain_timeout: 2s}", "server: {drain_timeout: long}"])
async def test_a_change_that_was_read_when_asked_for_is_not_read_again(tmp_path, text):
    """As by an editor and SIGHUP after it."""
    path = tmp_path / "gatepost.yaml"
    path.write_text("server: {drain_timeout: 1s}")

    async def take(_settings):
        pass

    reloader = Reloader(load(path, BASE), lambda: load(path, BASE), take)
    write(path, text)
    assert not reloader.is_due(100)
    await reloader.reload()

    assert [reloader.is_due(at) for at in (101, 102, 104)] == [False, False, False]
    write(path, "server: {drain_timeout: 3s}")
    assert [reloader.is_due(at) for at in (105, 107)] == [False, True]
