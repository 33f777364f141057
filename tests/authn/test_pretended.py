"""Credentials are read as ever; only what they prove is pretended."""

import pytest

from gateway.authn import EXAMPLES, Authenticated, NotPresented, Pending, Rejected
from gateway.authn.combine import settle
from gateway.authn.pretended import PretendedAuthenticator
from gateway.model import Identity
from tests.authn.conftest import make_settings
from tests.authn.test_contract import HOSTILE, carrying
from tests.builders import make_request

PROVEN = Authenticated(
    Identity(user="eve", subject="eve", issuer="https://id.example.com", credential="session")
)


@pytest.fixture
def unknown(authenticator, issuer):
    """A request with a credential of this kind that is well-formed and nobody's."""
    if authenticator.credential == "bearer":
        token = issuer.token(aud="https://other.example.com").encode()
        return make_request(fields=[(b"Authorization", b"Bearer " + token)])
    name, _, value = EXAMPLES[authenticator.credential](make_settings()).partition(": ")
    return make_request(fields=[(name.encode(), value.encode())])


async def test_what_would_be_looked_up_is_pretended(authenticator, unknown):
    pretended = PretendedAuthenticator(authenticator, {authenticator.credential: PROVEN}.get)

    assert pretended.judge(unknown) is PROVEN


async def test_without_a_pretence_it_is_what_it_is(authenticator, unknown):
    pretended = PretendedAuthenticator(authenticator, {"another": PROVEN}.get)

    assert isinstance(await settle(pretended.judge(unknown)), Rejected)


async def test_no_pretence_makes_a_credential_of_what_is_none(authenticator):
    pretended = PretendedAuthenticator(authenticator, {authenticator.credential: PROVEN}.get)
    absent = make_request(cookie="theme=dark", fields=[(b"Accept", b"*/*")])

    assert pretended.judge(absent) == NotPresented()
    for value in HOSTILE:
        for request in carrying(authenticator, value):
            read = authenticator.judge(request)
            assert pretended.judge(request) == (PROVEN if isinstance(read, Pending) else read)


def test_it_is_known_by_what_the_real_one_is(authenticator):
    pretended = PretendedAuthenticator(authenticator, {})

    assert pretended.credential == authenticator.credential
    assert (pretended.fields, pretended.cookies) == (authenticator.fields, authenticator.cookies)
    for value in (b"Bearer gp_at_x", b"gp_x", b"Basic Og=="):
        for name in (b"authorization", b"x-api-key"):
            recognised = authenticator.recognises(name, value)
            assert pretended.recognises(name, value) is recognised
