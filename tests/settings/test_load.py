"""Where settings come from: file, environment, files of secrets; and what is warned about."""

from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.settings.load import load
from tests.fixtures.certificates import Authority

FILE = """\
public_url: https://a.example.com
upstreams: {app-one: "http://app:1"}
providers: {idp: {issuer: "https://id.example.com", client_id: x}}
"""
PUBLIC = FILE.replace("client_id: x", "client_id: x, client_auth: none")
ENVIRON = {
    "GATEPOST_PUBLIC_URL": "https://a.example.com",
    "GATEPOST_UPSTREAM": "http://app:1",
    "GATEPOST_OIDC_ISSUER": "https://id.example.com",
    "GATEPOST_OIDC_CLIENT_ID": "x",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load_text(text, environ=None):
    Path("gatepost.yaml").write_text(text, encoding="utf-8")
    return load(None, environ or {})


def problems(text, environ=None):
    with pytest.raises(SettingsError) as caught:
        load_text(text, environ) if text is not None else load(None, environ or {})
    return caught.value.problems


def secret_file(name, content, mode=0o600):
    path = Path(name)
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)
    return name


def test_the_smallest_file_fills_in_the_rest():
    loaded = load_text(PUBLIC)
    settings = loaded.settings

    assert settings.public_url == ("https://a.example.com",)
    assert settings.store == "sqlite"
    assert [str(it) for it in settings.server.listen] == ["0.0.0.0:8080"]
    assert str(settings.server.admin_listen) == "127.0.0.1:9090"
    assert [(it.name, it.prefix, it.access) for it in settings.routes] == [
        ("everything", ("/",), "signed_in")
    ]
    assert settings.routes[0].upstream == "app-one"
    assert settings.upstreams["app-one"].identity.assertion.audience == "app-one"
    assert loaded.files == (Path("gatepost.yaml"),)
    assert loaded.warnings == ()


def test_without_a_file_the_provider_is_oidc_and_the_upstream_app():
    loaded = load(None, ENVIRON)

    assert loaded.path is None
    assert list(loaded.settings.providers) == ["oidc"]
    assert list(loaded.settings.upstreams) == ["app"]
    assert loaded.settings.providers["oidc"].client_id == "x"


@pytest.mark.parametrize(
    ("name", "value", "path", "expected"),
    [
        ("GATEPOST_SERVER__WORKERS", "auto", "server.workers", "auto"),
        ("GATEPOST_SERVER__DRAIN_TIMEOUT", "1m", "server.drain_timeout", 60),
        ("GATEPOST_PUBLIC_URL", "[http://localhost:80]", "public_url", ("http://localhost",)),
        ("GATEPOST_SECRET", "s" * 32, "secret", ("s" * 32,)),
        ("GATEPOST_SECRET", f"[{'a' * 32}, {'b' * 32}]", "secret", ("a" * 32, "b" * 32)),
        ("GATEPOST_DATA_DIR", "/x", "data_dir", Path("/x")),
        ("GATEPOST_METRICS__ENABLED", "no", "metrics.enabled", False),
        ("GATEPOST_SESSIONS", "{idle_timeout: 1h}", "sessions.idle_timeout", 3600),
        ("AUTH_MODE", "oidc-only", "auth_mode", "oidc-only"),
    ],
)
def test_a_variable_wins_over_the_file(name, value, path, expected):
    found = load_text(FILE + "server: {workers: 2, drain_timeout: 5s}\n", {name: value}).settings
    for part in path.split("."):
        found = getattr(found, part)

    assert found == expected


def test_the_store_is_a_variable_too():
    assert load_text(FILE, {"GATEPOST_STORE": "memory"}).settings.store == "memory"


# What a text may hold that YAML would read as something else.
VERBATIM = ["'abc", '"quoted"', "'q'", "[a, b]", "{a: b}", " blanks ", "a # b", "~", "null", "no"]


@pytest.mark.parametrize("value", [*VERBATIM, "& anchor", "*alias", "!tag", "- a", "a: b: c", "%"])
@pytest.mark.parametrize("setting", ["CLIENT_SECRET", "CLIENT_ID", "LABEL", "AUTHORIZE_PARAMS__A"])
def test_a_text_from_the_environment_is_verbatim(setting, value):
    provider = load_text(FILE, {f"GATEPOST_OIDC_{setting}": value}).settings.providers["idp"]
    name, _, inner = setting.lower().partition("__")
    found = getattr(provider, name)

    assert (found[inner] if inner else found) == value


@pytest.mark.parametrize("value", [it for it in VERBATIM if it[0] != "["])
def test_a_secret_that_may_be_a_list_is_verbatim_where_it_is_none(value):
    long = value[:1] + "x" * 32 + value[1:]

    assert load_text(FILE, {"GATEPOST_SECRET": long}).settings.secret == (long,)


