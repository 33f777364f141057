"""Pushed authorization requests (RFC 9126), against a provider that lies."""

from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.oidc import errors
from gateway.oidc.sign_in import begin_sign_in, finish_sign_in
from tests.oidc.hostile import CLIENT_ID, SUBJECT

CALLBACK = "https://notes.example.com/_gatepost/callback/hostile"


@pytest.fixture
def offers(hostile):
    hostile.wrongs.discovery = {"pushed_authorization_request_endpoint": f"{hostile.issuer}/par"}
    return hostile.wrongs.discovery


@pytest.mark.parametrize(
    "client",
    [
        {},
        {"client_auth": "client_secret_post"},
        {"client_auth": "none", "client_secret": None},
    ],
)
async def test_only_a_reference_goes_through_the_browser(make_provider, hostile, offers, client):
    provider = make_provider(pushed_authorization=True, authorize_params={"prompt": "x"}, **client)

    flow, location = await begin_sign_in(provider, CALLBACK, "/", acr=("gold",), note="n")

    query = parse_qs(urlsplit(location).query)
    assert set(query) == {"tenant", "client_id", "request_uri"}
    assert query["client_id"] == [CLIENT_ID]
    pushed = hostile.forms[-1]
    assert {name for name, values in pushed.items() if len(values) > 1} == set()
    assert pushed["client_id"] == [CLIENT_ID]
    assert pushed["redirect_uri"] == [CALLBACK]
    assert pushed["state"] == [f"{flow.state}.n"]
    assert (pushed["nonce"], pushed["acr_values"], pushed["prompt"]) == (
        [flow.nonce],
        ["gold"],
        ["x"],
    )
    assert flow.code_verifier not in str(pushed)


@pytest.mark.parametrize(("required", "asked"), [(True, False), (False, True), (True, True)])
async def test_it_is_used_if_asked_for_or_required(make_provider, hostile, offers, required, asked):
    offers["require_pushed_authorization_requests"] = required
    provider = make_provider(pushed_authorization=asked)

    flow, location = await begin_sign_in(provider, CALLBACK, "/")
    signed_in = await finish_sign_in(provider, flow, hostile.approve(location))

    assert signed_in.identity.subject == SUBJECT
    assert hostile.count("/par") == 1


@pytest.mark.parametrize("required", [False, "true", None])
async def test_it_is_not_used_otherwise(make_provider, hostile, offers, required):
    offers["require_pushed_authorization_requests"] = required

    _, location = await begin_sign_in(make_provider(), CALLBACK, "/")

    assert "request_uri" not in location
    assert hostile.count("/par") == 0


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        ((400, {"error": "invalid_request", "error_description": "no such URI"}), "refused", "URI"),
        ((400, {"error": "invalid_client"}), "client", "invalid_client"),
        ((401, {}), "client", "status 401"),
        ((429, {}), "unavailable", "status 429"),
        ((503, {}), "unavailable", "status 503"),
        ((302, {}), "unavailable", "status 302"),
        ((201, {}), "unavailable", "no request_uri"),
        ((201, {"request_uri": ""}), "unavailable", "no request_uri"),
        ((201, {"request_uri": 1}), "unavailable", "no request_uri"),
        ((201, {"request_uri": "u" * 2049}), "unavailable", "no request_uri"),
        ((201, []), "unavailable", "not a JSON object"),
    ],
)
async def test_a_refusal_is_told(make_provider, hostile, offers, answer, error, told):
    hostile.wrongs.push_answer = answer
    kind = {
        "refused": errors.ProviderRefusedError,
        "client": errors.ClientRefusedError,
        "unavailable": ProviderUnavailableError,
    }[error]

    with pytest.raises(kind, match=told):
        await begin_sign_in(make_provider(pushed_authorization=True), CALLBACK, "/")


async def test_without_an_endpoint_the_setting_is_named(make_provider, hostile):
    with pytest.raises(ProviderUnavailableError, match='provider "hostile": pushed_authorization'):
        await begin_sign_in(make_provider(pushed_authorization=True), CALLBACK, "/")
