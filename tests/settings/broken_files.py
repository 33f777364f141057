"""Configurations that are broken in one place, each made from a good one by a small change."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

GOOD = """\
public_url: https://notes.example.com
secret: "0123456789abcdef0123456789abcdef"
store: sqlite
server:
  listen: 127.0.0.1:8080
  workers: 2
  trusted_proxies: [10.0.0.0/8]
  limits: {body_bytes: 1MiB, header_timeout: 10s}
upstreams:
  notes:
    url: http://backend:3000
    cookies: isolate
    identity:
      headers: {X-User: "{user}"}
  wiki: {url: "http://wiki:3000", host: upstream}
providers:
  idp:
    issuer: https://id.example.com
    client_id: notes
    client_auth: none
    claims: {roles: /realm/roles}
sessions:
  idle_timeout: 8h
  cookie: {same_site: lax}
api_keys:
  max_lifetime: 90d
  grantable_scopes: ["reports:read"]
routes:
  - name: assets
    prefix: [/static, /favicon.ico]
    upstream: notes
    access: public
  - name: reports
    regex: /reports/[0-9]+
    upstream: notes
    methods: [GET, POST]
    credentials: session
    rate_limit: {requests: 100, per: 1m, by: user}
    access:
      allow:
        - {group: [admins, board], max_age: 15m}
        - role: auditor
          ip: 10.0.0.0/8
      deny:
        - {email_domain: contractors.example.com}
  - {name: everything, prefix: /, upstream: wiki, access: signed_in}
tests:
  - request: GET /reports/1
    as: {user: alice, groups: [admins]}
    expect: allow
audit:
  file: stderr
