"""Miniflux beside the gateway, which is its OpenID provider, as docs/guides/openid-apps.md says."""

import requests

from tests.apps.app import INSTALLED, App, Command, Place
from tests.apps.conftest import running
from tests.e2e.browsing import Browser
from tests.fixtures.accounts import add
from tests.fixtures.network import take_free_port

SECRET = "a secret of miniflux"


def settings_of(issuer):
    def set_up(place: Place) -> Command:
        return Command(
            (INSTALLED / "miniflux.app",),
            {
                "DATABASE_URL": f"{place.database()}&sslmode=disable",
                "RUN_MIGRATIONS": "1",
                "LISTEN_ADDR": f"127.0.0.1:{place.port}",
                "BASE_URL": f"{place.origin}/",
                "OAUTH2_PROVIDER": "oidc",
                "OAUTH2_CLIENT_ID": "miniflux",
                "OAUTH2_CLIENT_SECRET": SECRET,
                "OAUTH2_REDIRECT_URL": f"{place.origin}/oauth2/oidc/callback",
                "OAUTH2_OIDC_DISCOVERY_ENDPOINT": issuer,
                "OAUTH2_USER_CREATION": "1",
            },
        )

    return set_up


def test_miniflux_signs_people_in_at_the_gateway(start_standalone, postgres_server, tmp_path):
    port = take_free_port()
    origin = f"http://127.0.0.1:{port}"
    gateway = start_standalone(
        tokens={
            "consent": "skip",
            "clients": {
                "miniflux": {
                    "client_secret": SECRET,
                    "redirect_uris": [f"{origin}/oauth2/oidc/callback"],
                    "scopes": ["openid", "profile", "email"],
                    "access": {"deny": [{"user": "eve"}]},
                }
            },
        }
    )
    for user in ("ann", "eve"):
        add(gateway, user, "--email", f"{user}@a.test")
    place = Place(tmp_path, port, origin, lambda: str(postgres_server.schema_url()))
    app = App(settings_of(f"{gateway.base_url}/_gatepost"), who=None)
    with running(app, place):
        assert "Username = <strong>ann<" in arrived(gateway, origin, "ann")
        assert "Username = <strong>" not in arrived(gateway, origin, "eve")


def arrived(gateway, origin, user):
    """The page of API keys of Miniflux after `user` signed in there by the gateway."""
    browser = Browser(gateway)
    assert browser.sign_in(user).status_code == 303
    with requests.Session() as at_the_app:
        at_the_app.trust_env = False
        answer = at_the_app.get(f"{origin}/oauth2/oidc/redirect", allow_redirects=False, timeout=30)
        asked = answer.headers["Location"].removeprefix(gateway.base_url)
        back = browser.page(asked).headers["Location"]
        at_the_app.get(back, timeout=30)
        return at_the_app.get(f"{origin}/keys", timeout=30).text