@pytest.mark.parametrize(
    ("name", "value", "get", "expected"),
    [
        ("SECRET", f" ['{'a' * 32}', {'b' * 32}] ", lambda s: s.secret, ("a" * 32, "b" * 32)),
        ("SERVER__WORKERS", ' "2" ', lambda s: s.server.workers, 2),
        ("SERVER__DRAIN_TIMEOUT", "'1m'", lambda s: s.server.drain_timeout, 60),
        ("SERVER__LIMITS__BODY_BYTES", " 1MiB\n", lambda s: s.server.limits.body_bytes, 2**20),
        ("METRICS__ENABLED", "'no'", lambda s: s.metrics.enabled, False),
        ("UPSTREAM", "{url: 'http://b'}", lambda s: s.upstreams["app-one"].url, "http://b"),
        ("OIDC_SCOPES", "[openid, a]", lambda s: s.providers["idp"].scopes, ("openid", "a")),
    ],
)
def test_lists_mappings_numbers_and_switches_are_yaml_flow(name, value, get, expected):
    assert get(load_text(FILE, {f"GATEPOST_{name}": value}).settings) == expected


@pytest.mark.parametrize(
    ("name", "value", "get"),
    [
        ("GATEPOST_UPSTREAM", "http://b", lambda s: s.upstreams["app-one"].url == "http://b"),
        (
            "GATEPOST_UPSTREAMS__APP_ONE__WAKE_TIMEOUT",
            "9s",
            lambda s: s.upstreams["app-one"].wake_timeout == 9,
        ),
        ("GATEPOST_UPSTREAM__HOST", "x", lambda s: s.upstreams["app-one"].host == "x"),
        ("GATEPOST_OIDC_CLIENT_ID", "010", lambda s: s.providers["idp"].client_id == "010"),
        (
            "GATEPOST_OIDC_CLIENT_SECRET",
            "{no: yaml, '#",
            lambda s: s.providers["idp"].client_secret == "{no: yaml, '#",
        ),
        ("GATEPOST_OIDC_LABEL", "a: b # c", lambda s: s.providers["idp"].label == "a: b # c"),
    ],
)
def test_a_variable_without_a_name_means_the_only_entry(name, value, get):
    assert get(load_text(FILE, {name: value}).settings)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "GATEPOST_SEVER__LISTEN",
            "x",
            'unknown variable (did you mean "GATEPOST_SERVER__LISTEN"?)',
        ),
        (
            "GATEPOST_SERVER__LISTN",
            "x",
            'unknown variable (did you mean "GATEPOST_SERVER__LISTEN"?)',
        ),
        ("GATEPOST_NOTHING_LIKE_IT", "x", "unknown variable"),
        ("GATEPOST_", "x", "unknown variable (write GATEPOST_SERVER__LISTEN)"),
        ("GATEPOST_server", "x", "unknown variable (write GATEPOST_SERVER__LISTEN)"),
        ("GATEPOST_STORE", "", "is empty: unset it or set a value"),
        ("GATEPOST_SECRET", " ", "is empty: unset it or set a value"),
        ("GATEPOST_STORE", "sqlit", 'unknown store "sqlit" (did you mean "sqlite"?)'),
        (
            "GATEPOST_PUBLIC_URL",
            "[https://a, x]",
            'public_url[1]: "x" must start with https:// or http://',
        ),
        ("GATEPOST_STORE__X", "1", "must be sqlite, memory or a URL, not a mapping"),
        ("GATEPOST_PUBLIC_URL__X", "1", "public_url is text: set it as a whole"),
        (
            "GATEPOST_SERVER",
            "{listen: [}",
            "is not YAML: a value is missing before this character, or needs quotes",
        ),
        (
            "GATEPOST_SERVER",
            "{lisen: x}",
            'unknown setting "lisen" (did you mean "listen"?)',
        ),
        ("GATEPOST_SECRET_FILE", "nowhere", "cannot read 'nowhere': No such file or directory"),
        (
            "GATEPOST_OIDC_CLIENT_SECRET_FILE",
            "nowhere",
            "cannot read 'nowhere': No such file or directory",
        ),
    ],
)
def test_a_wrong_variable_is_one_line_that_names_it(name, value, expected):
    assert problems(FILE, {name: value}) == [f"environment: {name}: {expected}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEPOST_SERVICE_HOST", "10.0.0.1"),
        ("GATEPOST_SERVICE_PORT", "80"),
        ("GATEPOST_SERVICE_PORT_HTTP", "80"),
        ("GATEPOST_PORT", "tcp://10.0.0.1:80"),
        ("GATEPOST_PORT_8080_TCP", "tcp://10.0.0.1:80"),
        ("GATEPOST_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("GATEPOST_REDIS_PORT_6379_TCP_PROTO", "tcp"),
        ("GATEPOST_CONFIG", "gatepost.yaml"),
    ],
)
def test_variables_kubernetes_makes_of_a_service_are_not_ours(name, value):
    assert load_text(FILE, {name: value}).settings.store == "sqlite"


