"""Every mistake is one line, in plain words, where it was made."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import SettingsError
from gateway.settings.load import load

BASE = """\
public_url: https://a.example.com
upstreams: {app: "http://app:1"}
providers: {idp: {issuer: "https://id.example.com", client_id: x}}
"""
ONE = {1: "public_url: %s\n", 2: "upstreams: %s\n", 3: "providers: %s\n"}


def problems(tmp_path, monkeypatch, text, environ=None):
    (tmp_path / "gatepost.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        load(None, environ or {})
    return caught.value.problems


def with_line(number, value):
    lines = BASE.splitlines(keepends=True)
    lines[number - 1] = ONE[number] % value
    return "".join(lines)


# What is written on line 4 and after it, and the line about it without the file's name.
ADDED = [
    ("rotues: []", '4:1: unknown setting "rotues" (did you mean "routes"?)'),
    ("upstream: {}", '4:1: unknown setting "upstream" (did you mean "upstreams"?)'),
    (
        "zzz: 1",
        '4:1: unknown setting "zzz" (one of: auth_mode, secret, secret_file, data_dir, store, '
        "server, sessions, bearer, api_keys, tokens, accounts, ldap, smtp, "
        "forward_auth, compatibility, include, conditions, admins, routes, tests, "
        "pages, country_file, audit, log, metrics, tracing)",
    ),
    (
        "auth_mode: standalone",
        "4:12: auth_mode: standalone uses no providers: remove them, or write hybrid",
    ),
    (
        "auth_mode: oidc_only",
        '4:12: auth_mode: unknown auth_mode "oidc_only" (did you mean "oidc-only"?)',
    ),
    (
        "store: redis://r",
        '4:8: store: a shared store needs "secret", the same on every machine '
        "(openssl rand -base64 32)",
    ),
    ("store: sqllite", '4:8: store: unknown store "sqllite" (did you mean "sqlite"?)'),
    (
        "store: mysql",
        '4:8: store: unknown store "mysql" '
        "(one of: sqlite, memory, redis://, rediss://, postgresql://)",
    ),
    ("store: [sqlite]", "4:1: store: must be sqlite, memory or a URL, not a list"),
    (
        "bearer: {issuer: https://id.example.com}",
        "4:1: bearer: must be a list, not a mapping",
    ),
    ("bearer: [{audiences: a}]", '4:10: bearer[0]: "issuer" is missing'),
    (
        "bearer: [{issuer: https://id.example.com}]",
        '4:10: bearer[0]: "audiences" is missing',
    ),
    (
        "bearer: [{issuer: https://id.example.com, audiences: []}]",
        "4:43: bearer[0].audiences: is empty: set a value or omit it",
    ),
    (
        "bearer: [{issuer: https://id.example.com, audiences: a, algorithms: [HS256]}]",
        '4:70: bearer[0].algorithms[0]: unknown algorithms "HS256" (did you mean "RS256"?)',
    ),
    (
        "bearer: [{issuer: https://id.example.com, audiences: a, introspection: {client_id: c}}]",
        "4:57: bearer[0].introspection: set either client_secret_file or client_key_file",
    ),
    (
        "bearer: [{issuer: https://id.example.com, audiences: a, introspection: "
        "{client_id: c, client_secret: s, client_auth: private_key_jwt}}]",
        "4:57: bearer[0].introspection: client_auth private_key_jwt needs client_key_file",
    ),
    (
        "bearer: [{issuer: https://id.example.com, audiences: a, introspection: "
        "{client_id: c, client_secret: s, cache: 1h}}]",
        "4:112: bearer[0].introspection.cache: "
        "must be at most 5m, because a revoked token stays valid that long",
    ),
    (
        "bearer: [{issuer: https://i.test, audiences: a}, {issuer: https://i.test, audiences: b}]",
        '4:59: bearer[1].issuer: "https://i.test" is already bearer[0]',
    ),
    (
        "routes: [{name: a, prefix: /, access: signed_in, credentials: bearer}]",
        "4:63: routes[0].credentials: bearer is not accepted: there is no bearer section",
    ),
    (
        "tokens: {clients: {ios: {}}}",
        "4:20: tokens.clients.ios: needs redirect_uris, device: true, or a provider",
    ),
    (
        "tokens: {clients: {ios: {provider: idp, device: true}}}",
        "4:20: tokens.clients.ios: device is for clients with no provider",
    ),
    (
        "tokens: {clients: {gatepost-cli: {device: true}}}",
        "4:1: tokens: gatepost-cli is built in: give your client another name",
    ),
    (
        "tokens: {clients: {ios: {provider: idp, client_id: gatepost-cli}}}",
        "4:1: tokens: gatepost-cli is built in: give your client another name",
    ),
    (
        "tokens: {clients: {ios: {redirect_uris: [a.b:/], audiences: [x]}}}",
        "4:20: tokens.clients.ios: audiences is for clients with provider",
    ),
    (
        "tokens: {clients: {ios: {provider: idp, scopes: [x]}}}",
        "4:20: tokens.clients.ios: scopes is for clients with no provider",
    ),
    (
        "routes: [{name: a, regex: /x, access: signed_in, mcp: true}]",
        "4:27: routes[0].regex: an MCP server needs a path or prefix, which is in its URL",
    ),
    (
        "routes: [{name: a, prefix: /, access: public, mcp: true}]",
        "4:39: routes[0].access: needs signed_in or rules, not public: tokens are not looked at"
        " otherwise",
    ),
    (
        "routes: [{name: a, prefix: /, access: signed_in, mcp: true, credentials: [session]}]",
        "4:61: routes[0].credentials: needs token, which MCP clients send",
    ),
    (
        "routes: [{name: a, path: /.well-known/oauth-protected-resource, access: public},"
        " {name: b, prefix: /, access: signed_in, mcp: true}]",
        '4:73: routes[0].access: route "a" leaves /.well-known/oauth-protected-resource to the app:'
        " an app that is its own authorization server is no mcp route",
    ),
    (
        "tokens: {clients: {ios: {provider: idd}}}",
        '4:36: tokens.clients.ios.provider: unknown provider "idd" (did you mean "idp"?)',
    ),
    (
        "tokens: {access_ttl: 1h, refresh_ttl: 30m, clients: {ios: {provider: id}}}",
        "4:1: tokens: needs 0 < access_ttl <= refresh_ttl <= absolute_ttl",
    ),
    (
        "tokens: {clients: {a: {provider: id, client_id: b}, b: {provider: id}}}",
        "4:1: tokens: clients a and b are both known as b",
    ),
    (
        "tokens: {clients: {a b: {provider: id}}}",
        '4:20: tokens.clients["a b"]: "a b" is not a client name (ASCII, no spaces)',
    ),
    (
        "routes: [{name: a, path: /, access: signed_in, credentials: [token]}]",
        "4:62: routes[0].credentials[0]: token is not accepted: there is no tokens section",
    ),
    (
        "routes: [{name: a, path: /, access: signed_in, challenges: [gatepost, basic]}]",
        "4:71: routes[0].challenges[1]: basic is for api_key, which this route does not accept",
    ),
    (
        "routes: [{name: a, path: /, access: signed_in, challenges: bearer}]",
        "4:60: routes[0].challenges: bearer is for api_key, bearer, token, which this route does "
        "not accept",
    ),
    (
        "api_keys: {}\nroutes: [{name: a, path: /, access: signed_in, credentials: api_key,"
        " challenges: gatepost}]",
        "5:82: routes[0].challenges: gatepost is for session, which this route does not accept",
    ),
    (
        "forward_auth: {dialect: haproxy}\nserver: {trusted_proxies: 10.0.0.1}",
        '4:25: forward_auth.dialect: unknown dialect "haproxy" (one of: nginx, traefik, caddy, '
        "envoy)",
    ),
    (
        "forward_auth: {dialect: nginx}",
        "4:1: forward_auth: no proxy can ask: add the proxy's address to server.trusted_proxies",
    ),
    (
        "tokens: {command_line: perhaps}",
        '4:24: tokens.command_line: "perhaps" must be true or false',
    ),
    (
        "tokens: {clients: {tv: {device: t}}}",
        '4:33: tokens.clients.tv.device: "t" must be true or false',
    ),
    (
        "pages: {colour: blue}",
        '4:17: pages.colour: "blue" is not a colour (write "#1d5a80", with the quotes)',
    ),
    (
        "pages:\n  colour: #1d5a80",
        '5:10: pages.colour: is empty: # begins a comment (write "#1d5a80", with the quotes)',
    ),
    (
        "pages: {logo_file: gone.svg}",
        "4:20: pages.logo_file: cannot read 'gone.svg': No such file or directory",
    ),
    (
        "secret: short",
        "4:9: secret: a secret must be at least 32 bytes long (try: openssl rand -base64 32)",
    ),
    ("data_dir:", "4:10: data_dir: is empty: set a value or omit it"),
    ("audit:", "4:7: audit: is empty: set a value or omit it"),
    ("audit: stderr", "4:8: audit: must be a mapping, not text"),
    (
        "audit: {file: 'syslog+tcp://u:hunter2@logs'}",
        "4:15: audit.file: is not the URL of a syslog server: write syslog://host:514",
    ),
    (
        "audit: {file: 'syslog:logs'}",
        "4:15: audit.file: is not the URL of a syslog server: write syslog://host:514",
    ),
    (
        "audit: {file: 'syslog://logs:99999'}",
        "4:15: audit.file: is not the URL of a syslog server: write syslog://host:514",
    ),
    (
        "audit: {max_bytes: 1MiB}",
        "4:1: audit: max_bytes is for a file, and file is stderr",
    ),
    ("audit: {file: a, keep: 0}", "4:24: audit.keep: must be at least 1"),
    ("metrics: {enabled: maybe}", '4:20: metrics.enabled: "maybe" must be true or false'),
    (
        "server: {listen: 8080}",
        '4:18: server.listen: "8080" is not an address (write 0.0.0.0:8080 or unix:/run/x.sock)',
    ),
    (
        'server: {listen: [":1", ":99999"]}',
        '4:25: server.listen[1]: ":99999" is not an address '
        "(write 0.0.0.0:8080 or unix:/run/x.sock)",
    ),
    ('server: {listen: [":1", ":1"]}', '4:25: server.listen[1]: "0.0.0.0:1" is listed twice'),
    (
        'server: {listen: "127.0.0.1:9090"}',
        "4:1: server: 127.0.0.1:9090 is also in server.listen: use another port",
    ),
    *(
        (
            f'server: {{listen: "{text}"}}',
            f'4:18: server.listen: "{text}" must be fd: and the FileDescriptorName= of a .socket'
            " unit",
        )
        for text in ("fd:", "fd:a b", "fd:a:b", "fd:é")
    ),
    ('server: {listen: ["fd:a", "fd:a"]}', '4:27: server.listen[1]: "fd:a" is listed twice'),
    (
        "server: {listen: fd:a, admin_listen: fd:a}",
        "4:38: server.admin_listen: fd:a is also in server.listen: use another port",
    ),
    (
        "server: {proxy_protocol: v1}",
        '4:26: server.proxy_protocol: unknown proxy_protocol "v1" (one of: off, v2)',
    ),
    (
        "server: {proxy_protocol: v2}",
        "4:26: server.proxy_protocol: v2 refuses everybody: add the load balancer's address to "
        "server.trusted_proxies",
    ),
    (
        "server: {workers: 0}",
        '4:19: server.workers: "0" must be auto or a number from 1 to 512',
    ),
    (
        "server: {workers: 010}",
        '4:19: server.workers: "010" must be auto or a number from 1 to 512',
    ),
    (
        "server: {trusted_proxies: [10.0.0.1/8]}",
        '4:28: server.trusted_proxies[0]: "10.0.0.1/8" is an address inside a network '
        '(did you mean "10.0.0.0/8"?)',
    ),
    (
        "server: {trusted_proxies: proxy}",
        '4:27: server.trusted_proxies: "proxy" is not an address or network (write 10.0.0.0/8)',
    ),
    (
        "server: {limits: {head_bytes: 32KB}}",
        '4:31: server.limits.head_bytes: "32KB" is not a size (write 512, 16KiB or 1MiB)',
    ),
    (
        "server: {drain_timeout: 1:30}",
        '4:25: server.drain_timeout: "1:30" is not a duration (write 500ms, 30s, 15m, 8h or 7d)',
    ),
    (
        "server: {drain_timeout: 30}",
        '4:25: server.drain_timeout: "30" is not a duration (write 500ms, 30s, 15m, 8h or 7d)',
    ),
    (
        "sessions: {idle_timeout: 8d}",
        "4:1: sessions: idle_timeout must not be longer than absolute_timeout",
    ),
    (
        "sessions: {cookie: {name: a b}}",
        '4:27: sessions.cookie.name: "a b" is not a cookie name',
    ),
    (
        "sessions: {cookie: {name: __Host-x}}",
        "4:27: sessions.cookie.name: must not begin with __Host- or __Secure-: "
        "the gateway adds the prefix",
    ),
    (
        "sessions: {cookie: {domain: example.org}}",
        '4:29: sessions.cookie.domain: public_url https://a.example.com is not under "example.org"',
    ),
    (
        "sessions: {cookie: {same_site: Lax}}",
        '4:32: sessions.cookie.same_site: unknown same_site "Lax" (did you mean "lax"?)',
    ),
    ("routes: []", "4:1: routes: needs at least one entry"),
    ("routes: {name: a}", "4:1: routes: must be a list, not a mapping"),
    ("routes: [a]", "4:10: routes[0]: must be a mapping, not text"),
    ("routes: [{path: /, access: public}]", '4:10: routes[0]: "name" is missing'),
    ("routes: [{name: a, path: /}]", '4:10: routes[0]: "access" is missing'),
    (
        "routes: [{name: a, acess: public, path: /}]",
        '4:20: routes[0]: unknown setting "acess" (did you mean "access"?)',
    ),
    (
        "routes: [{name: a, access: public}]",
        '4:10: routes[0]: route "a" needs exactly one of path, prefix, regex and has none',
    ),
    (
        "routes: [{name: a, path: /a, prefix: /a, access: public}]",
        '4:10: routes[0]: route "a" needs exactly one of path, prefix, regex',
    ),
    (
        "routes: [{name: a, path: /a, access: publik}]",
        '4:38: routes[0].access: unknown access "publik" (did you mean "public"?)',
    ),
    (
        "routes: [{name: a, path: /a, access: [public]}]",
        "4:30: routes[0].access: must be one of public, optional, signed_in, sign_in, denied, "
        "gone, not a list",
    ),
    (
        "routes: [{name: a, path: /a, access: {}}]",
        "4:30: routes[0].access: is empty: write allow, deny or one of the keywords",
    ),
    (
        "routes: [{name: a, path: /a, access: {allow: []}}]",
        "4:39: routes[0].access.allow: is empty: set a value or omit it",
    ),
    (
        "routes: [{name: a, path: /a, access: {allow: }}]",
        "4:46: routes[0].access.allow: is empty: set a value or omit it",
    ),
    (
        "routes: [{name: a, path: /a, access: {allow: [{}]}}]",
        "4:47: routes[0].access.allow[0]: is empty: a condition needs at least one fact",
    ),
    (
        "routes: [{name: a, path: /a, access: {allow: [{grup: a}]}}]",
        '4:48: routes[0].access.allow[0]: unknown condition "grup" (did you mean "group"?)',
    ),
    (
        "routes: [{name: a, path: /a, access: {allow: [{group: }]}}]",
        "4:47: routes[0].access.allow[0]: condition group is empty",
    ),
    (
        "routes: [{name: a, path: /a, access: {deny: {group: []}}}]",
        "4:46: routes[0].access.deny.group: is empty: set a value or omit it",
    ),
    (
        "routes: [{name: a, path: /a, access: {deny: {email: kim@korp.com.}}}]",
        '4:53: routes[0].access.deny.email: "kim@korp.com." is not an e-mail address '
        "such as kim@example.com",
    ),
    (
        "routes: [{name: a, path: /a, access: {deny: {email_domain: korp.com.}}}]",
        '4:60: routes[0].access.deny.email_domain: "korp.com." is not a domain such as example.com',
    ),
    (
        "routes: [{name: a, path: /a, access: {deny: {max_age: soon}}}]",
        '4:55: routes[0].access.deny.max_age: "soon" is not a duration '
        "(write 500ms, 30s, 15m, 8h or 7d)",
    ),
    (
        "routes: [{name: a, path: /a, access: {allow: [{provider: ipd}]}}]",
        '4:58: routes[0].access.allow[0].provider: unknown provider "ipd" (did you mean "idp"?)',
    ),
    (
        "routes: [{name: a, path: /a, access: {allow: [{header: {a b: x}}]}}]",
        '4:57: routes[0].access.allow[0].header["a b"]: "a b" is not a field name '
        "(letters, digits and hyphens)",
    ),
    (
        "routes: [{name: a, path: a, access: public}]",
        '4:26: routes[0].path: "a" must start with /',
    ),
    (
        "routes: [{name: a, path: [/b, /a%20b], access: public}]",
        '4:31: routes[0].path[1]: "/a%20b" must be written decoded, without %-escapes',
    ),
    (
        "routes: [{name: a, path: /a/../b, access: public}]",
        '4:26: routes[0].path: "/a/../b" must not contain //, . or .. segments',
    ),
    (
        "routes: [{name: a, path: /a?b, access: public}]",
        '4:26: routes[0].path: "/a?b" must not contain ?: only the path is matched',
    ),
    (
        "routes: [{name: a, prefix: /a/, access: public}]",
        '4:28: routes[0].prefix: a prefix matches whole segments: write "/a"',
    ),
    (
        "routes: [{name: a, regex: '/(', access: public}]",
        '4:27: routes[0].regex: "/(" is not a regular expression: '
        "missing ), unterminated subpattern at position 1",
    ),
    (
        "routes: [{name: a, prefix: /_gatepost/x, access: public}]",
        "4:28: routes[0].prefix: paths under /_gatepost cannot be routed: "
        "the gateway answers them itself",
    ),
    (
        "routes: [{name: a, path: /, methods: CONNECT, access: public}]",
        '4:38: routes[0].methods: "CONNECT" is not a method that a route can match',
    ),
    (
        "routes: [{name: a, path: /, host: 'a.*.example.com', access: public}]",
        '4:35: routes[0].host: "a.*.example.com" is not a host name',
    ),
    (
        "routes: [{name: a, path: /, upstream: ap, access: public}]",
        '4:39: routes[0].upstream: unknown upstream "ap" (did you mean "app"?)',
    ),
    (
        "routes: [{name: a, path: /, access: signed_in, foreign_credentials: keep}]",
        '4:69: routes[0].foreign_credentials: unknown foreign_credentials "keep" '
        "(one of: refuse, pass)",
    ),
    (
        "routes:\n- {name: a, path: /a, access: public}\n- {name: a, path: /b, access: public}",
        '6:10: routes[1].name: "a" is already the name of routes[0]',
    ),
    (
        "routes:\n- {name: a, prefix: /, access: public}\n- {name: b, path: /b, access: public}",
        '6:3: routes[1]: can never match: routes[0] "a" takes all its requests',
    ),
    (
        "routes: [{name: a, path: /, access: public, deprecated: {since: soon}}]",
        '4:65: routes[0].deprecated.since: "soon" is not a date (write 2027-03-01)',
    ),
    (
        "routes: [{name: a, path: /, access: public, rate_limit: {requests: 0, per: 1m}}]",
        "4:45: routes[0].rate_limit: requests and per must be more than 0",
    ),
    (
        "routes: [{name: a, prefix: /a, strip_prefix: /b, access: public}]",
        '4:46: routes[0].strip_prefix: "/b" is not the beginning of every path of this route',
    ),
    (
        "routes: [{name: a, prefix: [/a, /ab], strip_prefix: /a, access: public}]",
        '4:53: routes[0].strip_prefix: "/a" is not the beginning of every path of this route',
    ),
    (
        "routes: [{name: a, regex: '/a(/.*)?', strip_prefix: /a, access: public}]",
        '4:53: routes[0].strip_prefix: "/a" is not the beginning of every path of this route',
    ),
    (
        "routes: [{name: a, prefix: /a, strip_prefix: /, access: public}]",
        '4:46: routes[0].strip_prefix: "/" must be / and at least one segment, such as /notes',
    ),
    (
        "routes: [{name: a, prefix: /a, add_prefix: /a%20b, access: public}]",
        '4:44: routes[0].add_prefix: "/a%20b" must be a plain path: '
        "no %-escapes, no ; and no empty or dot segments",
    ),
    ("store: sqlite\nstore: memory", '5:1: "store" is repeated, first on line 4'),
    (
        "store: ${NOWHERE}",
        "4:8: store: variable NOWHERE is not set (${NOWHERE:-default} gives it a default)",
    ),
    (
        "store: ${NO WHERE}",
        "4:8: store: has a ${ that is not ${NAME} or ${NAME:-default} (write $${ for a literal)",
    ),
    ("store: !vault x", '4:8: tag "!vault" is not supported'),
    ("? [a]\n: 1", "4:3: a key must be text"),
    ("server:\n\tlisten: 1", "5:1: is not YAML: indent with spaces, not tabs"),
    ("audit: {file: [", None),
    ("---\nstore: sqlite", "4:1: contains several YAML documents"),
    ("x: *nothing", "4:4: is not YAML: put a value that begins with * in quotes"),
    ("x: &x [*x]", "4:4: contains itself, by an alias to its own anchor"),
    ("x: &x {<<: *x}", "4:8: contains itself, by an alias to its own anchor"),
    ("x: &x 1\ny: &x 2", "5:4: is not YAML: line 4 has an anchor of this name: use another one"),
    ("secret_file: nowhere", "4:14: secret_file: cannot read 'nowhere': No such file or directory"),
]

REPLACED = [
    (1, "''", '1:13: public_url: "" must start with https:// or http://'),
    (1, "[]", "1:1: public_url: is empty: set a value or omit it"),
    (1, "ftp://a", '1:13: public_url: "ftp://a" must start with https:// or http://'),
    (
        1,
        "https://a/b?c",
        '1:13: public_url: "https://a/b?c" must not contain a query or fragment',
    ),
    (
        1,
        "https://a//b",
        '1:13: public_url: "//b" must be a plain path: '
        "no %-escapes, no ; and no empty or dot segments",
    ),
    (
        1,
        "https://a/b\nserver: {trusted_proxies: 10.0.0.1}\nforward_auth: {dialect: nginx}\n"
        "compatibility: oauth2-proxy",
        "4:16: compatibility: oauth2-proxy's paths are at the root of a host, and https://a/b has a"
        " path: remove one of the two",
    ),
    (
        1,
        "'https://*.a'\nauth_mode: hybrid",
        "1:13: public_url: links for local accounts lead to https://*.a: "
        "first write one without a star",
    ),
    (
        1,
        "[https://a, https://a:443/b]",
        "1:25: public_url[1]: https://a/b has the host of https://a: "
        "a host can have one public URL",
    ),
    (1, "https://u:p@a", "1:13: public_url: must not contain a user name or password"),
    (1, "https://a:0", '1:13: public_url: "https://a:0" has no valid host'),
    (2, "{}", "2:1: upstreams: needs at least one entry"),
    (
        2,
        "{app: 'app:1'}",
        '2:18: upstreams.app: "app:1" must start with http://, https:// or unix:/',
    ),
    (
        2,
        "{app: {ulr: 'http://a'}}",
        '2:19: upstreams.app: unknown setting "ulr" (did you mean "url"?)',
    ),
    (
        2,
        "{app: 'http://a/x?y'}",
        '2:18: upstreams.app: "http://a/x?y" must not contain a query or fragment',
    ),
    (
        2,
        "{app: 'http://a/x/../y'}",
        '2:18: upstreams.app: "/x/../y" must be a plain path: '
        "no %-escapes, no ; and no empty or dot segments",
    ),
    (
        2,
        "{app: 'unix:x'}",
        '2:18: upstreams.app: "unix:x" must be unix:/ and an absolute path of at most 107 bytes',
    ),
    (
        2,
        "{app: {url: 'http://a', tls: {server_name: b}}}",
        "2:13: upstreams.app: tls needs an https url",
    ),
    (
        2,
        "{app: {url: 'http://a', host: 'a b'}}",
        '2:42: upstreams.app.host: "a b" is not a host name',
    ),
    (
        2,
        "{app: {url: 'http://a', cookies: share}}",
        '2:45: upstreams.app.cookies: unknown cookies "share" (did you mean "shared"?)',
    ),
    (
        2,
        "{app: {url: 'http://a', identity: {headers: remote}}}",
        '2:56: upstreams.app.identity.headers: unknown headers "remote" '
        '(did you mean "remote-user"?)',
    ),
    (
        2,
        "{app: {url: 'http://a', identity: {headers: graphana}}}",
        '2:56: upstreams.app.identity.headers: unknown headers "graphana" '
        '(did you mean "grafana"?)',
    ),
    (
        2,
        "{app: {url: 'http://a', request_fields_kept: [X-Real-IP, Remote-User]}}",
        '2:69: upstreams.app.request_fields_kept[1]: "Remote-User" never comes from another '
        "proxy and cannot be kept",
    ),
    (
        2,
        "{app: {url: 'http://a', request_fields_kept: 'X-*'}}",
        '2:57: upstreams.app.request_fields_kept: "X-*" never comes from another proxy '
        "and cannot be kept",
    ),
    (
        2,
        "{app: {url: 'http://a', request_fields_kept: '*'}}",
        '2:57: upstreams.app.request_fields_kept: "*" is not a field name or a prefix ending in *',
    ),
    (
        2,
        "{app: {url: 'http://a', identity: {headers: {Host: '{user}'}}}}",
        "2:47: upstreams.app.identity.headers: cannot set Host: the gateway sets it itself",
    ),
    (
        2,
        "{app: {url: 'http://a', identity: {headers: {X-A: '{user}', x_a: '{user}'}}}}",
        '2:47: upstreams.app.identity.headers: sets "X-A" and "x_a", which apps treat as the same '
        "field",
    ),
    (
        2,
        "{app: {url: 'http://a', identity: {headers: {X-A: '{usr}'}}}}",
        '2:62: upstreams.app.identity.headers.X-A: unknown placeholder "usr" '
        '(did you mean "user"?)',
    ),
    (
        2,
        "{app: {url: 'http://a', identity: {assertion: {ttl: 1h}}}}",
        "2:47: upstreams.app.identity.assertion: ttl must be between 1s and 10m",
    ),
    (
        2,
        "{app: {url: 'http://a', request_headers: {set: {Connection: x}}}}",
        "2:36: upstreams.app.request_headers: cannot set Connection: the gateway sets it itself",
    ),
    (
        2,
        "{app: {url: 'http://a', request_headers: {set: {X_Forwarded_Port: '443'}}}}",
        "2:36: upstreams.app.request_headers: "
        "cannot set X_Forwarded_Port: the gateway sets it itself",
    ),
    (
        2,
        "{app: {url: 'http://a', request_headers: {set: {X-A: {account_secret: ' '}}}}}",
        "2:82: upstreams.app.request_headers.set.X-A.account_secret: "
        "must be one line of text, such as notes-key",
    ),
    (
        2,
        "{app: {url: 'http://a', request_headers: {set: {X-A: {value: x, account_secret: y}}}}}",
        "2:60: upstreams.app.request_headers.set.X-A: "
        "needs one of text, {file: …}, {account_secret: …} and {basic: …}",
    ),
    (
        2,
        "{app: {url: 'http://a', request_headers: {set: {X-A: {basic: {user: 'a:b', "
        "account_secret: y}}}}}}",
        "2:66: upstreams.app.request_headers.set.X-A.basic: user must not contain a colon",
    ),
    (
        2,
        "{app: {url: 'http://a', request_headers: {set: {Gatepost-Assertion: x}}}}",
        "2:80: upstreams.app.request_headers.set.Gatepost-Assertion: "
        "Gatepost-Assertion is set by identity.assertion too",
    ),
    (
        2,
        "{a: 'http://a', b: 'http://b'}",
        "1:1: with several upstreams, add routes that select one",
    ),
    (
        3,
        "{Idp: {issuer: 'https://i', client_id: x}}",
        '3:13: providers.Idp: "Idp" is not a provider name (lower-case letters, digits, hyphens)',
    ),
    (3, "{i: {client_id: x}}", '3:13: providers.i: "issuer" is missing'),
    (
        3,
        "{i: {issuer: i, client_id: x}}",
        '3:25: providers.i.issuer: "i" is not an http or https URL',
    ),
    (
        3,
        "{i: {issuer: 'https://i', client_id: x, profile: keycloack}}",
        '3:61: providers.i.profile: unknown profile "keycloack" (did you mean "keycloak"?)',
    ),
    (
        3,
        "{i: {issuer: 'https://i', client_id: x, client_auth: client_secret_post}}",
        "3:13: providers.i: client_auth client_secret_post needs client_secret or "
        "client_secret_file",
    ),
    (
        3,
        "{i: {issuer: 'https://i', client_id: x, client_secret: s, client_auth: none}}",
        "3:13: providers.i: client_auth none does not use client_secret",
    ),
    (
        3,
        "{i: {issuer: 'https://i', client_id: x, client_secret: s, client_secret_file: f}}",
        "3:90: providers.i.client_secret_file: client_secret is also set: set only one of them",
    ),
    (
        3,
        "{i: {issuer: 'https://i', client_id: x, client_secret_file: f, "
        "client_auth: client_secret_basic}}",
        "3:72: providers.i.client_secret_file: cannot read 'f': No such file or directory",
    ),
    (
        3,
        "{i: {issuer: 'https://i', client_id: x, scopes: [profile]}}",
        "3:13: providers.i: scopes must include openid",
    ),
    (
        3,
        "{i: {issuer: 'https://i', client_id: x, authorize_params: {state: x}}}",
        "3:52: providers.i.authorize_params: cannot set state: the sign-in sets it",
    ),
]


@pytest.mark.parametrize(("added", "expected"), ADDED, ids=lambda value: str(value)[:60])
def test_a_mistake_is_one_line_with_its_place(tmp_path, monkeypatch, added, expected):
    found = problems(tmp_path, monkeypatch, BASE + added + "\n")

    assert len(found) == 1
    if expected is not None:
        assert found == [f"gatepost.yaml:{expected}"]


@pytest.mark.parametrize(("line", "value", "expected"), REPLACED)
def test_a_mistake_in_what_is_required_is_one_line_too(
    tmp_path, monkeypatch, line, value, expected
):
    found = problems(tmp_path, monkeypatch, with_line(line, value))

    assert found == [f"gatepost.yaml:{expected}"]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path, monkeypatch):
    found = problems(
        tmp_path,
        monkeypatch,
        "public_url: x\nstore: nosuch\nupstreams: {a: 'http://a', b: ftp://b}\n"
        "routes:\n- {name: r, path: /, access: publik, upstream: c}\n",
    )

    assert [line.split(": ")[0] for line in found] == [
        "gatepost.yaml:1:13",
        "gatepost.yaml:2:8",
        "gatepost.yaml:3:31",
        "gatepost.yaml:5:30",
        "gatepost.yaml:5:48",
    ]


def test_a_secret_is_never_repeated_in_a_message(tmp_path, monkeypatch):
    secret = "hunter2-\u0007" * 8
    text = with_line(3, "{i: {issuer: 'https://i', client_id: x, client_secret: \"%s\"}}")

    found = problems(tmp_path, monkeypatch, text % secret.replace("\u0007", "\\a"))

    assert len(found) == 1
    assert "hunter2" not in found[0]


def test_aliases_cannot_make_a_billion_values(tmp_path, monkeypatch):
    lines = ["l0: &l0 [a, a, a, a, a, a, a, a, a, a]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)]

    found = problems(tmp_path, monkeypatch, "\n".join(lines))

    assert len(found) == 1
    assert found[0].endswith("is too large: more than 200,000 values")


def test_merges_cannot_make_a_billion_values(tmp_path, monkeypatch):
    lines = ["l0: &l0 {a: 1}"]
    lines += [f"l{n}: &l{n} {{<<: [{', '.join([f'*l{n - 1}'] * 10)}]}}" for n in range(1, 12)]

    assert len(problems(tmp_path, monkeypatch, "\n".join(lines))) == 1


def test_deep_nesting_is_refused(tmp_path, monkeypatch):
    assert len(problems(tmp_path, monkeypatch, "a: " + "[" * 900 + "]" * 900)) == 1
    assert len(problems(tmp_path, monkeypatch, "a: " + "[" * 100_000)) == 1


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a: \x01\n", b"\xef\xbb\xbf[1]", b"\x00"])
def test_what_is_not_text_is_one_line(tmp_path, content):
    file = tmp_path / "g.yaml"
    file.write_bytes(content)

    with pytest.raises(SettingsError) as caught:
        load(file, {})

    assert len(caught.value.problems) == 1


WORDS = st.sampled_from(
    [
        "public_url", "upstreams", "providers", "routes", "server", "listen", "access", "allow",
        "deny", "name", "path", "prefix", "regex", "url", "identity", "headers", "set", "tls",
        "https://a", "/", "~", "", "public", "${X}", "group", "client_secret_file", "file",
        "request_headers", "value", "secret_file", "host", "methods", "<<", "|rules", "[key]",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(WORDS, st.none(), st.text(max_size=5), st.integers(), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=25,
)


def lines_about(file, environ):
    """The problems of a configuration, none if it is right."""
    try:
        load(file, environ)
    except SettingsError as error:
        return error.problems
    return []


VARIABLES = st.dictionaries(
    st.sampled_from(
        [
            "GATEPOST_UPSTREAM",
            "GATEPOST_ROUTES",
            "GATEPOST_SERVER__TLS",
            "GATEPOST_X",
            "GATEPOST_UPSTREAMS__A__TLS__CA_FILE",
            "GATEPOST_OIDC_ISSUER",
            "X",
        ]
    ),
    st.sampled_from(["", "a", "[", "{a: b}", "[1]", "http://x", "'", "\udcff", "~"]),
    max_size=3,
)


@settings(max_examples=300, deadline=None)
@given(value=VALUES, environ=VARIABLES)
def test_whatever_is_written_only_a_settings_error_is_raised(tmp_path_factory, value, environ):
    file = tmp_path_factory.getbasetemp() / "random.yaml"
    file.write_text(yaml.safe_dump(value, allow_unicode=False), encoding="utf-8")

    assert all(line.isprintable() for line in lines_about(file, environ))


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="ab:-[]{}&*!|>'\"%@`#?,\n\t ${}<", max_size=60))
def test_whatever_text_is_given_only_a_settings_error_is_raised(tmp_path_factory, text):
    file = tmp_path_factory.getbasetemp() / "random.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file, {})
    assert all(line.isprintable() for line in caught.value.problems)


@pytest.mark.parametrize(
    ("cookie", "same_site"),
    [
        ("{}", "lax"),
        ("{same_site: strict}", "strict"),
        ("{partitioned: true}", "none"),
        ("{partitioned: true, same_site: none}", "none"),
        ("{partitioned: true, same_site: lax}", "lax"),
    ],
)
def test_a_partitioned_cookie_goes_with_frames_unless_the_file_says_otherwise(
    tmp_path, cookie, same_site
):
    page = tmp_path / "gatepost.yaml"
    page.write_text(f"{BASE}sessions: {{cookie: {cookie}}}\n")

    assert load(page, {}).settings.sessions.cookie.same_site_sent == same_site


def test_a_partitioned_cookie_needs_https(tmp_path, monkeypatch):
    text = BASE.replace("https://a.example.com", "http://a.example.com")

    found = problems(tmp_path, monkeypatch, f"{text}sessions: {{cookie: {{partitioned: true}}}}\n")

    assert [it.partition(": ")[2] for it in found] == [
        "sessions.cookie.partitioned: needs https, and public_url has http://a.example.com"
    ]
