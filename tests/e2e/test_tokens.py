"""An app on a phone, a certified provider, and the gateway's own tokens."""

import asyncio
import base64
import itertools
import json
import subprocess
import sys

import aiohttp
import pytest
import yaml

from tests.e2e.people import Browser
from tests.e2e.phone import ACCESS_TOKEN, CALLBACK, ID_TOKEN, ROUTES, Phone
from tests.e2e.raw import OK, behind
from tests.e2e.test_reload import hang_up
from tests.fixtures.gateway import clean_environment
from tests.fixtures.oidc import sign_in_at_oidc_provider, sign_out_at_oidc_provider
from tests.oidc.hostile import tampered
from tests.patience import PATIENCE_S, until


@pytest.fixture
def start(start_phone):
    return start_phone


async def test_a_code_becomes_a_session_that_the_app_knows(start):
    phone, app = await start()

    tokens = await phone.sign_in("alice")

    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 900
    assert await phone.status(tokens["access_token"], "/notes") == 200
    head = app.heads[-1]
    assert b"\r\nRemote-User: alice\r\n" in head
    assert b"\r\nRemote-Email: alice@example.com\r\n" in head
    assert b"\r\nGatepost-Assertion: ey" in head
    assert b"gp_" not in head
    about = await phone.whoami(tokens["access_token"])
    assert (about["user"], about["credential"], about["provider"]) == ("alice", "token", "id")
    event = phone.gateway.wait_for_audit(decision="allow", credential="token")
    assert event["user"] == "alice"
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert token not in phone.gateway.log()
        assert await phone.status(token, "/browsers") == 401


def tokens_of(answer):
    status, tokens = answer
    assert status == 200, tokens
    return tokens


def refused_with(answer, error, reason, status=400):
    found, document = answer
    assert (found, document["error"], document["reason"]) == (status, error, reason), document
    return document


def with_audiences(phone, *audiences, **changes):
    client = {"provider": "id", "client_id": phone.client_id, "redirect_uris": [CALLBACK]}
    return {"tokens": {"clients": {"ios": {**client, "audiences": list(audiences)}}, **changes}}


def sessions(phone, *arguments):
    """What `gatepost sessions` says."""
    name, *rest = arguments
    file = str(phone.gateway.config_path)
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "sessions", name, "-c", file, *rest, "--json"],
        env=clean_environment({}),
        capture_output=True,
        check=True,
        timeout=30,
    )
    return json.loads(done.stdout)


def listed(phone):
    return sessions(phone, "list")


async def test_parameters_that_the_protocol_does_not_know_are_ignored(start):
    # RFC 6749, section 3.2; RFC 7009 has them too.
    phone, _ = await start()
    form = {
        "grant_type": "authorization_code",
        "code": await phone.code("alice"),
        "redirect_uri": CALLBACK,
        "code_verifier": phone.verifier,
    }
    tokens = tokens_of(await phone.post("token?unknown=1", **form, session_state="x"))

    status, _ = await phone.post("revoke?x", token=tokens["refresh_token"], reason="bored")

    assert status == 200
    assert await phone.status(tokens["access_token"], "/notes") == 401


# What an app may bring.


async def test_an_id_token_becomes_one_too(start):
    phone, _ = await start()
    given = await phone.provider_tokens("alice")

    tokens = tokens_of(await phone.exchange(given["id_token"], device_name="Alice's phone"))

    assert tokens["issued_token_type"] == ACCESS_TOKEN
    assert "scope" not in tokens
    assert (await phone.whoami(tokens["access_token"]))["user"] == "alice"
    (info,) = listed(phone)
    assert (info["kind"], info["client"], info["device"]) == ("token", "ios", "Alice's phone")


async def test_an_access_token_becomes_one_where_it_is_for_the_app(start):
    api = "https://api.example.com"
    phone, _ = await start()
    given = await phone.provider_tokens("alice", resource=api, scope="openid api:read")
    elsewhere = await phone.exchange(given["access_token"], ACCESS_TOKEN)
    await hang_up(phone.gateway, **with_audiences(phone, api))
    as_id_token = await phone.exchange(given["access_token"], ID_TOKEN)

    tokens = tokens_of(await phone.exchange(given["access_token"], ACCESS_TOKEN))

    refused_with(elsewhere, "invalid_request", "invalid-subject-token")
    refused_with(as_id_token, "invalid_request", "invalid-subject-token")
    assert tokens["scope"] == "api:read"
    assert (await phone.whoami(tokens["access_token"]))["scopes"] == ["api:read"]


