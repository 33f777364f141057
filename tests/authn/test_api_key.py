"""API keys: where they are looked for, and every way in which one can be wrong."""

import base64
from hashlib import sha256

import pytest

from gateway.authn import Authenticated, NotPresented, Parts, Rejected, authenticate_all, judge_all
from gateway.authn import api_key as module
from gateway.credentials.key_format import new_key
from gateway.settings.schema import Settings
from tests.authn.conftest import make_settings
from tests.builders import make_request
from tests.fixtures.clock import NOW

STATIC = new_key(lambda n: bytes([3]) * n)


def key_fields(**values):
    names = {"own": b"X-API-Key", "auth": b"Authorization", "gear": b"X-Gear-Key"}
    return [(names[name], value) for name, value in values.items()]


def basic(text, user="anything"):
    return b"Basic " + base64.b64encode(f"{user}:{text}".encode())


@pytest.fixture
def build(sessions, keys):
    def make(**settings):
        parts = Parts(settings=make_settings(api_keys=settings), sessions=sessions, keys=keys)
        return module.build(parts)

    return make


@pytest.fixture
def authenticator(build):
    return build()


async def judge(authenticator, *fields, at=NOW):
    """What comes of a request with these fields."""
    return await authenticate_all(make_request(fields=fields, at=at), [authenticator])


WAYS = [
    lambda key: key_fields(own=key.encode()),
    lambda key: key_fields(auth=b"Bearer " + key.encode()),
    lambda key: key_fields(auth=b"bearer " + key.encode()),
    lambda key: key_fields(auth=b"BEARER  " + key.encode()),
    lambda key: key_fields(auth=basic(key)),
    lambda key: key_fields(auth=basic(key, user="")),
    lambda key: key_fields(auth=basic(key, user="alice").replace(b"Basic", b"basic")),
    lambda key: key_fields(own=key.encode(), auth=b"Bearer " + key.encode()),
]


@pytest.mark.parametrize("way", WAYS, ids=range(len(WAYS)))
async def test_each_way_to_send_a_key(authenticator, make_key, way):
    key = await make_key(scopes=["a"])

    outcome = await judge(authenticator, *way(key))

    assert isinstance(outcome, Authenticated)
    assert (outcome.identity.user, outcome.identity.scopes) == ("alice", {"a"})
    assert judge_all(make_request(fields=way(key)), [authenticator]) == outcome


# How the key is spoiled, and the reason.
SPOILT = [
    (lambda key: key[:-1] + ("1" if key[-1] == "0" else "0"), "malformed-credential"),
    (lambda key: key[:-1], "malformed-credential"),
    (lambda key: key + "x", "malformed-credential"),
    (lambda key: "gp_" + key[3:].swapcase(), "malformed-credential"),
    (lambda key: key + "\n", "malformed-credential"),
    (lambda key: key[:30] + "\n" + key[30:], "malformed-credential"),
    (lambda key: "gp_" + key, "malformed-credential"),
    (lambda key: key + ":" + key, "malformed-credential"),
    (lambda key: "gp_", "malformed-credential"),
    (lambda key: new_key(bytes), "unknown-key"),
]


@pytest.mark.parametrize("way", WAYS[:7], ids=range(7))
@pytest.mark.parametrize(("spoil", "reason"), SPOILT, ids=range(len(SPOILT)))
async def test_a_spoilt_key_is_a_bad_one(authenticator, make_key, way, spoil, reason):
    outcome = await judge(authenticator, *way(spoil(await make_key())))

    assert (outcome.reason, outcome.status) == (reason, 401)


@pytest.mark.parametrize(
    "fields",
    [
        key_fields(own=b"junk"),
        key_fields(own=b""),
        key_fields(auth=b"Bearer GP_x"),
        key_fields(auth=b"Bearer eyJhbGciOiJub25lIn0.e30."),
        key_fields(auth=b"Basic !!!"),
        key_fields(auth=b"Basic " + base64.b64encode(b"alice:secret")),
        key_fields(auth=b"Basic " + base64.b64encode(STATIC.encode())),
        key_fields(auth=b"Digest gp_x"),
        key_fields(auth=STATIC.encode()),
        key_fields(auth=b"Bearer " + b"gp_" * 10_000),
    ],
)
async def test_what_is_no_key_at_all_is_refused_too(authenticator, fields):
    assert (await judge(authenticator, *fields)).reason == "unknown-credential"


async def test_a_bad_key_beside_a_good_one_is_the_answer(authenticator, make_key):
    good, bad = (await make_key()).encode(), new_key(bytes).encode()

    for fields in (
        key_fields(own=good, auth=b"Bearer " + bad),
        key_fields(own=bad, auth=b"Bearer " + good),
        key_fields(own=bad, auth=basic(good.decode())),
    ):
        assert (await judge(authenticator, *fields)).reason == "unknown-key"


async def test_two_good_keys(authenticator, make_key):
    alices = [await make_key(scopes=[scope]) for scope in ("a", "b")]
    bobs = await make_key("bob")

    both = key_fields(own=alices[0].encode(), auth=b"Bearer " + alices[1].encode())
    outcome = await judge(authenticator, *both)
    assert outcome.identity.scopes == {"b"}

    mixed = key_fields(own=bobs.encode(), auth=b"Bearer " + alices[1].encode())
    outcome = await judge(authenticator, *mixed)
    assert (outcome.reason, outcome.status) == ("conflicting-credentials", 400)


