"""The section `accounts`: hooks, their statements, and what is said about each mistake."""

import pytest

from gateway.errors import SettingsError
from gateway.settings import sql_drivers
from gateway.settings.load import load

SECRET = "s" * 32
BASE = """\
public_url: https://notes.example.com
upstreams: {app: http://app}
providers: {idp: {issuer: "https://id.example.com", client_id: x, client_auth: none}}
"""
URL = "http://backend:3000/internal/users"


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {"hook": SECRET, "dsn": "postgresql://notes:pw@db/notes"}.items():
        (tmp_path / name).write_text(text + "\n", encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    return tmp_path


def loaded(text, directory, **options):
    file = directory / "gatepost.yaml"
    file.write_text(BASE + text + "\n", encoding="utf-8")
    return load(file, {}, **options)


def problems(text, directory):
    with pytest.raises(SettingsError) as caught:
        loaded(text, directory)
    return [line.partition("gatepost.yaml:")[2] for line in caught.value.problems]


def hook(text):
    return f"accounts: {{hooks: [{{{text}}}]}}"


def test_without_the_section_whoever_signs_in_gets_an_account(directory):
    accounts = loaded("", directory).settings.accounts

    assert accounts.provision == "on_first_sign_in"
    assert accounts.link_by_verified_email is False
    assert accounts.user_header == "user"
    assert accounts.hooks == ()


def test_a_hook_has_its_secret_from_a_file_that_is_watched(directory):
    found = loaded(
        f"""\
accounts:
  hooks:
    - http: {{url: "{URL}", secret_file: hook}}
    - sql:
        dsn_file: dsn
        timeout: 2s
        statement: |
          INSERT INTO users (sub, claims) -- two lines
          VALUES (:subject, CAST(:claims AS jsonb))
      on: [create, update]
""",
        directory,
    )
    http, sql = found.settings.accounts.hooks

    assert (http.http.url, http.http.secret, http.http.timeout) == (URL, SECRET, 10)
    assert http.on == ("create",)
    assert (sql.sql.dsn, sql.sql.timeout) == ("postgresql://notes:pw@db/notes", 2)
    assert sql.on == ("create", "update")
    assert [it.name for it in found.files] == ["gatepost.yaml", "hook", "dsn"]
    assert found.warnings == ()
    assert SECRET not in repr(found)
    assert "notes:pw" not in repr(found)


def test_without_its_secrets_a_hook_can_be_read(directory):
    text = "accounts: {hooks: [{http: {url: http://a/x, secret_file: none}}, "
    text += '{sql: {dsn_file: none, statement: "SELECT 1"}}]}'

    assert len(loaded(text, directory, reads_secrets=False).settings.accounts.hooks) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "accounts: {provision: invite}",
            '4:23: accounts.provision: unknown provision "invite" (did you mean "invited"?)',
        ),
        (
            "accounts: {user_header: email}",
            '4:25: accounts.user_header: unknown user_header "email" '
            "(one of: user, account_id, external_id)",
        ),
        (
            "accounts: {hook: []}",
            '4:12: accounts: unknown setting "hook" (did you mean "hooks"?)',
        ),
        (
            hook("on: create"),
            "4:20: accounts.hooks[0]: needs either http or sql",
        ),
        (
            hook("http: {url: http://a, secret_file: hook}, sql: {dsn_file: dsn, statement: S}"),
            "4:20: accounts.hooks[0]: needs either http or sql",
        ),
        (
            hook("http: {url: http://a}"),
            "4:21: accounts.hooks[0].http: needs secret_file: the app must know who calls",
        ),
        (
            hook("http: {url: http://a, secret: short}"),
            "4:51: accounts.hooks[0].http.secret: a secret must be at least 32 bytes long "
            "(try: openssl rand -base64 32)",
        ),
        (
            hook("http: {url: ftp://a, secret_file: hook}"),
            '4:33: accounts.hooks[0].http.url: "ftp://a" is not an http or https URL',
        ),
        (
            hook("http: {url: 'https:///users', secret_file: hook}"),
            '4:33: accounts.hooks[0].http.url: "https:///users" is not an http or https URL',
        ),
        (
            hook("http: {url: 'https://me:pw@a', secret_file: hook}"),
            "4:33: accounts.hooks[0].http.url: must not contain a user name or password",
        ),
        (
            hook("http: {url: 'https://a/#x', secret_file: hook}"),
            '4:33: accounts.hooks[0].http.url: "https://a/#x" must not contain a fragment',
        ),
        (
            hook("http: {url: http://a, secret_file: hook, timeout: 0s}"),
            "4:71: accounts.hooks[0].http.timeout: must be more than 0 and at most 60s, because a "
            "user waits for it",
        ),
        (
            hook("http: {url: http://a, secret_file: hook}, on: created"),
            '4:67: accounts.hooks[0].on: unknown on "created" (did you mean "create"?)',
        ),
        (
            hook("http: {url: http://a, secret_file: hook}, on: [create, create]"),
            "4:20: accounts.hooks[0]: on names an event twice",
        ),
        (
            hook("sql: {statement: SELECT 1}"),
            "4:21: accounts.hooks[0].sql: needs dsn_file",
        ),
        (
            hook("sql: {dsn: db.example.com, statement: SELECT 1}"),
            "4:32: accounts.hooks[0].sql.dsn: must be an SQLAlchemy URL, such as "
            "postgresql://user:password@host/database",
        ),
        (
            hook("sql: {dsn_file: nowhere, statement: SELECT 1}"),
            "4:37: accounts.hooks[0].sql.dsn_file: cannot read '{nowhere}': "
            "No such file or directory",
        ),
        (
            hook("sql: {dsn_file: dsn, statement: ' '}"),
            "4:53: accounts.hooks[0].sql.statement: is empty: set a value or omit it",
        ),
        (
            hook('sql: {dsn_file: dsn, statement: "SELECT :subjct"}'),
            '4:53: accounts.hooks[0].sql.statement: unknown parameter ":subjct" (did you mean '
            r'":subject"?); a colon that begins no parameter is written \:',
        ),
        (
            hook("sql: {dsn_file: dsn, statement: \"SELECT to_char(now(), 'HH24 :MI')\"}"),
            '4:53: accounts.hooks[0].sql.statement: unknown parameter ":MI" (did you mean '
            r'":email"?); a colon that begins no parameter is written \:',
        ),
        (
            hook('sql: {dsn_file: dsn, statement: "SELECT :claims::jsonb"}'),
            '4:53: accounts.hooks[0].sql.statement: ":claims::jsonb" cannot be read: '
            "write CAST(:claims AS jsonb)",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(text, expected, directory):
    expected = expected.replace("{nowhere}", str(directory / "nowhere"))

    assert problems(text, directory) == [expected]


@pytest.mark.parametrize(
    "statement",
    [
        "CALL provision(:event, :account_id, :issuer, :subject, :user, :email, :name, :groups,"
        " :roles, :external_id, :claims)",
        "SELECT now()::date, :claims ::jsonb, 'HH24:MI'",
        r"SELECT to_char(now(), 'HH24\\:MI')",
        "SELECT 100 % 7, '%s', '{user}', $1",
    ],
)
def test_a_statement_is_taken(statement, directory):
    text = hook(f'sql: {{dsn_file: dsn, statement: "{statement}"}}')

    assert loaded(text, directory).settings.accounts.hooks[0].sql.statement


@pytest.mark.parametrize(
    ("url", "is_warned_of"),
    [
        ("https://users.example.com/x", False),
        ("http://users.example.com/x", True),
        ("http://203.0.113.9/x", False),
        ("http://93.184.216.34/x", True),
        ("http://backend:3000/x", False),
        ("http://localhost:3000/x", False),
        ("http://127.0.0.1:3000/x", False),
        ("http://10.1.2.3/x", False),
        ("http://[::1]:3000/x", False),
        ("http://[fd00::1]/x", False),
        ("http://[2606:4700::1]/x", True),
    ],
)
def test_personal_data_in_transit_is_warned_of(url, is_warned_of, directory):
    warnings = loaded(hook(f'http: {{url: "{url}", secret_file: hook}}'), directory).warnings

    assert [it.partition(": ")[2] for it in warnings] == [
        f'accounts.hooks[0].http.url: "{url}" is not https: personal data can be read in transit'
    ] * is_warned_of


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"http: {{url: http://a, secret: {SECRET}}}", "accounts.hooks[0].http.secret"),
        ("sql: {dsn: 'mysql://u:pw@db/x', statement: SELECT 1}", "accounts.hooks[0].sql.dsn"),
        ("sql: {dsn: 'mysql://u@db/x', statement: SELECT 1}", ""),
        ("sql: {dsn: 'sqlite:///app.db', statement: SELECT 1}", ""),
    ],
)
def test_a_secret_in_the_file_itself_is_warned_of(text, said, directory):
    warnings = loaded(hook(text), directory).warnings

    assert [it.partition(": ")[2].partition(":")[0] for it in warnings] == [said] * bool(said)


