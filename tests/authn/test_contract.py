"""What every authenticator promises; new ones are picked up from the table."""

import pytest

from gateway.authn import (
    AUTHENTICATORS,
    Authenticated,
    NotPresented,
    Rejected,
    authenticate_all,
)
from tests.builders import make_request
from tests.fixtures.clock import NOW

HOSTILE = [
    "",
    " ",
    "x",
    "a" * 100_000,
    "A" * 64,
    "A" * 63 + "\n",
    "Bearer",
    "Basic Og==",
    "x, y",
    "\udcff\udcfe",
    "\x00",
    '"',
    "=" * 64,
]


def carrying(authenticator, value):
    """Requests that carry `value` in each place this credential is looked for."""
    for name in sorted(authenticator.cookies):
        yield make_request(cookie=f"{name}={value}")
    for name in sorted(authenticator.fields):
        yield make_request(fields=[(name, value.encode("utf-8", "surrogateescape"))])


@pytest.fixture
async def good(authenticator, sign_in, make_key, issuer, issue):
    """A request with a good credential of this kind; a new kind adds its line."""
    match authenticator.credential:
        case "session":
            return make_request(cookie=f"__Host-gatepost={await sign_in()}")
        case "bearer":
            token = issuer.token(exp=int(NOW) + 300).encode()
            return make_request(fields=[(b"Authorization", b"Bearer " + token)])
        case "token":
            token = (await issue()).access_token.encode()
            return make_request(fields=[(b"Authorization", b"Bearer " + token)])
        case "api_key":
            return make_request(fields=[(b"X-API-Key", (await make_key()).encode())])


async def judge(authenticator, request):
    """What it says at last; a field that it does not recognise is refused before it is asked."""
    return await authenticate_all(request, [authenticator], tuple(authenticator.fields))


async def test_an_absent_credential_is_not_a_bad_one(authenticator):
    request = make_request(cookie="theme=dark; other=1", fields=[(b"Accept", b"*/*")])

    assert await judge(authenticator, request) == NotPresented()
    assert authenticator.judge(request) == NotPresented()


async def test_a_good_credential_is_good_every_time(authenticator, good):
    outcome = await judge(authenticator, good)

    assert isinstance(outcome, Authenticated)
    assert outcome.identity.credential == authenticator.credential
    assert outcome.identity.user == "alice"
    assert authenticator.judge(good) == outcome


@pytest.mark.parametrize("bad", HOSTILE)
async def test_a_bad_credential_is_rejected_and_never_raises(authenticator, bad):
    for request in carrying(authenticator, bad):
        assert isinstance(await judge(authenticator, request), Rejected)


async def test_a_repeated_field_is_never_good(authenticator):
    for name in authenticator.fields:
        request = make_request(fields=[(name, b"a"), (name, b"a")])
        assert isinstance(await judge(authenticator, request), Rejected)


async def test_many_cookies_are_never_good_and_cost_no_look_ups(authenticator):
    for name in authenticator.cookies:
        cookie = "; ".join(f"{name}={n:064}" for n in range(1000))
        outcome = authenticator.judge(make_request(cookie=cookie))
        assert outcome == Rejected("repeated-credential", "too many session cookies", status=400)


def test_a_credential_is_named_after_its_entry(parts):
    assert {name: build(parts).credential for name, build in AUTHENTICATORS.items()} == {
        name: name for name in AUTHENTICATORS
    }


def test_what_carries_it_is_named_as_the_strip_compares(authenticator):
    assert all(name == name.lower().replace(b"_", b"-") for name in authenticator.fields)
    assert authenticator.fields or authenticator.cookies


def test_it_recognises_nothing_it_does_not_carry(authenticator):
    assert not authenticator.recognises(b"accept", b"*/*")
