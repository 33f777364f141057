"""Configurations and requests that are made up, the same ones from the same seed."""

import json
import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.errors import SettingsError
from gateway.settings.load import load
from tests.authn.issuer import AUDIENCE
from tests.dataplane.harness import settings_of

KINDS = ["session", "bearer", "api_key", "token"]
# A request to it ends the session it comes with, and so no later one is like it.
LOGOUT = "/logout"

# What a route may be for, and who may pass it.
_SEGMENTS = ["static", "api", "keys", "admin", "reports", "mcp", "wiki", "files", "hooks", "shop"]
_METHODS = ["GET", "POST", "DELETE", "OPTIONS", "PROPFIND"]
_HOSTS = ["api.example.com", "admin.test:8443", "app.test", "notes.example.com"]
_WORDS = [*["public", "sign_in", "denied", "gone"] * 2, "optional", *["signed_in"] * 8]
_CONDITIONS = {
    "user": ["alice", "bob", ["bob", "carol"]],
    "email": ["alice@example.com"],
    "email_domain": ["example.com", "contractors.test"],
    "group": ["staff", "admins", ["admins", "board"]],
    "role": ["editor"],
    "scope": ["read", "gear:read"],
    "claim": [{"department": "ops"}, {"/address/country": ["CZ", "DE"]}],
    "provider": ["idp"],
    "credential": KINDS,
    "acr": ["gold"],
    "amr": ["otp"],
    "max_age": ["10m"],
    "ip": ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"],
    "method": ["GET", "POST"],
    "header": [{"X-Role": "gold"}, {"X-Role": ["silver", "bronze"]}],
    "mcp_method": ["tools/*", ["initialize", "tools/list"]],
    "mcp_tool": ["delete_*"],
    "time": [{"days": "mon-fri", "from": "08:00", "to": "18:00", "zone": "Europe/Prague"}],
    "when": ["'staff' in groups && headers['x-role'] != 'bronze'", "path.contains('api')"],
}

# What requests have; 10.9.0.5 is a proxy where the configuration trusts one.
_PROXIES = "10.9.0.0/16"
_ADDRESSES = ["10.1.2.3", "192.0.2.7", "203.0.113.9", "2001:db8::1", "::ffff:10.1.2.3", "10.9.0.5"]
_SERVED = ["notes.example.com", "notes.example.com", "app.test", "api.example.com"]
_ODD_HOSTS = [
    "NOTES.example.com",
    "notes.example.com:443",
    "notes.example.com.",
    "admin.test:8443",
    "admin.test",
    "elsewhere.test",
    "no host",
]
_ODD_TARGETS = [
    "/nowhere",
    LOGOUT,
    "/probe",
    "/%61dmin",
    "/static/../admin",
    "/static/%2e%2e/admin",
    "//x/admin",
    "///x/admin",
    "/static//admin",
    "/static%2Fadmin",
    "/static\\admin",
    "/admin;x",
    "/files/a.txt%0A",
    "/_gatepost",
    "/_gatepost/whoami",
    "/_gatepost/token",
    "/_gatepost/nothing",
    "/_gatepost/.well-known/jwks.json",
    "/_gatepostx",
    "/static/../_gatepost/whoami",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/api",
    "/.well-known/oauth-authorization-server/_gatepost",
    "/.well-known/openid-configuration",
    "http://notes.example.com/admin",
    "http://elsewhere.test/admin",
    "*",
    "admin",
]
_FIELDS = [
    ["Origin: https://notes.example.com"],
    ["Origin: https://evil.test"],
    ["Origin: null"],
    ["Sec-Fetch-Site: cross-site"],
    ["Sec-Fetch-Site: same-origin"],
    ["Accept: text/html"],
    ["Sec-Fetch-Mode: navigate"],
    ["Connection: Upgrade", "Upgrade: websocket"],
    ["X-Role: gold"],
    ["X-Role: bronze"],
    ["User-Agent: curl/8.0"],
    ["X-Forwarded-For: 192.0.2.7"],
    ["X-Forwarded-Host: app.test"],
    ["Forwarded: for=203.0.113.9"],
    ["Content-Length: 0"],
    ["Connection: Authorization"],
]
_MESSAGES = [("tools/list", None), ("tools/call", "read_note"), ("tools/call", "delete_note")]
_BROKEN_FIELDS = [["Transfer-Encoding: gzip"], ["Host: app.test"], ["Na me: x"]]


