"""What the account page says of how somebody signed in."""

from dataclasses import replace

import pytest

from gateway.credentials.local_proofs import (
    APP_CODE,
    DEVICE_PASSKEY,
    MULTI_FACTOR,
    PASSWORD,
    RECOVERY_CODE,
    SYNCED_PASSKEY,
)
from gateway.endpoints.account_proof import proof_of
from gateway.pages.template import _environment
from gateway.sessions.session import Origin, ProviderTokens, new_session
from tests.sessions.conftest import make_identity


def proof(provider="local", amr=(), acr=None, at=None):
    who = replace(make_identity(), provider=provider, amr=amr, acr=acr, authenticated_at=at)
    origin = Origin("192.0.2.9", "Firefox", None, None)
    return proof_of(new_session("id", who, ProviderTokens(), origin, 1000.0))


@pytest.mark.parametrize(
    ("proven", "words", "is_strong"),
    [
        (PASSWORD, "password", False),
        (APP_CODE, "password, one-time code", True),
        (RECOVERY_CODE, "password, recovery code", True),
        (DEVICE_PASSKEY, "passkey of one device", True),
        (SYNCED_PASSKEY, "passkey", True),
    ],
)
def test_a_local_sign_in_is_told_in_words(proven, words, is_strong):
    found = proof(amr=proven.amr, acr=proven.acr)
    in_words = _environment("en").get_template("proof.html").module.methods_in_words

    assert str(in_words(found["methods"])).strip() == words
    assert found["is_strong"] is is_strong
    assert (found["where"], found["level"]) == ("local", None)


def test_what_the_provider_says_is_told_as_it_is():
    found = proof("company", ("pwd", "<b>", "mfa"), "urn:silver", at=900)
    in_words = _environment("en").get_template("proof.html").module.methods_in_words

    assert (found["where"], found["provider"], found["at"]) == ("provider", "company", 900)
    assert found["level"] == "urn:silver"
    assert "<code>&lt;b&gt;</code>" in str(in_words(found["methods"]))


def test_the_level_of_several_factors_has_no_line_of_its_own():
    assert proof("company", acr=MULTI_FACTOR)["is_strong"] is True
    assert proof("company", acr=MULTI_FACTOR)["level"] is None


def test_without_a_time_from_the_provider_it_is_that_of_the_session():
    assert proof("company")["at"] == 1000.0
    assert proof("ldap")["where"] == "directory"
