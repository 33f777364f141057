"""Gateways on which every page can be met, and the people who meet them."""

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pyotp
import requests

from gateway.cli.opened import Kept, load_settings, with_kept
from gateway.credentials.invitations import Invitations
from gateway.credentials.local_accounts import NewPerson
from tests.browser.visitors import Client
from tests.fixtures.accounts import PASSWORD
from tests.fixtures.authenticator import register
from tests.fixtures.gateway import GatewayProcess, gateways
from tests.fixtures.mail import Mailbox, mail_servers
from tests.fixtures.network import take_free_port
from tests.fixtures.oidc import OidcProvider
from tests.fixtures.processes import wait_until
from tests.fixtures.threaded import serving

CALLBACK = "https://wiki.example.com/callback"
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Safari/604.1"


@dataclass(frozen=True)
class Names:
    """What people, operators and clients choose, and pages show."""

    brand: str = "Owl Notes"
    label: str = "Sign in with Zitadel"
    client: str = "Wiki"
    app: str = "Payroll"
    link: str = "Rules of the house"
    description: str = "Salaries, and who is on holiday"
    device_client: str = "Living room TV"
    device_name: str = "TV in the hall"
    user: str = "dora"
    name: str = "Dora Lindqvist"
    email: str = "dora@example.com"
    group: str = "staff"
    key: str = "backup script"
    passkey: str = "Work laptop"
    device: str = LAPTOP
    other_device: str = PHONE


def hostile(field: str) -> str:
    """Markup and a template's expression, which tell where they were meant to go."""
    return f'"><script>{field}</script><b data-injected>{{{{7*7}}}}{{% 7 %}}'


HOSTILE = Names(
    brand=hostile("brand"),
    label=hostile("label"),
    client=hostile("client"),
    app=hostile("app"),
    description=hostile("description"),
    link=hostile("link"),
    device_client=hostile("tv"),
    # What is shown of a device has forty characters at most.
    device_name='"><script>tv</script><b/{{7*7}}>',
    user=hostile("user"),
    name=hostile("name"),
    # What an address may have; anything else is not shown at all.
    email="{{7*7}}'&lt={%7%}@example.com",
    group=hostile("group"),
    key=hostile("key"),
    passkey=hostile("passkey"),
    # Nor a space, where it is a browser's name.
    device='"><script>device</script><b/{{7*7}}>',
    other_device='"><script>other</script><b/{{7*7}}>',
)