@dataclass(frozen=True, slots=True)
class MadeRequest:
    """A request but for its credential; it comes `times` times at once.

    Attributes:
        message: The method and the tool of the message in its body; None if it has no body.
    """

    method: str
    target: str
    host: str
    lines: tuple[str, ...]
    peer: str
    times: int
    message: tuple[str, str | None] | None = None

    @property
    def body(self):
        """The message, as an MCP client sends it."""
        if self.message is None:
            return b""
        method, tool = self.message
        params = {} if tool is None else {"name": tool}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return json.dumps(message).encode()

    def head(self, credential):
        """As a client sends it, with the field lines of a credential."""
        line, host = f"{self.method} {self.target} HTTP/1.1", f"Host: {self.host}"
        sized = [f"Content-Length: {len(self.body)}", "Content-Type: application/json"]
        framed = sized if self.body else []
        return "\r\n".join([line, host, *self.lines, *credential, *framed, "", ""]).encode()

    def options(self, at):
        """As the command is told it."""
        told = [self.method, self.target, "--host", self.host, "--ip", self.peer]
        told += [option for line in self.lines for option in ("--header", line)]
        if self.message is not None:
            method, tool = self.message
            told += ["--mcp-method", method, *([] if tool is None else ["--mcp-tool", tool])]
        moment = datetime.fromtimestamp(at, UTC).isoformat()
        return [*told, "--at", moment, "--after", str(self.times - 1)]


def some(rng, values, most):
    """A few of `values`."""
    return rng.sample(values, rng.randint(1, min(most, len(values))))


def configuration_of(rng: random.Random, issuer: str, directory):
    """A configuration: all that a route may say, in many ways."""
    kinds = ["session", *(kind for kind in KINDS[1:] if rng.random() < 0.85)]
    upstream = {"url": "http://127.0.0.1:9", "logout_paths": [LOGOUT]}
    if rng.random() < 0.2:
        upstream["request_headers"] = {"remove": ["Authorization"]}
    times = {"access_ttl": "30d", "refresh_ttl": "60d", "absolute_ttl": "90d"}
    sections = {
        "bearer": [{"issuer": issuer, "audiences": [AUDIENCE, "https://notes.example.com/api"]}],
        "api_key": {"header": rng.choice(["X-API-Key", "X-Key"])},
        "token": {**times, "clients": {"ios": {"provider": "idp"}}},
    }
    names = {"bearer": "bearer", "api_key": "api_keys", "token": "tokens"}
    probe = {"name": "probe", "path": "/probe", "access": "optional", "upstream": "notes"}
    configuration = {
        "public_url": ["https://notes.example.com", "http://app.test"],
        "store": "memory",
        "audit": {"file": str(directory / "audit.log")},
        "upstreams": {"notes": upstream, "other": "http://127.0.0.1:9/base"},
        "providers": {"idp": {"issuer": issuer, "client_id": "c", "client_secret": "s"}},
        "sessions": {"idle_timeout": "60d", "absolute_timeout": "90d"},
        "server": {"trusted_proxies": [_PROXIES] if rng.random() < 0.5 else []},
        **{names[kind]: sections[kind] for kind in kinds if kind in names},
        "routes": [probe, *_routes(rng, kinds)],
    }
    return possible(directory, configuration)


def _routes(rng, kinds):
    routes = [_route(rng, index, kinds) for index in range(rng.randint(8, 16))]
    # From numbers of their own, so that all else is the same with them and without.
    apart = random.Random(repr(routes))
    for index in range(apart.randint(0, 2)):
        trial = {**_route(apart, index, kinds), "name": f"trial{index}", "enforce": False}
        routes.insert(apart.randint(0, len(routes)), trial)
    rest = {"name": "rest", "prefix": "/", "upstream": "other", "access": "signed_in"}
    return [*routes, rest] if rng.random() < 0.6 else routes