def test_what_is_missing_names_the_variable_that_gives_it():
    assert problems(None) == [
        f"there is no gatepost.yaml in {Path.cwd()}, and -c and GATEPOST_CONFIG are not "
        "set: the configuration is from the environment only",
        'environment: "public_url" is missing (set GATEPOST_PUBLIC_URL)',
        'environment: "upstreams" is missing (set GATEPOST_UPSTREAM)',
    ]
    without = {name: it for name, it in ENVIRON.items() if name != "GATEPOST_OIDC_CLIENT_ID"}
    assert problems(None, without) == [
        'environment: "client_id" is missing (set GATEPOST_OIDC_CLIENT_ID)'
    ]


def test_a_variable_without_a_name_is_refused_where_there_are_several():
    text = FILE.replace("{idp:", "{other: {issuer: 'https://o', client_id: y}, idp:")
    assert problems(text, {"GATEPOST_OIDC_CLIENT_ID": "z"}) == [
        "environment: GATEPOST_OIDC_CLIENT_ID: which of other, idp? "
        "(write GATEPOST_PROVIDERS__OTHER…)"
    ]


@pytest.mark.parametrize(
    ("written", "environ", "expected"),
    [
        ("${LABEL}", {"LABEL": "Sign in"}, "Sign in"),
        ("${LABEL:-Hello}", {}, "Hello"),
        ("${LABEL:-Hello}", {"LABEL": ""}, "Hello"),
        ("${LABEL:-Hello}", {"LABEL": "Hi"}, "Hi"),
        ("'${A}-${B:-b}'", {"A": "a"}, "a-b"),
        ("$${LABEL}", {}, "${LABEL}"),
        ("$$${LABEL}", {"LABEL": "x"}, "$${LABEL}"),
        ("costs $5", {}, "costs $5"),
        ("${LABEL}", {"LABEL": "${OTHER}"}, "${OTHER}"),
        ("${LABEL}", {"LABEL": "{a: [b"}, "{a: [b"),
        ("${LABEL:-}", {}, None),
        ("010", {}, "010"),
        ("no", {}, "no"),
        ("2026-01-01", {}, "2026-01-01"),
        ("1:30", {}, "1:30"),
        ("'~'", {}, "~"),
        ("~", {}, None),
    ],
)
def test_a_text_is_what_was_written_with_variables_filled_in(written, environ, expected):
    text = (
        "public_url: https://a\nupstreams: {a: http://a}\n"
        f"providers:\n  i:\n    issuer: https://i\n    client_id: x\n    label: {written}\n"
    )
    assert load_text(text, environ).settings.providers["i"].label == expected


def test_aliases_and_merge_keys_work():
    text = (
        "public_url: https://a\nupstreams:\n  a: &a {url: http://a, wake_timeout: 3s}\n"
        "  b: {<<: *a, url: http://b}\nproviders: {i: {issuer: https://i, client_id: x}}\n"
        "routes: [{name: r, prefix: /, upstream: b, access: public}]\n"
    ).replace("https://i,", "'https://i',")
    upstreams = load_text(text.replace("http://a,", "'http://a',")).settings.upstreams

    assert (upstreams["b"].url, upstreams["b"].wake_timeout) == ("http://b", 3)


def test_secrets_are_read_from_files_and_the_files_remembered():
    secret_file("new", "n" * 32 + "\n")
    secret_file("old", "o" * 40 + "\r\n")
    secret_file("client", " s{user} \n")
    secret_file("field", "{user}\n")
    loaded = load_text(
        "public_url: https://a\nsecret_file: [new, old]\nupstreams:\n  a:\n    url: http://a\n"
        "    request_headers: {set: {X-Key: {file: field}, X-User: '{user}'}}\n"
        "providers: {i: {issuer: 'https://i', client_id: x, client_secret_file: client}}\n"
    )
    fields = loaded.settings.upstreams["a"].request_headers.set

    assert loaded.settings.secret == ("n" * 32, "o" * 40)
    assert loaded.settings.providers["i"].client_secret == " s{user} "
    assert (fields["X-Key"].value, fields["X-Key"].is_template) == ("{user}", False)
    assert (fields["X-User"].value, fields["X-User"].is_template) == ("{user}", True)
    assert [str(it) for it in loaded.files] == ["gatepost.yaml", "new", "old", "client", "field"]
    assert loaded.warnings == ()
    assert "nnnn" not in repr(loaded)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "'s' is empty"),
        ("\n", "'s' is empty"),
        (" ", "'s' is empty"),
        (" \t\r\n \u00a0\n", "'s' is empty"),
        ("a\x07b", "must be one line of text without control characters"),
        ("a\nb", "must be one line of text without control characters"),
    ],
)
def test_a_secret_file_without_a_secret_is_an_error(content, expected):
    secret_file("s", content)
    text = FILE.replace("client_id: x", "client_id: x, client_secret_file: s")
    assert [line.split(": ", 2)[2] for line in problems(text)] == [expected]