class App(BaseHTTPRequestHandler):
    """An app with a form that has to be sent by somebody who is signed in."""

    def do_GET(self) -> None:
        """The form, at any path."""
        kind = "text/plain" if "plain" in self.path else "multipart/form-data"
        self._answer(
            '<!doctype html><html lang="en"><title>Notes</title><h1>Notes</h1>'
            f'<form method="post" action="/save" enctype="{kind}"><input name="text" value="Owls">'
            '<input type="file" name="photo"><button>Save</button></form>'
        )

    def do_POST(self) -> None:
        """Take anything."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer("<h1>Saved</h1>")

    def _answer(self, page: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page.encode())))
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class World:
    """What runs.

    Attributes:
        gateway: Has all ways to sign in, and all that pages tell of.
        small: Is not set up yet, and has nothing but local accounts.
        login: Of dora at the provider.
        recovery_codes: Of the people with a second factor, each of them good once.
        app: Where the app is, which takes what clients are sent as well.
    """

    names: Names
    gateway: GatewayProcess
    small: GatewayProcess
    mailbox: Mailbox
    login: str
    recovery_codes: dict[str, list[str]]
    app: str

    @property
    def url(self) -> str:
        return f"http://localhost:{self.gateway.port}"

    @property
    def small_url(self) -> str:
        return f"http://localhost:{self.small.port}"

    @property
    def setup_token(self) -> str:
        [token] = re.findall(r"setup token: (\S+)", self.small.log())
        return str(token)

    def client(self, device: str = LAPTOP) -> Client:
        """Somebody new."""
        return Client(self.url, device)

    def signed_in(self, user: str, device: str = LAPTOP) -> CookieJar:
        """A new session of a local account."""
        client = self.client(device)
        client.open("/_gatepost/sign-in?return_to=/form")
        client.send(username=user, password=PASSWORD)
        assert client.seen.heading == "Notes", client.seen.text
        return client.http.cookies

    def signed_in_at_provider(self, device: str) -> CookieJar:
        """A new session of somebody whom the provider tells of."""
        client = self.client(device)
        client.open("/_gatepost/login/zitadel?return_to=/form")
        pass_provider(client, self.login)
        assert client.seen.heading == "Notes", client.seen.text
        return client.http.cookies

    @functools.cached_property
    def ann(self) -> CookieJar:
        """The session of somebody who uses everything."""
        client = self.client()
        client.become(self.signed_in("ann"))
        client.open("/_gatepost/account")
        client.send("link", "zitadel")
        pass_provider(client, f"{self.login}-ann")
        client.send("create_key", "1", key_name=self.names.key)
        client.open("/_gatepost/account")
        client.send(secret="only for the notes")
        self._add_passkey(client)
        client.open(self.authorize_path(redirect_uri=f"{self.app}/callback"))
        client.send("answer", "allow")
        # Linking has ended all other sessions.
        self.signed_in("ann", self.names.other_device)
        return client.http.cookies

    @functools.cached_property
    def protected(self) -> CookieJar:
        """The session of somebody with a second factor."""
        client = self.client()
        client.open("/_gatepost/sign-in?return_to=/form")
        client.send(username="cy", password=PASSWORD)
        client.send(code=self.recovery_codes["cy"].pop())
        assert client.seen.heading == "Notes", client.seen.text
        return client.http.cookies

    @functools.cached_property
    def dora(self) -> CookieJar:
        """The session of somebody whom the provider tells of, with a key."""
        client = self.client()
        client.become(self.signed_in_at_provider(self.names.device))
        client.open("/_gatepost/account")
        client.send("create_key", "1", key_name=self.names.key)
        client.open("/_gatepost/account")
        client.send("ask_access", "admin")
        # What the desk tells of.
        client.open("/admin")
        client.open("/drafts")
        self.signed_in_at_provider(self.names.other_device)
        return client.http.cookies

    def account_id(self, user: str) -> str:
        """The id of the account with a user name."""

        async def look(kept: Kept) -> str:
            account_id, _ = await kept.accounts.named(user)
            return str(account_id)

        return with_kept(load_settings(self.gateway.config_path), look)

    @functools.cached_property
    def links(self) -> dict[str, str]:
        """What mails would have: the paths to an invitation, and to a new password."""

        async def make(kept: Kept) -> dict[str, str]:
            desk, local = kept.accounts, kept.local.accounts
            account_id, _ = await desk.named("bob")
            made = await self._invite(kept)
            invited = await Invitations(desk, local).token(made, "eve@example.com")
            return {
                "reset": f"/_gatepost/reset?token={await local.reset_token(account_id)}",
                "invitation": f"/_gatepost/invitation?token={invited}",
            }

        return with_kept(load_settings(self.gateway.config_path), make)

    @functools.cached_property
    def email_link(self) -> str:
        """The path in a mail that confirms another address of bob."""
        client = self.client()
        client.become(self.signed_in("bob"))
        client.open("/_gatepost/account")
        client.send(new_email="bob@other.example.com")
        wait_until(
            lambda: bool(self.mailbox.to("bob@other.example.com")), self.gateway.process, "a mail"
        )
        link = urlsplit(self.mailbox.to("bob@other.example.com")[0].link)
        return f"{link.path}?{link.query}"

    def authorize_path(
        self, client_id: str = "wiki", redirect_uri: str = CALLBACK, path: str = ""
    ) -> str:
        """Where a client sends somebody, to use what is at `path` or everything."""
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
            "scope": "openid email reports:read",
            **({"resource": f"{self.url}{path}"} if path else {}),
        }
        return f"/_gatepost/authorize?{urlencode(asked)}"

    @functools.cached_property
    def registered_client(self) -> str:
        """The id of a client that registered itself."""
        about = {"client_name": self.names.client, "redirect_uris": ["http://127.0.0.1/callback"]}
        answer = requests.post(f"{self.url}/_gatepost/register", json=about, timeout=30)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["client_id"])

    def device_code(self) -> str:
        """The code that a device shows."""
        form = {"client_id": "tv", "device_name": self.names.device_name}
        headers = {"User-Agent": self.names.device}
        where = f"{self.url}/_gatepost/device_authorization"
        answer = requests.post(where, data=form, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["user_code"])

    async def _invite(self, kept: Kept) -> str:
        from gateway.accounts.desk import AccountDesk

        found = await AccountDesk(kept.accounts).invite("eve@example.com", None, "", (), ())
        return str(found.account_id)

    def _add_passkey(self, client: Client) -> None:
        own = f"{self.url}/_gatepost/api/passkeys"
        headers = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
        asked = client.http.post(f"{own}/options", headers=headers).json()
        _, credential = register(asked, self.url)
        about = {"credential": credential, "name": self.names.passkey}
        answer = client.http.post(own, json=about, headers=headers)
        assert answer.status_code == 201, answer.text


def pass_provider(client: Client, login: str) -> None:
    """Sign in at the provider, whose pages are forms too, and consent."""
    client.send(login=login, password="any")
    client.send()


@contextmanager
def worlds(directory: Path, provider: OidcProvider) -> Iterator[Callable[[Names], World]]:
    """Start worlds with these names in them."""
    with ExitStack() as stack:
        app = stack.enter_context(serving(App))
        start_mail = stack.enter_context(mail_servers())
        start = stack.enter_context(gateways(directory))

        def begin(names: Names) -> World:
            mailbox = start_mail()
            login = f"dora-{take_free_port()}"
            gateway = start(_settings(names, app, mailbox, provider))
            port = take_free_port()
            listen = {"listen": f"127.0.0.1:{port}"}
            small = start(
                {
                    "auth_mode": "standalone",
                    "public_url": f"http://localhost:{port}",
                    "server": listen,
                    "upstreams": {"app": app},
                }
            )
            for who in (login, f"{login}-ann"):
                provider.set_claims(
                    who,
                    name=names.name,
                    email=names.email,
                    groups=[names.group],
                    preferred_username=names.user if who == login else "ann",
                )
            codes = _add_people(gateway)
            return World(names, gateway, small, mailbox, login, codes, app)

        yield begin


def _settings(names: Names, app: str, mailbox: Mailbox, provider: OidcProvider) -> dict[str, Any]:
    port = take_free_port()
    url = f"http://localhost:{port}"
    client = provider.register(
        f"{url}/_gatepost/callback/zitadel", scope="openid profile email groups"
    )
    gone = f"http://127.0.0.1:{take_free_port()}"
    return {
        "auth_mode": "hybrid",
        "public_url": url,
        "server": {"listen": f"127.0.0.1:{port}"},
        "pages": {
            "name": names.brand,
            "contact": "mailto:ops@example.com",
            "links": {names.link: "/form", "Imprint": "https://example.com/imprint"},
        },
        "admins": [{"user": "ann"}],
        "upstreams": {
            "app": {
                "url": app,
                "request_headers": {"set": {"X-Notes-Key": {"account_secret": "notes-key"}}},
            },
            "down": gone,
            "asleep": {"url": gone, "wake_timeout": "10m"},
        },
        "providers": {
            "zitadel": {
                "issuer": provider.issuer,
                "client_id": client.client_id,
                "client_secret": client.client_secret,
                "scopes": ["openid", "profile", "email", "groups"],
                "claims": {"user": "preferred_username", "groups": "groups"},
                "label": names.label,
            },
            "work": {
                "issuer": "https://work.example.com",
                "client_id": "notes",
                "label": "Sign in at work",
            },
        },
        "smtp": {"url": f"smtp://{mailbox.address}", "from": "Notes <notes@example.com>"},
        "api_keys": {"grantable_scopes": ["reports:read", "reports:write"]},
        "tokens": {
            "registration": "open",
            "clients": {
                "wiki": {"name": names.client, "redirect_uris": [CALLBACK, f"{app}/callback"]},
                "tv": {"name": names.device_client, "device": True},
            },
        },
        "routes": [
            {"name": "form", "prefix": "/form", "upstream": "app", "access": "public"},
            {
                "name": "drafts",
                "prefix": "/drafts",
                "upstream": "app",
                "access": "denied",
                "enforce": False,
            },
            {"name": "down", "prefix": "/down", "upstream": "down", "access": "public"},
            {"name": "asleep", "prefix": "/asleep", "upstream": "asleep", "access": "public"},
            {
                "name": "admin",
                "prefix": "/admin",
                "upstream": "app",
                "launch": {"name": names.app, "description": names.description, "ask": True},
                "access": {"allow": [{"group": "nobody is in it"}]},
            },
            {
                "name": "mcp",
                "prefix": "/mcp",
                "upstream": "app",
                "access": {"allow": [{"scope": "reports:read"}]},
                "mcp": True,
            },
            {
                "name": "rest",
                "prefix": "/",
                "upstream": "app",
                "access": "signed_in",
                "launch": {"name": "Notes", "description": "Minutes and how-tos", "path": "/form"},
            },
        ],
    }


PEOPLE = (
    NewPerson("ann", "ann@example.com", roles=("editor",), groups=("staff", "notes-editors")),
    NewPerson("bob", "bob@example.com"),
    NewPerson("cy", "cy@example.com"),
    NewPerson("di", "di@example.com"),
)


def _add_people(gateway: GatewayProcess) -> dict[str, list[str]]:
    """Add them; the recovery codes of those with a second factor."""

    async def make(kept: Kept) -> dict[str, list[str]]:
        local = kept.local.accounts
        _, hashed = await local.ready(NewPerson("ann"), PASSWORD)
        for person in PEOPLE:
            await local.add(person, hashed)
        found = {}
        for user in ("cy", "di"):
            secret = pyotp.random_base32()
            account_id, _ = await kept.accounts.named(user)
            code, now = pyotp.TOTP(secret).now(), kept.accounts.clock()
            _, codes = await kept.local.factors.turn_on(account_id, secret, code, now)
            found[user] = list(codes)
        return found

    return with_kept(load_settings(gateway.config_path), make)
