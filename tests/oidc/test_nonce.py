"""A nonce that may be absent: then the proof key ties the code to the browser."""

from dataclasses import replace

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.oidc import errors
from gateway.oidc.sign_in import begin_sign_in, finish_sign_in
from tests.oidc.hostile import SUBJECT, Wrongs

CALLBACK = "https://notes.example.com/_gatepost/callback/hostile"
NO_NONCE = Wrongs(claims={"nonce": None})


@pytest.mark.parametrize("offered", [None, ["S256"], ["plain", "S256"]])
async def test_a_missing_nonce_is_accepted_only_if_it_may_be_absent(
    make_provider, hostile, offered
):
    hostile.wrongs = replace(NO_NONCE, discovery={"code_challenge_methods_supported": offered})
    lenient = make_provider(nonce_may_be_absent=True)

    flow, location = await begin_sign_in(lenient, CALLBACK, "/")
    found = await finish_sign_in(lenient, flow, hostile.approve(location))
    assert found.identity.subject == SUBJECT
    # The proof key was sent in both requests, and checked.
    assert "code_challenge_method=S256" in location
    (form,) = [it for it in hostile.forms if "code_verifier" in it]
    assert form["code_verifier"] == [flow.code_verifier]
    strict = make_provider()
    flow, location = await begin_sign_in(strict, CALLBACK, "/")
    with pytest.raises(errors.NonceMismatchError, match="set nonce: unless_absent"):
        await finish_sign_in(strict, flow, hostile.approve(location))


@pytest.mark.parametrize("nonce", ["of-another-flow", "", 7, [], {}])
async def test_a_wrong_nonce_is_refused_even_if_it_may_be_absent(make_provider, hostile, nonce):
    hostile.wrongs = Wrongs(claims={"nonce": nonce})
    provider = make_provider(nonce_may_be_absent=True)
    flow, location = await begin_sign_in(provider, CALLBACK, "/")

    with pytest.raises(errors.NonceMismatchError):
        await finish_sign_in(provider, flow, hostile.approve(location))


async def test_without_a_nonce_the_provider_must_not_refuse_proof_keys(make_provider, hostile):
    hostile.wrongs = Wrongs(discovery={"code_challenge_methods_supported": ["plain"]})

    with pytest.raises(ProviderUnavailableError, match="needs PKCE with S256"):
        await begin_sign_in(make_provider(nonce_may_be_absent=True), CALLBACK, "/")
    await begin_sign_in(make_provider(), CALLBACK, "/")