def test_a_variable_replaces_a_secret_however_the_file_gives_it():
    text = FILE.replace(
        "client_id: x, client_auth: none", "client_id: x, client_secret_file: nowhere"
    )
    settings = load_text(text, {"GATEPOST_OIDC_CLIENT_SECRET": "s"}).settings
    assert settings.providers["idp"].client_secret == "s"

    secret_file("there", "t")
    text = FILE.replace(
        "client_id: x, client_auth: none", "client_id: x, client_secret: '${NOWHERE}'"
    )
    settings = load_text(text, {"GATEPOST_OIDC_CLIENT_SECRET_FILE": "there"}).settings
    assert settings.providers["idp"].client_secret == "t"


def test_a_secret_and_its_file_in_the_environment_are_too_much():
    found = problems(FILE, {"GATEPOST_SECRET": "s" * 32, "GATEPOST_SECRET_FILE": "x"})
    assert found == [
        "environment: GATEPOST_SECRET_FILE: GATEPOST_SECRET is also set: set only one of them"
    ]


def test_the_file_is_the_one_asked_for():
    Path("b.yaml").write_text(FILE.replace("//a.", "//b."), encoding="utf-8")
    Path("c.yaml").write_text(FILE.replace("//a.", "//c."), encoding="utf-8")

    assert load(Path("b.yaml"), {"GATEPOST_CONFIG": "c.yaml"}).path == Path("b.yaml")
    assert load(None, {"GATEPOST_CONFIG": "c.yaml"}).path == Path("c.yaml")
    with pytest.raises(SettingsError, match=r"^d\.yaml: cannot be read: No such file"):
        load(Path("d.yaml"), {})


