"""Access tokens of other parties: every known attack, and what good ones prove."""

import asyncio
import math

import pytest

from gateway.accounts.errors import UserTakenError
from gateway.accounts.manager import Accounts
from gateway.authn import Authenticated, NotPresented, Rejected, judge_all
from gateway.authn.combine import settle
from gateway.credentials.throttle import Throttle
from gateway.errors import ProviderUnavailableError
from gateway.model import Identity
from gateway.oidc.errors import UserMissingError
from gateway.storage.memory import MemoryStore
from tests.authn.issuer import (
    AUDIENCE,
    INTROSPECTION,
    OPAQUE,
    make_door,
    raw,
)
from tests.builders import SECRET, make_request
from tests.oidc.hostile import KEYS, base64url, basic_of, public, tampered

ALL_ALGORITHMS = ["RS256", "PS384", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]


@pytest.fixture
def door(clock, http, issuer):
    return make_door(clock, http, {"issuer": issuer.issuer, "introspection": INTROSPECTION})


def reason(outcome):
    assert isinstance(outcome, Rejected), outcome
    assert (outcome.status, outcome.kind) == (401, "bearer")
    return outcome.reason


def forged(issuer, header, payload, signature=b"AAAA"):
    parts = (base64url(part) for part in (header, payload, signature))
    return ".".join(parts)


