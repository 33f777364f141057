"""What people of other proxies write: each is warned about, with the form that was meant."""

from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.settings import meant
from gateway.settings.load import load
from gateway.settings.other_proxies import MEANT
from gateway.settings.shape import settings_of

FILE = """\
public_url: https://a.example.com
upstreams: {app: {url: "http://app:1"%s}}
providers: {idp: {issuer: "https://id.example.com", client_id: x, client_auth: none%s}}
"""
EVERYTHING = ", {name: rest, prefix: /, access: signed_in}"


@pytest.fixture
def warnings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def warnings(text):
        Path("gatepost.yaml").write_text(text, encoding="utf-8")
        return [line.split(": ", 1)[1] for line in load(None, {}).warnings]

    return warnings


def route(entry):
    return FILE % ("", "") + f"routes: [{{name: r, {entry}}}{EVERYTHING}]\n"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/admin/*", "prefix: /admin"),
        ("/admin/**", "prefix: /admin"),
        ("/admin/.*", "prefix: /admin"),
        ("/*", "prefix: /"),
        ("/admin*", "regex: /admin.*"),
        ("/static/*.css", r"regex: /static/[^/]*\.css"),
        ("/users/*/files", "regex: /users/[^/]*/files(/.*)?"),
        ("/users/{id}", "regex: /users/[^/]+(/.*)?"),
        ("/users/:id/files", "regex: /users/[^/]+/files(/.*)?"),
        ("/users/<id>", "regex: /users/[^/]+(/.*)?"),
        ("/admin$", "path: /admin"),
        ("/(a|b)", "regex: /(a|b)(/.*)?"),
        ("/api/v[0-9]+", "regex: /api/v[0-9]+(/.*)?"),
        ("/a, /b", "prefix: [/a, /b]"),
        ("/a,/b", "prefix: [/a, /b]"),
    ],
)
def test_a_pattern_where_a_prefix_stands(warnings, written, expected):
    assert warnings(route(f"prefix: '{written}', access: denied")) == [
        f'routes[0].prefix: "{written}" is compared literally and matches nothing else: '
        f"write {expected}"
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/admin/*", "prefix: /admin"),
        ("/users/{id}", "regex: /users/[^/]+"),
        ("/api/v[0-9]+", "regex: /api/v[0-9]+"),
        ("/a /b", "path: [/a, /b]"),
    ],
)
def test_a_pattern_where_a_path_stands(warnings, written, expected):
    [line] = warnings(route(f"path: ['{written}', /other], access: denied"))

    assert line.startswith("routes[0].path[0]: ")
    assert line.endswith(f": write {expected}")


@pytest.mark.parametrize("text", ["/ok", "/a(1)", "/x.y-z", "/_next/[id].js", "/a:b", "/~kim", "/"])
def test_a_plain_path_is_no_pattern(text):
    assert meant.prefix_meant(text) is None
    assert meant.path_meant(text) is None
    assert meant.paths_only_meant(text) is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("^/setup", "does not match paths below it: write prefix: /setup"),
        ("^/setup/", "does not match paths below it: write prefix: /setup"),
        ("^/setup/?", "does not match paths below it: write prefix: /setup"),
        (r"\A/setup", "does not match paths below it: write prefix: /setup"),
        ("/setup(/|$)", "does not match paths below it: write prefix: /setup"),
        ("^/a\\.b", "does not match paths below it: write prefix: /a.b"),
        ("(?i)^/setup", "does not match paths below it: write regex: (?i)/setup(/.*)?"),
        ("^/(a|b)", "does not match paths below it: write regex: /(a|b)(/.*)?"),
        ("^/a|/b", "does not match paths below it: write regex: (?:/a|/b)(/.*)?"),
        ("^/a/[^/]+", "does not match paths below it: write regex: /a/[^/]+(/.*)?"),
        ("/setup", "matches only this path: write path: /setup, or prefix: /setup"),
        ("/robots.txt", "matches only this path: write path: /robots.txt, or prefix: /robots.txt"),
        ("/admin/*", "/* matches any number of slashes: write prefix: /admin"),
        ("/a/*/b", "/* matches any number of slashes: write regex: /a/[^/]*/b"),
        (r"\.css$", r"never matches, because a path begins with /: write regex: .*\.css"),
        ("admin/.*", "never matches, because a path begins with /: write regex: /admin/.*"),
        ("~ ^/api/.*", "never matches, because a path begins with /: write regex: /api/.*"),
        (r"~* \.php$", r"never matches, because a path begins with /: write regex: .*\.php"),
        (r"/x\?y=1", "only the path is matched, not the query: write prefix: /x"),
        (
            "https?://a/.*",
            "only the path is matched: write the host as host:, and what follows it as regex:",
        ),
        ("/a%2Fb", "the path is matched decoded: write the characters themselves, without %"),
    ],
)
def test_a_regex_that_covers_less_than_it_seems_to(warnings, written, expected):
    assert warnings(route(f"regex: '{written}', access: denied")) == [
        f"routes[0].regex: {expected}"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "^/setup$",
        "^/setup/.*$",
        "^/setup(/.*)?$",
        ".*\\.css",
        "/api/v[0-9]+",
        "/api/v[0-9]+/reports/.*",
        "/foo/?",
        "/a[/*]b",
        "(/a|/b)/.*",
        "/robots\\.txt$",
    ],
)
def test_a_regex_that_says_what_it_covers(text):
    assert meant.regex_meant(text) is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            "prefix: /a, access: denied, methods: '*'",
            'methods: "*" is not a method: omit methods',
        ),
        (
            "prefix: /a, access: denied, methods: any",
            'methods: "ANY" is not a method: omit methods',
        ),
        (
            "prefix: /a, access: denied, methods: GET|POST",
            'methods: "GET|POST" is read as one method: write [GET, POST]',
        ),
        *(
            (f"prefix: /a, access: {{deny: [{{{condition}}}]}}", f"access.deny[0].{expected}")
            for condition, expected in (
                (
                    "email: '*@example.com'",
                    'email: "*@example.com" is read as one address: wildcards are not '
                    "supported, write email_domain: example.com",
                ),
                (
                    "email: 'kim*@example.com'",
                    'email: "kim*@example.com" is read as one address: wild',
                ),
                ("user: '*@a.example'", 'user: "*@a.example" is compared literally: wildcards are'),
                ("user: '*'", 'user: "*" is compared literally: wildcards are not supported'),
                ("group: 'admin*'", 'group: "admin*" is compared literally: wildcards are not'),
                ("group: '^admins$'", 'group: "^admins$" is compared literally: regular'),
                (
                    "group: 'role:a'",
                    'group: "role:a" is read as one name: is role: a prefix? write',
                ),
                ("group: 'a, b'", 'group: "a, b" is read as one name: write [a, b]'),
                ("role: 'a,b'", 'role: "a,b" is read as one name: write [a, b]'),
                ("scope: 'a b'", 'scope: "a b" is read as one scope: write [a, b]'),
                ("scope: 'a:*'", 'scope: "a:*" is compared literally: wildcards are not supported'),
                ("acr: '*'", 'acr: "*" is compared literally'),
                ("amr: '*'", 'amr: "*" is compared literally'),
                ("method: '*'", 'method: "*" is not a method'),
                ("header: {X-A: 'a*'}", 'header.X-A: "a*" is compared literally'),
                ("header: {'X-*': a}", 'header["X-*"]: "X-*" is read as one field name'),
                ("claim: {a: 'b*'}", 'claim.a: "b*" is compared literally'),
                (
                    "claim: {realm_access.roles: b}",
                    'claim["realm_access.roles"]: "realm_access.roles" is read as one claim name: '
                    "for a member of an object write /realm_access/roles",
                ),
            )
        ),
    ],
)
def test_a_wildcard_a_list_or_a_scheme_in_a_rule(warnings, entry, expected):
    [line] = [it for it in warnings(route(entry)) if "several issuers" not in it]

    assert line.startswith(f"routes[0].{expected}")


