"""SQL hooks on real databases: what a claim holds is data, and a failure repeats none of it."""

import asyncio
import logging
import sqlite3
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy

from gateway.accounts.hook_event import sql_values
from gateway.accounts.hooks import HookAnswer, HookEvent, Hooks
from gateway.errors import HookFailedError
from gateway.model import Identity
from gateway.settings.accounts import PARAMETER, PARAMETERS, HookSettings
from tests.accounts.databases import Mariadb, Postgres, Sqlite
from tests.patience import soon, until

# The statement of the documentation, and how MariaDB says it.
UPSERT = (
    "INSERT INTO users (oidc_sub, email) VALUES (:subject, :email) ON CONFLICT (oidc_sub)"
    " DO UPDATE SET email = excluded.email RETURNING id AS external_id, role"
)
UPSERT_MARIADB = (
    "INSERT INTO users (oidc_sub, email) VALUES (:subject, :email) ON DUPLICATE KEY UPDATE"
    " email = VALUES(email) RETURNING id AS external_id, role"
)
KEEP = "INSERT INTO seen (email, name, list, claims) VALUES (:email, :name, :groups, :claims)"
SEEN = ("email", "name", "list", "claims")

ALICE = Identity(
    user="alice",
    subject="248289761001",
    issuer="https://id.example.com",
    credential="session",
    email="alice@example.com",
    name="Alice",
    groups=("staff", "admins"),
    roles=("editor",),
    claims={"department": "R&D"},
)
CREATE = HookEvent("create", "a1", ALICE)


def make_database(kind, request):
    if kind == "sqlite":
        return Sqlite(request.getfixturevalue("tmp_path") / "app.db")
    server = request.getfixturevalue(f"{kind}_server")
    return {"postgres": Postgres, "mariadb": Mariadb}[kind](server)


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def database(request):
    made = make_database(request.param, request)
    made.sql(
        f"CREATE TABLE users (id {made.serial}, oidc_sub VARCHAR(255) NOT NULL UNIQUE,"
        " email VARCHAR(255) NOT NULL, role VARCHAR(50) DEFAULT 'reader')"
    )
    made.sql(
        f"CREATE TABLE seen (email {made.long_text}, name {made.long_text},"
        f" list {made.long_text}, claims {made.long_text})"
    )
    return made


@pytest.fixture
async def make_hooks():
    every = []

    def make(dsn, statement, timeout="10s", on="create"):
        sql = {"dsn": dsn, "statement": statement, "timeout": timeout}
        every.append(Hooks([HookSettings.model_validate({"sql": sql, "on": on})], lambda: 0.0))
        return every[-1]

    yield make

    for hooks in every:
        await hooks.close()


def upsert(database):
    return UPSERT_MARIADB if database.name == "mariadb" else UPSERT


def create(**changes):
    return HookEvent("create", "a1", replace(ALICE, **changes))


async def failure(hooks, caplog, event=CREATE):
    """Why the hook fails; neither this nor the log repeats a value or a password."""
    with caplog.at_level(logging.WARNING), pytest.raises(HookFailedError) as caught:
        await hooks.run(event)
    told = caplog.text + str(caught.value)
    identity = event.identity
    for private in (identity.email, identity.name, identity.subject, "pw-of-hooks", "s3cret"):
        assert not private or private not in told
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return str(caught.value).partition(": create: ")[2]


def test_a_parameter_is_what_sqlalchemy_takes_for_one():
    statement = r"SELECT :subject, :email ::text, now()::date, 'HH24:MI', '\:x', a[1:2], ' :user'"

    assert set(PARAMETER.findall(statement)) == {"subject", "email", "user"}
    assert sqlalchemy.text(statement)._bindparams.keys() == {"subject", "email", "user"}
    assert tuple(sql_values(CREATE)) == PARAMETERS


async def test_an_account_is_written_and_the_app_says_what_it_calls_it(database, make_hooks):
    hooks = make_hooks(database.dsn, upsert(database))

    assert await hooks.run(CREATE) == HookAnswer("1", ("reader",))
    # At least once: a second time changes nothing.
    assert await hooks.run(create(email="new@example.com")) == HookAnswer("1", ("reader",))
    assert database.rows("users", ("id", "oidc_sub", "email")) == [
        [1, "248289761001", "new@example.com"]
    ]