# Each with the reason a client is told.
ATTACKS = {
    # RFC 8725, sections 2.1 and 3.1; RFC 7515, section 10.
    "alg none": (lambda i: i.token(alg="none"), "invalid-token"),
    "alg None": (
        lambda i: forged(i, b'{"alg":"None"}', raw(i.claims()), b""),
        "invalid-token",
    ),
    "no alg": (lambda i: forged(i, b'{"typ":"JWT"}', raw(i.claims())), "invalid-token"),
    "alg is a list": (lambda i: forged(i, b'{"alg":["ES256"]}', raw(i.claims())), "invalid-token"),
    "hmac with the public key": (
        lambda i: i.token(key=KEYS["rsa"].as_pem(private=False), alg="HS256"),
        "invalid-token",
    ),
    "hmac with a word": (lambda i: i.token(key="secret", alg="HS256"), "invalid-token"),
    "an algorithm not listed": (lambda i: i.token(key="rsa", alg="PS256"), "invalid-token"),
    "an algorithm not for the key": (
        lambda i: i.token(key="rsa", alg="RS256", header={"kid": "p256"}),
        "invalid-token",
    ),
    "another's key": (lambda i: i.token(key="rsa-stranger", alg="RS256"), "invalid-token"),
    "another's key under a known id": (
        lambda i: i.token(key="rsa-stranger", alg="RS256", header={"kid": "rsa"}),
        "invalid-token",
    ),
    "a changed signature": (lambda i: tampered(i.token()), "invalid-token"),
    "no signature": (lambda i: i.token().rpartition(".")[0] + ".", "invalid-token"),
    "a changed payload": (
        lambda i: ".".join(
            (
                i.token().split(".")[0],
                base64url(raw(i.claims(sub="root"))),
                i.token().split(".")[2],
            )
        ),
        "invalid-token",
    ),
    # RFC 7515, sections 4.1.2 to 4.1.6: keys in the token itself.
    "its own key": (
        lambda i: i.token(
            key="rsa-stranger",
            alg="RS256",
            header={"kid": "rsa", "jwk": KEYS["rsa-stranger"].as_dict(private=False)},
        ),
        "invalid-token",
    ),
    "its own key set": (
        lambda i: i.token(
            key="rsa-stranger", alg="RS256", header={"jku": f"{i.issuer}/evil", "x5u": i.issuer}
        ),
        "invalid-token",
    ),
    "its own certificate": (
        lambda i: i.token(key="rsa-stranger", alg="RS256", header={"x5c": ["MIIB"], "kid": "rsa"}),
        "invalid-token",
    ),
    "a critical extension": (
        lambda i: forged(i, b'{"alg":"ES256","kid":"p256","crit":["x"],"x":1}', raw(i.claims())),
        "invalid-token",
    ),
    "an unencoded payload": (
        lambda i: forged(i, b'{"alg":"ES256","b64":false}', raw(i.claims())),
        "invalid-token",
    ),
    "a key id that walks": (
        lambda i: i.token(header={"kid": "../../../dev/null"}),
        "invalid-token",
    ),
    "a key id that is no text": (
        lambda i: forged(i, b'{"alg":"ES256","kid":{"$ne":1}}', raw(i.claims())),
        "invalid-token",
    ),
    # RFC 8725, sections 3.8 and 3.9; RFC 9068, section 4.
    "no audience": (lambda i: i.token(aud=None), "invalid-token"),
    "another audience": (lambda i: i.token(aud="https://other.example.com"), "invalid-token"),
    "an audience that begins alike": (lambda i: i.token(aud=AUDIENCE + "/"), "invalid-token"),
    "no audience of many": (lambda i: i.token(aud=["a", "b", 7]), "invalid-token"),
    "an audience that is a mapping": (lambda i: i.token(aud={AUDIENCE: 1}), "invalid-token"),
    "no expiry": (lambda i: i.token(exp=None), "invalid-token"),
    "an expiry that is text": (lambda i: i.token(exp="9999999999"), "invalid-token"),
    "an expiry that is true": (lambda i: i.token(exp=True), "invalid-token"),
    "an endless expiry": (lambda i: i.token(payload=raw(i.claims(exp=math.inf))), "invalid-token"),
    "an expiry that is no number": (
        lambda i: i.token(payload=raw(i.claims(exp=math.nan))),
        "invalid-token",
    ),
    "a huge expiry": (lambda i: i.token(exp=10**400), "invalid-token"),
    "over": (lambda i: i.token(exp=int(i.clock()) - 61), "token-expired"),
    "not yet good": (lambda i: i.token(nbf=int(i.clock()) + 62), "invalid-token"),
    "from the future": (lambda i: i.token(iat=int(i.clock()) + 62), "invalid-token"),
    "no subject": (lambda i: i.token(sub=None), "invalid-token"),
    "an empty subject": (lambda i: i.token(sub=""), "invalid-token"),
    "a subject that is a number": (lambda i: i.token(sub=7), "invalid-token"),
    # RFC 8725, sections 3.11 and 3.12: tokens for something else.
    "an ID token by nonce": (lambda i: i.token(nonce="n"), "not-an-access-token"),
    "an ID token by at_hash": (lambda i: i.token(at_hash="x"), "not-an-access-token"),
    "an ID token by c_hash": (lambda i: i.token(c_hash="x"), "not-an-access-token"),
    "an ID token by payload": (lambda i: i.token(typ="ID"), "not-an-access-token"),
    "a refresh token": (lambda i: i.token(typ="Refresh"), "not-an-access-token"),
    "an ID token by use": (lambda i: i.token(token_use="id"), "not-an-access-token"),
    "a logout token": (
        lambda i: i.token(header={"typ": "logout+jwt"}, events={}),
        "not-an-access-token",
    ),
    "events": (lambda i: i.token(events={}), "not-an-access-token"),
    "a proof": (lambda i: i.token(header={"typ": "dpop+jwt"}), "not-an-access-token"),
    "a type that is no text": (
        lambda i: forged(i, b'{"alg":"ES256","typ":7}', raw(i.claims())),
        "not-an-access-token",
    ),
    # RFC 9449, section 7.2; RFC 8705, section 3: bound to a key, and sent as if it were not.
    "bound to a key": (lambda i: i.token(cnf={"jkt": "x"}), "invalid-token"),
    "bound to a certificate": (lambda i: i.token(cnf={"x5t#S256": "x"}), "invalid-token"),
    "bound to nothing": (
        lambda i: i.token(payload=raw({**i.claims(), "cnf": None})),
        "invalid-token",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_no_attack_on_a_jwt_gets_in(door, issuer, name):
    make, told = ATTACKS[name]
    token = make(issuer)

    assert reason(await door.judge(token)) == told
    # Nor is it remembered, and nothing in it says where keys come from.
    assert door.recall(token) is None
    assert {path for _, path in issuer.requests} <= {"/.well-known/openid-configuration", "/jwks"}


@pytest.mark.parametrize(
    "token",
    [
        "a",
        "a.b.c",
        "a.b.c.d.e",
        "eyJ.eyJ.x",
        "eyJhbGciOiJSUzI1NiJ9.W10.x",
        "eyJhbGciOiJSUzI1NiJ9." + "W1tb" * 5000 + ".x",
        "gp_0123456789",
        "x y",
        "é",
        "\udcff",
        "",
        "a=b",
    ],
)
async def test_what_is_no_token_of_an_issuer_is_not_recognised(clock, http, issuer, token):
    door = make_door(clock, http, {"issuer": issuer.issuer})
    request = door.request(token)

    assert judge_all(request, [door.authenticator]).reason == "unknown-credential"
    assert await settle(door.authenticator.judge(request)) == NotPresented()
    assert issuer.requests == []


@pytest.mark.parametrize("wrong", ["https://evil.example.com", None, 7, ["x"]])
async def test_an_issuer_that_is_not_configured_is_not_recognised(door, issuer, wrong):
    token = issuer.token(iss=wrong)

    assert not door.authenticator.recognises(b"authorization", b"Bearer " + token.encode())
    assert await door.judge(token) == NotPresented()


async def test_one_issuers_key_signs_for_no_other(clock, http, issuer, start_issuer):
    other = await start_issuer()
    other.wrongs.keys = [public("rsa-stranger", kid="rsa")]
    door = make_door(
        clock,
        http,
        {"issuer": issuer.issuer},
        {"issuer": other.issuer, "audiences": ["https://other.example.com"]},
    )
    theirs = other.token(key="rsa-stranger", alg="RS256", header={"kid": "rsa"})

    # Its own tokens are for its own audience, and what it signs in another's name is forged.
    assert reason(await door.judge(theirs)) == "invalid-token"
    claimed = other.token(key="rsa-stranger", alg="RS256", header={"kid": "rsa"}, iss=issuer.issuer)
    assert reason(await door.judge(claimed)) == "invalid-token"
    good = other.token(
        key="rsa-stranger", alg="RS256", header={"kid": "rsa"}, aud="https://other.example.com"
    )
    assert isinstance(await door.judge(good), Authenticated)


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        ("rsa", "RS256"),
        ("rsa", "PS384"),
        ("p256", "ES256"),
        ("p384", "ES384"),
        ("p521", "ES512"),
        ("ed", "EdDSA"),
        ("ed", "Ed25519"),
    ],
)
async def test_a_good_token_of_every_algorithm_gets_in(clock, http, issuer, key, alg):
    door = make_door(clock, http, {"issuer": issuer.issuer, "algorithms": ALL_ALGORITHMS})
    outcome = await door.judge(issuer.token(key=key, alg=alg))

    assert isinstance(outcome, Authenticated)
    assert (outcome.identity.user, outcome.identity.credential) == ("alice", "bearer")


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({}, {"typ": None}),
        ({}, {"typ": "JWT"}),
        ({}, {"typ": "AT+JWT"}),
        ({}, {"typ": "application/at+jwt"}),
        ({"aud": ["x", AUDIENCE]}, {}),
        ({"typ": "Bearer"}, {}),
        ({"token_use": "access"}, {}),
        ({"iat": None}, {}),
        ({"nbf": 0}, {}),
        ({"exp": 1_780_000_000 - 59}, {}),
        ({"jti": 7, "azp": "x", "ext": {"a": [1]}}, {"x": 1, "jku": "https://x.example.com"}),
    ],
)
async def test_what_real_issuers_do_gets_in(door, issuer, changes, header):
    assert isinstance(await door.judge(issuer.token(header=header, **changes)), Authenticated)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