@pytest.mark.parametrize(
    ("dsn", "missing", "extra"),
    [
        ("sqlite:///x", "sqlalchemy", "sql"),
        ("sqlite:///x", "aiosqlite", "sql"),
        ("postgres://h/x", "asyncpg", "postgres"),
        ("postgresql+asyncpg://h/x", "asyncpg", "postgres"),
        ("mysql://h/x", "asyncmy", "mysql"),
        ("mariadb://h/x", "greenlet", "sql"),
        ("postgresql+psycopg://h/x", "sqlalchemy", "sql"),
    ],
)
def test_what_is_to_be_installed_is_said(dsn, missing, extra, directory, monkeypatch):
    monkeypatch.setattr(
        sql_drivers, "find_spec", lambda name: None if name == missing else object()
    )
    (directory / "dsn").write_text(dsn, encoding="utf-8")
    text = hook("sql: {dsn_file: dsn, statement: SELECT 1}")
    kind = dsn.partition(":")[0].partition("+")[0]

    assert problems(text, directory) == [
        f"4:37: accounts.hooks[0].sql.dsn_file: {kind} needs packages that are not installed: "
        f"pip install 'gatepost[{extra}]'"
    ]
    loaded(text, directory, reads_secrets=False)


def test_all_that_is_to_be_installed_is_said_at_once(directory, monkeypatch):
    monkeypatch.setattr(sql_drivers, "find_spec", lambda _: None)
    (found,) = problems(hook("sql: {dsn: 'mysql://h/x', statement: SELECT 1}"), directory)

    assert found.endswith("pip install 'gatepost[sql,mysql]'")


def test_a_database_without_a_known_driver_has_to_name_one(directory):
    text = hook("sql: {dsn: 'oracle://h/x', statement: SELECT 1}")

    assert problems(text, directory) == [
        "4:32: accounts.hooks[0].sql.dsn: oracle needs a driver with asyncio, as in "
        "oracle+DRIVER://…"
    ]
