"""Attacks on sign-ins, sessions, tokens and keys."""

import asyncio
import os
import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from gateway.assembly.serving import clock
from gateway.credentials.key_format import new_key
from gateway.model import Identity
from tests.attacks.conftest import Lab
from tests.authn.issuer import AUDIENCE, INTROSPECTION, OPAQUE, TokenIssuer
from tests.dataplane.harness import Answer, Client, RunningGateway, request, split_fields
from tests.e2e.phone import Phone
from tests.oidc.hostile import CLIENT_ID, CLIENT_SECRET

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PAGE = "Accept: text/html"
NAVIGATION = ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none", PAGE)


def providers(provider: TokenIssuer) -> dict[str, Any]:
    """The settings of a gateway that is registered at `provider`."""
    return {
        "idp": {
            "issuer": provider.issuer,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "claims": {"user": "preferred_username"},
        }
    }


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in on its way: what sent the browser to the provider, and its cookies."""

    answer: Answer
    cookies: str

    @property
    def location(self) -> str:
        """Where the browser was sent."""
        return self.answer.all(b"location")[0].decode()


def cookies_of(answer: Answer) -> str:
    """A Cookie line of what the answer sets and does not clear."""
    pairs = [value.decode().split("; ") for value in answer.all(b"set-cookie")]
    kept = "; ".join(pair for pair, *rest in pairs if "Max-Age=0" not in rest)
    return f"Cookie: {kept}" if kept else "X-No-Cookie: 1"


async def begin(
    running: RunningGateway, target: str = "/_gatepost/login/idp?return_to=/", *lines: str
) -> Begun:
    """Go to the provider."""
    answer = await running.ask(request(target, *NAVIGATION, *lines))
    return Begun(answer, cookies_of(answer))


def callback_of(provider: TokenIssuer, begun: Begun, **extra: str) -> bytes:
    """The request by which the browser comes back."""
    query = urlencode({**provider.approve(begun.location), **extra})
    return request(f"/_gatepost/callback/idp?{query}", *NAVIGATION, begun.cookies)


class Crowd(TokenIssuer):
    """A provider where each code is of whoever it was given to."""

    def __init__(self, clock):
        super().__init__(clock)
        self.wrongs.signing = {"key": "p256", "alg": "ES256"}
        self.owners: dict[str, str] = {}

    async def start(self, aiohttp_server):
        await super().start(aiohttp_server)
        self.wrongs.discovery["userinfo_endpoint"] = None

    def give(self, begun: Begun, user: str) -> bytes:
        """The request by which `user` comes back."""
        code = f"code-of-{len(self._codes)}-{user}"
        asked = {k: v[0] for k, v in parse_qs(urlsplit(begun.location).query).items()}
        self._codes[code] = asked
        self.owners[code] = user
        query = urlencode({"state": asked["state"], "code": code, "iss": self.issuer})
        return request(f"/_gatepost/callback/idp?{query}", *NAVIGATION, begun.cookies)

    def grant(self, request):
        user = self.owners[self.forms[-1]["code"][0]]
        self.wrongs.claims = {"sub": f"subject-of-{user}", "preferred_username": user}
        return super().grant(request)


async def two_hundred_sign_ins_at_once_are_two_hundred_users(lab: Lab) -> None:
    """Sign 200 users in, all of them under way at the same time, and ask who each one is."""
    upstream = await lab.upstream(OK)
    crowd = await lab.provider(Crowd)
    running = await lab.gateway(
        upstream.url,
        providers=providers(crowd),
        routes=[{"name": "all", "prefix": "/", "access": "signed_in"}],
    )
    users = [f"user-{n:03}" for n in range(200)]

    begun = await asyncio.gather(
        *(begin(running, f"/_gatepost/login/idp?return_to=/of/{user}") for user in users)
    )
    back = await asyncio.gather(
        *(running.ask(crowd.give(one, user)) for one, user in zip(begun, users, strict=True))
    )
    assert [it.all(b"location") for it in back] == [[f"/of/{user}".encode()] for user in users]
    await asyncio.gather(
        *(
            running.ask(request(f"/of/{user}", cookies_of(it)))
            for it, user in zip(back, users, strict=True)
        )
    )

    seen = {}
    for head in upstream.heads:
        line, _, fields = head.partition(b"\r\n")
        seen[line.split(b" ")[1].decode()] = dict(split_fields(fields))[b"remote-user"].decode()
    assert seen == {f"/of/{user}": user for user in users}


async def a_weak_sign_in_meets_no_strong_rule(lab: Lab) -> None:
    """Prove it again in a weaker way, long ago or not to the end where more is asked for."""
    upstream = await lab.upstream(OK)
    provider = await lab.provider()
    running = await lab.gateway(
        upstream.url,
        providers=providers(provider),
        routes=[
            {"name": "gold", "prefix": "/gold", "access": {"allow": [{"acr": "gold"}]}},
            {"name": "fresh", "prefix": "/fresh", "access": {"allow": [{"max_age": "60s"}]}},
            {"name": "all", "prefix": "/", "access": "signed_in"},
        ],
    )
    long_ago = int(clock()) - 3600
    for target, claims, meets in (
        ("/gold", {"acr": "bronze", "auth_time": int(clock())}, False),
        ("/gold", {"acr": "goldfish"}, False),
        ("/gold", {}, False),
        ("/gold", {"acr": "gold"}, True),
        ("/fresh", {"acr": "gold", "auth_time": long_ago}, False),
        ("/fresh", {"acr": "gold"}, False),
        ("/fresh", {"auth_time": int(clock())}, True),
    ):
        provider.wrongs.claims = {"auth_time": long_ago}
        weak = cookies_of(await running.ask(callback_of(provider, await begin(running))))
        assert (await running.ask(request("/", weak))).status == 200
        asked = await running.ask(request(target, *NAVIGATION, weak))
        assert asked.status == 302
        again = await begin(running, asked.all(b"location")[0].decode(), weak)
        # A sign-in that was begun and not ended is none.
        half = await running.ask(request(target, again.cookies))
        assert half.status == 401
        provider.wrongs.claims = claims
        back = await running.ask(callback_of(provider, again))
        strong = cookies_of(back)
        for session in {weak, strong}:
            answer = await running.ask(request(target, *NAVIGATION, session))
            expected = 200 if meets and session == strong else 302
            assert answer.status == expected, (target, claims, back.status)


async def a_flood_of_unknown_keys_shuts_nobody_out(lab: Lab) -> None:
    """Send 300 unknown keys and cookies from one address, then ask as others, also from there."""
    upstream = await lab.upstream(OK)
    provider = await lab.provider()
    running = await lab.gateway(
        upstream.url,
        api_keys={},
        providers=providers(provider),
        routes=[{"name": "all", "prefix": "/", "access": "signed_in"}],
    )
    alice = await _key(running, "alice")
    bob = await _key(running, "bob")
    cookie = (await running.sign_in()).strip()
    assert (await running.ask(request("/", f"X-API-Key: {alice}"))).status == 200

    floods = [f"X-API-Key: {new_key(os.urandom)}" for _ in range(300)]
    floods += ["Cookie: gatepost=" + os.urandom(24).hex() + "A" * 16 for _ in range(300)]
    statuses = {(await running.ask(request("/", line))).status for line in floods}
    assert statuses == {401, 429}

    # Somebody else: a key that no worker knows yet, a session, a sign-in.
    for address in ("127.0.0.2", "127.0.0.1"):
        for line in (cookie, f"X-API-Key: {alice}"):
            assert (await _ask_from(running, address, request("/", line))).status == 200
        begun = await begin(running)
        assert (await running.ask(callback_of(provider, begun))).status == 302
    assert (await _ask_from(running, "127.0.0.2", request("/", f"X-API-Key: {bob}"))).status == 200


async def _key(running: RunningGateway, user: str) -> str:
    owner = Identity(user=user, subject=user, issuer="https://id.test", credential="session")
    about = {"name": "ci", "scopes": [], "routes": [], "lifetime_s": 60, "now": clock()}
    key, _ = await running.gateway.lasting.keys.create(owner, **about)
    return key


async def _ask_from(running: RunningGateway, address: str, data: bytes) -> Answer:
    client = Client(
        *await asyncio.open_connection("127.0.0.1", running.port, local_addr=(address, 0))
    )
    try:
        return await client.ask(data)
    finally:
        client.abort()


async def a_code_is_of_one_app(lab: Lab) -> None:
    """Bring a code of app A as app B, with the redirect URI of either, and as A with B's."""
    certified = lab.certified()
    upstream = await lab.upstream(OK)
    callbacks = {"a": "com.example.a:/callback", "b": "com.example.b:/callback"}
    ids = {
        name: certified.register(
            uri, application_type="native", token_endpoint_auth_method="none"
        ).client_id
        for name, uri in callbacks.items()
    }
    running = await lab.gateway(
        upstream.url,
        public_url="http://localhost",
        providers={"id": {"issuer": certified.issuer, "client_id": "web", "client_secret": "x"}},
        tokens={
            "clients": {
                name: {"provider": "id", "client_id": ids[name], "redirect_uris": [uri]}
                for name, uri in callbacks.items()
            }
        },
    )
    gateway = SimpleNamespace(base_url=f"http://127.0.0.1:{running.port}")
    async with Phone(gateway, certified, ids["a"], client="a", callback=callbacks["a"]) as phone:
        for client, uri in (("b", "a"), ("b", "b"), ("a", "b"), ("b", None), (None, "a")):
            code = await phone.code("alice")
            redirect = callbacks[uri] if uri else None
            answer = await phone.relay(code, client_id=client, redirect_uri=redirect)
            assert answer[0] in (400, 401), (client, uri, answer)
            assert "access_token" not in answer[1]
        status, tokens = await phone.relay(await phone.code("alice"))
        assert status == 200
        assert tokens["access_token"]
    assert certified.log_path.read_text().count("granted: authorization_code") >= 1