async def test_the_scheme_has_no_case(door, issuer, scheme):
    request = door.request(issuer.token(), scheme)

    assert isinstance(await settle(door.authenticator.judge(request)), Authenticated)


async def test_what_a_token_says_is_read_by_the_configured_names(clock, http, issuer):
    claims = {
        "user": "/ext/login",
        "groups": "realm",
        "roles": "https://example.com/roles",
        "email": "mail",
    }
    settings = {"issuer": issuer.issuer, "claims": claims, "email_verified": "assume"}
    door = make_door(clock, http, settings, provider="zitadel")
    facts = {
        "ext": {"login": "alice-1"},
        "realm": {"staff": {}, "admins": {}},
        "https://example.com/roles": "auditor",
        "mail": "alice@example.com",
        "acr": "gold",
        "amr": ["pwd", "otp"],
        "auth_time": 1_779_999_000,
    }
    outcome = await door.judge(issuer.token(**facts))
    who = outcome.identity

    assert (who.user, who.subject, who.provider) == ("alice-1", "alice", "zitadel")
    assert (who.groups, who.roles) == (("staff", "admins"), ("auditor",))
    assert (who.email, who.acr, who.amr) == ("alice@example.com", "gold", ("pwd", "otp"))
    assert (who.authenticated_at, who.expires_at) == (1_779_999_000, int(clock()) + 300)
    assert (who.session_id, who.access_token, who.issuer) == (None, None, issuer.issuer)


