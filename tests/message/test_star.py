"""A star in a host of the configuration stands for one label."""

import pytest

from gateway.message.star import example_of, in_place_of_star, names_host, star_of


@pytest.mark.parametrize(
    ("host", "star"),
    [
        ("a.example.com", "*.example.com"),
        ("a.example.com:8443", "*.example.com:8443"),
        ("a.b.example.com", "*.b.example.com"),
        ("example.com", "*.com"),
        ("localhost", ""),
        ("*.example.com", ""),
        (".example.com", ""),
        ("-a.example.com", ""),
        ("[::1]", ""),
        ("", ""),
    ],
)
def test_the_star_that_covers_a_host(host, star):
    assert star_of(host) == star


@pytest.mark.parametrize(
    ("named", "host", "found"),
    [
        ({"*.example.com"}, "a.example.com", True),
        ({"*.example.com"}, "a.example.com:8443", True),
        ({"*.example.com:8443"}, "a.example.com:8443", True),
        ({"*.example.com:8443"}, "a.example.com", False),
        ({"*.example.com"}, "example.com", False),
        ({"*.example.com"}, "a.b.example.com", False),
        ({"example.com"}, "example.com:8443", True),
        ({"[::1]"}, "[::1]", True),
        ({"[::1]"}, "[::1]:8443", True),
        (set(), "example.com", False),
    ],
)
def test_a_route_names_hosts_with_and_without_a_star(named, host, found):
    assert names_host(named, host) == found


def test_a_star_has_a_public_url_for_each_host():
    assert in_place_of_star("https://*.a.test:8443/x", "b.a.test:8443") == "https://b.a.test:8443/x"
    assert example_of("https://*.a.test/x") == "https://any.a.test/x"
    assert example_of("https://a.test/x") == "https://a.test/x"
    assert example_of("*.a.test") == "any.a.test"