async def test_an_opaque_token_becomes_one_where_the_provider_is_asked_about_it(start):
    api = "https://opaque.example.com"
    phone, _ = await start()
    given = await phone.provider_tokens("alice", resource=api, scope="openid api:read")
    unasked = await phone.exchange(given["access_token"], ACCESS_TOKEN)
    asker = phone.provider.register(CALLBACK, application_type="native")
    proof = {"client_id": asker.client_id, "client_secret": asker.client_secret}
    bearer = {"issuer": phone.provider.issuer, "audiences": ["x"], "introspection": proof}
    await hang_up(phone.gateway, bearer=[bearer], **with_audiences(phone, api))

    tokens = tokens_of(await phone.exchange(given["access_token"], ACCESS_TOKEN))

    refused_with(unasked, "invalid_request", "invalid-subject-token")
    assert (await phone.whoami(tokens["access_token"]))["user"] == "alice"
    made_up = await phone.exchange("made-up", ACCESS_TOKEN)
    refused_with(made_up, "invalid_request", "invalid-subject-token")


async def test_an_id_token_is_no_way_round_what_a_rule_denies(start, oidc_provider):
    phone, _ = await start()
    oidc_provider.set_claims("mallory", groups=["suspended"])
    denied = {"name": "denied", "prefix": "/", "access": {"deny": [{"group": "suspended"}]}}
    await hang_up(phone.gateway, routes=[denied])
    given = await phone.provider_tokens("mallory")
    statuses = []

    for answer in (
        await phone.relay(await phone.code("mallory")),
        await phone.exchange(given["id_token"]),
    ):
        statuses.append(await phone.status(tokens_of(answer)["access_token"]))

    # The provider says the groups in userinfo, which an ID token alone does not open.
    assert statuses == [403, 403]


# What is refused.


async def test_only_its_own_users_tokens_are_taken(start):
    phone, _ = await start()
    given = await phone.provider_tokens("alice")
    other = phone.provider.register(
        CALLBACK, application_type="native", token_endpoint_auth_method="none"
    )
    async with Phone(phone.gateway, phone.provider, other.client_id) as stranger:
        foreign = (await stranger.provider_tokens("alice"))["id_token"]
    head, body, signature = given["id_token"].split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()

    for bad in (
        foreign,
        tampered(given["id_token"]),
        f"{none}.{body}.",
        f"{head}.{body}.",
        f"{head}..{signature}",
        "x" * 20_000,
        "gp_at_" + "A" * 90,
        given["access_token"],
    ):
        answer = await phone.exchange(bad)
        document = refused_with(answer, "invalid_request", "invalid-subject-token")
        assert bad not in json.dumps(document)
    assert listed(phone) == []


async def test_what_another_provider_issued_is_not_taken(start, start_oidc_provider):
    # dex GHSA-7qjx: an exchange went round the list of providers that an app may use.
    phone, _ = await start()
    other = start_oidc_provider()
    registered = other.register(
        CALLBACK,
        client_id=phone.client_id,
        application_type="native",
        token_endpoint_auth_method="none",
    )
    assert registered.client_id == phone.client_id
    web = {"issuer": other.issuer, "client_id": "web", "client_secret": "s"}
    mine = {"issuer": phone.provider.issuer, "client_id": "web", "client_secret": "s"}
    await hang_up(phone.gateway, providers={"id": mine, "other": web})
    async with Phone(phone.gateway, other, phone.client_id) as stranger:
        given = await stranger.provider_tokens("alice")
        code = await stranger.code("alice")

        refused = await stranger.exchange(given["id_token"])
        refused_with(refused, "invalid_request", "invalid-subject-token")
        refused = await stranger.exchange(given["access_token"], ACCESS_TOKEN)
        refused_with(refused, "invalid_request", "invalid-subject-token")
        refused_with(await stranger.relay(code), "invalid_grant", "code-refused")
    assert listed(phone) == []


WRONG_EXCHANGES = [
    ({"client_id": None}, "invalid_request", "invalid-request"),
    ({"client_id": "android"}, "invalid_client", "unknown-client"),
    ({"grant_type": "password"}, "unsupported_grant_type", "invalid-request"),
    ({"grant_type": "client_credentials"}, "unsupported_grant_type", "invalid-request"),
    ({"grant_type": None}, "invalid_request", "invalid-request"),
    ({"subject_token": None}, "invalid_request", "invalid-request"),
    ({"subject_token_type": None}, "invalid_request", "invalid-request"),
    (
        {"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"},
        "invalid_request",
        "invalid-request",
    ),
    ({"actor_token": "x"}, "invalid_request", "invalid-request"),
    ({"requested_token_type": ID_TOKEN}, "invalid_request", "invalid-request"),
    ({"resource": "https://other.example.com"}, "invalid_target", "invalid-request"),
    ({"audience": "other"}, "invalid_target", "invalid-request"),
    ({"scope": "admin"}, "invalid_scope", "scope-not-granted"),
]