@pytest.mark.parametrize(("verified", "email"), [(True, "a@example.com"), (None, None)])
async def test_an_email_counts_only_when_marked_verified(door, issuer, verified, email):
    outcome = await door.judge(issuer.token(email="a@example.com", email_verified=verified))

    assert outcome.identity.email == email


@pytest.mark.parametrize(
    ("claims", "scopes", "is_readable"),
    [
        ({"scope": "read  write"}, {"read", "write"}, True),
        ({"scope": ["read", "write"]}, {"read", "write"}, True),
        ({"scope": None, "scp": "read"}, {"read"}, True),
        ({"scope": None, "scp": ["read", "write"]}, {"read", "write"}, True),
        ({"scope": "read", "scp": ["write"]}, {"read"}, True),
        ({"scope": None}, set(), True),
        ({"scope": ""}, set(), True),
        ({"scope": {"read": True}}, set(), False),
        ({"scope": ["read", 7]}, set(), False),
    ],
)
async def test_scopes_are_text_or_a_list(door, issuer, claims, scopes, is_readable):
    who = (await door.judge(issuer.token(**claims))).identity

    assert who.scopes == scopes
    assert ("scopes" not in who.unreadable) is is_readable


async def test_a_token_without_a_user_says_so(clock, http, issuer):
    door = make_door(clock, http, {"issuer": issuer.issuer, "claims": {"user": "login"}})

    with pytest.raises(UserMissingError):
        await door.judge(issuer.token())


async def test_an_account_is_the_same_by_token_and_by_session(clock, http, issuer):
    accounts = Accounts(MemoryStore(clock), SECRET)
    session = Identity("alice", "alice", issuer.issuer, "session")
    account_id = (await accounts.claim(session)).account_id
    door = make_door(clock, http, {"issuer": issuer.issuer}, accounts=accounts)

    assert (await door.judge(issuer.token())).identity.account_id == account_id
    assert door.recall(issuer.token()) is None  # Another signature, another token.


class Counted(Accounts):
    """Accounts that know how often they were asked."""

    asked = 0

    async def enter(self, identity, *, of_client=False):
        self.asked += 1
        return await super().enter(identity, of_client=of_client)


async def test_an_account_is_asked_for_again_after_five_minutes(clock, http, issuer):
    accounts = Counted(MemoryStore(clock), SECRET)
    door = make_door(clock, http, {"issuer": issuer.issuer}, accounts=accounts)
    found = []

    for elapsed_s, asked in ((0.0, 1), (299.5, 1), (300.0, 2)):
        clock.ahead_s = elapsed_s
        found.append((await door.judge(issuer.token(jti=str(elapsed_s)))).identity.account_id)
        assert accounts.asked == asked
    assert found == [found[0]] * 3


async def test_a_user_name_that_is_anothers_is_refused(clock, http, issuer):
    accounts = Accounts(MemoryStore(clock), SECRET)
    await accounts.claim(Identity("alice", "1", "https://id.example.com", "session"))
    door = make_door(clock, http, {"issuer": issuer.issuer}, accounts=accounts)
    token = issuer.token()

    for _ in range(2):
        with pytest.raises(UserTakenError):
            await door.judge(token)
    assert door.recall(token) is None


