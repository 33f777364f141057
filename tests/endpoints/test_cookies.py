"""Cookie names agree with what authentication reads, and sealed values open in their place only."""

import pytest

from gateway.authn.session import SessionAuthenticator
from gateway.endpoints.cookies import (
    CookieRules,
    cookies_beginning,
    names_beginning,
    open_sealed,
    seal,
)
from gateway.sealing.sealer import Sealer
from tests.builders import make_request


@pytest.mark.parametrize("public_url", ["https://a.example.com", "http://a.example.com:8080"])
@pytest.mark.parametrize("domain", [None, "example.com"])
def test_the_session_cookie_is_the_one_that_authentication_reads(public_url, domain):
    rules = CookieRules(name="gp", domain=domain)

    name = rules.session_name(make_request(public_url=public_url))
    request = make_request(public_url=public_url, cookie=f"{name}=x; gpx=y")

    assert SessionAuthenticator(None, "gp", domain, [public_url]).presented(request) == ("x",)


@pytest.mark.parametrize(
    ("cookie", "names"),
    [
        (b"", []),
        (b"gp-a=1; x=2; gp-b=3", ["gp-a", "gp-b"]),
        (b"gp-a=1; gp-a=2", ["gp-a"]),
        (b" gp-a =1;;=;gp-b", ["gp-a", "gp-b"]),
        (b"; ".join(b"gp-%d=1" % n for n in range(200)), [f"gp-{n}" for n in range(50)]),
    ],
)
def test_cookies_are_found_by_the_beginning_of_their_name(cookie, names):
    assert list(names_beginning(make_request(cookie=cookie), "gp-")) == names


def test_a_cookie_sent_again_with_another_value_is_found_again():
    cookie = b' gp-a ="1"; x=2; gp-a=2; gp-a=1; gp-b'

    found = cookies_beginning(make_request(cookie=cookie), "gp-")

    assert found == [("gp-a", "1"), ("gp-a", "2"), ("gp-b", "")]


SEALER = Sealer((b"s" * 32,))


def test_what_is_sealed_opens_under_its_name_and_purpose_only():
    value = seal(SEALER, "flow", "a", b"data")

    assert open_sealed(SEALER, "flow", "a", value) == b"data"
    assert open_sealed(SEALER, "flow", "b", value) is None
    assert open_sealed(SEALER, "done", "a", value) is None
    assert open_sealed(Sealer((b"t" * 32,)), "flow", "a", value) is None
    assert open_sealed(Sealer((b"t" * 32, b"s" * 32)), "flow", "a", value) == b"data"


@pytest.mark.parametrize("value", ["", "A", "%%%", "é", "A" * 5000, "AAAA"])
def test_anything_else_opens_to_nothing(value):
    assert open_sealed(SEALER, "flow", "a", value) is None