async def test_an_exchange_says_what_it_wants_and_gets_that_or_nothing(start):
    phone, _ = await start()
    given = await phone.provider_tokens("alice")

    for changes, error, reason in WRONG_EXCHANGES:
        document = refused_with(await phone.exchange(given["id_token"], **changes), error, reason)
        assert document["error_description"]
    # Who may not have more is no guesser.
    for _ in range(25):
        refused = await phone.exchange(given["id_token"], scope="admin")
        refused_with(refused, "invalid_scope", "scope-not-granted")
    assert listed(phone) == []
    # Nothing was used up.
    tokens_of(await phone.exchange(given["id_token"]))


WRONG_CODES = [
    ({"code_verifier": None}, "invalid_request", "invalid-request"),
    ({"code_verifier": "short"}, "invalid_request", "invalid-request"),
    ({"redirect_uri": None}, "invalid_request", "invalid-request"),
    ({"redirect_uri": CALLBACK + "/"}, "invalid_grant", "unknown-redirect-uri"),
    ({"redirect_uri": "https://evil.test/"}, "invalid_grant", "unknown-redirect-uri"),
    ({"redirect_uri": CALLBACK + "?code=hush"}, "invalid_grant", "unknown-redirect-uri"),
    ({"code": None}, "invalid_request", "invalid-request"),
]


async def test_a_code_that_comes_wrong_never_reaches_the_provider(start):
    phone, _ = await start()
    code = await phone.code("alice")

    for changes, error, reason in WRONG_CODES:
        refused_with(await phone.relay(code, **changes), error, reason)
    tokens_of(await phone.relay(code))
    assert code not in phone.gateway.log()
    assert "hush" not in phone.gateway.log()


async def test_a_library_may_name_the_app_in_basic(start):
    phone, _ = await start()
    url = f"{phone.gateway.base_url}/_gatepost"

    async def post(endpoint, authorization, **form):
        headers = {"Authorization": authorization}
        async with phone.session.post(f"{url}/{endpoint}", data=form, headers=headers) as response:
            return response.status, await response.json() if await response.text() else None

    token = (await phone.sign_in("alice"))["refresh_token"]
    renewal = {"grant_type": "refresh_token", "refresh_token": token}
    for bad in ("Basic", "Basic !", "Basic /w==", "Bearer aW9zOg==", "Basic aW9zOnNlY3JldA=="):
        status, document = await post("token", bad, **renewal)
        assert (status, document["reason"]) in ((400, "invalid-request"), (400, "unknown-client"))

    tokens = tokens_of(await post("token", "Basic aW9zOg==", **renewal))

    other = await post("revoke", "Basic YW5kcm9pZDo=", token=tokens["refresh_token"])
    refused_with(other, "invalid_grant", "token-of-another-client")
    assert await post("revoke", "basic aW9zOg==", token=tokens["refresh_token"]) == (200, None)
    assert await phone.status(tokens["access_token"]) == 401


async def test_the_provider_compares_the_verifier(start):
    phone, _ = await start()
    code = await phone.code("alice")

    wrong = await phone.relay(code, code_verifier="A" * 43)

    refused_with(wrong, "invalid_grant", "code-refused")
    assert listed(phone) == []


NO_FORMS = [
    (b"grant_type=refresh_token&grant_type=refresh_token", None),
    (b"grant_type=%FF", None),
    (b"grant_type=\xff", None),
    (b"&".join(b"a%d=1" % n for n in range(100)), None),
    (b'{"grant_type":"refresh_token"}', "application/json"),
    (b"grant_type=refresh_token", "text/plain"),
    (b"", None),
]


async def test_what_is_no_form_is_refused_in_the_protocols_words(start):
    phone, _ = await start()

    for endpoint, (body, media_type) in itertools.product(("token", "revoke"), NO_FORMS):
        headers = {"Content-Type": media_type or "application/x-www-form-urlencoded"}
        url = f"{phone.gateway.base_url}/_gatepost/{endpoint}"
        async with phone.session.post(url, data=body, headers=headers) as response:
            assert response.content_type == "application/json"
            assert response.headers["Cache-Control"] == "no-store"
            assert (response.status, (await response.json())["error"]) == (400, "invalid_request")
        async with phone.session.get(url) as response:
            assert response.status == 405