@pytest.mark.parametrize(
    ("changed", "added", "expected"),
    [
        (("https://a", "http://a"), "", "1:13: public_url: http://a.example.com is not https: "),
        (("https://a.example.com", "http://localhost:8080"), "", None),
        (
            ("client_id: x, client_auth: none", "client_id: x, client_secret: s"),
            "",
            "3:82: providers.idp.client_secret: the secret is in the file itself: ",
        ),
        (("client_id: x, client_auth: none", "client_id: x, client_secret: '${S:-s}'"), "", None),
        (("client_id: x", "client_id: x, email_verified: assume"), "", "3:83: providers.idp.email"),
        (("https://id.", "http://id."), "", '3:27: providers.idp.issuer: "http://id.example.com" '),
        (("client_id: x", "client_id: x, internal_url: http://idp:8080"), "", None),
        (("client_id: x", "client_id: x, internal_url: http://10.0.0.7/a"), "", None),
        (("client_id: x", "client_id: x, internal_url: https://id.example.net"), "", None),
        (
            ("client_id: x", "client_id: x, internal_url: http://id.example.net"),
            "",
            '3:81: providers.idp.internal_url: "http://id.example.net" is not https, and not on a',
        ),
        (("", ""), "server: {trusted_proxies: 0.0.0.0/0}", "4:27: server.trusted_proxies: 0.0.0."),
        (("", ""), "server: {admin_listen: ':9090'}", "4:24: server.admin_listen: 0.0.0.0:9090 "),
        (
            ('"http://app:1"', '{url: "https://a", tls: {insecure_skip_verify: yes}}'),
            "",
            "2:69: upstreams.app-one.tls.insecure_skip_verify: any certificate is accepted",
        ),
        (
            ('"http://app:1"', '{url: "https://a", request_fields_kept: X-Real-IP}'),
            "",
            "2:62: upstreams.app-one.request_fields_kept: clients can send these fields themselves",
        ),
        (
            ('"http://app:1"', '{url: "https://a", cookies: shared}'),
            "",
            "2:50: upstreams.app-one.cookies: the app's cookies outlive",
        ),
        (
            ("", ""),
            "routes: [{name: r, prefix: /, access: public}]",
            '4:39: routes[0].access: route "r" opens every remaining path to everyone',
        ),
        (
            ("", ""),
            "routes: [{name: r, regex: '/a(/.*)?', access: public}, REST]",
            "4:27: routes[0].regex: says the same as prefix: /a, but slower",
        ),
        (
            ("", ""),
            "routes: [{name: r, path: /a, access: signed_in, foreign_credentials: pass}, REST]",
            None,
        ),
        (
            ("", ""),
            "routes: [{name: r, path: /a, access: public, foreign_credentials: pass}, REST]",
            "4:67: routes[0].foreign_credentials: has no effect",
        ),
        (
            ("", ""),
            "routes: [{name: r, path: /a, access: denied, foreign_credentials: pass}, REST]",
            "4:67: routes[0].foreign_credentials: has no effect",
        ),
        (
            ("", ""),
            "routes: [{name: r, prefix: /, access: signed_in, foreign_credentials: pass}]",
            '4:71: routes[0].foreign_credentials: route "r" lets anyone with an invented',
        ),
        (
            ("", ""),
            "routes: [{name: r, path: /, access: {deny: {ip: 10.0.0.0/8}}, "
            "foreign_credentials: pass}, REST]",
            None,
        ),
        (
            ("", ""),
            "routes: [{name: r, path: /, access: {allow: {group: a}}, foreign_credentials: pass},"
            " REST]",
            "4:79: routes[0].foreign_credentials: access conditions on the user do not apply",
        ),
        (
            ("client_id: x", "client_id: x, label: a"),
            "bearer: [{issuer: 'https://i.example.com', audiences: a, "
            "introspection: {client_id: c, client_secret: '${S:-s}'}}]\n"
            "routes: [{name: r, path: /a, access: signed_in, foreign_credentials: pass}, REST]",
            "5:70: routes[0].foreign_credentials: with introspection, a Bearer token",
        ),
        (
            ('"http://app:1"', '{url: "https://a", request_headers: {set: {x_api-key: "1"}}}'),
            "routes: [{name: r, path: /a, access: signed_in, foreign_credentials: pass}, REST]",
            "4:70: routes[0].foreign_credentials: X-API-Key never reaches the app",
        ),
        (
            ('"http://app:1"', '{url: "https://a", request_headers: {remove: authorization}}'),
            "routes: [{name: r, path: /a, access: signed_in, foreign_credentials: pass}, REST]",
            "4:70: routes[0].foreign_credentials: Authorization never reaches the app",
        ),
        (
            ("", ""),
            "api_keys: {header: X-Auth-Token}\n"
            "routes: [{name: r, path: /a, access: signed_in, foreign_credentials: pass}, REST]",
            "5:70: routes[0].foreign_credentials: the app's own keys in X-Auth-Token are refused",
        ),
        (
            ('"http://app:1"', '{url: "https://a", request_fields_kept: CF-Access-*}'),
            "server: {trusted_proxies: 10.0.0.0/8}\napi_keys: {header: cf_access_token}\n"
            "routes: [{name: r, path: /a, access: signed_in, foreign_credentials: pass}, REST]",
            None,
        ),
    ],
)
def test_risky_settings_are_warned_about(changed, added, expected):
    added = added.replace("REST", "{name: rest, prefix: /, access: signed_in}")
    warnings = load_text(PUBLIC.replace(*changed, 1) + added).warnings

    assert len(warnings) == (expected is not None)
    if expected is not None:
        assert warnings[0].startswith(f"gatepost.yaml:{expected}")


@pytest.mark.parametrize(
    ("url", "added", "expected"),
    [
        ("https://*.a.test", "", None),
        ("https://b.a.test/notes", "", None),
        ("https://*.a.test/notes", "", "can set each other's session cookie below a path"),
        (
            "https://*.a.test",
            "sessions: {cookie: {domain: a.test}}",
            "can set each other's session cookie with sessions.cookie.domain",
        ),
    ],
)
def test_a_star_whose_hosts_can_set_each_others_cookie_is_warned_of(url, added, expected):
    prefix = "/notes" if url.endswith("/notes") else "/"
    routes = f"routes: [{{name: r, prefix: {prefix}, access: signed_in}}]"
    text = f'public_url: "{url}"\nupstreams: {{app: {{url: "http://app:1"}}}}\nbearer: []\n'
    text += "providers: {p: {issuer: https://id, client_id: c, client_auth: none}}\n"
    found = [it for it in load_text(f"{text}{routes}\n{added}\n").warnings if "each other" in it]
    assert len(found) == bool(expected)
    assert all(expected in it for it in found)


def test_a_secret_all_may_read_is_warned_about():
    secret_file("s", "secret", 0o644)
    warnings = load_text(
        FILE.replace("client_id: x", "client_id: x, client_secret_file: s")
    ).warnings
    assert warnings == (
        "gatepost.yaml:3:87: providers.idp.client_secret_file: "
        "every user on this machine can read 's'",
    )


