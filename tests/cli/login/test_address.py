"""The addresses that a person gives to `gatepost login`."""

import pytest

from gateway.cli.login.address import origin_of, read_resource, read_url
from gateway.cli.login.failure import CommandError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://notes.example.com", "https://notes.example.com"),
        ("https://notes.example.com/", "https://notes.example.com"),
        ("https://Notes.Example.com:443/base/", "https://notes.example.com/base"),
        ("https://notes.example.com:8443", "https://notes.example.com:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_a_url_is_read(text, url):
    assert read_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "notes.example.com",
        "http://notes.example.com",
        "http://127.0.0.1.evil.test",
        "http://localhost.evil.test",
        "ftp://notes.example.com",
        "file:///etc/passwd",
        "https://",
        "https://user@notes.example.com",
        "https://notes.example.com?x=1",
        "https://notes.example.com#x",
        "https://notes.example.com:x",
        "https://notes.example.com/a b",
        "https://notes.example.com\\@evil.test",
        "https://nötes.example.com",
        "",
    ],
)
def test_tokens_go_nowhere_else(text):
    with pytest.raises(CommandError):
        read_url(text)


def test_a_resource_is_on_the_same_origin_and_stays_as_it_is():
    url = "https://notes.example.com/base"
    assert read_resource("https://notes.example.com/mcp/", url) == "https://notes.example.com/mcp/"
    for text in ("https://evil.test/mcp", "http://notes.example.com/mcp", f"{url}:8443/mcp?x"):
        with pytest.raises(CommandError):
            read_resource(text, url)
    assert origin_of(url) == "https://notes.example.com"
