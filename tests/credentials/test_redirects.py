"""Which redirect URI is the one that was registered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.redirects import is_registered

APP = "com.example.notes:/callback"
LINK = "https://notes.example.com/app?from=phone"
LOOPBACK = ("http://127.0.0.1/callback", "http://[::1]:9/callback")


@pytest.mark.parametrize("uri", [APP, LINK])
def test_one_that_was_registered_is(uri):
    assert is_registered(uri, (APP, LINK))


@pytest.mark.parametrize(
    "uri",
    [
        APP + "/",
        APP.upper(),
        APP.replace(":/", "://"),
        LINK + "&more=1",
        LINK.replace("https", "http"),
        LINK.replace(".com", ".com:443"),
        LINK.replace("notes.", "NOTES."),
        LINK + "#x",
        "",
    ],
)
def test_one_that_is_almost_the_same_is_not(uri):
    assert not is_registered(uri, (APP, LINK))


@pytest.mark.parametrize("port", ["", ":1", ":9", ":51004", ":65535"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_on_a_loopback_address_any_port_will_do(host, port):
    assert is_registered(f"http://{host}{port}/callback", LOOPBACK)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:0x50/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:080/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.2:9000/callback",
        "http://127.1:9000/callback",
        "http://localhost:9000/callback",
        "http://127.0.0.1:9000/callback/",
        "http://127.0.0.1:9000/Callback",
        "http://127.0.0.1:9000/callback?",
        "http://127.0.0.1:9000/callback?x=1",
        "http://127.0.0.1:9000/callback#",
        "http://evil@127.0.0.1:9000/callback",
        "http://127.0.0.1:9000@evil.test/callback",
        "http://[::1%25lo]:9000/callback",
        "HTTP://127.0.0.1:9000/callback",
        "https://127.0.0.1:9000/callback",
        "http:\t//127.0.0.1:9000/callback",
    ],
)
def test_nothing_but_the_port_is_free(uri):
    assert not is_registered(uri, LOOPBACK)


@given(st.text())
def test_it_never_raises(text):
    assert is_registered(text, (APP,)) is (text == APP)
    is_registered(f"http://{text}", LOOPBACK)