def test_without_its_secrets_a_file_says_all_else():
    text = FILE.replace(
        "client_id: x, client_auth: none", "client_id: x, client_secret_file: missing"
    )
    text += """
secret_file: [missing, missing]
server: {tls: {cert_file: missing, key_file: missing}}
bearer:
  - issuer: https://id.example.com
    audiences: [a]
    introspection: {client_id: a, client_key_file: missing}
"""
    text = text.replace(
        '"http://app:1"',
        '{url: "https://app:1", tls: {ca_file: missing, server_name: a},'
        " request_headers: {set: {X-A: {file: missing}, X-B: b}}}",
    )
    Path("gatepost.yaml").write_text(text, encoding="utf-8")

    assert len(problems(text)) > 5
    loaded = load(None, {}, reads_secrets=False)
    upstream = loaded.settings.upstreams["app-one"]
    assert loaded.files == (Path("gatepost.yaml"),)
    assert loaded.settings.bearer[0].introspection.client_id == "a"
    assert (upstream.tls.ca_file, upstream.tls.server_name) == (None, "a")
    assert set(upstream.request_headers.set) == {"X-A", "X-B"}


@pytest.mark.parametrize("store", ["sqlite", "postgresql://db/gatepost"])
def test_a_secret_that_only_the_service_has_is_not_missed(store):
    Path("gatepost.yaml").write_text(FILE + f"store: {store}\n", encoding="utf-8")

    assert load(None, {}, reads_secrets=False).settings.store == store


def test_relative_paths_are_relative_to_the_file_they_stand_in(tmp_path, monkeypatch):
    site = tmp_path / "site"
    (site / "secrets").mkdir(parents=True)
    for name in ("own", "client", "field", "redis", "key"):
        (site / "secrets" / name).write_text(name * 32)
        (site / "secrets" / name).chmod(0o600)
    (site / "gatepost.yaml").write_text(
        "public_url: https://a\nsecret_file: [secrets/own, /absolute]\ndata_dir: state\n"
        "audit: {file: audit.log}\n"
        "store: redis://r/0?prefix=x&password_file=secrets/re%64is\n"
        "upstreams: {a: {url: http://a, request_headers: {set: {X-A: {file: secrets/field}}}}}\n"
        "providers: {i: {issuer: 'https://i', client_id: x, client_secret_file: '${D}/client'}}\n"
    )
    (site / "secrets" / "absolute").write_text("a" * 32)
    text = (site / "gatepost.yaml").read_text()
    (site / "gatepost.yaml").write_text(text.replace("/absolute", str(site / "secrets/absolute")))
    monkeypatch.chdir(tmp_path)

    settings = load(Path("site/gatepost.yaml"), {"D": "secrets"}).settings
    assert settings.secret == ("own" * 32, "a" * 32)
    assert settings.providers["i"].client_secret == "client" * 32
    assert settings.upstreams["a"].request_headers.set["X-A"].value == "field" * 32
    assert settings.data_dir == Path("site/state")
    assert settings.audit.file == "site/audit.log"
    assert settings.store == "redis://r/0?prefix=x&password_file=site/secrets/redis"

    # What the environment says is relative to where the gateway is started, as is a default.
    environ = {
        "D": "secrets",
        "GATEPOST_DATA_DIR": "elsewhere",
        "GATEPOST_AUDIT__FILE": "b.log",
        "GATEPOST_STORE": "memory",
        "GATEPOST_SECRET_FILE": "site/secrets/own",
    }
    settings = load(Path("site/gatepost.yaml"), environ).settings
    assert (settings.data_dir, settings.audit.file) == (Path("elsewhere"), "b.log")
    (site / "gatepost.yaml").write_text(
        text.replace("data_dir: state\n", "").replace(", /abs", "#")
    )
    assert load(Path("site/gatepost.yaml"), {**environ, "GATEPOST_DATA_DIR": "x"}).settings


@pytest.mark.parametrize("word", ["stderr", "stdout", "syslog", "syslog://logs:601"])
def test_a_stream_of_the_audit_is_no_file(tmp_path, word):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "g.yaml").write_text(FILE + f"audit: {{file: '{word}'}}\n")

    assert load(Path("site/g.yaml"), {}).settings.audit.file == word