async def test_a_client_may_have_its_own_id_as_subject(door, issuer):
    outcome = await door.judge(issuer.token(sub="ci", client_id="ci"))

    assert (outcome.identity.user, outcome.identity.subject) == ("ci", "ci")


async def test_a_client_that_chose_a_persons_subject_as_its_id_is_not_that_person(door, issuer):
    # RFC 9068, section 5.
    await door.judge(issuer.token(sub="alice", client_id="cli"))

    with pytest.raises(UserTakenError):
        await door.judge(issuer.token(sub="alice", client_id="alice"))


async def test_no_subject_of_a_person_is_written_like_a_clients(door, issuer):
    of_client = await door.judge(issuer.token(sub="ci", client_id="ci"))
    of_person = await door.judge(issuer.token(sub="client\0ci", client_id="cli"))

    assert of_client.identity.account_id != of_person.identity.account_id


# Memory.


async def test_a_good_token_is_remembered_until_it_ends(door, issuer, clock):
    token = issuer.token(exp=int(clock()) + 100)
    outcome = await door.judge(token)
    asked = len(issuer.requests)

    assert door.recall(token) is outcome
    for ahead_s, known in [(99.7, True), (99.75, False), (101, False)]:
        clock.ahead_s = ahead_s
        assert (door.recall(token) is outcome) is known
    clock.ahead_s = 161
    assert reason(await door.judge(token)) == "token-expired"
    assert len(issuer.requests) == asked


async def test_a_token_is_verified_again_once_in_a_while(door, issuer, clock):
    token = issuer.token(exp=int(clock()) + 86400)
    await door.judge(token)
    clock.ahead_s = 300

    assert door.recall(token) is None
    issuer.wrongs.keys = [public("rsa")]
    clock.ahead_s = 3601
    # The key was withdrawn.
    assert reason(await door.judge(token)) == "invalid-token"


async def test_memory_is_bounded(door, issuer, monkeypatch):
    monkeypatch.setattr("gateway.authn.bearer._MAX_REMEMBERED", 3)
    tokens = [issuer.token(jti=str(number)) for number in range(5)]
    for token in tokens:
        await door.judge(token)

    assert [door.recall(token) is not None for token in tokens] == [False] * 2 + [True] * 3


# Keys.


async def test_a_new_key_is_fetched_once_and_unknown_ones_ask_once_a_minute(door, issuer, clock):
    issuer.wrongs.keys = [public("rsa")]
    assert isinstance(await door.judge(issuer.token(key="rsa", alg="RS256")), Authenticated)
    issuer.wrongs.keys = [public("rsa"), public("p256")]

    assert isinstance(await door.judge(issuer.token()), Authenticated)
    assert issuer.count("/jwks") == 2
    unknown = [issuer.token(header={"kid": f"made-up-{number}"}) for number in range(150)]
    assert {reason(it) for it in await asyncio.gather(*map(door.judge, unknown))} == {
        "invalid-token"
    }
    assert issuer.count("/jwks") == 2
    clock.ahead_s = 61
    await door.judge(issuer.token(header={"kid": "made-up"}))
    assert issuer.count("/jwks") == 3


async def test_nothing_is_fetched_for_a_token_that_could_not_be_good(door, issuer, clock):
    for changes in ({"aud": "x"}, {"exp": 7}, {"nonce": "n"}, {"cnf": {}}):
        await door.judge(issuer.token(**changes))

    assert issuer.requests == []


async def test_an_issuer_that_is_down_is_no_answer_and_counts_against_nobody(clock, http, issuer):
    door = make_door(clock, http, {"issuer": issuer.issuer}, wrong=Throttle(1, 60))
    issuer.wrongs.failures = {"/jwks": "500"}
    for _ in range(3):
        with pytest.raises(ProviderUnavailableError):
            await door.judge(issuer.token())
    issuer.wrongs.failures = {}
    clock.ahead_s = 4

    good = issuer.token()
    assert isinstance(await door.judge(good), Authenticated)
    await issuer.stop()
    assert isinstance(await door.judge(good), Authenticated)


# A flood.