HOSTILE = (
    None,
    "",
    "'); DROP TABLE seen; --",
    "\"' \\' \\\\' `x` $$ $1 %s %(name)s :name {name} ?",
    "/*! UNION SELECT 1 */ -- \n#",
    "x'\\" * 34_000,
    "\x01\x08\x0b\x1a\x1b[31m\x7f\x85\r\n\t",
    "Алиса 爱丽丝 أليس 👩‍👩‍👧 \u202eecila\u202c e\u0301",
    "\u0430lice\u200b@example.com",
    '"a@b"@c@example.com',
)


async def test_every_value_is_data(database, make_hooks):
    hooks = make_hooks(database.dsn, KEEP)
    for value in HOSTILE:
        event = create(email=value, name=value, groups=(str(value),), claims={"x": [value]})
        await hooks.run(event)
        told = sql_values(event)

        assert database.rows("seen", SEEN) == [[value, value, told["groups"], told["claims"]]]
        database.sql("DELETE FROM seen")


async def test_a_backslash_is_data_where_it_is_no_escape(mariadb_server, make_hooks):
    database = Mariadb(mariadb_server)
    database.sql("CREATE TABLE seen (email TEXT, name TEXT, list TEXT, claims TEXT)")
    value = "\\'); DROP TABLE seen; -- \\"
    # What escapes depends on the connection's sql_mode, which the server tells it.
    dsn = f"{database.dsn}?init_command=SET+sql_mode%3D'NO_BACKSLASH_ESCAPES'"
    mode = make_hooks(dsn, "SELECT @@sql_mode AS external_id")
    assert await mode.run(CREATE) == HookAnswer("NO_BACKSLASH_ESCAPES")

    await make_hooks(dsn, KEEP).run(create(email=value, name=value, groups=(), claims={}))

    assert database.rows("seen", SEEN) == [[value, value, "[]", "{}"]]


async def test_lists_are_json_and_a_lone_surrogate_in_a_claim_is_escaped(database, make_hooks):
    event = create(name=None, groups=("a", "ж"), claims={"x": "\ud800"})

    await make_hooks(database.dsn, KEEP).run(event)

    assert database.rows("seen", SEEN) == [
        ["alice@example.com", None, '["a","ж"]', '{"x":"\\ud800"}']
    ]


async def test_nul_is_data_or_said_to_be_none(database, make_hooks, caplog):
    event = create(name="a\0b", claims={"x": "\0"})
    hooks = make_hooks(database.dsn, KEEP)
    if database.name == "postgresql":
        assert await failure(hooks, caplog, event) == (
            "a value contains NUL, which PostgreSQL cannot store"
        )
        assert database.rows("seen", SEEN) == []
        jsonb = make_hooks(database.dsn, "SELECT CAST(:claims AS jsonb)")
        assert await failure(jsonb, caplog, event) == (
            "a value contains NUL, which jsonb cannot store"
        )
    else:
        await hooks.run(event)
        assert database.sql("SELECT hex(name) FROM seen") == "610062"


async def test_a_lone_surrogate_in_a_value_is_named(database, make_hooks, caplog):
    why = await failure(make_hooks(database.dsn, KEEP), caplog, create(name="\ud800"))

    assert why == "name contains a lone surrogate, which is no text"


@pytest.mark.parametrize(
    ("returned", "answer"),
    [
        ("7 AS external_id", HookAnswer("7")),
        ("'u-7' AS EXTERNAL_ID", HookAnswer("u-7")),
        ("NULL AS external_id, NULL AS role", HookAnswer()),
        ("1 AS id", HookAnswer()),
        (r"'5% %s %(x)s $1 ? \: a\:user' AS external_id", HookAnswer("5% %s %(x)s $1 ? : a:user")),
        ("'admin' AS role", HookAnswer(None, ("admin",))),
        ("'' AS role", HookAnswer(None, ())),
        ("""'["a","b"]' AS roles""", HookAnswer(None, ("a", "b"))),
        ("'[a]' AS role", HookAnswer(None, ("[a]",))),
        ("""'["a"]' AS roles, 'b' AS role""", HookAnswer(None, ("a", "b"))),
        (":external_id AS external_id", HookAnswer("known")),
        ("'x' AS external_id WHERE 1 = 0", HookAnswer()),
    ],
)
async def test_what_a_statement_returns_is_read(database, make_hooks, returned, answer):
    hooks = make_hooks(database.dsn, f"SELECT {returned}")

    assert await hooks.run(HookEvent("create", "a1", ALICE, "known")) == answer