@pytest.mark.parametrize(
    ("upstream", "provider", "rest", "expected"),
    [
        (", logout_paths: '/out/*'", "", "", "upstreams.app.logout_paths: "),
        (
            ", request_headers: {remove: 'X-Debug-*'}",
            "",
            "",
            "upstreams.app.request_headers.remove",
        ),
        (", request_headers: {set: {'X-*': a}}", "", "", "upstreams.app.request_headers.set["),
        (", request_headers: {set: {X-U: $remote_user}}", "", "", "upstreams.app.request_headers."),
        (", request_headers: {set: {X-U: '{{ .User }}'}}", "", "", "upstreams.app.request_headers"),
        (", response_headers: {remove: 'X-*'}", "", "", "upstreams.app.response_headers.remove"),
        (
            ", response_headers: {set: {X-U: '{user}'}}",
            "",
            "",
            "upstreams.app.response_headers.set",
        ),
        (", response_headers: {set: {'X-*': a}}", "", "", "upstreams.app.response_headers.set["),
        (
            ", identity: {headers: {X-U: '%{REMOTE_USER}'}}",
            "",
            "",
            "upstreams.app.identity.headers",
        ),
        (", identity: {headers: {'X-*': '{user}'}}", "", "", "upstreams.app.identity.headers["),
        (
            ", identity: {assertion: {header: 'X-*'}}",
            "",
            "",
            "upstreams.app.identity.assertion.hea",
        ),
        (
            ", identity: {assertion: {audience: '*'}}",
            "",
            "",
            "upstreams.app.identity.assertion.aud",
        ),
        ("", ", claims: {roles: realm_access.roles}", "", "providers.idp.claims.roles: "),
        ("", ", claims: {groups: ['groups[*]', a]}", "", "providers.idp.claims.groups: "),
        ("", ", scopes: [openid, 'profile email']", "", "providers.idp.scopes[1]: "),
        ("", "", "bearer: [{issuer: 'https://i', audiences: '*'}]", "bearer[0].audiences: "),
        (
            "",
            "",
            "bearer: [{issuer: 'https://i/.well-known/openid-configuration', audiences: a}]",
            "bearer[0].issuer: is the metadata URL: write https://i",
        ),
        (
            "",
            ", internal_url: 'http://idp:8080/.well-known/openid-configuration'",
            "",
            "providers.idp.internal_url: is the metadata URL: write http://idp:8080",
        ),
        ("", "", "api_keys: {header: 'X-*'}", "api_keys.header: "),
        ("", "", "api_keys: {grantable_scopes: '*'}", "api_keys.grantable_scopes: "),
        ("", "", "data_dir: ~/gatepost", "data_dir: is a directory named ~: write the full path"),
        ("", "", "data_dir: file:///x", "data_dir: is a path, not a URL: omit file:"),
        ("", "", "audit: {file: '-'}", "audit.file: is a file named -: write stdout or stderr"),
        (
            "",
            "",
            "tokens: {clients: {ios: {provider: idp, audiences: '*'}}}",
            "tokens.clients.ios.audiences: ",
        ),
    ],
)
def test_a_pattern_in_another_setting(warnings, upstream, provider, rest, expected):
    [line] = warnings(FILE % (upstream, provider) + rest)

    assert line.startswith(expected)


