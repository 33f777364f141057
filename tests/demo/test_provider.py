"""The development provider as a process of its own, asked by a real client."""

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import aiohttp
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.fixtures.processes import terminate

CALLBACK = "http://127.0.0.1:1/callback"
AFTER_LOGOUT = "http://127.0.0.1:1/signed-out"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:-1]
# Characters that form-encoding and Basic treat differently.
SECRET = "s:e+c r%t/ü"

WEB = {
    "client_id": "notes:web",
    "client_secret": SECRET,
    "redirect_uris": [CALLBACK],
    "post_logout_redirect_uris": [AFTER_LOGOUT],
}
PUBLIC = {
    "client_id": "app",
    "redirect_uris": [CALLBACK],
    "id_token_signed_response_alg": "ES256",
    "claims_in_id_token": False,
    "opaque_access_tokens": True,
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    clients = [f"--client={json.dumps(client)}" for client in (WEB, PUBLIC)]
    command = [sys.executable, "-m", "gateway.demo.provider", "--port=0", *clients]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["issuer"]
        assert terminate(process, "provider") == 0


@dataclass(slots=True)
class Browser:
    """A browser with its cookies, and the clients' back channel."""

    issuer: str
    http: aiohttp.ClientSession
    query: str = ""

    async def open(self, **changes: str | None) -> tuple[int, str]:
        """Open the authorization endpoint; status, and where it leads or what it shows."""
        wanted = {
            "response_type": "code",
            "client_id": WEB["client_id"],
            "redirect_uri": CALLBACK,
            "scope": "openid profile email",
            "state": "s1",
            "nonce": "n1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        self.query = urlencode({k: v for k, v in wanted.items() if v is not None})
        return await self.get(f"/authorize?{self.query}")

    async def get(self, path: str) -> tuple[int, str]:
        async with self.http.get(self.issuer + path, allow_redirects=False) as response:
            return response.status, response.headers.get("Location") or await response.text()

    async def post(self, path: str, **form: str) -> tuple[int, str]:
        async with self.http.post(self.issuer + path, data=form, allow_redirects=False) as response:
            return response.status, response.headers.get("Location") or await response.text()

    async def sign_in(self, person: str = "alice", **changes: str | None) -> dict[str, str]:
        """Walk to the end of a sign-in: the parameters the client is sent."""
        status, _ = await self.open(**changes)
        assert status == 200
        status, location = await self.post(f"/sign-in?{self.query}", person=person)
        assert status == 303
        return parameters_of(location)

    async def code(self, person: str = "alice", **changes: str | None) -> str:
        return (await self.sign_in(person, **changes))["code"]

    async def redeem(self, code: str, /, **changes: str) -> tuple[int, dict[str, Any]]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **changes,
        }
        return await self.ask("/token", form)

    async def ask(
        self, path: str, form: dict[str, str], authorization: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        headers = {}
        if authorization is None and "client_id" not in form:
            authorization = basic(str(WEB["client_id"]), SECRET)
        if authorization:
            headers["Authorization"] = authorization
        async with self.http.post(self.issuer + path, data=form, headers=headers) as response:
            assert "no-store" in response.headers["Cache-Control"]
            return response.status, json.loads(await response.read() or b"{}")

    async def userinfo(self, token: str) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.get(self.issuer + "/userinfo", headers=headers) as response:
            return response.status, await response.json()

    async def claims(self, token: str, algorithm: str = "RS256") -> dict[str, Any]:
        async with self.http.get(self.issuer + "/jwks") as response:
            keys = KeySet.import_key_set(await response.json())
        return jwt.decode(token, keys, algorithms=[algorithm]).claims


def basic(client_id: str, secret: str) -> str:
    # RFC 6749, section 2.3.1: form-encoded before it is joined.
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def parameters_of(location: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(location).query).items()}


@pytest.fixture
async def browser(issuer: str) -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Browser(issuer, http)


async def test_discovery_names_endpoints_that_exist(browser: Browser) -> None:
    _, text = await browser.get("/.well-known/openid-configuration")
    metadata = json.loads(text)

    assert metadata["issuer"] == browser.issuer
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    endpoints = [value for name, value in metadata.items() if name.endswith("_endpoint")]
    for url in [*endpoints, metadata["jwks_uri"]]:
        status, _ = await browser.get(url.removeprefix(browser.issuer))
        assert status != 404, url


async def test_a_sign_in_ends_with_tokens_for_that_person(browser: Browser) -> None:
    answer = await browser.sign_in()
    status, tokens = await browser.redeem(answer["code"])
    claims = await browser.claims(tokens["id_token"])

    assert (answer["state"], answer["iss"]) == ("s1", browser.issuer)
    assert (status, tokens["token_type"], "refresh_token" in tokens) == (200, "Bearer", False)
    assert claims["iss"] == browser.issuer
    assert claims["aud"] == WEB["client_id"]
    assert (claims["sub"], claims["name"]) == ("user-alice", "Alice Archer")
    assert (claims["nonce"], claims["groups"]) == ("n1", ["admins", "staff"])
    assert claims["exp"] > claims["iat"] >= claims["auth_time"]
    assert await browser.userinfo(tokens["access_token"]) == (
        200,
        {
            "sub": "user-alice",
            "name": "Alice Archer",
            "preferred_username": "alice",
            "email": "alice@example.com",
            "email_verified": True,
            "groups": ["admins", "staff"],
            "roles": ["admin"],
        },
    )


async def test_any_name_will_do(browser: Browser) -> None:
    _, tokens = await browser.redeem(await browser.code("Dora <Dörte>"))

    _, claims = await browser.userinfo(tokens["access_token"])

    assert (claims["sub"], claims["name"]) == ("user-dora-d-rte", "Dora <Dörte>")
    assert (await browser.claims(tokens["id_token"]))["groups"] == []


async def test_a_public_client_uses_pkce_alone(browser: Browser) -> None:
    code = await browser.code(client_id="app")

    status, tokens = await browser.redeem(code, client_id="app")

    assert status == 200
    assert "." not in tokens["access_token"]
    assert "name" not in await browser.claims(tokens["id_token"], "ES256")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"redirect_uri": CALLBACK + "/"}, "invalid_grant"),
        ({"code": "unknown"}, "invalid_grant"),
        ({"client_id": "app"}, "invalid_grant"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_id": WEB["client_id"]}, "invalid_client"),
        ({"client_id": WEB["client_id"], "client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_a_code_is_refused_unless_everything_fits(
    browser: Browser, changes: dict[str, str], error: str
) -> None:
    status, answer = await browser.redeem(await browser.code(), **changes)

    assert (status, answer["error"]) == (401 if error == "invalid_client" else 400, error)


async def test_client_secret_post_works_and_mixing_does_not(browser: Browser) -> None:
    post = {"client_id": str(WEB["client_id"]), "client_secret": SECRET}
    form = {"grant_type": "refresh_token", "refresh_token": "x", **post}

    assert (await browser.redeem(await browser.code(), **post))[0] == 200
    mixed = await browser.ask("/token", form, basic(post["client_id"], SECRET))
    assert mixed[1]["error"] == "invalid_request"


async def test_a_replayed_code_ends_the_whole_grant(browser: Browser) -> None:
    code = await browser.code()
    _, tokens = await browser.redeem(code)

    assert (await browser.userinfo(tokens["access_token"]))[0] == 200
    status, answer = await browser.redeem(code)
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert (await browser.userinfo(tokens["access_token"]))[0] == 401


async def test_refresh_tokens_rotate_and_their_reuse_ends_the_grant(browser: Browser) -> None:
    _, tokens = await browser.redeem(await browser.code(scope="openid offline_access"))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    status, fresh = await browser.ask("/token", form)
    claims = await browser.claims(fresh["id_token"])
    again = await browser.ask("/token", form)
    newest = await browser.ask("/token", {**form, "refresh_token": fresh["refresh_token"]})

    assert (status, claims["sub"], "nonce" in claims) == (200, "user-alice", False)
    assert (again[0], again[1]["error"]) == (400, "invalid_grant")
    assert (newest[0], newest[1]["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": CALLBACK + "?x=1"},
        {"redirect_uri": "http://evil.example/callback"},
        {"redirect_uri": None},
        {"client_id": "nobody"},
    ],
)
async def test_an_untrusted_redirect_uri_is_never_visited(
    browser: Browser, changes: dict[str, str | None]
) -> None:
    status, text = await browser.open(**changes)

    assert status == 400
    assert "refuses" in text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"request": "x"}, "request_not_supported"),
        ({"max_age": "-1"}, "invalid_request"),
    ],
)
async def test_other_errors_go_to_the_client(
    browser: Browser, changes: dict[str, str | None], error: str
) -> None:
    status, location = await browser.open(**changes)
    answer = parameters_of(location)

    assert status == 303
    assert location.startswith(CALLBACK + "?")
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "s1", browser.issuer)