# A phone that loses an answer, and whoever replays what a phone had.


async def test_an_answer_that_got_lost_is_asked_for_again(start):
    phone, _ = await start()
    given = await phone.provider_tokens("bob")
    code = await phone.code("alice")

    for bring in (lambda: phone.exchange(given["id_token"]), lambda: phone.relay(code)):
        lost = tokens_of(await bring())
        again = tokens_of(await bring())
        # They take the place of those that were lost, which do no harm any more.
        assert await phone.status(lost["access_token"]) == 401
        refused_with(await phone.refresh(lost["refresh_token"]), "invalid_grant", "unknown-token")
        assert await phone.status(again["access_token"]) == 200
        tokens_of(await phone.refresh(again["refresh_token"]))
    assert len(listed(phone)) == 2


async def test_what_two_apps_may_bring_begins_a_session_of_each(start):
    phone, _ = await start()
    mine = {"provider": "id", "client_id": phone.client_id, "redirect_uris": [CALLBACK]}
    shared = {"provider": "id", "client_id": "tablet-app", "audiences": [phone.client_id]}
    await hang_up(phone.gateway, tokens={"clients": {"ios": mine, "tablet": shared}})
    token = (await phone.provider_tokens("alice"))["id_token"]

    first = tokens_of(await phone.exchange(token))
    other = tokens_of(await phone.exchange(token, client_id="tablet"))

    assert await phone.status(first["access_token"]) == 200
    tokens_of(await phone.refresh(first["refresh_token"]))
    tokens_of(await phone.refresh(other["refresh_token"], client_id="tablet"))
    assert sorted(it["client"] for it in listed(phone)) == ["ios", "tablet"]
    # Each may lose its answer, and takes the place of its own.
    again = tokens_of(await phone.exchange(token, client_id="tablet"))
    assert await phone.status(other["access_token"]) == 401
    assert await phone.status(again["access_token"]) == 200
    assert await phone.status(first["access_token"]) == 200


async def test_an_app_that_asks_several_times_at_once_is_signed_in_once(start):
    phone, _ = await start()
    code = await phone.code("alice")

    answers = await asyncio.gather(*(phone.relay(code) for _ in range(5)))

    assert [status for status, _ in answers] == [200] * 5
    statuses = [await phone.status(tokens["access_token"]) for _, tokens in answers]
    assert sorted(statuses) == [200, 401, 401, 401, 401]
    assert len(listed(phone)) == 1


async def test_a_token_is_renewed_once_and_whoever_comes_late_ends_them_all(start):
    phone, _ = await start()
    first = await phone.sign_in("alice")

    second = tokens_of(await phone.refresh(first["refresh_token"]))
    third = tokens_of(await phone.refresh(second["refresh_token"]))

    assert await phone.status(first["access_token"]) == 200
    assert await phone.status(third["access_token"]) == 200
    late = await phone.refresh(first["refresh_token"])
    refused_with(late, "invalid_grant", "refresh-token-reused")
    for tokens in (first, second, third):
        assert await phone.status(tokens["access_token"]) == 401
    assert (await phone.refresh(third["refresh_token"]))[0] == 400
    assert listed(phone) == []


async def test_a_refresh_may_ask_for_fewer_scopes_and_for_no_more(start, gateway_process):
    phone, _ = await start()
    tokens = await phone.sign_in("alice")
    granted = set(tokens["scope"].split())
    assert granted > {"openid", "email"}

    for wide in ("openid admin", "admin"):
        wider = await phone.refresh(tokens["refresh_token"], scope=wide)
        refused_with(wider, "invalid_scope", "scope-not-granted")
    few = tokens_of(await phone.refresh(tokens["refresh_token"], scope="openid email"))
    assert few["scope"] == "email openid"
    assert (await phone.whoami(few["access_token"]))["scopes"] == ["email", "openid"]
    # What the store has says so too.
    settings = yaml.safe_load(phone.gateway.config_path.read_text())
    phone.gateway.stop()
    phone.gateway = gateway_process(settings)
    assert (await phone.whoami(few["access_token"]))["scopes"] == ["email", "openid"]

    # The refresh token keeps what was granted (RFC 6749, section 6).
    all_again = tokens_of(await phone.refresh(few["refresh_token"]))
    assert set(all_again["scope"].split()) == granted
    assert set((await phone.whoami(all_again["access_token"]))["scopes"]) == granted
    assert (await phone.whoami(few["access_token"]))["scopes"] == ["email", "openid"]