@pytest.mark.parametrize(
    ("returned", "answer"),
    [
        ("ARRAY['a','b'] AS roles", HookAnswer(None, ("a", "b"))),
        ("""'["a"]'::jsonb AS roles""", HookAnswer(None, ("a",))),
        ("""'["a"]'::json AS roles""", HookAnswer(None, ("a",))),
        ("7::numeric AS external_id", HookAnswer("7")),
        ("7::bigint AS external_id", HookAnswer("7")),
        (
            "'6c84fb90-12c4-11e1-840d-7b25c5ee775a'::uuid AS external_id",
            HookAnswer("6c84fb90-12c4-11e1-840d-7b25c5ee775a"),
        ),
    ],
)
async def test_types_of_postgresql_are_read(postgres_server, make_hooks, returned, answer):
    hooks = make_hooks(Postgres(postgres_server).dsn, f"SELECT {returned}".replace("'::", "' ::"))

    assert await hooks.run(CREATE) == answer


@pytest.mark.parametrize(
    ("returned", "why"),
    [
        ("'' AS external_id", "external_id in the answer must be"),
        ("1.5 AS external_id", "external_id in the answer must be"),
        ("'1' AS external_id UNION SELECT '2'", "the statement returns several rows"),
        ("7 AS role", "roles in the answer must be"),
        ("'[1]' AS role", "roles in the answer must be"),
    ],
)
async def test_what_cannot_be_read_leaves_nothing_behind(
    database, make_hooks, caplog, returned, why
):
    assert (await failure(make_hooks(database.dsn, f"SELECT {returned}"), caplog)).startswith(why)

    statement = "INSERT INTO users (oidc_sub, email) VALUES (:subject, :email) RETURNING"
    assert (
        await failure(make_hooks(database.dsn, f"{statement} '' AS external_id"), caplog)
    ).startswith("external_id in the answer must be")
    assert database.rows("users", ("id",)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO nowhere VALUES (:subject)",
        "INSERT INTO users (oidc_sub, mail) VALUES (:subject, :email)",
        "INSERT INTO users (oidc_sub, email) VALUES (:subject, :email",
        "INSERT INTO users (oidc_sub) VALUES (:subject)",
        "INSERT INTO users (id, oidc_sub, email) VALUES (:email, :subject, :email)",
    ],
)
async def test_a_statement_that_fails_is_tried_once_and_repeats_no_value(
    database, make_hooks, caplog, statement
):
    why = await failure(make_hooks(database.dsn, statement), caplog)

    assert why.startswith(("the statement fails: ", "the database answers "))
    assert ", after " not in why


async def test_a_value_that_is_there_already_is_not_repeated(database, make_hooks, caplog):
    hooks = make_hooks(
        database.dsn, "INSERT INTO users (oidc_sub, email) VALUES (:subject, :email)"
    )
    await hooks.run(CREATE)

    assert (await failure(hooks, caplog)).startswith("the database answers ")


async def test_two_at_once_make_one_row(database, make_hooks):
    hooks = make_hooks(database.dsn, upsert(database))

    answers = await asyncio.gather(*(hooks.run(CREATE) for _ in range(20)))

    assert set(answers) == {HookAnswer("1", ("reader",))}


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "mariadb"])
async def test_nobody_there(make_hooks, caplog, free_port, kind):
    hooks = make_hooks(f"{kind}://u:pw-of-hooks@127.0.0.1:{free_port}/x", "SELECT 1", timeout="1s")

    why = await failure(hooks, caplog)

    assert why.startswith(("cannot connect", "the database answers "))
    assert why.endswith("tries")


@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
async def test_a_wrong_password_is_not_tried_again(request, make_hooks, caplog, kind):
    dsn = make_database(kind, request).dsn
    wrong = dsn.replace("pw-of-hooks", "pw-of-hooks2").replace("s3cret", "s3cret2")

    why = await failure(make_hooks(wrong, "SELECT 1"), caplog)

    assert why == "the user or password of the DSN is refused"


