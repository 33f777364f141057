"""The browser's part of a sign-in, by Authlib and by us: the same request, the same reading."""

from urllib.parse import parse_qsl, urlencode

import pytest
from authlib.oauth2.rfc6749.errors import MismatchingStateException, MissingCodeException
from authlib.oauth2.rfc6749.parameters import (
    parse_authorization_code_response,
    prepare_grant_uri,
)
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from hypothesis import given
from hypothesis import strategies as st

from gateway.oidc.errors import ProviderRefusedError, StateMismatchError
from gateway.oidc.flow import (
    Callback,
    authorization_parameters,
    judge_callback,
    new_flow,
    read_parameters,
    with_query,
)

NOW = 1_700_000_000.5
REDIRECT_URI = "https://notes.example.com/notes app/_gatepost/callback/zitadel"
CALLBACK = Callback("zitadel", frozenset({"https://id.example.com"}), issuer_required=False)
# RFC 6749, appendix A: printable ASCII.
VISIBLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40)


def make_flow(seed=b"\x01"):
    return new_flow(
        provider="zitadel",
        redirect_uri=REDIRECT_URI,
        return_to="/",
        now=NOW,
        random_bytes=lambda size: (seed * size)[:size],
    )


@given(seed=st.binary(min_size=1, max_size=32))
def test_the_challenge_is_that_of_the_verifier(seed):
    flow = make_flow(seed)

    parameters = dict(authorization_parameters(flow, client_id="c", scopes=(), extra={}))

    assert parameters["code_challenge"] == create_s256_code_challenge(flow.code_verifier)


@pytest.mark.parametrize(
    "endpoint", ["https://id.example.com/authorize", "https://id.example.com/authorize?tenant=1"]
)
@given(client_id=VISIBLE, login_hint=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_the_request_is_the_one_authlib_makes(endpoint, client_id, login_hint):
    flow, scopes = make_flow(), ("openid", "urn:zitadel:iam:org:projects:roles")

    parameters = authorization_parameters(
        flow, client_id=client_id, scopes=scopes, extra={"login_hint": login_hint}
    )
    theirs = prepare_grant_uri(
        endpoint,
        client_id,
        "code",
        redirect_uri=flow.redirect_uri,
        scope=scopes,
        state=flow.state,
        nonce=flow.nonce,
        code_challenge=create_s256_code_challenge(flow.code_verifier),
        code_challenge_method="S256",
        login_hint=login_hint,
    )

    ours = with_query(endpoint, parameters)
    assert ours.partition("?")[0] == theirs.partition("?")[0]
    assert parse_qsl(ours.partition("?")[2]) == parse_qsl(theirs.partition("?")[2])


def read_by_both(answer):
    """The code that Authlib and we find in an answer, or the error of each."""
    flow, query = make_flow(), urlencode(answer)
    found = []
    for read in (
        lambda: parse_authorization_code_response(
            f"https://notes.example.com/cb?{query}", flow.state
        )["code"],
        lambda: judge_callback(read_parameters(query), flow, CALLBACK, NOW),
    ):
        try:
            found.append(read())
        except Exception as error:  # noqa: BLE001 - which one is what the tests ask
            found.append(type(error))
    return found


@given(code=VISIBLE)
def test_the_code_is_the_one_authlib_reads(code):
    assert read_by_both({"code": code, "state": make_flow().state}) == [code, code]


@pytest.mark.parametrize(
    ("answer", "theirs", "ours"),
    [
        ({"code": "c", "state": "other"}, MismatchingStateException, StateMismatchError),
        ({"code": "c"}, MismatchingStateException, StateMismatchError),
        ({"state": make_flow().state}, MissingCodeException, ProviderRefusedError),
    ],
)
def test_what_authlib_refuses_is_refused(answer, theirs, ours):
    assert read_by_both(answer) == [theirs, ours]
