"""`gatepost sessions` on the store a gateway would use."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
import yaml
from click.testing import CliRunner

from gateway.cli.sessions import sessions_command
from gateway.model import Identity
from gateway.sessions import Limits, ProviderTokens, Sealer, SessionManager
from gateway.storage.sqlite import SqliteStore

SECRET = "only-for-tests-0123456789abcdef0123456789"


def clock():
    return datetime.now(UTC).timestamp()


@pytest.fixture
def with_manager(tmp_path):
    """Run a coroutine function with a session manager of the store."""

    def run(use):
        async def main():
            store = SqliteStore(tmp_path / "data" / "gatepost.db", clock)
            limits = Limits(idle_s=3600, absolute_s=86400)
            manager = SessionManager(store, Sealer((SECRET.encode(),)), limits, clock=clock)
            try:
                return await use(manager)
            finally:
                await store.aclose()

        return asyncio.run(main())

    return run


@pytest.fixture
def sign_in(with_manager):
    def run(user, device="Firefox on Linux"):
        async def use(manager):
            identity = Identity(
                user=user, subject=user, issuer="https://id.test", credential="session"
            )
            _, session = await manager.create(
                identity,
                ProviderTokens(),
                provider_sid=None,
                ip="192.0.2.1",
                device=device,
                now=clock(),
            )
            return session.session_id

        return with_manager(use)

    return run


@pytest.fixture
def command(tmp_path):
    def run(*arguments, **changes):
        settings = {
            "public_url": "https://notes.example.com",
            "secret": SECRET,
            "data_dir": str(tmp_path / "data"),
            "upstreams": {"app": "http://127.0.0.1:1"},
            "providers": {"oidc": {"issuer": "https://id.test", "client_id": "notes"}},
            **changes,
        }
        path = tmp_path / "gatepost.yaml"
        path.write_text(yaml.safe_dump(settings))
        name, *rest = arguments
        return CliRunner().invoke(sessions_command, [name, "-c", str(path), *rest])

    return run


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