@pytest.mark.parametrize(
    ("dsn", "told"),
    [
        ("sqlite+pysqlite:///x", "the DSN cannot be used: The asyncio extension requires an async"),
        ("nosql+pw://u:pw-of-hooks@h/x", "the DSN cannot be used: Can't load plugin"),
        ("mssql+aioodbc://u:pw-of-hooks@h/x", "the DSN cannot be used: No module named 'aioodbc'"),
        ("postgresql://u:pw-of-hooks@h:port/x", "the DSN cannot be used: its port is no number"),
        ("postgresql://u:pw-of-hooks:s3cret@@h/x", ""),
    ],
)
async def test_a_dsn_that_is_none_is_not_repeated(make_hooks, caplog, dsn, told):
    hooks = make_hooks(dsn, "SELECT 1", timeout="500ms")

    assert (await failure(hooks, caplog)).startswith(told)


async def test_a_database_that_comes_back_in_time_is_enough(start_postgres_server, make_hooks):
    server = start_postgres_server()
    hooks = make_hooks(server.url, "SELECT 7 AS external_id", timeout="60s")
    server.kill()
    # In its place something that closes every connection, so that a try is seen to fail.
    tried = asyncio.Event()

    def refuse(_reader, writer):
        tried.set()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", server.port):
        running = asyncio.get_running_loop().create_task(hooks.run(CREATE))
        await soon(tried.wait())
    assert not running.done()
    await asyncio.to_thread(server.start)

    assert await running == HookAnswer("7")


@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
async def test_a_database_that_hangs_is_given_up(request, make_hooks, caplog, kind):
    database = make_database(kind, request)
    hooks = make_hooks(database.dsn, "SELECT 7 AS external_id", timeout="500ms")
    database.server.pause()
    try:
        assert (await failure(hooks, caplog)).startswith("no answer in time, after ")
    finally:
        database.server.resume()


@pytest.mark.parametrize(
    ("kind", "statement"), [("postgres", "SELECT pg_sleep(60)"), ("mariadb", "SELECT SLEEP(60)")]
)
async def test_a_statement_that_takes_too_long_is_given_up(
    request, make_hooks, caplog, kind, statement
):
    hooks = make_hooks(make_database(kind, request).dsn, statement, timeout="500ms")

    assert (await failure(hooks, caplog)).startswith("no answer in time, after ")


def times_open(path):
    """How often this process has the file open."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # Another thread may close it meanwhile.
            found += link.readlink() == path
    return found


async def test_a_locked_file_is_waited_for(tmp_path, make_hooks, caplog):
    database = Sqlite(tmp_path / "app.db")
    database.sql("CREATE TABLE seen (name TEXT)")
    other = sqlite3.connect(database.path)
    other.execute("BEGIN EXCLUSIVE")
    statement = "INSERT INTO seen VALUES (:name)"

    hooks = make_hooks(f"{database.dsn}?timeout=0.05", statement, timeout="500ms")
    # By how busy the machine is: the deadline may pass within a try.
    why = await failure(hooks, caplog)
    assert "SQLITE_BUSY), after " in why or why.startswith("no answer in time, after ")
    running = asyncio.get_running_loop().create_task(
        make_hooks(database.dsn, statement, timeout="20s").run(CREATE)
    )
    await until(lambda: times_open(database.path) > 1)
    other.rollback()
    other.close()

    assert await running == HookAnswer()


@pytest.mark.parametrize("mode", ["disable", "prefer"])
async def test_libpqs_name_for_tls_is_known(postgres_server, make_hooks, mode):
    dsn = f"{Postgres(postgres_server).dsn}?sslmode={mode}".replace("postgresql:", "postgres:")

    assert await make_hooks(dsn, "SELECT 1 AS external_id").run(CREATE) == HookAnswer("1")


async def test_an_option_nobody_knows_is_named(postgres_server, make_hooks, caplog):
    dsn = f"{Postgres(postgres_server).dsn}?sslmod=prefer"

    assert "sslmod" in await failure(make_hooks(dsn, "SELECT 1"), caplog)


def test_nothing_large_is_imported_before_the_first_event(make_hooks):
    import subprocess
    import sys

    code = (
        "import sys\nfrom gateway.accounts.hooks import Hooks\n"
        "from gateway.settings.accounts import HookSettings\n"
        "sql = {'dsn': 'sqlite:///x', 'statement': 'SELECT 1'}\n"
        "http = {'url': 'http://a', 'secret': 's' * 32}\n"
        "Hooks([HookSettings(sql=sql), HookSettings(http=http)], lambda: 0.0)\n"
        "assert not {'sqlalchemy', 'aiohttp', 'aiosqlite'} & sys.modules.keys()\n"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