async def test_a_flood_of_forged_tokens_is_stopped_before_it_costs_anything(door, issuer, clock):
    good, other = issuer.token(), issuer.token(sub="bob")
    await door.judge(good)
    asked = len(issuer.requests)
    flood = [tampered(issuer.token(jti=str(number))) for number in range(300)]
    outcomes = [await door.judge(token) for token in flood]

    assert [it.reason for it in outcomes[:200]] == ["invalid-token"] * 200
    assert {(it.reason, it.status) for it in outcomes[200:]} == {("credential-throttled", 429)}
    assert len(issuer.requests) == asked
    # Whoever is known behind the same address goes on; whoever is not waits.
    assert isinstance(await door.judge(good), Authenticated)
    assert (await door.judge(other)).status == 429
    door.client = "192.0.2.2"
    assert isinstance(await door.judge(other), Authenticated)
    door.client = "192.0.2.1"
    clock.ahead_s = 2
    assert reason(await door.judge(flood[0])) == "invalid-token"


async def test_a_flood_of_opaque_tokens_is_bounded_at_the_issuer(clock, http, issuer):
    settings = {"issuer": issuer.issuer, "introspection": INTROSPECTION}
    door = make_door(clock, http, settings, wrong=Throttle(5, 60))
    outcomes = await asyncio.gather(*(door.judge(f"made-up-{n}") for n in range(50)))

    assert sorted({it.reason for it in outcomes}) == ["credential-throttled", "token-inactive"]
    assert issuer.count("/introspect") == 5


async def test_right_ones_are_not_counted(clock, http, issuer):
    door = make_door(clock, http, {"issuer": issuer.issuer}, wrong=Throttle(2, 60))

    for number in range(20):
        assert isinstance(await door.judge(issuer.token(jti=str(number))), Authenticated)


# Introspection.


async def test_an_opaque_token_is_asked_about_once_for_a_while(door, issuer, clock):
    issuer.answers[OPAQUE] = {"active": True, **issuer.claims(iss=None, exp=None)}
    outcomes = await asyncio.gather(*(door.judge(OPAQUE) for _ in range(10)))

    assert all(isinstance(it, Authenticated) for it in outcomes)
    assert outcomes[0].identity.scopes == {"read", "write"}
    assert issuer.count("/introspect") == 1
    form, fields = issuer.forms[-1], issuer.headers[-1]
    assert form == {"token": [OPAQUE], "token_type_hint": ["access_token"]}
    assert basic_of(fields) == ("api:1", "s+e%c/ret@1")
    clock.ahead_s = 14.9
    assert isinstance(door.recall(OPAQUE), Authenticated)
    clock.ahead_s = 15
    assert door.recall(OPAQUE) is None
    del issuer.answers[OPAQUE]
    assert reason(await door.judge(OPAQUE)) == "token-inactive"


async def test_an_answer_is_never_believed_past_the_tokens_end(door, issuer, clock):
    issuer.answers[OPAQUE] = {"active": True, **issuer.claims(exp=int(clock()) + 3)}
    await door.judge(OPAQUE)
    clock.ahead_s = 2.7
    assert isinstance(door.recall(OPAQUE), Authenticated)
    clock.ahead_s = 2.75
    assert door.recall(OPAQUE) is None
    await door.judge(OPAQUE)
    assert issuer.count("/introspect") == 2


async def test_a_bad_answer_is_remembered_too(door, issuer):
    for _ in range(3):
        assert reason(await door.judge("made-up")) == "token-inactive"
    assert issuer.count("/introspect") == 1


