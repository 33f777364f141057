"""The endpoints with a real session manager, asked the way the server asks them."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from gateway.assembly.token_revocation import Revocations
from gateway.endpoints.cookies import CookieRules
from gateway.endpoints.deps import Deps
from gateway.endpoints.table import NoEndpoint, build_endpoints
from gateway.message.response import Response
from gateway.oidc.keys import ASYMMETRIC
from gateway.oidc.provider import Provider
from gateway.oidc.registration import ClaimNames, Registration
from gateway.pipeline.admit import SessionTools
from gateway.pipeline.pipeline import Pipeline
from gateway.pipeline.read import Hosts
from gateway.pipeline.tools import Tools
from gateway.record.audit_writer import AuditWriter
from gateway.record.journal import Journal
from gateway.record.metrics import Metrics
from gateway.routing.table import RouteTable
from gateway.sealing.sealer import Sealer
from gateway.server.front import ClientLimits, Front
from gateway.server.listener import ServerTls, listen, port_of, server_tls
from gateway.sessions.all_sessions import AllSessions
from gateway.settings.schema import Address, AuditSettings, ServerTlsSettings
from tests.builders import make_request
from tests.fixtures.certificates import Authority
from tests.fixtures.clock import Clock
from tests.oidc.hostile import CLIENT_ID, CLIENT_SECRET
from tests.patience import soon

HOST = "notes.example.com"
KEY_SET = b'{"keys":[]}'


@dataclass
class Browser:
    """Asks the endpoints as a browser does: keeps cookies, says where it navigates."""

    endpoints: object
    clock: Clock
    public_url: str = f"https://{HOST}"
    cookies: dict = field(default_factory=dict)
    set_cookies: list = field(default_factory=list)

    async def send(self, method, target, *, body=b"", fields=(), navigates=True, site="none"):
        sent = [(b"host", HOST.encode())]
        if self.cookies:
            pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            sent.append((b"cookie", pairs.encode()))
        if navigates:
            sent.append((b"accept", b"text/html"))
            if method in ("GET", "HEAD"):
                sent.append((b"sec-fetch-mode", b"navigate"))
        if site is not None:
            sent.append((b"sec-fetch-site", site.encode()))
        sent.extend(fields)
        response = await self.ask(method, target, sent, body)
        for name, value in response.fields:
            if name == "Set-Cookie":
                self._keep(value)
        return response

    async def ask(self, method, target, sent, body):
        """The answer to one request of exactly these fields."""
        request = make_request(
            target.encode(),
            method=method,
            fields=sent,
            host=HOST,
            public_url=self.public_url,
            client="192.0.2.7",
            at=self.clock(),
        )
        handler = self.endpoints.find(method, request.target.path)
        if isinstance(handler, NoEndpoint):
            return handler.answer(request)
        return await handler(request, body)

    async def get(self, target, **how):
        return await self.send("GET", target, **how)

    async def post(self, target, body=b"", **how):
        form = ((b"content-type", b"application/x-www-form-urlencoded"),)
        how = {"site": "same-origin", "fields": form, **how}
        return await self.send("POST", target, body=body, **how)

    def _keep(self, field_value):
        self.set_cookies.append(field_value)
        pair, *attributes = field_value.split("; ")
        name, _, value = pair.partition("=")
        if name.startswith("__Host-"):
            # RFC 6265bis, section 4.1.3.2: or a browser drops it.
            assert {"Secure", "Path=/"} <= set(attributes), field_value
            assert not any(it.startswith("Domain=") for it in attributes), field_value
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    async def whoami(self):
        response = await self.get("/_gatepost/whoami", navigates=False)
        return json.loads(response.body) if response.status == 200 else None

    def flow_cookies(self):
        return [name for name in self.cookies if "-flow-" in name]


@dataclass
class WireBrowser(Browser):
    """Asks over a connection with TLS, as a gateway with `server.tls` serves it."""

    rules: CookieRules = field(default_factory=CookieRules)
    contexts: tuple = ()
    front: Front | None = None
    server: asyncio.Server | None = None
    connection: tuple = ()

    async def ask(self, method, target, sent, body):
        reader, writer = await self._connected()
        length = [(b"content-length", b"%d" % len(body))] if body or method == "POST" else []
        lines = [b"%b: %b\r\n" % pair for pair in (*sent, *length)]
        head = f"{method} {target} HTTP/1.1\r\n".encode() + b"".join(lines)
        writer.write(head + b"\r\n" + body)
        status_line, *lines = (
            (await soon(reader.readuntil(b"\r\n\r\n"))).decode().split("\r\n")[:-2]
        )
        fields = [tuple(line.split(": ", 1)) for line in lines]
        named = {name.lower(): value for name, value in fields}
        got = await soon(reader.readexactly(int(named.get("content-length", 0))))
        if named.get("connection") == "close":
            writer.close()
            self.connection = ()
        own = ("content-length", "date", "x-request-id", "connection")
        return Response(
            int(status_line.split(" ")[1]),
            tuple(pair for pair in fields if pair[0].lower() not in own),
            got,
        )

    async def _connected(self):
        at_server, at_client = self.contexts
        if self.server is None:
            limits = ClientLimits(32768, 500, 0, 3600.0, 3600.0, 10)
            self.front = Front(self._pipeline(), limits, [], self.clock)
            self.front.start()
            self.server = await listen(self.front, Address("127.0.0.1", 0), at_server)
        if not self.connection:
            self.connection = await asyncio.open_connection(
                "127.0.0.1", port_of(self.server), ssl=at_client, server_hostname=HOST
            )
        return self.connection

    def _pipeline(self):
        # No route: nothing but the endpoints is asked for.
        unused = SessionTools(
            clear=self.rules.no_session_cookie,
            peek=lambda request: None,
            **dict.fromkeys(("end", "leave", "signed_out", "look_up")),
        )
        metrics = Metrics()
        tools = Tools(
            endpoints=self.endpoints,
            metrics=metrics,
            audit=AuditWriter(AuditSettings(), metrics.count_audit_dropped),
            sessions=unused,
            new_request_id=lambda: "r1",
            trace_parent=lambda given: "",
            monotonic=time.monotonic,
        )
        return Pipeline(
            RouteTable(()), {}, Hosts({HOST: self.public_url}, self.public_url), (), tools
        )

    async def aclose(self):
        if self.connection:
            self.connection[1].close()
        if self.server is not None:
            self.server.close()
            self.front.close()
            await self.server.wait_closed()


def location(response):
    return dict(response.fields)["Location"]


def local(url):
    """Path and query of a URL."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@pytest.fixture
