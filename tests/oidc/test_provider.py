"""A sign-in against a provider that lies ends without an identity, and says why."""

from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.oidc import errors
from gateway.oidc.client import read_tokens
from gateway.oidc.profiles import PROFILES
from gateway.oidc.refresh import refresh
from gateway.oidc.registration import ClaimNames
from gateway.oidc.sign_in import begin_sign_in, finish_sign_in
from gateway.oidc.sign_out import sign_out_url
from tests.fixtures import clock
from tests.oidc.hostile import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    KEYS,
    REFRESH_TOKEN,
    SUBJECT,
    Wrongs,
    at_hash,
    basic_of,
    public,
    sign,
)

CALLBACK = "https://notes.example.com/_gatepost/callback/hostile"
NOW = int(clock.NOW)


async def sign_in(provider, hostile, **begin):
    flow, location = await begin_sign_in(provider, CALLBACK, "/notes?a=b", **begin)
    return await finish_sign_in(provider, flow, hostile.approve(location))


async def test_an_honest_provider_gives_an_identity(make_provider, hostile):
    hostile.wrongs.claims = {"auth_time": NOW - 5, "acr": "gold", "amr": ["pwd", "otp"], "sid": "s"}
    hostile.wrongs.userinfo = {"groups": ["staff"]}

    signed_in = await sign_in(make_provider(), hostile)

    identity = signed_in.identity
    assert (identity.user, identity.subject, identity.issuer) == (SUBJECT, SUBJECT, hostile.issuer)
    assert (identity.email, identity.name) == ("alice@example.com", "alice")
    assert identity.groups == ("staff",)
    assert identity.credential == "session"
    assert (identity.acr, identity.amr) == ("gold", ("pwd", "otp"))
    assert identity.authenticated_at == NOW - 5
    assert identity.unreadable == frozenset()
    assert signed_in.provider_session == "s"
    assert signed_in.tokens.refresh_token == REFRESH_TOKEN
    assert "opaque" not in repr(signed_in)


async def test_the_request_names_everything_the_answer_is_held_against(make_provider, hostile):
    provider = make_provider(authorize_params={"prompt": "consent", "state": "mine"})

    flow, location = await begin_sign_in(
        provider, CALLBACK, "/", max_age_s=60, acr=("gold", "silver")
    )

    asked = parse_qs(urlsplit(location).query)
    assert location.startswith(f"{hostile.issuer}/authorize?tenant=1&")
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [CALLBACK]
    assert asked["state"] == [flow.state]
    assert asked["nonce"] == [flow.nonce]
    assert asked["prompt"] == ["consent"]
    assert asked["max_age"] == ["60"]
    assert asked["acr_values"] == ["gold silver"]
    assert flow.code_verifier not in location
    assert len({flow.state, flow.nonce, flow.code_verifier}) == 3


def es256_confusion():
    # The public key as an HMAC secret (RFC 8725, section 2.1).
    return sign({}, key=KEYS["rsa"].as_pem(private=False), alg="HS256", header={"kid": "rsa"})


ALGORITHM_CASES = [
    ("RS256", "rsa", 256),
    ("RS512", "rsa", 512),
    ("PS256", "rsa", 256),
    ("ES256", "p256", 256),
    ("ES384", "p384", 384),
    ("ES512", "p521", 512),
    ("EdDSA", "ed", 512),
    ("Ed25519", "ed", 512),
]


@pytest.mark.parametrize(("alg", "key", "bits"), ALGORITHM_CASES)
async def test_every_common_algorithm_is_verified(make_provider, hostile, alg, key, bits):
    hostile.wrongs.signing = {"alg": alg, "key": key}
    hostile.wrongs.claims = {"at_hash": at_hash(ACCESS_TOKEN, bits)}

    assert (await sign_in(make_provider(), hostile)).identity.subject == SUBJECT


