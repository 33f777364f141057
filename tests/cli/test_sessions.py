"""`gatepost sessions` on the store a gateway would use."""

import asyncio
import json
from functools import partial

import pytest

from gateway.assembly.serving import clock
from gateway.cli.sessions import sessions_command
from gateway.storage.sqlite import SqliteStore
from tests.builders import make_identity, make_sessions, open_session


@pytest.fixture
def with_manager(tmp_path):
    """Run a coroutine function with a session manager of the store."""

    def run(use):
        async def main():
            store = SqliteStore(tmp_path / "data" / "gatepost.db", clock)
            try:
                return await use(make_sessions(store, clock))
            finally:
                await store.aclose()

        return asyncio.run(main())

    return run


@pytest.fixture
def sign_in(with_manager):
    def run(user, device="Firefox on Linux"):
        async def use(manager):
            identity = make_identity(user, issuer="https://id.test")
            _, session = await open_session(manager, identity, clock(), device=device)
            return session.session_id

        return with_manager(use)

    return run


@pytest.fixture
def command(run_command):
    return partial(run_command, sessions_command)


def test_the_list_shows_whose_they_are_and_no_token(command, sign_in):
    ids = [sign_in("ann"), sign_in("ben", "a\x1b[2J")]

    result = command("list")

    assert result.exit_code == 0
    head, *rows = result.output.splitlines()
    assert head.split()[:3] == ["ID", "USER", "KIND"]
    assert {row.split()[0] for row in rows} == {session_id[:16] for session_id in ids}
    assert "\x1b" not in result.output


def test_json_and_one_user(command, sign_in):
    sign_in("ann")
    wanted = sign_in("ben")

    (found,) = json.loads(command("list", "--user", "ben", "--json").output)

    assert (found["id"], found["user"], found["kind"]) == (wanted, "ben", "browser")
    assert isinstance(found["last_seen_at"], int)
    assert json.loads(command("list", "--user", "nobody", "--json").output) == []


@pytest.mark.parametrize("length", [16, 64])
def test_one_is_ended_by_its_id(command, sign_in, length):
    kept, wanted = sign_in("ann"), sign_in("ann")

    result = command("revoke", wanted[:length])

    assert (result.exit_code, result.output) == (0, "ended 1 session\n")
    assert [it["id"] for it in json.loads(command("list", "--json").output)] == [kept]


def test_all_of_a_user_and_all_there_are(command, sign_in):
    for user in ("ann", "ann", "ben", "cat"):
        sign_in(user)

    assert command("revoke", "--user", "ann").output == "ended 2 sessions\n"
    assert len(json.loads(command("revoke", "--all", "--json").output)) == 2
    assert command("revoke", "--all").output == "ended 0 sessions\n"


def test_one_that_is_not_there_is_an_error(command, sign_in):
    sign_in("ann")
    result = command("revoke", "0" * 64)

    assert result.exit_code == 1
    assert "no session" in result.output


@pytest.mark.parametrize(
    "arguments", [(), ("abc",), ("0" * 16, "--all"), ("--user", "a", "--all"), ("../" * 8,)]
)
def test_what_is_meant_must_be_clear(command, sign_in, arguments):
    sign_in("ann")
    assert command("revoke", *arguments).exit_code == 2
    assert len(json.loads(command("list", "--json").output)) == 1


@pytest.mark.parametrize("changes", [{"store": "memory"}, {}, {"public_url": 1}])
def test_where_there_is_nothing_to_see_it_says_so_and_makes_nothing(command, tmp_path, changes):
    result = command("list", **changes)

    assert result.exit_code == 2
    assert not (tmp_path / "data").exists()


def test_a_directory_without_a_store_is_named_in_full(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    # The default is relative to the working directory.
    result = command("list", data_dir=None)

    assert f"data_dir: {tmp_path / 'data'} contains no store: run this in" in result.output