def test_a_plain_text_of_every_kind_is_taken_without_a_word(warnings):
    text = route(
        "prefix: /a, methods: [GET, PROPFIND], access: {allow: [{user: kim@example.com,"
        " group: ['cn=a,ou=b', /admins], role: 'a:b', scope: 'reports:read', acr: 'urn:x', amr: a,"
        " email: k+1@example.com, email_domain: '@example.com', header: {X-A: a b},"
        " claim: {'https://example.com/roles': 'true', 'cognito:groups': a, /a/b: c}}]}"
    )

    assert warnings(text) == []


@pytest.mark.parametrize(
    "text",
    [
        FILE.replace("https://a.example.com", "a.example.com") % ("", ""),
        FILE.replace("https://a.example.com", "https://*example.com") % ("", ""),
        FILE % ("", "") + "server: {trusted_proxies: '*'}",
        FILE % ("", "") + "server: {trusted_proxies: private_ranges}",
        FILE % ("", "") + "server: {trusted_proxies: '10.0.0.*'}",
        FILE % ("", "") + "server: {trusted_proxies: '10.0.0.0/8,172.16.0.0/12'}",
        FILE % ("", "") + "server: {listen: '*:8080'}",
        FILE % ("", "") + "server: {listen: 'tcp://0.0.0.0:8080'}",
        FILE % ("", "") + "server: {admin_hosts: '*'}",
        FILE % ("", "") + "sessions: {cookie: {domain: '*.example.com'}}",
        FILE.replace("http://app:1", "app:1") % ("", ""),
        FILE.replace("http://app:1", "h2c://app:1") % ("", ""),
        FILE % ("", ", scopes: openid profile email"),
        route("prefix: /a, host: '^a', access: denied"),
        route("prefix: /a, host: 'https://a', access: denied"),
        route("prefix: /a, host: .example.com, access: denied"),
        route("path: '/a?b=1', access: denied"),
        route("path: ^/a, access: denied"),
        route("prefix: '= /a', access: denied"),
        route("prefix: /a/, access: denied"),
        route("regex: '*.css', access: denied"),
        route("prefix: /a, methods: 'GET,POST', access: denied"),
        route("prefix: /a, access: {allow: {email: '@example.com'}}"),
        route("prefix: /a, access: {allow: {email: 'a@b.example,c@d.example'}}"),
        route("prefix: /a, access: {allow: {email_domain: '*'}}"),
        route("prefix: /a, access: {allow: {email_domain: '*.example.com'}}"),
        route("prefix: /a, access: {allow: {email_domain: 'a.example,b.example'}}"),
        route("prefix: /a, access: {allow: {ip: '10.0.0.*'}}"),
        route("prefix: /a, access: {allow: {ip: '10.0.0.1-10.0.0.9'}}"),
        route("prefix: /a, access: {allow: {provider: '*'}}"),
        route("prefix: /a, credentials: '*', access: denied"),
    ],
)
def test_what_can_mean_nothing_here_is_an_error(warnings, text):
    with pytest.raises(SettingsError):
        warnings(text)