ELSEWHERE = (
    "https://good@evil.test/cb",
    "https://app.test@evil.test/",
    "https://app.test:x@evil.test/",
    "//good@evil.test/cb",
    "//evil.test",
    "///evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "/\t/evil.test",
    "/\n/evil.test",
    "https:evil.test",
    "http:///evil.test",
    "javascript:alert(1)",
    "/..//evil.test",
    "/.//evil.test",
    "@evil.test",
    ".evil.test",
)


async def no_way_back_leads_elsewhere(lab: Lab) -> None:
    """Ask to be sent elsewhere after a sign-in, after one that fails, and after a sign-out."""
    upstream = await lab.upstream(OK)
    provider = await lab.provider(Crowd)
    running = await lab.gateway(upstream.url, providers=providers(provider))
    for there in ELSEWHERE:
        target = quote(there, safe="")
        begun = await begin(running, f"/_gatepost/login/idp?return_to={target}")
        back = await running.ask(provider.give(begun, "alice"))
        assert back.all(b"location") == [b"/"], there
        session = cookies_of(back)

        # `prompt=none` and the like: the provider sends an error back.
        begun = await begin(running, f"/_gatepost/login/idp?return_to={target}")
        state = parse_qs(urlsplit(begun.location).query)["state"][0]
        for known in (state, "unknown"):
            wrong = urlencode({"error": "login_required", "state": known, "iss": provider.issuer})
            more = f"return_to={target}&redirect_uri={target}"
            failed = await running.ask(
                request(f"/_gatepost/callback/idp?{wrong}&{more}", *NAVIGATION, begun.cookies)
            )
            assert failed.status in (400, 403), there
            assert _leads_to(failed) <= {b""}, there

        query = f"?return_to={target}&post_logout_redirect_uri={target}"
        lines = (PAGE, "Sec-Fetch-Site: same-origin", session)
        for method, more, status in (("GET", query, 200), ("POST", query, 400), ("POST", "", 303)):
            out = await running.ask(request(f"/_gatepost/logout{more}", *lines, method=method))
            assert out.status == status, (method, there)
            assert _leads_to(out) <= {b"", urlsplit(provider.issuer.encode()).netloc}, there
            for location in out.all(b"location"):
                (after,) = parse_qs(urlsplit(location.decode()).query)["post_logout_redirect_uri"]
                assert after == "http://app.test/_gatepost/logout", there