@pytest.mark.parametrize(("alg", "key", "_bits"), ALGORITHM_CASES)
async def test_a_changed_signature_of_any_algorithm_is_refused(
    make_provider, hostile, alg, key, _bits
):
    hostile.wrongs.signing = {"alg": alg, "key": key}
    hostile.wrongs.claims = {"at_hash": None}
    hostile.wrongs.tampered = True

    with pytest.raises(errors.InvalidIdTokenError):
        await sign_in(make_provider(), hostile)


REFUSED = {
    "alg-none": (Wrongs(signing={"alg": "none"}), errors.InvalidIdTokenError),
    "alg-none-spelled-otherwise": (
        Wrongs(signing={"alg": "none"}, header={"alg": "None"}),
        errors.InvalidIdTokenError,
    ),
    "alg-not-text": (
        Wrongs(signing={"alg": "none"}, header={"alg": ["RS256"]}),
        errors.InvalidIdTokenError,
    ),
    "hmac-with-the-client-secret": (
        Wrongs(signing={"alg": "HS256", "key": CLIENT_SECRET}),
        errors.InvalidIdTokenError,
    ),
    "hmac-with-the-public-key": (
        Wrongs(raw_id_token=es256_confusion()),
        errors.InvalidIdTokenError,
    ),
    "unknown-key": (Wrongs(signing={"key": "rsa-stranger"}), errors.InvalidIdTokenError),
    "strangers-key-under-a-known-id": (
        Wrongs(signing={"key": "rsa-stranger"}, header={"kid": "rsa"}),
        errors.InvalidIdTokenError,
    ),
    "key-in-the-header": (
        Wrongs(
            signing={"key": "rsa-stranger"},
            header={"kid": None, "jwk": KEYS["rsa-stranger"].as_dict(private=False)},
        ),
        errors.InvalidIdTokenError,
    ),
    "no-key-id-and-several-keys": (
        Wrongs(header={"kid": None}, keys=[public("rsa"), public("rsa-stranger")]),
        errors.InvalidIdTokenError,
    ),
    "key-id-not-text": (
        Wrongs(signing={"alg": "none"}, header={"kid": 7, "alg": "RS256"}),
        errors.InvalidIdTokenError,
    ),
    "critical-extension": (
        Wrongs(signing={"alg": "none"}, header={"alg": "RS256", "crit": ["exp"], "exp": 1}),
        errors.InvalidIdTokenError,
    ),
    "detached-payload": (
        Wrongs(signing={"alg": "none"}, header={"alg": "RS256", "b64": False}),
        errors.InvalidIdTokenError,
    ),
    "access-token": (Wrongs(header={"typ": "at+jwt"}), errors.InvalidIdTokenError),
    "logout-token": (Wrongs(header={"typ": "logout+jwt"}), errors.InvalidIdTokenError),
    "logout-token-by-events": (Wrongs(claims={"events": {}}), errors.InvalidIdTokenError),
    "keycloak-access-token": (Wrongs(claims={"typ": "Bearer"}), errors.InvalidIdTokenError),
    "encrypted": (Wrongs(raw_id_token="a.b.c.d.e"), errors.InvalidIdTokenError),
    "not-a-token": (Wrongs(raw_id_token="hello"), errors.InvalidIdTokenError),
    "payload-not-an-object": (
        Wrongs(raw_id_token=sign({}, payload=b"[]")),
        errors.InvalidIdTokenError,
    ),
    "payload-nested-deep": (
        Wrongs(raw_id_token=sign({}, payload=b"[" * 20_000)),
        errors.InvalidIdTokenError,
    ),
    "header-too-large": (Wrongs(header={"x": "x" * 9000}), errors.InvalidIdTokenError),
    "none-at-all": (Wrongs(tokens={"id_token": None}), errors.InvalidIdTokenError),
    "issuer": (Wrongs(claims={"iss": "https://evil.example"}), errors.IssuerMismatchError),
    "issuer-missing": (Wrongs(claims={"iss": None}), errors.IssuerMismatchError),
    "audience": (Wrongs(claims={"aud": "other"}), errors.InvalidIdTokenError),
    "audience-missing": (Wrongs(claims={"aud": None}), errors.InvalidIdTokenError),
    "audiences-without-ours": (Wrongs(claims={"aud": ["a", "b"]}), errors.InvalidIdTokenError),
    "audience-that-begins-as-ours": (
        Wrongs(claims={"aud": "notes2"}),
        errors.InvalidIdTokenError,
    ),
    "audience-an-object": (Wrongs(claims={"aud": {"notes": 1}}), errors.InvalidIdTokenError),
    "party": (
        Wrongs(claims={"aud": ["notes", "x"], "azp": "x"}),
        errors.InvalidIdTokenError,
    ),
    "expired": (Wrongs(claims={"exp": NOW - 120}), errors.InvalidIdTokenError),
    "expiry-missing": (Wrongs(claims={"exp": None}), errors.InvalidIdTokenError),
    "expiry-not-a-number": (Wrongs(claims={"exp": float("nan")}), errors.InvalidIdTokenError),
    "expiry-as-text": (Wrongs(claims={"exp": "2999999999"}), errors.InvalidIdTokenError),
    "issued-in-the-future": (Wrongs(claims={"iat": NOW + 600}), errors.InvalidIdTokenError),
    "issue-missing": (Wrongs(claims={"iat": None}), errors.InvalidIdTokenError),
    "not-yet": (Wrongs(claims={"nbf": NOW + 600}), errors.InvalidIdTokenError),
    "subject-missing": (Wrongs(claims={"sub": None}), errors.InvalidIdTokenError),
    "subject-empty": (Wrongs(claims={"sub": ""}), errors.InvalidIdTokenError),
    "subject-a-number": (Wrongs(claims={"sub": 7}), errors.InvalidIdTokenError),
    "subject-too-long": (Wrongs(claims={"sub": "x" * 256}), errors.InvalidIdTokenError),
    "empty-audience": (Wrongs(claims={"aud": []}), errors.InvalidIdTokenError),
    "nonce": (Wrongs(claims={"nonce": "of-another-flow"}), errors.NonceMismatchError),
    "nonce-missing": (Wrongs(claims={"nonce": None}), errors.NonceMismatchError),
    "access-token-hash": (Wrongs(claims={"at_hash": "x" * 22}), errors.InvalidIdTokenError),
    "userinfo-of-somebody-else": (Wrongs(userinfo={"sub": "bob"}), errors.SubjectMismatchError),
    "userinfo-of-nobody": (Wrongs(userinfo={"sub": None}), errors.SubjectMismatchError),
    "code-refused": (
        Wrongs(token_answer=(400, {"error": "invalid_grant"})),
        errors.CodeRefusedError,
    ),
    "client-refused": (
        Wrongs(token_answer=(401, {"error": "invalid_client"})),
        errors.ClientRefusedError,
    ),
    "client-refused-by-glewlwyd": (
        Wrongs(token_answer=(403, {"error": "unauthorized_client"})),
        errors.ClientRefusedError,
    ),
    "code-refused-by-gitea": (
        Wrongs(token_answer=(400, {"error": "unauthorized_client"})),
        errors.CodeRefusedError,
    ),
    "token-of-another-kind": (Wrongs(tokens={"token_type": "DPoP"}), ProviderUnavailableError),
    "no-access-token": (Wrongs(tokens={"access_token": None}), ProviderUnavailableError),
    "a-token-that-splits-a-field": (
        Wrongs(tokens={"access_token": "a\r\nX-Evil: 1"}),
        ProviderUnavailableError,
    ),
    "throttled": (Wrongs(token_answer=(429, {"error": "slow_down"})), ProviderUnavailableError),
    "callback-state": (Wrongs(callback={"state": "x"}), errors.StateMismatchError),
    "callback-without-state": (Wrongs(callback={"state": None}), errors.StateMismatchError),
    "callback-issuer": (
        Wrongs(callback={"iss": "https://evil.example"}),
        errors.IssuerMismatchError,
    ),
    "callback-without-issuer": (Wrongs(callback={"iss": None}), errors.IssuerMismatchError),
    "callback-error": (
        Wrongs(callback={"code": None, "error": "server_error"}),
        errors.ProviderRefusedError,
    ),
    "callback-denied": (
        Wrongs(callback={"code": None, "error": "access_denied"}),
        errors.AccessRefusedError,
    ),
    "callback-error-beside-a-code": (
        Wrongs(callback={"error": "server_error"}),
        errors.ProviderRefusedError,
    ),
    "callback-without-code": (Wrongs(callback={"code": None}), errors.ProviderRefusedError),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_wrong_ends_the_sign_in_with_its_reason(make_provider, hostile, case):
    hostile.wrongs, expected = REFUSED[case]

    with pytest.raises(expected) as raised:
        await sign_in(make_provider(), hostile)

    assert type(raised.value) is expected


@pytest.mark.parametrize(
    ("wrongs", "path"),
    [(REFUSED[case][0], "/token") for case in REFUSED if case.startswith("callback-")],
)
async def test_what_is_seen_in_the_callback_is_refused_before_the_code_is_redeemed(
    make_provider, hostile, wrongs, path
):
    hostile.wrongs = wrongs

    with pytest.raises(errors.SignInError):
        await sign_in(make_provider(), hostile)

    assert hostile.count(path) == 0


ACCEPTED = {
    "audiences-with-ours": Wrongs(claims={"aud": ["notes", "2438@notes"], "azp": "notes"}),
    "audiences-without-party": Wrongs(claims={"aud": ["notes", "other"]}),
    "no-access-token-hash": Wrongs(claims={"at_hash": None}),
    "a-little-late": Wrongs(claims={"exp": NOW - 20}),
    "a-little-early": Wrongs(claims={"iat": NOW + 20}),
    "no-type": Wrongs(header={"typ": None}),
    "certificate-chain": Wrongs(header={"x5c": ["A" * 4000]}),
    "unknown-header-parameter": Wrongs(header={"vendor": {"x": 1}}),
    "no-key-id-and-one-key-that-fits": Wrongs(
        header={"kid": None}, keys=[public("rsa"), public("p256")]
    ),
    "broken-keys-beside-the-good-one": Wrongs(
        keys=[
            "text",
            {},
            {"kty": "RSA"},
            {"kty": "RSA", "n": "AA", "e": "AQAB", "kid": "weak"},
            {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
            {"kty": "AKP", "alg": "ML-DSA-65", "pub": "AA"},
            {"kty": ["RSA"]},
            public("rsa", kid="rsa", key_ops=["sign"]),
            public("rsa-stranger", kid="rsa", use="enc"),
            public("rsa", alg="RS256"),
        ]
    ),
    "expiry-of-the-access-token-quoted": Wrongs(tokens={"expires_in": "300"}),
    "no-refresh-token": Wrongs(tokens={"refresh_token": None}),
    "subject-as-long-as-may-be": Wrongs(claims={"sub": "x" * 255}, userinfo={"sub": "x" * 255}),
}


@pytest.mark.parametrize("case", ACCEPTED)
async def test_what_is_only_unusual_is_accepted(make_provider, hostile, case):
    hostile.wrongs = ACCEPTED[case]

    assert (await sign_in(make_provider(), hostile)).identity.name == "alice"


@pytest.mark.parametrize("name", ["id_token", "access_token", "refresh_token"])
def test_a_token_that_is_too_large_is_told_by_name(name):
    right = {"access_token": "a", "token_type": "Bearer"}
    largest = "a" * 32 * 1024

    assert getattr(read_tokens({**right, name: largest}, 0.0), name) == largest
    with pytest.raises(errors.TokenTooLargeError, match=f"the {name} has 32769 bytes of at most"):
        read_tokens({**right, name: largest + "a"}, 0.0)


DISCOVERY = "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    ("added", "failure", "found"),
    [
        ("/", None, "found is '{issuer}'"),
        (DISCOVERY, None, "the issuer may be '{issuer}': {issuer}" + DISCOVERY * 2 + " is 404"),
        ("/realms/typo", None, "configured is '{issuer}/realms/typo': {issuer}/realms/typo"),
        ("", "301", "is 301"),
        ("", "404", "configured is '{issuer}': {issuer}" + DISCOVERY + " is 404"),
    ],
)
async def test_a_wrong_issuer_is_told_as_that(make_provider, hostile, added, failure, found):
    hostile.wrongs.failures = {DISCOVERY: failure} if failure else {}
    provider = make_provider(issuer=hostile.issuer + added)

    with pytest.raises(errors.IssuerMisconfiguredError) as raised:
        await begin_sign_in(provider, CALLBACK, "/")

    assert found.format(issuer=hostile.issuer) in str(raised.value)
    assert hostile.count("/elsewhere") == 0


async def test_a_wrong_issuer_ends_no_session(make_provider, hostile, clock):
    provider = make_provider()
    before = await sign_in(provider, hostile)
    wrong = make_provider(issuer=hostile.issuer + "/")

    with pytest.raises(ProviderUnavailableError):
        await refresh(wrong, REFRESH_TOKEN, before.identity, before.tokens.id_token)


@pytest.mark.parametrize("provider_timeout_s", [0.2])
@pytest.mark.parametrize(
    "failure", ["500", "404", "hang", "huge", "redirect", "garbage", "array", "deep", "close"]
)
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token"])
async def test_a_provider_that_does_not_answer_properly_is_unavailable(
    make_provider, hostile, path, failure
):
    hostile.wrongs.failures = {path: failure}
    # A refusal of the token endpoint is an answer.
    expected = errors.CodeRefusedError if (path, failure) == ("/token", "404") else None

    with pytest.raises(expected or ProviderUnavailableError):
        await sign_in(make_provider(), hostile)

    assert hostile.count("/elsewhere") == 0


USERINFO_FAILURES = ["500", "401", "404", "hang", "huge", "redirect", "garbage", "array", "close"]


@pytest.mark.parametrize("provider_timeout_s", [0.2])
@pytest.mark.parametrize("failure", USERINFO_FAILURES)
async def test_userinfo_that_fails_once_is_asked_once_more(make_provider, hostile, failure):
    hostile.wrongs.failures = {"/userinfo": [failure]}

    identity = (await sign_in(make_provider(), hostile)).identity

    assert (identity.email, identity.unreadable) == ("alice@example.com", frozenset())


@pytest.mark.parametrize("provider_timeout_s", [0.2])
@pytest.mark.parametrize("failure", USERINFO_FAILURES)
async def test_nobody_is_signed_in_half_known(make_provider, hostile, caplog, failure):
    hostile.wrongs.failures = {"/userinfo": failure}
    hostile.wrongs.claims = {"groups": ["staff"]}

    with pytest.raises(ProviderUnavailableError):
        await sign_in(make_provider(), hostile)

    assert len([it for it in caplog.records if it.levelname == "WARNING"]) == 2


@pytest.mark.parametrize(
    ("wrongs", "told"),
    [
        ({"failures": {"/userinfo": "500"}}, "status 500, media type ''"),
        ({"userinfo_type": "application/xml"}, "status 200, media type 'application/xml'"),
        ({"userinfo_type": "text/html"}, "status 200, media type 'text/html'"),
    ],
)
async def test_the_log_says_what_userinfo_answered(make_provider, hostile, caplog, wrongs, told):
    hostile.wrongs = Wrongs(**wrongs)

    with pytest.raises(ProviderUnavailableError, match=told):
        await sign_in(make_provider(), hostile)

    warnings = [it.getMessage() for it in caplog.records if it.levelname == "WARNING"]
    where = f"{hostile.issuer}/userinfo"
    assert warnings == [f'userinfo failed: provider "hostile": userinfo at {where}: {told}'] * 2


async def test_a_bad_group_is_warned_of_once_a_provider(make_provider, hostile, caplog):
    provider = make_provider()
    hostile.wrongs.userinfo = {"groups": ["staff", None], "roles": [{"id": "secret"}]}

    for asked in (provider, provider, provider.for_app("notes")):
        assert (await sign_in(asked, hostile)).identity.groups == ("staff",)
    await sign_in(make_provider(name="other"), hostile)

    told = [
        "claim 'groups': 1 of 2 left out: null",
        "claim 'roles': 1 of 1 left out: an object; name its member, as in /groups/*/id",
    ]
    warnings = [it.getMessage() for it in caplog.records if it.levelname == "WARNING"]
    assert warnings == [f'provider "{name}": {it}' for name in ("hostile", "other") for it in told]


async def test_without_a_user_there_is_no_identity(make_provider, hostile):
    provider = make_provider(claims=ClaimNames(user=("login",)))

    with pytest.raises(errors.UserMissingError):
        await sign_in(provider, hostile)


def _signed(**claims):
    right = {"sub": SUBJECT, "email": "signed@example.com", "email_verified": True}
    return Wrongs(
        claims={"name": None}, userinfo_type="application/jwt",
        userinfo_body=sign({**right, **claims}).encode(),
    )  # fmt: skip


@pytest.mark.parametrize(
    "claims", [{}, {"aud": "notes"}, {"aud": ["x", "notes"]}], ids=["bare", "ours", "several"]
)
async def test_signed_userinfo_is_read(make_provider, hostile, claims):
    """OpenID Connect Core 1.0, section 5.3.2."""
    hostile.wrongs = _signed(**claims)

    assert (await sign_in(make_provider(), hostile)).identity.email == "signed@example.com"


BAD_USERINFO = {
    "no signature": Wrongs(userinfo_type="application/jwt", userinfo_body=b"a.b.c"),
    "no token": Wrongs(userinfo_type="application/jwt", userinfo_body=b"\xff{}"),
    "alg none": Wrongs(
        userinfo_type="application/jwt",
        userinfo_body=sign({"sub": SUBJECT}, alg="none").encode(),
    ),
    "another issuer": _signed(iss="https://evil.example"),
    "another client": _signed(aud="another"),
}


@pytest.mark.parametrize("name", BAD_USERINFO)
async def test_signed_userinfo_that_is_not_the_providers_signs_nobody_in(
    make_provider, hostile, name
):
    hostile.wrongs = BAD_USERINFO[name]

    with pytest.raises(ProviderUnavailableError):
        await sign_in(make_provider(), hostile)


async def test_userinfo_is_not_asked_when_the_id_token_says_everything(make_provider, hostile):
    said = {"email": "a@example.com", "email_verified": True, "groups": [], "roles": "r"}
    hostile.wrongs.claims = said
    await sign_in(make_provider(), hostile)
    assert hostile.count("/userinfo") == 0

    await sign_in(make_provider(wanted_claims=["/department"]), hostile)
    assert hostile.count("/userinfo") == 1


async def test_a_code_is_good_once(make_provider, hostile):
    provider = make_provider()
    flow, location = await begin_sign_in(provider, CALLBACK, "/")
    answer = hostile.approve(location)
    await finish_sign_in(provider, flow, answer)

    with pytest.raises(errors.CodeRefusedError):
        await finish_sign_in(provider, flow, answer)


async def test_the_log_gets_the_providers_own_words_without_what_was_sent(make_provider, hostile):
    provider = make_provider()
    flow, location = await begin_sign_in(provider, CALLBACK, "/")
    answer = hostile.approve(location)
    told = f"no offline tokens for this user, not for {answer['code']}"
    hostile.wrongs = Wrongs(token_answer=(400, {"error": "denied", "error_description": told}))

    with pytest.raises(errors.CodeRefusedError) as refused:
        await finish_sign_in(provider, flow, answer)

    expected = "/token: status 400, error 'denied': 'no offline tokens for this user, not for …'"
    assert str(refused.value).endswith(expected)


async def test_a_flow_ends_in_time(make_provider, hostile, clock):
    provider = make_provider()
    flow, location = await begin_sign_in(provider, CALLBACK, "/")
    clock.ahead_s = 1801

    with pytest.raises(errors.FlowExpiredError):
        await finish_sign_in(provider, flow, hostile.approve(location))


@pytest.mark.parametrize(
    ("auth_time", "accepted"), [(NOW, True), (NOW - 100, True), (NOW - 400, False), (None, False)]
)
async def test_a_step_up_needs_a_fresh_sign_in(make_provider, hostile, auth_time, accepted):
    hostile.wrongs.claims = {"auth_time": auth_time}
    if accepted:
        identity = (await sign_in(make_provider(), hostile, max_age_s=120)).identity
        assert identity.authenticated_at == auth_time
    else:
        with pytest.raises(errors.InvalidIdTokenError):
            await sign_in(make_provider(), hostile, max_age_s=120)


async def test_hmac_is_accepted_only_where_it_is_allowed(make_provider, hostile):
    hostile.wrongs.signing = {"alg": "HS256", "key": CLIENT_SECRET}
    provider = make_provider(algorithms=("HS256",))

    assert (await sign_in(provider, hostile)).identity.subject == SUBJECT

    hostile.wrongs.tampered = True
    with pytest.raises(errors.InvalidIdTokenError):
        await sign_in(provider, hostile)


async def test_an_alias_of_the_issuer_counts_as_the_issuer(make_provider, hostile):
    hostile.wrongs = Wrongs(claims={"iss": "accounts.example.com"})
    provider = make_provider(issuer_aliases=("accounts.example.com",))

    assert (await sign_in(provider, hostile)).identity.issuer == hostile.issuer


async def test_client_id_and_secret_are_form_encoded_in_basic(make_provider, hostile):
    provider = make_provider(client_id="2438@no:tes", client_secret="p:w+d/%20 é")
    hostile.wrongs.claims = {"aud": "2438@no:tes"}

    await sign_in(provider, hostile)

    call = hostile.headers[hostile.requests.index(("POST", "/token"))]
    assert basic_of(call) == ("2438@no:tes", "p:w+d/%20 é")


async def test_the_resource_is_named_again_at_the_token_endpoint(make_provider, hostile):
    provider = make_provider(authorize_params={"resource": "https://api.example.com"})

    await sign_in(provider, hostile)
    await provider.client.refresh(await provider.metadata(), REFRESH_TOKEN)

    forms = [form for form in hostile.forms if "grant_type" in form]
    assert [form["resource"] for form in forms] == [["https://api.example.com"]] * 2


async def test_sign_out_names_the_client_and_the_way_back(make_provider, hostile):
    provider = make_provider()

    url = await sign_out_url(provider, "hint", "https://notes.example.com/out", "s1")

    assert url is not None
    asked = parse_qs(urlsplit(url).query)
    assert asked == {
        "id_token_hint": ["hint"],
        "client_id": ["notes"],
        "post_logout_redirect_uri": ["https://notes.example.com/out"],
        "state": ["s1"],
    }
    hostile.wrongs.discovery = {"end_session_endpoint": None}
    assert await sign_out_url(make_provider(), "hint", "x", "s") is None


async def test_a_provider_with_its_own_sign_out_gets_only_what_it_knows(make_provider):
    """https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html"""
    cognito = PROFILES["cognito"].post_logout_parameter
    provider = make_provider(post_logout_parameter=cognito)

    url = await sign_out_url(provider, "hint", "https://notes.example.com/out", "s1")

    assert url is not None
    asked = parse_qs(urlsplit(url).query)
    assert asked == {"client_id": ["notes"], "logout_uri": ["https://notes.example.com/out"]}


async def test_a_token_is_revoked_where_the_provider_can(make_provider, hostile):
    await make_provider().revoke(REFRESH_TOKEN)
    assert hostile.forms[-1]["token"] == [REFRESH_TOKEN]
    assert hostile.forms[-1]["token_type_hint"] == ["refresh_token"]

    hostile.wrongs.failures = {"/revoke": "500"}
    with pytest.raises(ProviderUnavailableError):
        await make_provider().revoke(REFRESH_TOKEN)

    hostile.wrongs.discovery = {"revocation_endpoint": None}
    await make_provider().revoke(REFRESH_TOKEN)


class TestRefresh:
    async def test_it_brings_what_the_provider_now_says(self, make_provider, hostile):
        provider = make_provider()
        hostile.wrongs.claims = {"auth_time": NOW - 50, "acr": "gold"}
        before = await sign_in(provider, hostile)
        hostile.wrongs.claims = {"auth_time": NOW, "nonce": None}
        hostile.wrongs.userinfo = {"groups": ["new"], "email_verified": False}

        after = await refresh(provider, REFRESH_TOKEN, before.identity, before.tokens.id_token)

        assert after.identity.groups == ("new",)
        assert after.identity.email is None
        assert (after.identity.acr, after.identity.authenticated_at) == ("gold", NOW - 50)

    async def test_without_a_new_id_token_the_old_one_stands_and_userinfo_is_asked(
        self, make_provider, hostile
    ):
        provider = make_provider()
        everything = {"email": "a@b.c", "email_verified": True, "groups": ["g"], "roles": ["r"]}
        hostile.wrongs.claims = everything
        before = await sign_in(provider, hostile)
        hostile.wrongs.tokens = {"id_token": None, "refresh_token": None}

        after = await refresh(provider, REFRESH_TOKEN, before.identity, before.tokens.id_token)

        assert hostile.count("/userinfo") == 1
        assert after.identity.groups == ("g",)
        assert after.tokens.refresh_token is None

    async def test_a_lost_userinfo_changes_nothing(self, make_provider, hostile, caplog):
        provider = make_provider()
        before = await sign_in(provider, hostile)
        hostile.wrongs.failures = {"/userinfo": "500"}
        asked_before = hostile.count("/userinfo")

        after = await refresh(provider, REFRESH_TOKEN, before.identity, before.tokens.id_token)

        assert after.identity == before.identity
        assert hostile.count("/userinfo") == asked_before + 1
        assert "status 500" in caplog.text

        hostile.wrongs.failures = {}
        hostile.wrongs.userinfo = {"groups": ["new"]}
        after = await refresh(provider, REFRESH_TOKEN, before.identity, before.tokens.id_token)
        assert after.identity.groups == ("new",)

    @pytest.mark.parametrize(
        ("wrongs", "expected"),
        [
            (Wrongs(claims={"sub": "bob"}), errors.SubjectMismatchError),
            (Wrongs(claims={"iss": "https://evil.example"}), errors.IssuerMismatchError),
            (Wrongs(claims={"aud": "other"}), errors.InvalidIdTokenError),
            (Wrongs(tampered=True), errors.InvalidIdTokenError),
            (Wrongs(userinfo={"sub": "bob"}), errors.SubjectMismatchError),
            (Wrongs(token_answer=(400, {"error": "invalid_grant"})), errors.RefreshRefusedError),
            (Wrongs(token_answer=(400, {"error": "invalid_request"})), ProviderUnavailableError),
            (Wrongs(token_answer=(401, {"error": "invalid_client"})), ProviderUnavailableError),
            (Wrongs(token_answer=(429, {"error": "invalid_grant"})), ProviderUnavailableError),
            (Wrongs(failures={"/token": "500"}), ProviderUnavailableError),
            (Wrongs(failures={"/token": "redirect"}), ProviderUnavailableError),
        ],
    )
    async def test_only_invalid_grant_says_that_it_is_over(
        self, make_provider, hostile, wrongs, expected
    ):
        provider = make_provider()
        before = await sign_in(provider, hostile)
        hostile.wrongs = wrongs

        with pytest.raises(expected):
            await refresh(provider, REFRESH_TOKEN, before.identity, before.tokens.id_token)


async def test_tokens_bound_to_a_key_say_what_to_turn_off(make_provider, hostile):
    """DPoP (RFC 9449), which is set for each client."""
    hostile.wrongs.tokens = {"token_type": "DPoP"}

    with pytest.raises(ProviderUnavailableError, match=r"turn DPoP .* off for this client"):
        await sign_in(make_provider(), hostile)


async def test_a_sign_in_makes_two_calls(make_provider, hostile):
    """Discovery and keys are kept; what is left is the token and userinfo."""
    provider = make_provider()
    await sign_in(provider, hostile)
    hostile.requests.clear()

    await sign_in(provider, hostile)

    assert [path for _, path in hostile.requests] == ["/token", "/userinfo"]