async def test_a_repeated_parameter_is_refused(browser: Browser) -> None:
    await browser.open()

    status, _ = await browser.get(f"/authorize?{browser.query}&client_id=app")

    assert status == 400


async def test_signing_in_once_is_enough_unless_more_is_asked(browser: Browser) -> None:
    await browser.sign_in("bob")

    assert (await browser.open())[0] == 303
    assert (await browser.open(prompt="none"))[0] == 303
    assert (await browser.open(max_age="300"))[0] == 303
    assert (await browser.open(max_age="0"))[0] == 200
    assert (await browser.open(prompt="login"))[0] == 200
    assert (await browser.open(acr_values="gold silver"))[0] == 200


async def test_a_stronger_sign_in_says_so(browser: Browser) -> None:
    _, tokens = await browser.redeem(await browser.code(acr_values="gold silver"))
    claims = await browser.claims(tokens["id_token"])

    assert (claims["acr"], claims["amr"]) == ("gold", ["pwd", "otp"])
    assert (await browser.open(acr_values="gold"))[0] == 303


async def test_consent_is_asked_for_and_may_be_refused(browser: Browser) -> None:
    await browser.sign_in()

    status, text = await browser.open(prompt="consent")
    _, yes = await browser.post(f"/consent?{browser.query}", answer="yes")
    _, no = await browser.post(f"/consent?{browser.query}", answer="no")

    assert (status, "Allow access?" in text) == (200, True)
    assert "code" in parameters_of(yes)
    assert parameters_of(no)["error"] == "access_denied"