async def test_a_refresh_whose_answer_got_lost_is_asked_for_again(start):
    phone, _ = await start()
    tokens = await phone.sign_in("alice")

    answers = await asyncio.gather(*(phone.refresh(tokens["refresh_token"]) for _ in range(4)))

    assert [status for status, _ in answers] == [200] * 4
    for _, found in answers:
        assert await phone.status(found["access_token"]) == 200
    # Whichever arrived goes on.
    tokens_of(await phone.refresh(answers[2][1]["refresh_token"]))


@pytest.mark.parametrize("store", ["sqlite", "redis"])
async def test_an_app_that_renews_once_for_each_request_may_keep_any(start, redis_server, store):
    url = f"{redis_server.url}?prefix=renewals:" if store == "redis" else store
    phone, _ = await start({"store": url})

    for which in (0, -1):
        token = (await phone.sign_in("alice"))["refresh_token"]
        answers = await asyncio.gather(*(phone.refresh(token) for _ in range(24)))
        kept = tokens_of(answers[which])
        assert {status for status, _ in answers} == {200}
        assert await phone.status(kept["access_token"]) == 200
        tokens_of(await phone.refresh(kept["refresh_token"]))


async def test_a_refresh_token_is_of_no_use_to_another_app_or_as_access(start):
    phone, app = await start()
    other = {"provider": "id", "client_id": "android-app"}
    mine = {"provider": "id", "client_id": phone.client_id, "redirect_uris": [CALLBACK]}
    await hang_up(phone.gateway, tokens={"clients": {"ios": mine, "android": other}})
    tokens = await phone.sign_in("alice")

    wrong = await phone.refresh(tokens["refresh_token"], client_id="android")
    refused_with(wrong, "invalid_grant", "token-of-another-client")
    refused_with(await phone.refresh(tokens["access_token"]), "invalid_grant", "unknown-token")
    headers = {"Authorization": f"Bearer {tokens['refresh_token']}"}
    async with phone.session.get(phone.gateway.base_url, headers=headers) as response:
        assert (response.status, (await response.json())["reason"]) == (401, "not-an-access-token")
    assert app.heads == []
    # By the name it has at its provider it is the same app.
    tokens_of(await phone.refresh(tokens["refresh_token"], client_id=phone.client_id))


# Its end, from every side.


async def test_an_app_signs_out(start):
    phone, _ = await start()
    for which in ("access_token", "refresh_token"):
        tokens, kept = await phone.sign_in("alice"), await phone.sign_in("alice")

        assert await phone.post("revoke", token=tokens[which]) == (200, None)

        assert await phone.status(tokens["access_token"]) == 401
        assert (await phone.refresh(tokens["refresh_token"]))[0] == 400
        assert await phone.status(kept["access_token"]) == 200
    assert await phone.post("revoke", token=tokens["refresh_token"]) == (200, None)
    assert await phone.post("revoke", token="made-up") == (200, None)
    wrong = await phone.post("revoke", token=kept["access_token"], client_id="android")
    refused_with(wrong, "invalid_grant", "token-of-another-client")
    assert await phone.status(kept["access_token"]) == 200


async def test_the_app_behind_the_gateway_signs_it_out(start):
    phone, app = await start()
    tokens, kept = await phone.sign_in("alice"), await phone.sign_in("alice")
    upstream = {"url": app.url, "logout_paths": ["/logout"]}
    await hang_up(phone.gateway, upstreams={"app": upstream})

    assert await phone.status(tokens["access_token"], "/logout") == 200

    assert app.heads[-1].startswith(b"GET /logout ")
    assert await phone.status(tokens["access_token"]) == 401
    assert (await phone.refresh(tokens["refresh_token"]))[0] == 400
    assert await phone.status(kept["access_token"]) == 200


async def test_its_owner_sees_it_in_a_browser_and_ends_it(start):
    phone, _ = await start()
    tokens = await phone.sign_in("alice")
    others = await phone.sign_in("bob")
    same = {"Sec-Fetch-Site": "same-origin"}
    async with Browser(phone.gateway.base_url, "id", sign_in_at_oidc_provider) as browser:
        await browser.sign_in("alice")
        url = f"{browser.base_url}/_gatepost/api/sessions"
        async with browser.session.get(url) as response:
            found = {it["kind"]: it for it in await response.json()}
        async with browser.session.get(f"{browser.base_url}/_gatepost/account") as response:
            page = await response.text()
        async with browser.session.delete(
            f"{url}/{found['token']['id']}", headers=same
        ) as response:
            assert response.status == 204

    assert sorted(found) == ["browser", "token"]
    assert (found["token"]["current"], found["browser"]["current"]) == (False, True)
    assert "ios" in page
    assert await phone.status(tokens["access_token"]) == 401
    assert await phone.status(others["access_token"]) == 200