def _leads_to(answer: Answer) -> set[bytes]:
    """The hosts that redirects, refreshes, links and forms of `answer` lead to; b"" is ours."""
    refreshes = [value.partition(b"url=")[2] for value in answer.all(b"refresh")]
    links = re.findall(rb'(?:href|action|src)="([^"]*)"', answer.body)
    return {urlsplit(url).netloc for url in (*answer.all(b"location"), *refreshes, *links)}


async def an_answer_about_a_token_is_of_its_issuer_and_route(lab: Lab) -> None:
    """Send one opaque token where two issuers are asked, and where routes ask for other scopes."""
    upstream = await lab.upstream(OK)
    one, two = await lab.provider(), await lab.provider()
    routes = [
        {"name": "read", "prefix": "/read", "access": {"allow": [{"scope": "read"}]}},
        {"name": "write", "prefix": "/write", "access": {"allow": [{"scope": "write"}]}},
        {"name": "all", "prefix": "/", "access": "signed_in"},
    ]

    def asks(issuer: TokenIssuer) -> dict[str, Any]:
        return {"issuer": issuer.issuer, "audiences": [AUDIENCE], "introspection": INTROSPECTION}

    async def told(running: RunningGateway, target: str) -> tuple[int, bytes | None]:
        before = len(upstream.heads)
        answer = await running.ask(request(target, f"Authorization: Bearer {OPAQUE}"))
        fields = [dict(split_fields(it.partition(b"\r\n")[2])) for it in upstream.heads[before:]]
        return answer.status, fields[0][b"remote-user"] if fields else None

    both = await lab.gateway(upstream.url, routes=routes, bearer=[asks(one), asks(two)])
    first = await lab.gateway(upstream.url, routes=routes, bearer=[asks(one)])
    one.answers[OPAQUE] = {"active": False}
    two.answers[OPAQUE] = {"active": True, **two.claims(sub="bob", scope="read")}

    for _ in range(2):
        assert await told(both, "/read") == (200, b"bob")
        assert await told(both, "/write") == (403, None)
        assert await told(both, "/") == (200, b"bob")
        assert await told(first, "/read") == (401, None)