async def test_form_post_carries_the_answer_in_a_form(browser: Browser) -> None:
    await browser.sign_in()

    status, text = await browser.open(response_mode="form_post")

    assert status == 200
    assert f'action="{CALLBACK}"' in text
    assert 'name="code"' in text


async def test_logout_ends_the_sign_in_and_goes_on_only_where_registered(
    browser: Browser,
) -> None:
    _, tokens = await browser.redeem(await browser.code())
    hint = {"id_token_hint": tokens["id_token"], "state": "x y"}
    wrong = urlencode({**hint, "post_logout_redirect_uri": "http://evil.example/"})
    right = urlencode({**hint, "post_logout_redirect_uri": AFTER_LOGOUT})

    assert (await browser.get("/end-session"))[0] == 200
    assert (await browser.open())[0] == 303
    assert (await browser.get(f"/end-session?{wrong}"))[0] == 400
    assert (await browser.open())[0] == 303
    assert await browser.get(f"/end-session?{right}") == (303, AFTER_LOGOUT + "?state=x+y")
    assert (await browser.open())[0] == 200


async def test_introspection_and_revocation(browser: Browser) -> None:
    _, tokens = await browser.redeem(await browser.code(scope="openid offline_access"))
    access, refresh = {"token": tokens["access_token"]}, {"token": tokens["refresh_token"]}

    _, live = await browser.ask("/introspect", access)
    assert (live["active"], live["sub"], live["token_type"]) == (True, "user-alice", "Bearer")
    assert await browser.ask("/introspect", {"token": "x"}) == (200, {"active": False})
    assert (await browser.ask("/introspect", {**access, "client_id": "app"}))[0] == 401
    assert (await browser.ask("/revoke", {"token": "unknown"}))[0] == 200
    assert (await browser.ask("/revoke", {**refresh, "client_id": "app"}))[0] == 200
    assert (await browser.ask("/introspect", access))[1]["active"] is True
    assert (await browser.ask("/revoke", refresh))[0] == 200
    assert await browser.ask("/introspect", access) == (200, {"active": False})


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_it_never_listens_where_others_could_reach_it(host: str) -> None:
    command = [sys.executable, "-m", "gateway.demo.provider", "--host", host]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert ended.returncode == 2
    assert "not a loopback address" in ended.stderr
