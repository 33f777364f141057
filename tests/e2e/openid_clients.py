"""Clients of the gateway as OpenID provider, and what they ask."""

import requests

from tests.e2e.oauth_client import CALLBACK
from tests.fixtures.accounts import add

SECRET = "a secret of the wiki"
GOODBYE = "https://client.test/goodbye"
OPENID = "openid profile email groups offline_access"
# Of what an app signs a person in for, and nothing later.
HERE = "openid profile email groups"


def settings(key_file=None, logout_uri=None):
    """The gateway's settings, with a client of each kind."""
    wiki = {
        "redirect_uris": [CALLBACK],
        "client_secret": SECRET,
        "scopes": OPENID.split(),
        "post_logout_redirect_uris": [GOODBYE, GOODBYE + "?from=wiki"],
        "backchannel_logout_uri": logout_uri,
    }
    clients = {
        "wiki": wiki,
        "old": {**wiki, "id_token": "RS256", "backchannel_logout_uri": None},
        "cli": {"redirect_uris": [CALLBACK]},
        "staff": {
            "redirect_uris": [CALLBACK],
            "access": {"allow": ["board", {"user": "ann"}]},
        },
    }
    if key_file is not None:
        clients["signer"] = {"redirect_uris": [CALLBACK], "client_key_file": str(key_file)}
    return {
        "auth_mode": "standalone",
        "tokens": {"clients": clients, "consent": "skip"},
        "conditions": {"board": [{"group": "board"}]},
        "routes": [
            {"name": "mcp", "prefix": "/mcp", "access": "signed_in", "mcp": True},
            {"name": "rest", "prefix": "/", "access": "signed_in"},
        ],
    }


def add_people(gateway):
    add(gateway, "ann", "--email", "ann@a.test", "--group", "board", "--group", "staff")
    add(gateway, "bob")


def userinfo(client, token, method="get", **options):
    return getattr(requests, method)(
        f"{client.issuer}/userinfo",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
        **options,
    )


def end_session(client, **given):
    return client.browser.get(
        f"{client.issuer}/end_session",
        params=given,
        headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"},
        allow_redirects=False,
    )
