"""What the gateway calls inside, and what a browser gets of it."""

import pytest

from gateway.oidc.internal_url import Addresses

KEYCLOAK = Addresses("https://id.example.com/realms/main", "http://keycloak:8080/realms/main")
ROOT = Addresses("https://id.example.com/", "http://idp:8080/base/")


@pytest.mark.parametrize(
    ("addresses", "url", "called"),
    [
        (KEYCLOAK, "https://id.example.com/realms/main", "http://keycloak:8080/realms/main"),
        (KEYCLOAK, "https://id.example.com/realms/main/t", "http://keycloak:8080/realms/main/t"),
        (KEYCLOAK, "https://id.example.com/realms/main?x", "http://keycloak:8080/realms/main?x"),
        # Not at its start, in whole segments: as published.
        (KEYCLOAK, "https://id.example.com/realms/main2/t", None),
        (KEYCLOAK, "https://id.example.com/other", None),
        (KEYCLOAK, "https://id.example.com.evil.example/realms/main/t", None),
        (KEYCLOAK, "https://keys.example.net/?u=https://id.example.com/realms/main", None),
        (KEYCLOAK, "http://keycloak:8080/realms/main/t", None),
        (ROOT, "https://id.example.com/token", "http://idp:8080/base/token"),
        (ROOT, "https://id.example.com.evil.example/token", None),
        (Addresses("https://id.example.com"), "https://id.example.com/token", None),
    ],
)
def test_the_internal_url_takes_the_place_of_the_issuer_at_the_start(addresses, url, called):
    assert addresses.called(url) == (called or url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "http://keycloak:8080/realms/main/auth?a=b",
            "https://id.example.com/realms/main/auth?a=b",
        ),
        ("http://keycloak:8080/elsewhere/auth", "https://id.example.com/elsewhere/auth"),
        ("https://id.example.com/realms/main/auth", "https://id.example.com/realms/main/auth"),
        ("http://keycloak:80801/realms/main/auth", "http://keycloak:80801/realms/main/auth"),
        ("http://[", "http://["),
    ],
)
def test_a_browser_gets_the_public_address(url, shown):
    assert KEYCLOAK.shown(url) == shown


def test_without_an_internal_url_nothing_is_inside():
    assert not Addresses("https://id.example.com").is_inside("https://id.example.com/x")
