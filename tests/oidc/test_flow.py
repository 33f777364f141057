"""A flow is random, sealed as it is, and judged before its code is redeemed."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.oidc import errors
from gateway.oidc.flow import (
    FLOW_TTL_S,
    Callback,
    authorization_parameters,
    decode_flow,
    encode_flow,
    judge_callback,
    new_flow,
    read_parameters,
    with_query,
)

NOW = 1_700_000_000.5


def make_flow(**changes):
    count = iter(range(100))
    flow = new_flow(
        provider="zitadel",
        redirect_uri="https://notes.example.com/_gatepost/callback/zitadel",
        return_to="/a",
        now=NOW,
        random_bytes=lambda size: bytes([next(count)]) * size,
    )
    return replace(flow, **changes)


CALLBACK = Callback("zitadel", frozenset({"https://id"}), issuer_required=False)
FLOW = make_flow()


def answer(**changes):
    right = {"state": FLOW.state, "code": "c", **changes}
    return {name: value for name, value in right.items() if value is not None}


def test_state_nonce_and_verifier_are_different_and_long():
    values = {FLOW.state, FLOW.nonce, FLOW.code_verifier}

    assert len(values) == 3
    # RFC 7636, section 4.1: 43 characters at least.
    assert all(len(value) == 43 for value in values)


@given(return_to=st.text(max_size=50), acr=st.lists(st.text(max_size=9), max_size=3))
def test_a_flow_is_read_as_it_was_written(return_to, acr):
    flow = make_flow(return_to=return_to, acr=tuple(acr), max_age_s=5)

    assert decode_flow(encode_flow(flow)) == flow


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"7", b'{"acr":[]}', b'{"acr":[],"x":1}', b"\xff"]
)
def test_what_no_flow_wrote_is_none(data):
    with pytest.raises(ValueError):  # noqa: PT011 - the whole promise
        decode_flow(data)


@pytest.mark.parametrize(
    ("elapsed_s", "live"),
    [(0, True), (FLOW_TTL_S - 1, True), (FLOW_TTL_S, False), (-59, True), (-61, False)],
)
def test_a_flow_lives_half_an_hour(elapsed_s, live):
    assert FLOW.is_live(FLOW.started_at + elapsed_s) is live


def test_the_configuration_cannot_replace_what_the_flow_relies_on():
    extra = {
        **dict.fromkeys(("state", "nonce", "code_challenge", "redirect_uri", "scope"), "mine"),
        "resource": ("a", "b"),
        "prompt": "login",
    }

    parameters = authorization_parameters(FLOW, client_id="c", scopes=("openid",), extra=extra)

    assert "mine" not in dict(parameters).values()
    assert [value for name, value in parameters if name == "resource"] == ["a", "b"]
    assert len({name for name, _ in parameters}) == len(parameters) - 1


@pytest.mark.parametrize("url", ["https://id/authorize", "https://id/authorize?a=b"])
def test_the_endpoint_keeps_its_query(url):
    parts = urlsplit(with_query(url, [("state", "x&y")]))

    asked = parse_qs(parts.query)
    assert asked.pop("state") == ["x&y"]
    assert asked in ({}, {"a": ["b"]})


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        ("state=a&code=b%20c", {"state": "a", "code": "b c"}),
        ("", {}),
        ("x=1&x=2&state=a", {"x": "2", "state": "a"}),
        ("state=", {"state": ""}),
    ],
)
def test_parameters_are_read(encoded, expected):
    assert read_parameters(encoded) == expected


@pytest.mark.parametrize(
    "encoded",
    ["state=a&state=a", "code=a&code=b", "iss=a&iss=b", "error=a&error=b", "x=%FF", "a&" * 60],
)
def test_parameters_that_could_be_read_two_ways_are_refused(encoded):
    with pytest.raises(errors.StateMismatchError):
        read_parameters(encoded)


REQUIRED = replace(CALLBACK, issuer_required=True)


@pytest.mark.parametrize(
    ("parameters", "callback", "now"),
    [
        (answer(), CALLBACK, NOW),
        (answer(iss="https://id"), CALLBACK, NOW),
        (answer(iss="https://id"), REQUIRED, NOW + FLOW_TTL_S - 2),
    ],
)
def test_a_right_answer_gives_its_code(parameters, callback, now):
    assert judge_callback(parameters, FLOW, callback, now) == "c"


@pytest.mark.parametrize(
    ("parameters", "callback", "now", "expected"),
    [
        (answer(state="x"), CALLBACK, NOW, errors.StateMismatchError),
        (answer(state=None), CALLBACK, NOW, errors.StateMismatchError),
        (answer(state="é"), CALLBACK, NOW, errors.StateMismatchError),
        (answer(), replace(CALLBACK, provider="other"), NOW, errors.StateMismatchError),
        (answer(), CALLBACK, NOW + FLOW_TTL_S, errors.FlowExpiredError),
        (answer(), REQUIRED, NOW, errors.IssuerMismatchError),
        (answer(iss="https://id/"), CALLBACK, NOW, errors.IssuerMismatchError),
        (answer(iss=""), CALLBACK, NOW, errors.IssuerMismatchError),
        (answer(error="access_denied"), CALLBACK, NOW, errors.AccessRefusedError),
        (answer(error=""), CALLBACK, NOW, errors.ProviderRefusedError),
        (answer(code=None), CALLBACK, NOW, errors.ProviderRefusedError),
        (answer(code=""), CALLBACK, NOW, errors.ProviderRefusedError),
        # An error of another issuer is not this provider's word.
        (answer(error="access_denied", iss="x"), CALLBACK, NOW, errors.IssuerMismatchError),
    ],
)
def test_a_wrong_answer_gives_none(parameters, callback, now, expected):
    with pytest.raises(expected) as raised:
        judge_callback(parameters, FLOW, callback, now)

    assert type(raised.value) is expected
