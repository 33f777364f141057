"""When files are read again, and what of a new configuration has to wait."""

import os

import pytest

from gateway.assembly.reload import STILL_S, Reloader, Watch, as_started, needs_restart
from gateway.assembly.serving import clock
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

    reloader = Reloader(load(path, BASE), lambda: load(path, BASE), take, clock)
    write(path, text)
    assert not reloader.is_due(100)
    await reloader.reload()

    assert [reloader.is_due(at) for at in (101, 102, 104)] == [False, False, False]
    write(path, "server: {drain_timeout: 3s}")
    assert [reloader.is_due(at) for at in (105, 107)] == [False, True]


def rules(name):
    return f"routes: [{{name: {name}, path: /{name}, access: public}}]\n"


def changed_in(folder, act):
    """Whether a watch of `folder` reports what `act` does."""
    watch = Watch([folder])
    act()
    watch.look(1)
    return watch.look(3)


def test_of_a_folder_the_names_of_its_files_are_watched(tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yaml").write_text("one")

    assert changed_in(folder, lambda: (folder / "b.yml").write_text("new"))
    assert changed_in(folder, (folder / "b.yml").unlink)
    assert changed_in(folder, lambda: (folder / "a.yaml").rename(folder / "c.yaml"))
    # What editors leave beside a file is no rule.
    assert not changed_in(folder, lambda: (folder / ".c.yaml.swp").write_text("x"))
    assert not changed_in(folder, lambda: (folder / "c.yaml~").write_text("x"))
    assert changed_in(folder, lambda: folder.rename(tmp_path / "gone"))


@pytest.fixture
def reloader(tmp_path):
    """One with an included folder, and the settings it was given."""
    (tmp_path / "rules").mkdir()
    path = tmp_path / "gatepost.yaml"
    path.write_text("include: rules\nroutes: [{name: main, path: /main, access: public}]\n")
    taken = []

    async def take(settings):
        taken.append([route.name for route in settings.routes])

    reloader = Reloader(load(path, BASE), lambda: load(path, BASE), take, clock)
    reloader.taken = taken
    return reloader


def is_noticed(reloader):
    """Whether the reloader sees a change once it has stood still."""
    reloader.is_due(1)
    return reloader.is_due(3)


async def test_a_new_file_in_an_included_folder_is_read_and_then_watched(reloader, tmp_path):
    write(tmp_path / "rules" / "a.yaml", rules("a"))
    assert is_noticed(reloader)
    assert await reloader.reload()
    assert not is_noticed(reloader)

    write(tmp_path / "rules" / "a.yaml", rules("other"))
    assert is_noticed(reloader)
    assert await reloader.reload()
    (tmp_path / "rules" / "a.yaml").unlink()
    assert is_noticed(reloader)
    assert await reloader.reload()

    assert reloader.taken == [["main", "a"], ["main", "other"], ["main"]]


async def test_a_bad_file_that_was_never_read_well_is_read_again_when_it_is_corrected(
    reloader, tmp_path, caplog
):
    bad = tmp_path / "rules" / "a.yaml"
    write(bad, "routes: {")
    assert is_noticed(reloader)
    assert not await reloader.reload()
    assert [it for it in caplog.messages if "a.yaml:" in it and "is not YAML" in it]
    assert not is_noticed(reloader)

    write(bad, rules("a"))
    assert is_noticed(reloader)
    assert await reloader.reload()
    assert reloader.taken == [["main", "a"]]


async def test_a_named_file_that_was_missing_is_noticed_when_it_comes(reloader, tmp_path):
    secret = tmp_path / "secret"
    with (tmp_path / "gatepost.yaml").open("a") as file:
        file.write("secret_file: secret\n")
    assert not await reloader.reload()
    assert not is_noticed(reloader)

    secret.write_text("x" * 40)
    secret.chmod(0o600)
    assert is_noticed(reloader)
    assert await reloader.reload()


async def test_a_file_that_changes_while_it_is_first_read_is_read_again(tmp_path):
    (tmp_path / "rules").mkdir()
    path, file = tmp_path / "gatepost.yaml", tmp_path / "rules" / "a.yaml"
    path.write_text("include: rules\nroutes: [{name: main, path: /main, access: public}]\n")
    taken = []

    def read():
        loaded = load(path, BASE)
        if "changed" not in file.read_text():
            write(file, rules("changed"))
        return loaded

    async def take(settings):
        taken.append([route.name for route in settings.routes])

    reloader = Reloader(load(path, BASE), read, take, clock)
    write(file, rules("a"))
    assert await reloader.reload()

    assert taken == [["main", "changed"]]


async def test_a_reload_says_what_changed(reloader, tmp_path, caplog):
    caplog.set_level("INFO")
    write(tmp_path / "rules" / "a.yaml", rules("a"))
    await reloader.reload()
    write(tmp_path / "rules" / "a.yaml", rules("a").replace("public", "denied"))
    await reloader.reload()
    await reloader.reload()

    assert [it for it in caplog.messages if it.startswith("routes")] == [
        "routes changed: added a",
        "routes changed: changed a (access)",
    ]
    assert [it.changes for it in caplog.records if hasattr(it, "changes")] == [
        {"added": ["a"], "removed": [], "changed": {}, "moved": {}},
        {"added": [], "removed": [], "changed": {"a": ["access"]}, "moved": {}},
    ]


async def test_what_was_not_taken_is_no_change(tmp_path, caplog):
    caplog.set_level("INFO")
    path = tmp_path / "gatepost.yaml"
    path.write_text(rules("a"))

    async def refuse(_settings):
        raise OSError("no")

    reloader = Reloader(load(path, BASE), lambda: load(path, BASE), refuse, clock)
    write(path, rules("b"))
    assert not await reloader.reload()

    assert not [it for it in caplog.messages if it.startswith("routes")]
