"""The endpoints with a real session manager, asked the way the server asks them."""

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from gateway.endpoints.cookies import CookieRules
from gateway.endpoints.deps import Deps
from gateway.endpoints.revocations import Revocations
from gateway.endpoints.table import build_endpoints
from gateway.message.fields import Fields
from gateway.message.request import Request
from gateway.message.target import parse_target
from gateway.oidc.http import ProviderHttp
from gateway.oidc.keys import ASYMMETRIC
from gateway.oidc.provider import Provider
from gateway.oidc.registration import ClaimNames, Registration
from gateway.sessions.kinds import EveryKind, token_store
from gateway.sessions.manager import SessionManager
from gateway.sessions.sealing import Sealer
from gateway.sessions.session import Limits
from gateway.storage.memory import MemoryStore
from tests.oidc.hostile import CLIENT_ID, CLIENT_SECRET, HostileProvider, TurnableClock

HOST = "notes.example.com"
KEY_SET = b'{"keys":[]}'


@dataclass
class Browser:
    """Asks the endpoints as a browser does: keeps cookies, says where it navigates."""

    endpoints: object
    clock: TurnableClock
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
        request = Request(
            method=method,
            target=parse_target(target.encode()),
            fields=Fields(sent),
            host=HOST,
            public_url=self.public_url,
            client="192.0.2.7",
            request_id="r1",
            received_at=self.clock(),
        )
        handler = self.endpoints.find(method, request.target.path)
        response = await handler(request, body)
        for name, value in response.fields:
            if name == "Set-Cookie":
                self._keep(value)
        return response

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
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    async def whoami(self):
        response = await self.get("/_gatepost/whoami", navigates=False)
        return json.loads(response.body) if response.status == 200 else None

    def flow_cookies(self):
        return [name for name in self.cookies if "-flow-" in name]


def location(response):
    return dict(response.fields)["Location"]


def local(url):
    """Path and query of a URL."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@pytest.fixture
def clock():
    return TurnableClock()


@pytest.fixture
async def hostile(clock):
    provider = HostileProvider(clock)
    await provider.start()
    yield provider
    await provider.stop()


@pytest.fixture
async def http():
    client = ProviderHttp(timeout_s=2.0)
    yield client
    await client.aclose()


@pytest.fixture
async def store(clock):
    opened = MemoryStore(clock)
    yield opened
    await opened.aclose()


@pytest.fixture
async def sessions(clock, store):
    manager = SessionManager(
        store, Sealer((b"0" * 32,)), Limits(idle_s=3600, absolute_s=86400), clock=clock
    )
    await manager.start()
    yield manager
    await manager.aclose()


@pytest.fixture
async def apps(clock, store, sessions):
    """The sessions behind tokens."""
    manager = SessionManager(token_store(store), sessions.sealer, sessions.limits, clock=clock)
    await manager.start()
    yield manager
    await manager.aclose()


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


@pytest.fixture
def make_browser(providers, sessions, apps, store, clock, sign_ins):
    """A browser in front of the endpoints: ``make_browser(same_site="strict")``."""

    def make(public_url=f"https://{HOST}", **rules):
        deps = Deps(
            providers=providers,
            sessions=sessions,
            every_kind=EveryKind(sessions, apps),
            cookies=CookieRules(**rules),
            clock=clock,
            key_set=lambda: KEY_SET,
            store=store,
            told_of_logouts=frozenset(providers),
            on_sign_in=lambda provider, outcome: sign_ins.append((provider, outcome)),
        )
        return Browser(build_endpoints(deps), clock, public_url)

    return make


@pytest.fixture
def browser(make_browser, add_provider):
    """A browser where one provider, the hostile one, is configured."""
    add_provider()
    return make_browser()