def possible(directory, configuration):
    """`configuration` without the routes that no file may have, such as one that never matches."""
    while True:
        try:
            load(settings_of(directory, configuration), {})
        except SettingsError as error:
            wrong = {int(found) for found in re.findall(r"routes\[(\d+)\](?=[.:])", str(error))}
            if not wrong:
                raise
            routes = configuration["routes"]
            kept = [route for index, route in enumerate(routes) if index not in wrong]
            configuration = {**configuration, "routes": kept}
        else:
            return configuration


def _route(rng, index, kinds):
    one = rng.choice(_SEGMENTS)
    where = rng.choice(
        [{"prefix": [f"/{segment}" for segment in some(rng, _SEGMENTS, 2)]}] * 4
        + [{"path": [f"/{one}", f"/{one}/x"]}, {"regex": rf"/{one}/v[0-9]+/.*|/{one}(/x)?"}]
        + [{"prefix": "/.well-known"}, {"prefix": "/", "methods": some(rng, _METHODS, 3)}]
    )
    access = rng.choice(_WORDS) if rng.random() < 0.5 else _rules(rng)
    route = {"name": f"r{index}", **where, "access": access}
    if access not in ("sign_in", "denied", "gone"):
        route["upstream"] = rng.choice(["notes", "other"])
    rate = {"requests": rng.randint(1, 3), "per": "1m", "by": rng.choice(["user", "ip", "key"])}
    next_year = datetime.now(UTC).year + 1
    sunset = rng.choice(["2020-06-01", *[f"{next_year}-06-01"] * 4])
    maybe = [
        (0.2, "host", some(rng, _HOSTS, 2)),
        (0.2, "methods", some(rng, _METHODS, 3)),
        (0.2, "credentials", some(rng, kinds, 2)),
        (0.2, "unauthenticated", rng.choice(["sign_in", "reject"])),
        (0.3, "foreign_credentials", "pass"),
        (0.3, "preflight", "pass"),
        (0.3, "rate_limit", rate),
        (0.15, "deprecated", {"since": "2020-01-01", "sunset": sunset}),
    ]
    if index % 4 == 1:
        route["add_prefix"] = "/app"
    return route | {name: value for chance, name, value in maybe if rng.random() < chance}


def _rules(rng):
    rules = {
        "allow": [_item(rng) for _ in range(rng.choice([0, 1, 1, 2]))],
        "deny": [_item(rng) for _ in range(rng.choice([0, 0, 1]))],
    }
    return {name: items for name, items in rules.items() if items} or {
        "allow": [rng.choice([{"group": "staff"}, {"user": "bob"}])]
    }


def _item(rng):
    names = rng.sample(sorted(_CONDITIONS), rng.choice([1, 1, 1, 2]))
    return {name: rng.choice(_CONDITIONS[name]) for name in names}


def request_of(rng: random.Random) -> MadeRequest:
    """A request, mostly one that some route may be for."""
    method = rng.choice(["GET"] * 6 + ["POST"] * 4 + ["HEAD", "DELETE", "PROPFIND", "OPTIONS"])
    target = "/" + rng.choice(_SEGMENTS) + rng.choice(["", "", "/x", "/v1/y?z=/admin", "/a.css"])
    host = rng.choice(_SERVED)
    fields = [] if rng.random() < 0.4 else some(rng, _FIELDS, 3)
    lines = [line for field in fields for line in field]
    if method == "OPTIONS" and rng.random() < 0.7:
        lines = ["Origin: https://spa.test", "Access-Control-Request-Method: POST"]
    match rng.choice(["plain"] * 24 + ["method"] + ["target"] * 6 + ["host"] * 2 + ["lines"]):
        case "method":
            method = rng.choice(["TRACE", "CONNECT"])
        case "target":
            target = rng.choice(_ODD_TARGETS)
        case "host":
            host = rng.choice(_ODD_HOSTS)
        case "lines":
            lines = [*lines, *rng.choice(_BROKEN_FIELDS)]
    times = rng.choice([1] * 6 + [2, 3, 4])
    message = rng.choice([None, *_MESSAGES]) if method == "POST" else None
    if message is not None:
        lines = [line for line in lines if not line.startswith("Content-Length")]
    peer = rng.choice(_ADDRESSES)
    return MadeRequest(method, target, host, tuple(lines), peer, times, message)