async def test_no_cache_asks_each_time(clock, http, issuer):
    asked = {**INTROSPECTION, "cache": "0s"}
    door = make_door(clock, http, {"issuer": issuer.issuer, "introspection": asked})
    issuer.answers[OPAQUE] = {"active": True, **issuer.claims()}
    for _ in range(2):
        assert isinstance(await door.judge(OPAQUE), Authenticated)

    assert issuer.count("/introspect") == 2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"aud": None}, "invalid-token"),
        ({"aud": "x"}, "invalid-token"),
        ({"iss": "https://evil.example.com"}, "invalid-token"),
        ({"exp": 7}, "token-expired"),
        ({"exp": "7"}, "invalid-token"),
        ({"nbf": 2_000_000_000}, "invalid-token"),
        ({"cnf": {"jkt": "x"}}, "invalid-token"),
        ({"token_type": "DPoP"}, "not-an-access-token"),
        ({"token_type": "refresh_token"}, "not-an-access-token"),
        ({"token_type": 7}, "not-an-access-token"),
        ({"typ": "Refresh"}, "not-an-access-token"),
        ({"token_use": "refresh_token"}, "not-an-access-token"),
        ({"sub": None, "client_id": None}, "invalid-token"),
    ],
)
async def test_what_is_answered_must_be_right_too(door, issuer, changes, told):
    issuer.answers[OPAQUE] = {"active": True, **issuer.claims(**changes)}

    assert reason(await door.judge(OPAQUE)) == told


async def test_a_client_without_subject_is_its_id(door, issuer):
    issuer.answers[OPAQUE] = {"active": True, **issuer.claims(sub=None, client_id="ci")}

    assert (await door.judge(OPAQUE)).identity.user == "ci"


@pytest.mark.parametrize("answer", [{}, {"active": "true"}, {"active": 1}, {"active": None}])
async def test_anything_but_a_plain_answer_is_none(door, issuer, answer):
    issuer.answers[OPAQUE] = answer

    with pytest.raises(ProviderUnavailableError):
        await door.judge(OPAQUE)


@pytest.mark.parametrize("failure", ["401", "500", "redirect", "garbage", "huge"])
async def test_an_endpoint_that_fails_lets_nobody_in(door, issuer, failure):
    issuer.answers[OPAQUE] = {"active": True, **issuer.claims()}
    issuer.wrongs.failures = {"/introspect": failure}

    with pytest.raises(ProviderUnavailableError):
        await door.judge(OPAQUE)
    assert door.recall(OPAQUE) is None


async def test_an_issuer_without_the_endpoint_lets_nobody_in(door, issuer):
    issuer.wrongs.discovery = {}

    with pytest.raises(ProviderUnavailableError):
        await door.judge(OPAQUE)


@pytest.mark.parametrize("method", ["client_secret_post", "private_key_jwt"])
async def test_other_ways_for_the_client_to_prove_itself(clock, http, issuer, method):
    asked = {"client_id": "api", "client_auth": method}
    if method == "private_key_jwt":
        asked["client_key"] = KEYS["p256"].as_pem(private=True).decode()
    else:
        asked["client_secret"] = "s3"
    door = make_door(clock, http, {"issuer": issuer.issuer, "introspection": asked})
    issuer.answers[OPAQUE] = {"active": True, **issuer.claims()}

    assert isinstance(await door.judge(OPAQUE), Authenticated)
    form = issuer.forms[-1]
    assert "Authorization" not in issuer.headers[-1]
    if method == "client_secret_post":
        assert (form["client_id"], form["client_secret"]) == (["api"], ["s3"])
    else:
        assert form["client_assertion_type"][0].endswith("jwt-bearer")
        assert form["client_assertion"][0].count(".") == 2


async def test_a_jwt_is_never_asked_about(door, issuer):
    token = issuer.token(key="rsa-stranger", alg="RS256")
    issuer.answers[token] = {"active": True, **issuer.claims()}

    assert reason(await door.judge(token)) == "invalid-token"
    assert issuer.count("/introspect") == 0


async def test_the_issuer_that_knows_an_opaque_token_answers_for_it(
    clock, http, issuer, start_issuer
):
    other = await start_issuer()
    door = make_door(
        clock,
        http,
        {"issuer": other.issuer, "introspection": INTROSPECTION},
        {"issuer": issuer.issuer, "introspection": INTROSPECTION},
    )
    issuer.answers[OPAQUE] = {"active": True, **issuer.claims()}

    assert (await door.judge(OPAQUE)).identity.issuer == issuer.issuer


async def test_two_tokens_in_one_request_are_one_too_many(door, issuer):
    value = b"Bearer " + issuer.token().encode()
    request = make_request(fields=[(b"Authorization", value)] * 2, at=door.clock())

    outcome = await settle(door.authenticator.judge(request))
    assert (outcome.reason, outcome.status) == ("repeated-credential", 400)