async def revocations(providers, sessions):
    found = Revocations(providers)
    sessions.on_revoke(found.session_ended)
    yield found
    await found.aclose()


@pytest.fixture
def providers():
    """Filled by `add_provider`."""
    return {}


@pytest.fixture
def add_provider(providers, hostile, http, clock):
    """Configure a provider: ``add_provider("zitadel", issuer=...)``, or the hostile one."""

    def add(name="hostile", **changes):
        values = {
            "name": name,
            "issuer": hostile.issuer,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "algorithms": tuple(ASYMMETRIC),
            "claims": ClaimNames(groups=("groups",)),
            "label": f"Sign in with {name}",
            **changes,
        }
        providers[name] = Provider(Registration(**values), http, clock)
        return providers[name]

    return add


@pytest.fixture
def sign_ins():
    """Provider and outcome of each sign-in that ended."""
    return []


@pytest.fixture(scope="session")
def listening_tls(tmp_path_factory):
    """What a gateway listens with, and the context of a client that trusts it."""
    authority = Authority(tmp_path_factory.mktemp("ca"))
    pair = authority.issue("gateway", HOST)
    chain = server_tls(ServerTlsSettings(cert_file=pair.cert, key_file=pair.key))
    return ServerTls(chain).context, authority.client_context()


WAYS = ("asked in place", "server.tls")


@pytest.fixture
def way():
    """How a browser reaches the endpoints; a module of tests may ask in both `WAYS`."""
    return WAYS[0]


@pytest.fixture
async def open_browser(request, clock, way):
    """Makes a browser in front of endpoints, whose cookies are by some rules, for a public URL."""
    if way == WAYS[0]:
        yield lambda endpoints, rules, public_url: Browser(endpoints, clock, public_url)
        return
    opened = []

    def open_one(endpoints, rules, public_url):
        contexts = request.getfixturevalue("listening_tls")
        opened.append(WireBrowser(endpoints, clock, public_url, rules=rules, contexts=contexts))
        return opened[-1]

    yield open_one

    for browser in opened:
        await browser.aclose()


@pytest.fixture
def make_browser(providers, sessions, apps, store, clock, sign_ins, open_browser):
    """A browser in front of the endpoints: ``make_browser(same_site="strict")``."""

    def make(public_url=f"https://{HOST}", **how):
        rules = CookieRules(**how)
        deps = Deps(
            providers=providers,
            sessions=sessions,
            all_sessions=AllSessions(sessions, apps),
            cookies=rules,
            clock=clock,
            key_set=lambda: KEY_SET,
            store=store,
            journal=Journal(store, Sealer((b"j" * 32,)), clock),
            told_of_logouts=frozenset(providers),
            on_sign_in=lambda provider, outcome: sign_ins.append((provider, outcome)),
        )
        return open_browser(build_endpoints(deps), rules, public_url)

    return make


@pytest.fixture
def browser(make_browser, add_provider):
    """A browser where one provider, the hostile one, is configured."""
    add_provider()
    return make_browser()
