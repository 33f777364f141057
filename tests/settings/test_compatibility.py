"""`compatibility: oauth2-proxy`: what it needs, and what `gatepost check` warns about."""

import pytest
import yaml

from gateway.cli.registration import registrations
from gateway.errors import SettingsError
from gateway.settings.load import load

BASE = {
    "public_url": "https://a.example.com",
    "server": {"trusted_proxies": ["10.0.0.1"]},
    "upstreams": {"app": "http://app:1"},
    "providers": {"idp": {"issuer": "https://id.test", "client_id": "x", "client_auth": "none"}},
    "compatibility": "oauth2-proxy",
}
LAST = {"name": "rest", "prefix": "/", "access": "signed_in"}


@pytest.fixture
def read(tmp_path):
    def run(**changes):
        path = tmp_path / "gatepost.yaml"
        path.write_text(yaml.safe_dump({**BASE, **changes}))
        return load(path, {})

    return run


@pytest.mark.parametrize("changes", [{}, {"forward_auth": {"dialect": "envoy"}}])
def test_it_needs_a_proxy_that_asks(read, changes):
    with pytest.raises(SettingsError, match="compatibility: needs forward_auth"):
        read(**changes)


@pytest.mark.parametrize("dialect", ["nginx", "traefik", "caddy"])
def test_rules_that_nginx_cannot_ask_about_are_warned_of(read, dialect):
    admin = {"name": "admin", "prefix": "/admin", "access": {"allow": [{"group": "admins"}]}}
    for routes, word in (
        ([LAST], ""),
        ([{"name": "open", "prefix": "/open", "access": "public"}, LAST], ""),
        ([admin, LAST], '"rest" decides for every page, and not "admin"'),
        ([{**admin, "access": "denied"}, LAST], "admin"),
        ([{**LAST, "access": "public"}], "nobody passes"),
    ):
        warnings = [
            it
            for it in read(forward_auth={"dialect": dialect}, routes=routes).warnings
            if "compatibility" in it
        ]
        assert bool(warnings) == bool(word and dialect == "nginx"), routes
        assert all(word in it for it in warnings)


def test_no_sign_out_is_registered_at_a_provider_of_plain_oauth2(read):
    github = {"type": "oauth2", "profile": "github", "client_id": "n", "client_secret": "x"}
    (one,) = registrations(read(providers={"idp": github}, compatibility=None).settings)
    assert list(one.lines()) == [
        "register at idp:",
        "  redirect URI: https://a.example.com/_gatepost/callback/idp",
    ]


def test_the_old_redirect_uri_is_registered_where_it_is_answered(read):
    asked = {"dialect": "nginx"}
    (one,) = registrations(read(forward_auth=asked).settings)
    assert one.redirect_uris == (
        "https://a.example.com/_gatepost/callback/idp",
        "https://a.example.com/oauth2/callback",
    )
    provider = BASE["providers"]["idp"]
    two = {"idp": provider, "two": {**provider, "issuer": "https://two.test"}}
    for it in registrations(read(forward_auth=asked, providers=two).settings):
        assert not any("/oauth2/" in uri for uri in it.redirect_uris)
