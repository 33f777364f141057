"""Which ID tokens Authlib's validator takes and ours refuses, and the other way round.

Authlib gets what its own `parse_id_token` passes, and `max_age`, which that leaves out.
Where a newer Authlib answers otherwise, docs/decisions/0002-dependencies.md is out of date.
"""

import pytest
from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from gateway.errors import GatewayError
from gateway.oidc.id_token import Expected, judge_id_token
from gateway.oidc.tokens import SignedToken

NOW = 1_780_000_000
YEAR_S = 365 * 86_400
RIGHT = {
    "iss": "https://id.example.com",
    "aud": "notes",
    "sub": "alice",
    "iat": NOW,
    "exp": NOW + 300,
    "nonce": "n-0S6",
    "auth_time": NOW,
}
MAX_AGE_S = 60


def authlib_takes(header, claims):
    options = {"iss": {"values": [RIGHT["iss"]]}}
    asked = {"client_id": RIGHT["aud"], "nonce": RIGHT["nonce"], "max_age": MAX_AGE_S}
    try:
        CodeIDToken(claims, header, options, asked).validate(now=NOW, leeway=60)
    except JoseError:
        return False
    return True


def gateway_takes(header, claims):
    expected = Expected(
        issuers=(RIGHT["iss"],),
        clients=(RIGHT["aud"],),
        nonce=RIGHT["nonce"],
        max_age_s=MAX_AGE_S,
        asked_at=NOW,
    )
    try:
        judge_id_token(SignedToken({"alg": "RS256", **header}, claims), expected, NOW)
    except GatewayError:
        return False
    return True


LOGOUT = {"http://schemas.openid.net/event/backchannel-logout": {}}


@pytest.mark.parametrize(
    ("header", "changes", "authlib", "gateway"),
    [
        pytest.param({}, {}, True, True, id="right"),
        pytest.param({}, {"iss": "https://other.example.com"}, False, False, id="other issuer"),
        pytest.param({}, {"aud": "other"}, False, False, id="other audience"),
        pytest.param({}, {"nonce": "other"}, False, False, id="other nonce"),
        pytest.param({}, {"azp": "other"}, False, False, id="other party"),
        pytest.param({}, {"exp": NOW - 60}, False, False, id="expired a leeway ago"),
        pytest.param({}, {"exp": NOW - 59}, True, True, id="expired within the leeway"),
        pytest.param({}, {"auth_time": None}, False, False, id="no auth_time"),
        # OpenID Connect Core 1.0, section 3.1.3.7, step 13.
        pytest.param({}, {"auth_time": NOW - YEAR_S}, True, False, id="signed in a year ago"),
        # OpenID Connect Back-Channel Logout 1.0, section 2.4.
        pytest.param({}, {"events": LOGOUT}, True, False, id="logout token"),
        # RFC 9068, section 2.1; RFC 8725, section 3.11.
        pytest.param({"typ": "at+jwt"}, {}, True, False, id="access token"),
        pytest.param({}, {"typ": "Bearer"}, True, False, id="access token of Keycloak"),
        pytest.param({}, {"sub": ""}, True, False, id="empty subject"),
        pytest.param({}, {"sub": "s" * 256}, True, False, id="long subject"),
        # Zitadel lists every client of a project, without azp.
        pytest.param({}, {"aud": ["notes", "project"]}, False, True, id="two audiences"),
    ],
)
def test_what_authlib_and_the_gateway_take(header, changes, authlib, gateway):
    claims = {name: it for name, it in {**RIGHT, **changes}.items() if it is not None}

    assert gateway_takes(header, claims) is gateway
    assert authlib_takes(header, claims) is authlib