async def test_a_repeated_field_is_refused_whatever_is_in_it(build, make_key):
    key = (await make_key()).encode()
    for fields in (key_fields(own=key) * 2, key_fields(auth=b"Bearer " + key) * 2):
        assert (await judge(build(), *fields)).status == 400
    outcome = await judge(build(header="X-Gear-Key"), *key_fields(gear=key) * 2)
    assert (outcome.reason, outcome.status) == ("repeated-credential", 400)


@pytest.mark.parametrize(("after_s", "good"), [(3599, True), (3600, False), (3601, False)])
async def test_a_key_is_over_at_its_last_second(authenticator, make_key, after_s, good):
    fields = key_fields(own=(await make_key(lifetime_s=3600.0)).encode())
    assert isinstance(await judge(authenticator, *fields), Authenticated)

    outcome = await judge(authenticator, *fields, at=NOW + after_s)

    assert isinstance(outcome, Authenticated) if good else outcome.reason == "key-expired"


async def test_a_field_of_another_name(build, make_key):
    authenticator, key = build(header="X-Gear-Key"), (await make_key()).encode()

    assert isinstance(await judge(authenticator, *key_fields(gear=key)), Authenticated)
    assert (await judge(authenticator, *key_fields(own=key))).reason == "unknown-credential"
    assert isinstance(await judge(authenticator, *key_fields(auth=b"Bearer " + key)), Authenticated)
    assert authenticator.fields == {b"x-gear-key"}


def static(**changes):
    entry = {"name": "ci", "sha256": sha256(STATIC.encode()).hexdigest(), "user": "ci-bot"}
    return {"static": [entry | changes]}


async def test_a_key_of_the_file_needs_no_store(build):
    authenticator = build(**static(scopes=["a"]))
    request = make_request(fields=key_fields(own=STATIC.encode()))

    who = judge_all(request, [authenticator]).identity

    assert (who.user, who.subject, who.issuer) == ("ci-bot", "ci-bot", "https://notes.example.com")
    assert (who.credential, who.scopes, who.key_id) == ("api_key", {"a"}, "static:ci")
    assert who.expires_at is None


@pytest.mark.parametrize(("after_s", "good"), [(-1, True), (0, False), (1, False)])
async def test_a_key_of_the_file_is_over_when_its_day_begins(build, after_s, good):
    authenticator = build(**static(expires="2027-01-01"))

    outcome = await judge(
        authenticator, *key_fields(own=STATIC.encode()), at=1_798_761_600 + after_s
    )

    assert isinstance(outcome, Authenticated) if good else outcome.reason == "key-expired"


async def test_wrong_keys_are_throttled_by_address_and_remembered_ones_are_not(
    authenticator, make_key, store, monkeypatch
):
    known, new = (await make_key()).encode(), (await make_key()).encode()
    assert isinstance(await judge(authenticator, *key_fields(own=known)), Authenticated)
    asked = []
    get = store.get

    async def counting(key):
        asked.append(key)
        return await get(key)

    monkeypatch.setattr(store, "get", counting)
    outcomes = []
    for number in range(200):
        wrong = new_key(lambda n, seed=number: seed.to_bytes(n, "big")).encode()
        outcomes.append((await judge(authenticator, *key_fields(own=wrong))).reason)

    assert outcomes == ["unknown-key"] * 20 + ["credential-throttled"] * 180
    assert len(asked) == 20
    assert isinstance(await judge(authenticator, *key_fields(own=known)), Authenticated)
    throttled = await judge(authenticator, *key_fields(own=new))
    assert (throttled.reason, throttled.status) == ("credential-throttled", 429)
    assert isinstance(await judge(authenticator, *key_fields(own=new), at=NOW + 60), Authenticated)


async def test_junk_is_refused_without_counting_or_looking(authenticator, store, monkeypatch):
    async def unexpected(*_):
        raise AssertionError

    monkeypatch.setattr(store, "get", unexpected)
    for number in range(100):
        outcome = await judge(authenticator, *key_fields(own=b"gp_%016x_junk" % number))
        assert outcome.reason == "malformed-credential"


async def test_right_keys_that_are_new_here_are_not_throttled(authenticator, make_key):
    for _ in range(60):
        outcome = await judge(authenticator, *key_fields(own=(await make_key()).encode()))
        assert isinstance(outcome, Authenticated)


async def test_a_revoked_key_is_unknown_at_once(authenticator, make_key, keys):
    fields = key_fields(own=(await make_key()).encode())
    who = (await judge(authenticator, *fields)).identity

    await keys.revoke(who.key_id)

    assert (await judge(authenticator, *fields)).reason == "unknown-key"


def test_without_the_section_no_key_is_taken(sessions, keys):
    settings = make_settings()
    off = Settings.model_validate(
        settings.model_dump(include={"public_url"})
        | {"upstreams": {"notes": "http://127.0.0.1:3000"}}
    )
    assert module.build(Parts(settings=off, sessions=sessions, keys=keys)) is None


async def test_nothing_presented(authenticator):
    assert await judge(authenticator) == NotPresented()
    assert not isinstance(await judge(authenticator), Rejected)
