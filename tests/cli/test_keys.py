"""`gatepost keys` on the store a gateway would use."""

import asyncio
import json
import re
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256

import pytest
import yaml

from gateway.assembly.serving import clock
from gateway.cli.keys import keys_command
from gateway.credentials.key_format import parse_key
from gateway.storage.sqlite import SqliteStore

DAY_S = 86400


@pytest.fixture
def store(tmp_path):
    """A gateway was here before."""

    async def make():
        await SqliteStore(tmp_path / "data" / "gatepost.db", clock).aclose()

    asyncio.run(make())


@pytest.fixture
def command(run_command):
    return partial(run_command, keys_command, api_keys={})


def create(command, *more, **changes):
    return command("create", "--user", "ci-bot", "--name", "ci", *more, **changes)


def test_a_key_is_printed_once(command, store):
    made = create(command, "--scope", "b", "--scope", "a", "--expires-in", "2d")

    key = parse_key(made.stdout.strip())
    assert key is not None
    assert key.key_id in made.stderr
    (shown,) = json.loads(command("list", "--json").output)
    assert (shown["id"], shown["user"], shown["scopes"]) == (key.key_id, "ci-bot", ["a", "b"])
    assert shown["expires_at"] - shown["created_at"] == 2 * DAY_S
    assert shown["last_used_at"] is None
    assert made.stdout.strip().split("_")[2] not in command("list", "--json").output


def test_without_a_word_it_lives_for_ninety_days_or_less(command, store):
    for api_keys, days in (({}, 90), ({"max_lifetime": "5d"}, 5)):
        made = json.loads(create(command, "--json", api_keys=api_keys).output)
        assert made["expires_at"] - made["created_at"] == days * DAY_S
        assert parse_key(made["key"]) is not None


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--expires-in", "366d"], "expires_in must be from 1s to 365d"),
        (["--expires-in", "0"], "expires_in must be from 1s to 365d"),
        (
            ["--static", "--route", "everything"],
            "--static: a key in the file cannot have --route",
        ),
    ],
)
def test_what_a_key_may_not_be_is_said_in_the_words_of_the_options(
    command, store, arguments, problem
):
    made = create(command, *arguments)

    assert made.exit_code == 2
    assert problem in made.output


def test_one_user_and_a_list_that_moves_no_cursor(command, store):
    create(command)
    assert command("create", "--user", "ann", "--name", "x").exit_code == 0

    assert [it["user"] for it in json.loads(command("list", "--user", "ANN", "--json").output)] == [
        "ann"
    ]
    head, *rows = command("list").output.splitlines()
    assert head.split()[:4] == ["ID", "USER", "NAME", "SCOPES"]
    assert len(rows) == 2


def test_the_list_says_for_which_routes_a_key_is_good(command, store):
    create(command, "--route", "everything")
    create(command)

    head, *rows = command("list").output.splitlines()
    at = head.index("ROUTES")
    assert sorted(row[at:].split()[0] for row in rows) == ["all", "everything"]


@pytest.mark.parametrize(
    ("elapsed_s", "expired"), [(DAY_S - 1, False), (DAY_S, True), (DAY_S + 1, True)]
)
def test_the_list_says_which_keys_have_expired(command, store, monkeypatch, elapsed_s, expired):
    began_at = int(clock())
    monkeypatch.setattr("gateway.assembly.serving.clock", lambda: began_at)
    assert create(command, "--expires-in", "1d").exit_code == 0
    assert create(command, "--expires-in", "9d").exit_code == 0

    monkeypatch.setattr("gateway.assembly.serving.clock", lambda: began_at + elapsed_s)
    listed = json.loads(command("list", "--json").output)
    head, *rows = command("list").output.splitlines()

    at = head.index("STATE")
    told = {row[:16]: row[at:].split()[0] for row in rows}
    found = sorted((it["expires_at"] - began_at, it["expired"], told[it["id"]]) for it in listed)
    assert found == [
        (DAY_S, expired, "expired" if expired else "valid"),
        (9 * DAY_S, False, "valid"),
    ]


def test_revoked_by_its_id(command, store):
    key_id = parse_key(create(command).stdout.strip()).key_id

    assert command("revoke", key_id).output == f"revoked {key_id}\n"
    assert json.loads(command("list", "--json").output) == []
    again = command("revoke", key_id)
    assert (again.exit_code, "no key" in again.output) == (1, True)
    assert command("revoke", "../accounts-key").exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--expires-in", "366d"),
        ("--expires-in", "0"),
        ("--expires-in", "soon"),
        ("--scope", "a b"),
        ("--scope", ""),
        ("--route", "nowhere"),
        ("--name", ""),
        ("--name", "a\nb"),
        ("--user", "a\x1b[2J"),
        ("--static", "--route", "everything"),
    ],
)
def test_what_cannot_be_makes_no_key(command, store, arguments):
    result = create(command, *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "Traceback" not in result.output
    assert json.loads(command("list", "--json").output) == []


def test_a_key_for_the_file_is_kept_nowhere_but_there(command, store):
    made = create(command, "--static", "--scope", "a", "--expires-in", "1h")

    key = made.stdout.strip()
    entry = yaml.safe_load(made.stderr)[0]
    assert entry["sha256"] == sha256(key.encode()).hexdigest()
    assert json.loads(command("list", "--json").output) == []
    assert command("list", api_keys={"static": [entry]}).exit_code == 0
    expires = datetime.strptime(str(entry["expires"]), "%Y-%m-%d").replace(tzinfo=UTC)
    assert 0 < expires.timestamp() - clock() <= 2 * DAY_S


@pytest.mark.parametrize("changes", [{"store": "memory"}, {}, {"public_url": 1}])
def test_where_there_is_no_store_it_says_so_and_makes_nothing(command, tmp_path, changes):
    for result in (create(command, **changes), command("list", **changes)):
        assert result.exit_code == 2
    assert not (tmp_path / "data").exists()


def test_where_no_key_is_taken_none_is_made(command, store):
    result = create(command, api_keys=None)

    assert result.exit_code == 2
    assert re.search("api_keys", result.output)