@pytest.mark.parametrize("added", ["client_auth: none", "client_secret: '${S}'", ""])
def test_a_client_without_a_secret_has_to_say_that_it_is_public(added):
    text = PUBLIC.replace(", client_auth: none", f", {added}" if added else "")
    found = load_text(text, {"S": "s"}).warnings

    assert len(found) == (not added)
    assert all("providers.idp: has no client_secret_file, so it must" in line for line in found)


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        ("{allow: {email: kim@a.example}}", "email"),
        ("{allow: [{scope: a}, {email_domain: a.example, ip: 10.0.0.1}]}", "email_domain"),
        ("{allow: {user: kim}}", "user"),
        ("{allow: {group: a}}", "group"),
        ("{allow: {role: a}}", "role"),
        ("{allow: {claim: {a: b}}}", "claim"),
        ("{allow: {when: claims.a == 'b'}}", "claims"),
        ("{allow: {when: claims.a == 'b' && provider == 'idp'}}", None),
        ("{allow: {when: claims.a == 'b', provider: idp}}", None),
        ("{allow: {when: method == 'GET'}}", None),
        ("{allow: {email: kim@a.example, provider: idp}}", None),
        ("{allow: {email: kim@a.example, provider: [idp, other]}}", None),
        ("{allow: {ip: 10.0.0.1}}", None),
        ("{deny: {email: kim@a.example}}", None),
        ("signed_in", None),
    ],
)
def test_a_rule_that_any_of_several_providers_can_meet(access, expected):
    route = f"routes: [{{name: r, prefix: /, access: {access}}}]\n"
    other = "{other: {issuer: 'https://o', client_id: y, client_auth: none}, idp:"
    found = load_text(PUBLIC.replace("{idp:", other) + route).warnings

    assert load_text(PUBLIC + route.replace(", other]", "]")).warnings == ()
    assert len(found) == (expected is not None)
    assert all(
        f"{expected} can come from any provider: add provider: [other, idp], or one" in line
        for line in found
    )


MACHINES = "public_url: https://a\nupstreams: {a: 'http://a'}\n"
BEARER = "bearer: [{issuer: 'https://i', audiences: a}]\n"


NO_PROVIDER = (
    "oidc-only needs a provider, or bearer or api_keys for machines only; "
    "write standalone for local accounts"
)


@pytest.mark.parametrize(
    ("added", "mode"),
    [
        ("", "standalone"),
        ("bearer: []", "standalone"),
        ("auth_mode: standalone\napi_keys: {}", "standalone"),
        (BEARER, "oidc-only"),
        ("api_keys: {}", "oidc-only"),
        ("providers: {i: {issuer: 'https://i', client_id: x}}", "oidc-only"),
        ("auth_mode: hybrid\nproviders: {i: {issuer: 'https://i', client_id: x}}", "hybrid"),
    ],
)
def test_the_mode_follows_from_who_can_sign_in(added, mode):
    assert load_text(MACHINES + added).settings.auth_mode == mode


def test_local_is_the_name_of_the_own_accounts():
    rules = "routes: [{name: a, prefix: /, access: {allow: [{provider: local}]}}]"
    assert load_text(MACHINES + rules).settings.routes[0].access.allow[0].provider == ("local",)
    taken = "auth_mode: hybrid\nproviders: {local: {issuer: 'https://i', client_id: x}}"
    assert [line.split(": ", 1)[1] for line in problems(MACHINES + taken)] == [
        'providers.local: "local" is the name of the gateway\'s own accounts: choose another'
    ]


@pytest.mark.parametrize("ways", [BEARER, "api_keys: {}\n", BEARER + "api_keys: {}\n"])
def test_machines_need_no_provider(ways):
    assert load_text(MACHINES + ways).settings.providers == {}


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("auth_mode: oidc-only", ["auth_mode: " + NO_PROVIDER]),
        ("auth_mode: oidc-only\nbearer: []", ["auth_mode: " + NO_PROVIDER]),
        (
            "auth_mode: hybrid",
            ["auth_mode: hybrid needs a provider: configure one, or write standalone"],
        ),
        (
            "api_keys: {}\nroutes: [{name: a, prefix: /, access: sign_in}]",
            ["routes[0].access: sign_in needs a provider or local accounts"],
        ),
        (
            "api_keys: {}\nroutes: [{name: a, prefix: /, access: signed_in, "
            "unauthenticated: sign_in, credentials: [api_key, session]}]",
            [
                "routes[0].unauthenticated: sign_in needs a provider or local accounts",
                "routes[0].credentials[1]: session is not accepted: there is no providers section",
            ],
        ),
    ],
)
def test_what_needs_a_provider_says_so(added, expected):
    assert [line.split(": ", 1)[1] for line in problems(MACHINES + added)] == expected


def test_two_modes_that_disagree_are_an_error():
    both = {"AUTH_MODE": "hybrid", "GATEPOST_AUTH_MODE": "oidc-only"}

    assert problems(FILE, both) == [
        "environment: GATEPOST_AUTH_MODE: AUTH_MODE has a different value: set only one of them"
    ]
    agreed = dict.fromkeys(both, "oidc-only")
    assert load_text(FILE, agreed).settings.auth_mode == "oidc-only"