# Free text for which no other proxy has another meaning, and what is checked by its own type.
LITERAL = (
    *(
        "public_url",
        "secret",
        "secret_file",
        "store",
        "server.",
        "sessions.",
        "smtp.",
        "pages.",
        "ldap.",
    ),
    *(f"upstreams.*.{it}" for it in ("url", "host", "tls.", "request_fields_kept")),
    *(f"upstreams.*.request_headers.set.*.{it}" for it in ("file", "account_secret", "prefix")),
    *(f"upstreams.*.request_headers.set.*.basic.{it}" for it in ("account_secret", "password")),
    *(
        f"providers.*.{it}"
        for it in (
            *("client_", "team_id", "label", "icon_file"),
            *("authorize_params.", "tls.", "proxy", "tenants"),
        )
    ),
    *(
        f"{of}.*.claims.{fact}.{it}"
        for of in ("providers", "bearer")
        for fact in ("groups", "roles")
        for it in ("split", "map.", "prefix")
    ),
    *("providers.*.roles_in", "providers.*.roles_endpoint"),
    *(
        f"providers.*.{name}_endpoint"
        for name in ("emails", "end_session", "groups", "token", "userinfo")
    ),
    "providers.*.jwks_uri",
    *("providers.*.authorization_endpoint", "providers.*.claims.subject"),
    "providers.*.claims.group",
    *(f"accounts.hooks.*.{it}" for it in ("http.", "sql.")),
    *("bearer.*.introspection.", "api_keys.static.*.name", "api_keys.static.*.sha256"),
    *("tracing.otlp", "tests."),
    *(
        f"tokens.clients.*.{it}"
        for it in (
            *("provider", "client_", "redirect_uris", "name", "scopes"),
            *("id_token", "post_logout_redirect_uris", "backchannel_logout_uri"),
        )
    ),
    *(
        f"tokens.clients.*.access.{of}.*.{it}"
        for of in ("allow", "deny")
        for it in ("email_domain", "provider", "time.", "country.", "mcp_")
    ),
    "tokens.metadata_documents",
    *(f"routes.*.{it}" for it in ("name", "host", "upstream", "deprecated.link")),
    *("routes.*.strip_prefix", "routes.*.add_prefix", "routes.*.cors."),
    *("routes.*.before", "routes.*.after"),
    *(f"routes.*.access.{it}.*.email_domain" for it in ("allow", "deny")),
    *(f"routes.*.access.{it}.*.provider" for it in ("allow", "deny")),
    *(f"routes.*.access.{it}.*.time." for it in ("allow", "deny")),
    *(f"routes.*.access.{it}.*.country." for it in ("allow", "deny")),
    *(f"routes.*.access.{it}.*.mcp_" for it in ("allow", "deny")),
    *("conditions.*.*.mcp_", "admins.*.mcp_"),
    "country_file",
    "routes.*.launch.",
    *("conditions.*.*.email_domain", "conditions.*.*.provider", "include"),
    *(f"conditions.*.*.{it}." for it in ("time", "country")),
    *("admins.*.email_domain", "admins.*.provider", "admins.*.time.", "admins.*.country."),
)


def test_every_text_of_the_schema_is_judged_or_known_to_be_literal():
    every = {".".join(it) for it in settings_of(str) | settings_of(Path)}
    judged = {".".join(pattern) for pattern in MEANT}

    assert {it for it in every - judged if not it.startswith(LITERAL)} == set()
    assert {it for it in judged - every if not it.endswith(".keys")} == set()