async def test_it_ends_by_command(start):
    phone, _ = await start()
    tokens, others = await phone.sign_in("alice"), await phone.sign_in("bob")

    assert [it["user"] for it in sessions(phone, "revoke", "--user", "alice")] == ["alice"]

    await gone(phone, tokens)
    assert await phone.status(others["access_token"]) == 200


async def test_it_ends_when_the_person_signs_out_at_the_provider(start, oidc_provider):
    phone, _ = await start()
    sign_out = f"{phone.gateway.base_url}/_gatepost/backchannel-logout/id"
    native = oidc_provider.register(
        CALLBACK,
        application_type="native",
        token_endpoint_auth_method="none",
        backchannel_logout_uri=sign_out,
        backchannel_logout_session_required=True,
    )
    app = {"provider": "id", "client_id": native.client_id, "redirect_uris": [CALLBACK]}
    await hang_up(phone.gateway, tokens={"clients": {"ios": app}})
    phone.client_id = native.client_id
    tokens = await phone.sign_in("alice")
    browser = phone.browser
    elsewhere = await phone.sign_in("alice")

    async with aiohttp.ClientSession(cookie_jar=browser) as session:
        await sign_out_at_oidc_provider(session, f"{oidc_provider.issuer}/session/end")

    await gone(phone, tokens)
    assert await phone.status(elsewhere["access_token"]) == 200


async def gone(phone, tokens):
    async def is_refused():
        return await phone.status(tokens["access_token"]) == 401

    await until(is_refused)


async def echo(connection):
    await connection.read_head()
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
    await connection.send(switch)
    while piece := await connection.reader.read(100):
        await connection.send(piece)


async def opened(phone, tokens):
    """Both ends of a tunnel that was opened with the access token."""
    reader, writer = await asyncio.open_connection("127.0.0.1", phone.gateway.port)
    lines = ["GET /socket HTTP/1.1", f"Host: 127.0.0.1:{phone.gateway.port}"]
    lines += [f"Authorization: Bearer {tokens['access_token']}"]
    writer.write("\r\n".join([*lines, "Connection: Upgrade", "Upgrade: raw", "", ""]).encode())
    assert b"101" in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_its_tunnels_end_with_it(start):
    phone, _ = await start(app=echo, access_ttl="1s")
    tokens = await phone.sign_in("alice")
    reader, writer = await opened(phone, tokens)

    # The access token runs out, and is renewed; the tunnel is the session's.
    await gone(phone, tokens)
    writer.write(b"ping")
    assert await reader.readexactly(4) == b"ping"
    await phone.post("revoke", token=tokens["refresh_token"])

    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()


async def test_an_app_that_is_removed_has_no_tokens_that_are_good(start):
    phone, _ = await start(app=echo)
    mine = {"provider": "id", "client_id": phone.client_id, "redirect_uris": [CALLBACK]}
    # Its name is what another app is called at the provider, which makes it no other's.
    other = {"provider": "id", "client_id": "ios"}
    tokens = await phone.sign_in("alice")
    reader, writer = await opened(phone, tokens)
    asker = {"X-API-Key": made_key(phone, "--scope", "introspect")}
    url = f"{phone.gateway.base_url}/_gatepost/introspect"

    await hang_up(phone.gateway, tokens={"clients": {"android": other}})

    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()
    assert await phone.status(tokens["access_token"], "/_gatepost/whoami") == 401
    assert (await phone.refresh(tokens["refresh_token"], client_id="android"))[0] == 400
    for token in tokens["access_token"], tokens["refresh_token"]:
        async with phone.session.post(url, data={"token": token}, headers=asker) as response:
            assert await response.json() == {"active": False}
    # Put back, it has signed nobody out.
    await hang_up(phone.gateway, tokens={"clients": {"ios": mine}})
    assert await phone.status(tokens["access_token"], "/_gatepost/whoami") == 200
    tokens_of(await phone.refresh(tokens["refresh_token"]))


# What others are told.


