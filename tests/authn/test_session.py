import pytest

from gateway.authn import Authenticated, NotPresented, Parts, Pending, Rejected
from gateway.authn.combine import settle
from gateway.authn.session import build, cookie_name
from gateway.errors import StoreUnavailableError
from tests.authn.conftest import make_settings
from tests.builders import make_request
from tests.fixtures.clock import NOW

NAME = "__Host-gatepost"
EXPIRED = Rejected("session-expired", lapsed=True)
UNKNOWN = "A" * 64


@pytest.fixture
def authenticator(parts):
    return build(parts)


@pytest.mark.parametrize(
    ("public_url", "domain", "name"),
    [
        ("https://notes.example.com", None, "__Host-gatepost"),
        ("HTTPS://notes.example.com", None, "__Host-gatepost"),
        ("https://notes.example.com:8443", None, "__Host-gatepost"),
        ("https://notes.example.com", "example.com", "gatepost"),
        ("http://localhost:8080", None, "gatepost"),
        ("https://example.com/notes", None, "__Secure-gatepost"),
        ("https://example.com/notes", "example.com", "gatepost"),
        ("http://localhost:8080/notes", None, "gatepost"),
        ("http://localhost:8080", "example.com", "gatepost"),
    ],
)
def test_the_cookie_is_bound_to_its_host_where_browsers_can(public_url, domain, name):
    assert cookie_name("gatepost", public_url, domain) == name


async def test_a_cookie_is_looked_for_under_the_name_of_its_host(sessions, sign_in):
    urls = ["https://notes.example.com", "http://localhost:8080"]
    authenticator = build(Parts(make_settings(public_url=urls), sessions))
    value = await sign_in()

    assert authenticator.cookies == {"__Host-gatepost", "gatepost"}
    for url, name, known in [
        (urls[0], "__Host-gatepost", True),
        (urls[0], "gatepost", False),
        (urls[1], "gatepost", True),
        (urls[1], "__Host-gatepost", False),
        # A host that only a route names has a public URL that no setting lists.
        ("https://elsewhere.example.com", "__Host-gatepost", True),
        ("https://elsewhere.example.com", "gatepost", False),
    ]:
        request = make_request(cookie=f"{name}={value}", public_url=url)
        outcome = await settle(authenticator.judge(request))
        assert isinstance(outcome, Authenticated if known else NotPresented)


async def test_the_same_cookie_twice_is_one(authenticator, sign_in):
    value = await sign_in()
    request = make_request(cookie=f"{NAME}={value}; {NAME}={value}")

    assert isinstance(authenticator.judge(request), Authenticated)
    assert authenticator.presented(request) == (value,)


@pytest.mark.parametrize("order", [0, 1])
async def test_a_planted_cookie_does_not_lock_the_user_out(authenticator, sign_in, order):
    values = [await sign_in(), UNKNOWN]
    first, second = values[order], values[1 - order]
    request = make_request(cookie=f"{NAME}={first}; {NAME}={second}")

    assert isinstance(authenticator.judge(request), Pending)
    assert isinstance(await settle(authenticator.judge(request)), Authenticated)


async def test_two_live_sessions_are_a_contradiction(authenticator, sign_in):
    request = make_request(cookie=f"{NAME}={await sign_in()}; {NAME}={await sign_in('bob')}")
    refused = Rejected("conflicting-credentials", "several live sessions", status=400)

    assert authenticator.judge(request) == refused


@pytest.mark.parametrize(("elapsed_s", "live"), [(3599.9, True), (3600, False), (3600.1, False)])
async def test_an_expired_session_is_told_from_none(authenticator, sign_in, elapsed_s, live):
    value = await sign_in()
    request = make_request(cookie=f"{NAME}={value}", at=NOW + elapsed_s)
    outcome = await settle(authenticator.judge(request))

    assert isinstance(outcome, Authenticated) if live else outcome == EXPIRED


async def test_an_unknown_session_clears_the_cookie_and_lets_optional_routes_go_on(authenticator):
    outcome = await settle(authenticator.judge(make_request(cookie=f"{NAME}={UNKNOWN}")))

    assert outcome == EXPIRED
    assert (outcome.status, outcome.lapsed, outcome.clears_cookie) == (401, True, True)


async def test_a_store_that_is_down_is_no_answer(authenticator, store):
    await store.aclose()

    with pytest.raises(StoreUnavailableError):
        await settle(authenticator.judge(make_request(cookie=f"{NAME}={UNKNOWN}")))


async def test_an_ended_session_is_over_at_once(authenticator, sessions, sign_in):
    value = await sign_in()
    await sessions.end(value)

    assert await settle(authenticator.judge(make_request(cookie=f"{NAME}={value}"))) == EXPIRED