def test_where_a_file_was_looked_for_is_said():
    assert "there is no gatepost.yaml in" in load(None, ENVIRON).notes[0]
    assert [it for it in load_text(FILE).notes if "gatepost.yaml" in it] == []
    # What is wrong with a variable has nothing to do with a file.
    assert len(problems(None, {**ENVIRON, "GATEPOST_STORE": "nosql"})) == 1


@pytest.mark.parametrize(
    ("changed", "added", "expected"),
    [
        (
            "https:",
            "",
            "0.0.0.0:8080 is plain http and public_url is https://a.example.com",
        ),
        ("https:", "server: {trusted_proxies: 10.0.0.1}", "0.0.0.0:8080 is plain http"),
        ("http:", "", None),
        ("https:", "server: {tls: {cert_file: my.crt, key_file: my.key}}", None),
    ],
)
def test_what_has_to_end_tls_is_said(changed, added, expected, tmp_path):
    Authority(tmp_path).issue("my", "a")
    found = load_text(FILE.replace("https:", changed, 1) + added).notes

    assert len(found) == (expected is not None)
    if expected is not None:
        assert found[0].startswith(expected)
        assert ("server.trusted_proxies" in found[0]) == ("trusted" not in added)


def test_tls_here_and_http_outside_disagree(tmp_path):
    Authority(tmp_path).issue("my", "a")
    text = FILE.replace("https:", "http:", 1)
    text += "server: {tls: {cert_file: my.crt, key_file: my.key}}"

    assert any("server.tls serves https only" in it for it in load_text(text).warnings)


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ("{name: a, prefix: /, access: public, methods: GET}", "methods other than GET on paths"),
        ("{name: a, prefix: [/static, /x], access: public}", "any path but /static, /x, so it"),
        ("{name: a, path: /, access: public}", "any path but /, so it gets 404 no-route: end with"),
        ("{name: a, prefix: /a, host: a.example.com, access: denied}", "any path but /a, so it"),
        (
            "{name: a, prefix: /, host: b.example.com, access: denied}",
            "any path on a.example.com, so it",
        ),
        ("{name: a, prefix: /, host: a.example.com, access: denied}", None),
        (
            "{name: a, regex: '/(?!admin).*', access: denied}",
            "paths such as /admin, so it gets 404",
        ),
        ("{name: a, regex: '/.+', access: denied}", "paths such as /, so it gets 404"),
        ("{name: a, regex: .*, access: denied}", None),
        ("{name: a, regex: '(/.*)?', access: denied}", None),
        ("{name: a, prefix: /, access: denied}", None),
        (
            "{name: a, prefix: /, methods: GET, access: gone}, {name: b, prefix: /, access: gone}",
            None,
        ),
        (
            ", ".join(f"{{name: '{it}', path: /{it}, access: public}}" for it in range(9)),
            "any path but /0, /1, /2, /3, /4, …, so it",
        ),
    ],
)
def test_paths_that_no_route_covers_are_warned_about(routes, expected):
    text = f"routes: [{routes}]\n"
    left = [it for it in load_text(FILE + text).warnings if "no route matches " in it]

    assert len(left) == (expected is not None)
    if expected is not None:
        assert left[0].startswith(f"gatepost.yaml:4:1: routes: no route matches {expected}")


def test_a_host_with_a_port_is_covered_by_a_route_of_the_host():
    text = PUBLIC.replace("https://a.example.com", "https://a.example.com:8443")
    route = "routes: [{name: a, prefix: /, host: a.example.com%s, access: denied}]\n"

    assert load_text(text + route % ":8443").warnings == ()
    assert load_text(text + route % "").settings.routes
    assert not [it for it in load_text(text + route % "").warnings if "a.example.com:8443" in it]


@pytest.mark.parametrize(
    ("where", "rest", "expected"),
    [
        ("path: /mcp", "{name: rest, prefix: /, access: signed_in}", True),
        ("path: /mcp", "{name: rest, prefix: /, access: {allow: [{group: staff}]}}", True),
        ("path: /mcp", "{name: rest, prefix: /, access: {deny: [{mcp_tool: x}]}}", False),
        ("path: /mcp", "{name: rest, prefix: /, access: denied}", False),
        ("path: /mcp", "{name: rest, prefix: /files, access: signed_in}", False),
        ("prefix: /mcp", "{name: rest, prefix: /, access: signed_in}", False),
    ],
)
def test_a_path_beside_rules_about_messages_is_warned_of(where, rest, expected):
    mcp = f"{{name: mcp, {where}, access: {{deny: [{{mcp_tool: delete_note}}]}}}}"
    found = load_text(f"{PUBLIC}routes: [{mcp}, {rest}]\n").warnings

    assert any("write prefix: /mcp" in it for it in found) == expected