async def test_who_may_ask_is_told_what_a_token_is_good_for(start):
    phone, _ = await start()
    tokens = await phone.sign_in("alice")
    asker = made_key(phone, "--scope", "introspect")
    useless = made_key(phone)

    async def ask(token, **headers):
        url = f"{phone.gateway.base_url}/_gatepost/introspect"
        async with phone.session.post(url, data={"token": token}, headers=headers) as response:
            assert response.headers["Cache-Control"] == "no-store"
            return response.status, await response.json()

    ends = []
    for token in tokens["access_token"], tokens["refresh_token"]:
        status, about = await ask(token, **{"X-API-Key": asker})
        assert (status, about["active"], about["username"]) == (200, True, "alice")
        is_access = token == tokens["access_token"]
        assert about["client_id"] == "ios"
        # So that no backend takes a refresh token for access.
        assert about.get("token_type") == ("Bearer" if is_access else None)
        assert about["iss"] == f"{phone.gateway.base_url}/_gatepost"
        ends.append(about["exp"])
        needed = {"active", "scope", "client_id", "username", "exp", "sub", "iss"}
        claims = {"email", "name"}
        assert set(about) == needed | claims | ({"token_type"} if is_access else set())
    # Thirty days, less fifteen minutes.
    assert ends[1] - ends[0] == pytest.approx(30 * 86_400 - 900, abs=60)
    status, about = await ask(useless, Authorization=f"Bearer {asker}")
    assert (about["active"], about["username"], about["scope"]) == (True, "robot", "")
    assert await ask("made-up", **{"X-API-Key": asker}) == (200, {"active": False})
    assert (await ask(tokens["access_token"], **{"X-API-Key": useless}))[0] == 403
    assert (await ask(tokens["access_token"]))[0] == 401
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await ask(tokens["access_token"], **bearer))[0] == 401
    # A key ends itself as a token does.
    assert await phone.post("revoke", token=useless) == (200, None)
    assert await ask(useless, **{"X-API-Key": asker}) == (200, {"active": False})


def made_key(phone, *arguments):
    file = str(phone.gateway.config_path)
    make = [sys.executable, "-m", "gateway", "keys", "create", "-c", file]
    done = subprocess.run(
        [*make, "--user", "robot", "--name", "x", *arguments, "--json"],
        env=clean_environment({}),
        capture_output=True,
        check=True,
        timeout=30,
    )
    return json.loads(done.stdout)["key"]


async def test_an_app_finds_the_endpoints_by_itself(start):
    phone, _ = await start()
    base = phone.gateway.base_url
    documents = []
    for path in (
        "/.well-known/oauth-authorization-server/_gatepost",
        "/_gatepost/.well-known/oauth-authorization-server",
    ):
        async with phone.session.get(base + path) as response:
            assert response.status == 200
            documents.append(await response.json())
    async with phone.session.get(f"{base}/.well-known/oauth-authorization-server") as response:
        assert response.status == 401  # The app's own, behind the rule of its route.

    assert documents[0] == documents[1]
    assert documents[0]["issuer"] == f"{base}/_gatepost"
    for name in ("token", "revocation", "introspection"):
        url = documents[0][f"{name}_endpoint"]
        async with phone.session.post(url, data={"token": "x"}) as response:
            assert response.status in (200, 400, 401)
    assert documents[0]["authorization_endpoint"] == f"{phone.provider.issuer}/auth"


async def test_a_client_that_knows_only_the_address_finds_its_way(start):
    both = {"name": "both", "prefix": "/both", "access": "signed_in"}
    own = {
        "name": "own",
        "prefix": "/own",
        "credentials": ["token"],
        "access": {"allow": {"scope": "notes:read"}},
    }
    bearer = {"issuer": "https://id.example.com", "audiences": ["https://api.example.com"]}
    phone, _ = await start()
    await hang_up(phone.gateway, routes=[own, both], bearer=[bearer])
    base, well_known = phone.gateway.base_url, "/.well-known/oauth-protected-resource"

    async with phone.session.post(f"{base}/own") as response:
        (challenge,) = response.headers.getall("WWW-Authenticate")
    told = f'scope="notes:read", resource_metadata="{base}{well_known}"'
    assert challenge == f'Bearer realm="gatepost", {told}'
    tokens = await phone.sign_in("alice")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    async with phone.session.get(f"{base}/own", headers=headers) as response:
        assert response.status == 403
        challenge = response.headers["WWW-Authenticate"]
    assert challenge == f'Bearer error="insufficient_scope", {told}'

    gateway, issuer = f"{base}/_gatepost", bearer["issuer"]
    for path, servers in (("/own", [gateway]), ("/both", [issuer, gateway]), ("", None)):
        async with phone.session.get(f"{base}{well_known}{path}") as response:
            document = await response.json()
        assert document["resource"] == base + path
        assert document["authorization_servers"] == (servers or [issuer, gateway])
    metadata = f"{base}/.well-known/oauth-authorization-server/_gatepost"
    async with phone.session.get(metadata) as response:
        assert (await response.json())["issuer"] == gateway


