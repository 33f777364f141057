"""What the file asks of a provider, and its document lacks."""

from dataclasses import replace

import pytest

from gateway.oidc.keys import ASYMMETRIC
from gateway.oidc.provider_asks import Asks, judge_asks
from gateway.oidc.provider_report import judge_document, judge_keys
from gateway.settings.oauth2_profiles import GroupList
from tests.oidc.test_provider_report import DOCUMENT, ISSUER, REGISTRATION, changed

INSIDE = {"internal_url": "http://idp:8080"}


def judged(changes=None, asks=None, **registered):
    registration = replace(REGISTRATION, **registered)
    return list(judge_asks(changed(changes or {}), registration, asks or Asks()))


def levels(findings):
    return [(it.level, it.topic) for it in findings]


def test_a_file_that_asks_nothing_more_gets_no_line():
    assert judged() == []


@pytest.mark.parametrize(
    ("changes", "asks", "registered", "expected"),
    [
        ({}, Asks(proxy="proxy:3128"), {}, [("ok", "endpoints")]),
        ({}, Asks(introspects=True), {}, [("warning", "endpoints")]),
        ({"introspection_endpoint": f"{ISSUER}/i"}, Asks(introspects=True), {}, []),
        (
            {"introspection_endpoint": f"{ISSUER}/i"},
            Asks(introspects=True, wants_signed=True),
            {},
            [("warning", "endpoints")],
        ),
        (
            {
                "introspection_endpoint": f"{ISSUER}/i",
                "introspection_signing_alg_values_supported": ["ES256"],
            },
            Asks(introspects=True, wants_signed=True),
            {},
            [],
        ),
        ({}, None, {"groups_overage": GroupList("https://g/x")}, [("warning", "groups")]),
        (
            {},
            None,
            {"groups_overage": GroupList("https://g/x"), "scopes": ("openid", "User.Read")},
            [("ok", "groups")],
        ),
        ({}, None, {"offline": True}, [("note", "refresh")]),
        ({"revocation_endpoint": f"{ISSUER}/r"}, None, {"offline": True}, []),
        ({"acr_values_supported": ["gold"]}, Asks(acr=("gold",)), {}, []),
        ({"acr_values_supported": ["gold"]}, Asks(acr=("silver",)), {}, [("warning", "claims")]),
        ({}, Asks(acr=("silver",)), {}, []),
        ({}, None, {"nonce_may_be_absent": True}, []),
        (
            {"code_challenge_methods_supported": None},
            None,
            {"nonce_may_be_absent": True},
            [("warning", "PKCE")],
        ),
        (
            {"code_challenge_methods_supported": ["plain"]},
            None,
            {"nonce_may_be_absent": True},
            [("problem", "PKCE")],
        ),
        ({}, None, INSIDE, [("ok", "endpoints"), ("note", "endpoints")]),
        ({}, None, {"internal_url": "https://idp"}, [("ok", "endpoints")]),
        (
            {"jwks_uri": "https://keys.example.net/jwks"},
            None,
            {"internal_url": "https://idp"},
            [("ok", "endpoints"), ("warning", "endpoints")],
        ),
        (
            {"jwks_uri": "https://idp/jwks"},
            None,
            {"internal_url": "https://idp"},
            [("ok", "endpoints")],
        ),
        (
            {"token_endpoint_auth_methods_supported": ["tls_client_auth"]},
            Asks(has_certificate=True),
            {},
            [("warning", "client authentication")],
        ),
        ({}, Asks(has_certificate=True), {}, []),
        (
            {"mtls_endpoint_aliases": {}},
            Asks(has_certificate=True),
            {"client_auth": "tls_client_auth"},
            [("ok", "client authentication")],
        ),
    ],
)
def test_what_is_asked_and_missing_has_its_line(changes, asks, registered, expected):
    assert levels(judged(changes, asks, **registered)) == expected


@pytest.mark.parametrize(
    ("mode", "offered", "expected"),
    [
        ("form_post", ["query", "form_post"], []),
        ("form_post", ["query"], ["problem"]),
        ("form_post", None, ["warning"]),
        (None, ["form_post"], ["problem"]),
        (None, None, []),
    ],
)
def test_the_response_mode_that_is_asked_for_counts(mode, offered, expected):
    params = {} if mode is None else {"response_mode": mode}
    registration = replace(REGISTRATION, authorize_params=params)
    document = changed({"response_modes_supported": offered})

    found = [it for it in judge_document(document, registration) if it.topic == "code flow"]

    assert [it.level for it in found] == expected


def test_a_shared_secret_needs_no_keys():
    registration = replace(REGISTRATION, algorithms=("HS256",))
    document = changed({"id_token_signing_alg_values_supported": ["HS256"]})

    assert [it.level for it in judge_keys({"keys": []}, document, registration)] == ["ok"]
    found = [it for it in judge_document(document, registration) if it.level == "problem"]
    assert found == []
    refused = replace(REGISTRATION, algorithms=tuple(ASYMMETRIC))
    (told,) = [it for it in judge_document(document, refused) if it.level == "problem"]
    assert "providers.zitadel.algorithms" in told.do


def test_the_document_of_these_tests_is_a_good_one():
    assert [it for it in judge_document(DOCUMENT, REGISTRATION) if it.level != "ok"] == []