metrics: {enabled: true}
"""
LINES = GOOD.splitlines()
_KEYED = re.compile(r"( *(?:- )?)([a-z_]+):(?: (.*))?")
# Names that the file chooses, and text that may be anything.
_CHOSEN = frozenset({"notes", "wiki", "idp"})

_VALUES = (
    ("alias", "*x"),
    ("reserved", "@x"),
    ("tag", "!!python/object x"),
    ("variable", "${NOPE}"),
    ("open variable", "${NOPE"),
    ("open bracket", "[x"),
    ("open brace", "{x: y"),
    ("open quote", '"x'),
)


@dataclass(frozen=True, slots=True)
class Broken:
    """One file.

    Attributes:
        line: Where it is broken, from 1; 0 if nowhere in particular.
        said: Part of a line that must be printed.
    """

    name: str
    content: bytes
    line: int = 0
    said: str = ""


def _at(name: str, number: int, *lines: str, said: str = "", line: int = 0) -> Broken:
    """`GOOD` with `lines` in the place of the one at `number`."""
    text = "\n".join([*LINES[: number - 1], *lines, *LINES[number:], ""])
    return Broken(f"{name} on line {number}", text.encode(), line or number, said)


def mutations() -> Iterator[Broken]:
    """Each kind of small mistake, on each line where it is one."""
    for number, written in enumerate(LINES, 1):
        found = _KEYED.fullmatch(written)
        if found is None:
            continue
        before, key, value = found.groups()
        inner = " " * len(before)
        yield _at("tab", number, "\t" + written.lstrip(), said="indent with spaces, not tabs")
        twice = (f"{before}{key}: {value or 'x'}", f"{inner}{key}: {value or ''}".rstrip())
        yield _at("repeated", number, *twice, said="is repeated, first on line")
        # Where a value stands makes little difference, so each line has its turn.
        for name, new in _VALUES[number % 4 :: 4]:
            yield _at(name, number, f"{before}{key}: {new}")
        if key not in _CHOSEN:
            wanted = f'"{key}"?' if len(key) > 2 else ""
            yield _at("misspelt", number, f"{before}{key}x: {value or ''}", said=wanted)
        if value is None:
            yield _at("no colon", number, f"{before}{key}")
            continue
        yield _at("no blank", number, f"{before}{key}:{value}")
        yield _at("list of lists", number, f"{before}{key}: [[x]]")
        if key != "headers":
            yield _at("mapping", number, f"{before}{key}: {{zz: x}}")
        yield _at("empty text", number, f'{before}{key}: ""')


BASE = "public_url: https://a.example\nupstreams: {app: http://app:1}\n"
TABLE = (
    ("nothing", "", "missing"),
    ("only a comment", "# later\n", "missing"),
    ("a list", "- a\n", "must be a mapping of settings"),
    ("a text", "gatepost\n", "must be a mapping of settings"),
    ("two documents", BASE + "---\na: b\n", "several YAML documents"),
    ("a number as key", BASE + "1: x\n", 'unknown setting "1"'),
    ("a list as key", BASE + "[a]: x\n", "a key must be text"),
    ("a mapping as key", BASE + "{a: b}: x\n", "a key must be text"),
    ("a merge of a text", BASE + "<<: a\n", "<< needs a mapping"),
    ("a merge of itself", BASE + "server: &s {<<: *s}\n", "contains itself"),
    ("a list in itself", BASE + "bearer: &b [*b]\n", "contains itself"),
    ("a mapping in itself", BASE + "server: &s {limits: *s}\n", "contains itself"),
    ("an unknown anchor", BASE + "server: *s\n", "begins with * in quotes"),
    ("a directive", "%YAML 9.9\n---\n" + BASE, "begins with %"),
    ("an escape", BASE + 'store: "C:\\data"\n', "use single quotes"),
    ("two quotes", BASE + "store: 'it's'\n", "quote"),
    ("JavaScript", "module.exports = {a: 1}\n", ""),
    ("JSON cut short", '{"public_url": "https://a.example", "upstreams": {\n', "the file ends"),
    ("TOML", "[server]\nlisten = '0.0.0.0:80'\n", ""),
    ("INI", "public_url = https://a.example\n", ""),
    ("a shell script", "#!/bin/sh\nexport GATEPOST_SECRET=x\n", "must be a mapping"),
    ("HTML", "<!DOCTYPE html>\n<html>\n</html>\n", ""),
    ("a certificate", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", ""),
    ("a merge conflict", BASE + "<<<<<<< HEAD\nstore: sqlite\n=======\n", ""),
    ("half a URL", BASE.replace("https://a.example", "a.example"), "public_url"),
    ("a port of nobody", BASE + "server: {listen: 0.0.0.0:99999}\n", "server.listen"),
    ("no number", BASE + "server: {workers: many}\n", "server.workers"),
    ("a negative number", BASE + "server: {limits: {connections: -1}}\n", "connections"),
    ("a duration without unit", BASE + "sessions: {idle_timeout: 30}\n", "30s"),
    ("a size in words", BASE + "server: {limits: {body_bytes: 1MB}}\n", "1MiB"),
    ("no switch", BASE + "metrics: {enabled: maybe}\n", "true or false"),
    ("no network", BASE + "server: {trusted_proxies: 10.0.0.0/33}\n", "10.0.0.0/8"),
    ("a host in a network", BASE + "server: {trusted_proxies: 10.1.0.0/8}\n", "did you mean"),
    ("no word", BASE + "auth_mode: oidc\n", "oidc-only"),
    ("a long value", BASE + "store: " + "x" * 100_000 + "\n", "store"),
    ("a long key", BASE + "? " + "x" * 100_000 + "\n: x\n", "unknown setting"),
    (
        "a regex that is none",
        BASE + "routes: [{name: a, regex: '/(', access: public}]\n",
        "regular",
    ),
    (
        "a regex in regexes",
        BASE + f"routes: [{{name: a, regex: '{'(' * 5000}', access: public}}]\n",
        "too large",
    ),
    ("colours", BASE + "\x1b[31mstore\x1b[0m: sqlite\n", "control character"),
    ("NUL", BASE + "store: sql\0ite\n", "control character"),
    ("no break space", BASE + "\u00a0store: sqlite\n", ""),
    ("curly quotes", BASE + "store: \u201csqlite\u201d\n", "store"),
    ("full width colon", BASE + "store\uff1a sqlite\n", ""),
    ("invisible", BASE + "st\u200bore: sqlite\n", "unknown setting"),
    ("right to left", BASE + "\u202estore: sqlite\n", "unknown setting"),
    ("year 0", BASE + "tests: [{request: GET /, at: 0000-01-01, expect: allow}]\n", "tests[0].at"),
    (
        "the first year",
        BASE + "tests: [{request: GET /, at: '0001-01-01T00:00+14:00', expect: allow}]\n",
        "tests[0].at",
    ),
    (
        "a number of many digits",
        BASE + f"server: {{workers: {'9' * 5000}}}\n",
        "must be auto or a number",
    ),
)


def written() -> Iterator[Broken]:
    """Files that a table is clearer for, and bytes that are no text."""
    for name, text, said in TABLE:
        yield Broken(name, text.encode(), 0, said)
    for encoding in ("utf-16", "utf-32", "latin-1"):
        text = GOOD.replace("alice", "zoë")
        yield Broken(encoding, text.encode(encoding), 0, "save it as UTF-8")
    # A mark at the start of UTF-8 is read over, and so is not broken by itself.
    yield Broken("a mark", b"\xef\xbb\xbf" + BASE.encode() + b"x: 1\n", 3, '"x"')
    yield Broken("bytes", bytes(range(256)) * 8, 0, "UTF-8")
    yield Broken("gzip", b"\x1f\x8b\x08\x00" + bytes(100), 0, "UTF-8")
    yield Broken("zeros", bytes(5000), 1, "control character")


def heavy() -> Iterator[Broken]:
    """Files that would cost much time or memory to read to the end."""
    laughs = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
    merges = "".join(
        f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}]}}\n" for i in range(1, 9)
    )
    many = range(24_000)
    yield Broken("a billion laughs", f"{BASE}a0: &a0 [x]\n{laughs}".encode(), 0, "too large")
    yield Broken("a billion merges", f"{BASE}m0: &m0 {{x: y}}\n{merges}".encode(), 0, "too large")
    yield Broken("brackets", b"a: " + b"[" * 4_000_000, 1, "nested too deeply")
    yield Broken("braces", b"a: " + b"{a: " * 900_000, 1, "nested too deeply")
    yield Broken("stairs", "".join(" " * i + "a:\n" for i in range(2500)).encode(), 0, "deeply")
    yield Broken("10 MB of comments", b"# x\n" * 2_500_000, 0, "larger than 4 MiB")
    yield Broken("10 MB of values", b"a: [" + b"x," * 5_000_000, 0, "larger than 4 MiB")
    yield Broken("4 MB of values", b"a: [" + b"x," * 2_000_000, 1, "too large")
    yield Broken("4 MB of keys", "".join(f"k{i}: 1\n" for i in range(400_000)).encode(), 0, "large")
    yield Broken("one value of 4 MB", BASE.encode() + b"store: " + b"x" * 4_000_000, 3, "store")
    yield Broken("unknown settings", (BASE + "".join(f"k{i}: 1\n" for i in many)).encode(), 3, "k0")
    yield Broken("repeated settings", (BASE + "a: 1\n" * len(many)).encode(), 4, "is repeated")
    routes = "".join(f"  - {{nme: r{i}, path: /r{i}}}\n" for i in range(8000))
    yield Broken("wrong routes", f"{BASE}routes:\n{routes}".encode(), 4, "nme")
    routes = "".join(f"  - {{name: r{i}, regex: /r{i}.*, access: public}}\n" for i in range(6000))
    yield Broken("routes and a mistake", f"{BASE}routes:\n{routes}x: 1\n".encode(), 6004, '"x"')
    hosts, paths = (",".join(f"{word}{i}" for i in range(3000)) for word in ("h", "/p"))
    route = f"{{name: a, access: public, host: [{hosts}], path: [{paths}]}}"
    yield Broken("many hosts", f"{BASE}routes: [{route}]\nx: 1\n".encode(), 4, '"x"')