async def test_without_the_section_there_is_nothing(start, gateway_process, raw_upstream):
    phone, _ = await start()
    tokens = await phone.sign_in("alice")
    gateway = gateway_process(behind(await raw_upstream(OK), *ROUTES))
    plain = Phone(gateway, phone.provider, phone.client_id)

    assert (await plain.exchange("x"))[0] == 404
    assert (await plain.post("revoke", token="x"))[0] == 404
    assert (await plain.post("introspect", token="x"))[0] == 404
    assert await plain.status(tokens["access_token"]) == 401
    await plain.session.close()


async def test_guesses_are_throttled_and_those_who_are_known_are_not(start):
    phone, _ = await start()
    tokens = await phone.sign_in("alice")

    statuses = [(await phone.exchange(f"guess.{n}"))[0] for n in range(25)]

    assert statuses[:20] == [400] * 20
    # Guesses come back with time.
    assert 429 in statuses[20:]
    assert await phone.status("gp_at_" + "A" * 90) == 401
    assert await phone.status(tokens["access_token"]) == 200
    # It is known here, and so is not held back.
    renewed = tokens_of(await phone.refresh(tokens["refresh_token"]))
    assert await phone.status(renewed["access_token"]) == 200


# What the provider says meanwhile.


async def test_what_the_provider_says_is_heard_while_the_app_is_used(start, start_oidc_provider):
    provider = start_oidc_provider(ttl={"AccessToken": 3})
    provider.set_claims("alice", groups=["old"])
    phone, app = await start(provider=provider)
    offline = {"scope": "openid profile groups offline_access", "prompt": "consent"}
    tokens = await phone.sign_in("alice", **offline)
    assert await phone.status(tokens["access_token"]) == 200
    assert b"\r\nRemote-Groups: old\r\n" in app.heads[-1]
    provider.set_claims("alice", groups=["new"])

    async def is_heard():
        assert await phone.status(tokens["access_token"]) == 200
        return b"\r\nRemote-Groups: new\r\n" in app.heads[-1]

    await until(is_heard)


async def test_a_group_that_is_taken_away_is_gone_from_every_token_with_a_refresh(
    start, start_oidc_provider
):
    # Pocket ID CVE-2026-43983: a refresh went on with the groups of the sign-in.
    provider = start_oidc_provider(ttl={"AccessToken": 2})
    provider.set_claims("alice", groups=["staff"])
    phone, _ = await start(provider=provider)
    offline = {"scope": "openid profile groups offline_access", "prompt": "consent"}
    first = tokens = await phone.sign_in("alice", **offline)
    assert (await phone.whoami(tokens["access_token"]))["groups"] == ["staff"]
    provider.set_claims("alice", groups=[])

    async def is_taken_away():
        nonlocal tokens
        tokens = tokens_of(await phone.refresh(tokens["refresh_token"]))
        return not (await phone.whoami(tokens["access_token"]))["groups"]

    await until(is_taken_away)

    assert (await phone.whoami(first["access_token"]))["groups"] == []


async def test_whoever_is_locked_out_at_the_provider_is_locked_out_here(start, start_oidc_provider):
    provider = start_oidc_provider(ttl={"AccessToken": 2, "RefreshToken": 1})
    phone, _ = await start(provider=provider)
    offline = {"scope": "openid offline_access", "prompt": "consent"}
    tokens = await phone.sign_in("alice", **offline)
    without = await phone.sign_in("alice")

    # The provider's grant is over by the time that the gateway asks.
    async def is_locked_out():
        return await phone.status(tokens["access_token"]) != 200

    await until(is_locked_out)
    assert (await phone.refresh(tokens["refresh_token"]))[0] == 400
    # Where the provider gave no refresh token, it is not asked.
    assert await phone.status(without["access_token"]) == 200


async def test_tokens_outlive_a_gateway_that_is_killed(start, gateway_process):
    phone, app = await start()
    tokens = await phone.sign_in("alice")
    settings = yaml.safe_load(phone.gateway.config_path.read_text())
    phone.gateway.process.kill()
    phone.gateway.process.wait()

    phone.gateway = gateway_process(settings)

    assert await phone.status(tokens["access_token"]) == 200
    renewed = tokens_of(await phone.refresh(tokens["refresh_token"]))
    assert await phone.status(renewed["access_token"]) == 200
    assert len(app.heads) == 2
