"""What a provider's documents lead to: findings with a level, a topic and what to do."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.oidc.discovery import read_metadata
from gateway.oidc.finding import shown
from gateway.oidc.internal_url import Addresses
from gateway.oidc.keys import ASYMMETRIC
from gateway.oidc.metadata_peer import judge_by_standards
from gateway.oidc.provider_extras import judge_clock, judge_extras
from gateway.oidc.provider_report import judge_client_auth, judge_document, judge_keys
from gateway.oidc.registration import ClaimNames, Registration
from tests.oidc.hostile import public

ISSUER = "https://id.example.com"
REGISTRATION = Registration(
    "zitadel",
    ISSUER,
    "notes",
    client_secret="s",
    scopes=("openid", "email"),
    algorithms=tuple(sorted(ASYMMETRIC)),
    claims=ClaimNames(groups=("/realm_access/roles",)),
)
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "end_session_endpoint": f"{ISSUER}/logout",
    "response_types_supported": ["code"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
    "response_modes_supported": ["query", "form_post"],
    "code_challenge_methods_supported": ["plain", "S256"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256", "HS256"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    "scopes_supported": ["openid", "email", "profile"],
    "claims_supported": ["sub", "email", "name", "realm_access"],
    "backchannel_logout_supported": True,
}
WRONG_TYPE = ", or a member it depends on, has the wrong type"
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
DATE_S = 784111777.0


def changed(changes):
    return {name: v for name, v in {**DOCUMENT, **changes}.items() if v is not None}


def judged(changes=None, registration=REGISTRATION, *, backchannel_logout=True, wanted=()):
    document = changed(changes or {})
    return [
        *judge_document(document, registration),
        *judge_extras(
            document,
            registration,
            backchannel_logout=backchannel_logout,
            wanted_claims=wanted,
        ),
        *judge_by_standards(document),
    ]


def beyond_ok(findings):
    return [(it.level, it.topic) for it in findings if it.level != "ok"]


def test_a_document_that_fits_has_nothing_to_do():
    findings = judged()

    assert beyond_ok(findings) == []
    assert [it for it in findings if it.do] == []
    assert "not accepted: HS256" in " ".join(it.says for it in findings)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"issuer": ISSUER + "/"}, [("problem", "issuer")]),
        (
            {"token_endpoint": "http://id.example.com/token"},
            [("problem", "endpoints"), ("warning", "standards")],
        ),
        ({"end_session_endpoint": "/logout"}, [("problem", "endpoints")]),
        ({"response_types_supported": ["id_token"]}, [("problem", "code flow")]),
        ({"grant_types_supported": ["implicit"]}, [("problem", "code flow")]),
        ({"response_modes_supported": ["form_post"]}, [("problem", "code flow")]),
        (
            {"response_modes_supported": ["jwt", "query.jwt"]},
            [("problem", "code flow"), ("note", "demands")],
        ),
        ({"response_modes_supported": ["jwt", "query"]}, [("note", "demands")]),
        ({"require_pushed_authorization_requests": True}, [("problem", "code flow")]),
        (
            {
                "require_pushed_authorization_requests": True,
                "pushed_authorization_request_endpoint": "https://id.example.com/par",
            },
            [],
        ),
        ({"require_pushed_authorization_requests": False}, []),
        ({"require_signed_request_object": True}, [("problem", "demands")]),
        ({"id_token_encryption_alg_values_supported": ["RSA-OAEP"]}, [("note", "demands")]),
        ({"id_token_encryption_alg_values_supported": []}, []),
        ({"code_challenge_methods_supported": None}, [("warning", "PKCE")]),
        ({"code_challenge_methods_supported": ["plain"]}, [("problem", "PKCE")]),
        ({"scopes_supported": None}, [("note", "scopes")]),
        ({"scopes_supported": ["openid"]}, [("warning", "scopes")]),
        ({"scopes_supported": ["openid", "email", "offline_access"]}, [("note", "refresh")]),
        ({"userinfo_endpoint": None}, [("note", "userinfo")]),
        ({"claims_supported": None}, []),
        ({"claims_supported": ["sub", "email", "name"]}, [("note", "claims")]),
        ({"end_session_endpoint": None}, [("warning", "sign-out")]),
        ({"backchannel_logout_supported": None}, [("warning", "back-channel logout")]),
        ({"backchannel_logout_supported": "true"}, [("warning", "back-channel logout")]),
    ],
)
def test_what_is_missing_has_its_line(changes, expected):
    findings = judged(changes)

    assert beyond_ok(findings) == expected
    assert [it for it in findings if it.level in ("problem", "warning") and not it.do] == []


def test_demands_are_said_to_be_unsupported():
    says = " ".join(
        it.says
        for it in judged(
            {
                "require_signed_request_object": True,
                "response_modes_supported": ["jwt"],
                "id_token_encryption_alg_values_supported": ["RSA-OAEP"],
            }
        )
    )

    for what in (
        "JAR, RFC 9101), which Gatepost does not support",
        "JARM is not supported",
        "encryption and signed answers (JARM), which Gatepost does not support",
    ):
        assert what in says


@pytest.mark.parametrize(
    ("offered", "level"),
    [(["RS256"], "ok"), (["ES384", "none"], "ok"), (["HS256", "none"], "problem"), (None, "note")],
)
def test_signing_algorithms_need_one_in_common(offered, level):
    document = changed({"id_token_signing_alg_values_supported": offered})

    [found] = [
        it for it in judge_document(document, REGISTRATION) if it.topic == "signing algorithms"
    ]
    assert found.level == level


@pytest.mark.parametrize("issuer", [ISSUER, "http://127.0.0.1:9000"])
@pytest.mark.parametrize(
    "name",
    [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
        "end_session_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
    ],
)
@pytest.mark.parametrize(
    "value", [None, 7, "", "https://x/y", "http://x/y", "https://u@x/", "https://x/#", "https://["]
)
def test_a_document_is_a_problem_exactly_where_serve_refuses_it(issuer, name, value):
    registration = replace(REGISTRATION, issuer=issuer)
    document = changed({"issuer": issuer, name: value})
    try:
        read_metadata(document, Addresses(issuer))
    except GatewayError:
        refused = True
    else:
        refused = False

    problems = [it for it in judge_document(document, registration) if it.level == "problem"]

    assert bool(problems) is refused


def test_plain_http_is_said_once():
    plain = {k: v.replace("https:", "http:") for k, v in DOCUMENT.items() if isinstance(v, str)}
    registration = replace(REGISTRATION, issuer="http://id.example.com")

    assert beyond_ok(judged(plain, registration)) == [("warning", "issuer")]


def test_an_alias_of_the_issuer_matches():
    registration = replace(REGISTRATION, issuer_aliases=("id.example.com",))

    [first, *_] = judge_document(changed({"issuer": "id.example.com"}), registration)
    assert (first.level, first.topic) == ("ok", "issuer")


@pytest.mark.parametrize(
    ("changes", "params", "expected"),
    [
        ({}, {"prompt": "login consent"}, []),
        ({}, {"prompt": ("login", "consent")}, []),
        ({}, {"prompt": "login"}, [("note", "refresh")]),
        ({}, {}, [("note", "refresh")]),
        (
            {"grant_types_supported": ["authorization_code"]},
            {"prompt": "consent"},
            [("warning", "refresh")],
        ),
    ],
)
def test_offline_access_that_is_asked_for(changes, params, expected):
    registration = replace(
        REGISTRATION, scopes=("openid", "offline_access"), authorize_params=params
    )
    offered = {"scopes_supported": ["openid", "offline_access"], **changes}

    assert beyond_ok(judged(offered, registration)) == expected


@pytest.mark.parametrize(
    ("scopes", "level"), [(("openid",), "ok"), (("openid", "offline_access"), "warning")]
)
def test_an_offline_session_is_advised_against(scopes, level):
    registration = replace(REGISTRATION, scopes=scopes, offline_session=True)
    offered = {"scopes_supported": ["openid", "offline_access"]}

    [found] = [it for it in judged(offered, registration) if it.topic == "refresh"]

    assert found.level == level
    assert "add offline_access" not in found.do


def test_offline_access_that_is_not_offered():
    registration = replace(
        REGISTRATION,
        scopes=("openid", "offline_access"),
        authorize_params={"prompt": "consent"},
    )

    [found] = [it for it in judged(None, registration) if it.level != "ok"]
    assert (found.level, found.topic) == ("warning", "scopes")
    assert "offline_access" in found.says
    assert "providers.zitadel.scopes" in found.do


@pytest.mark.parametrize(
    ("offered", "configured", "expected"),
    [
        (True, True, []),
        (True, False, [("note", "back-channel logout")]),
        (None, True, [("warning", "back-channel logout")]),
        (None, False, []),
    ],
)
def test_back_channel_logout_offered_and_configured(offered, configured, expected):
    findings = judged({"backchannel_logout_supported": offered}, backchannel_logout=configured)

    assert beyond_ok(findings) == expected


def test_claims_that_rules_use_are_looked_for_too():
    [found] = [
        it for it in judged(wanted=("realm_access", "/dept~1x/0", "sub")) if it.level == "note"
    ]

    assert found.says == "not in claims_supported: claim /dept~1x/0 (/dept~1x/0)"
    assert (
        beyond_ok(
            judged(
                {"claims_supported": [*DOCUMENT["claims_supported"], "dept/x"]}, wanted=["/dept~1x"]
            )
        )
        == []
    )


@pytest.mark.parametrize(
    ("client", "offered", "method", "level"),
    [
        ({}, ["client_secret_basic"], "client_secret_basic", "ok"),
        ({}, ["client_secret_post"], "client_secret_post", "ok"),
        ({}, None, "client_secret_basic", "ok"),
        ({}, ["private_key_jwt"], "client_secret_basic", "problem"),
        ({"client_auth": "client_secret_post"}, None, "client_secret_post", "problem"),
        ({"client_secret": None}, ["client_secret_basic"], "none", "warning"),
        ({"client_secret": None}, ["none"], "none", "ok"),
        ({"client_secret": None, "client_key": "k"}, ["private_key_jwt"], "private_key_jwt", "ok"),
    ],
)
def test_how_the_client_proves_itself(client, offered, method, level):
    metadata = read_metadata(
        changed({"token_endpoint_auth_methods_supported": offered}), Addresses(ISSUER)
    )

    found = judge_client_auth(replace(REGISTRATION, **client), metadata)

    assert (found.level, found.says.split()[0]) == (level, method)


RSA, EC = public("rsa"), public("p256")


@pytest.mark.parametrize(
    ("keys", "levels", "says"),
    [
        ([RSA, EC], ["ok"], "2 usable: rsa (RSA), p256 (EC P-256)"),
        ([{**RSA, "alg": "RS256"}], ["ok"], "1 usable: rsa (RS256)"),
        ([RSA, {**EC, "use": "enc"}, 7], ["ok"], "2 more cannot verify signatures"),
        ([EC], ["ok", "problem"], "1 usable: p256 (EC P-256)"),
        ([], ["problem"], "none of 0 published keys"),
        (None, ["problem"], "none of 0 published keys"),
        ([{**RSA, "use": "enc"}], ["problem"], "none of 1 published keys"),
        ([public("rsa", kid=None)], ["ok"], "1 usable: no kid (RSA)"),
        (
            [public("rsa", kid=None), public("rsa-stranger")],
            ["ok", "warning"],
            "2 usable: no kid (RSA), rsa-stranger (RSA)",
        ),
        ([public("rsa", kid=None), EC], ["ok"], "2 usable: no kid (RSA), p256 (EC P-256)"),
    ],
)
def test_keys_that_can_verify(keys, levels, says):
    findings = list(judge_keys({"keys": keys}, DOCUMENT, REGISTRATION))

    assert [it.level for it in findings] == levels
    assert says in findings[0].says


@pytest.mark.parametrize(
    ("ahead_s", "level"),
    [
        (0, "ok"),
        (30, "ok"),
        (31, "warning"),
        (60, "warning"),
        (61, "problem"),
        (-30, "ok"),
        (-31, "warning"),
        (-60, "warning"),
        (-61, "problem"),
    ],
)
def test_the_clock_may_be_off_by_half_a_minute(ahead_s, level):
    found = judge_clock(DATE, "", DATE_S - ahead_s)

    assert found.level == level
    if level != "ok":
        assert found.says == (
            f"the provider's is {abs(ahead_s)} seconds "
            f"{'ahead of' if ahead_s > 0 else 'behind'} this machine's"
        )


def test_an_answer_from_a_cache_is_as_old_as_it_says():
    assert judge_clock(DATE, "3600", DATE_S + 3600).level == "ok"
    assert judge_clock(DATE, "x", DATE_S + 3600).level == "problem"


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 99 Nov 1994 08:49:37 GMT"])
def test_a_clock_that_is_not_told_is_no_fault(date):
    assert judge_clock(date, "", DATE_S).level == "note"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"response_types_supported": None},
            [("warning", '"response_types_supported" is required')],
        ),
        ({"subject_types_supported": None}, [("note", '"subject_types_supported" is required')]),
        (
            {"id_token_signing_alg_values_supported": ["ES384"]},
            [
                (
                    "note",
                    '"RS256" MUST be included in "id_token_signing_alg_values_supported"',
                )
            ],
        ),
        ({"op_policy_uri": 7}, [("note", f'"op_policy_uri"{WRONG_TYPE}')]),
        (
            {"grant_types_supported": 7},
            [
                ("warning", f'"token_endpoint"{WRONG_TYPE}'),
                ("warning", '"grant_types_supported" MUST be JSON array'),
            ],
        ),
        (
            {"subject_types_supported": [{}]},
            [("note", f'"subject_types_supported"{WRONG_TYPE}')],
        ),
    ],
)
def test_what_authlib_refuses_is_told(changes, expected):
    findings = list(judge_by_standards(changed(changes)))

    assert [(it.level, it.says) for it in findings] == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("https://["),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(
    changes=st.dictionaries(st.sampled_from([*DOCUMENT, "ui_locales_supported"]), JSON), keys=JSON
)
def test_whatever_the_documents_hold_is_told_and_raises_nothing(changes, keys):
    document = {**DOCUMENT, **changes}

    findings = [
        *judge_document(document, REGISTRATION),
        *judge_extras(document, REGISTRATION, backchannel_logout=True),
        *judge_by_standards(document),
        *judge_keys({"keys": keys}, document, REGISTRATION),
    ]

    assert {"issuer", "standards", "keys"} <= {it.topic for it in findings}


def test_long_lists_and_names_are_cut():
    assert shown([str(n) for n in range(100)]).endswith(", 11 and 88 more")
    assert len(shown(["x" * 10_000])) < 300
    assert shown([]) == "none"


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("offered", [False, True])
def test_pushed_requests_that_are_asked_for(required, offered):
    document = {
        "require_pushed_authorization_requests": required,
        "pushed_authorization_request_endpoint": "https://id.example.com/par" if offered else None,
    }
    registration = replace(REGISTRATION, pushed_authorization=True)

    found = [it for it in judge_document(changed(document), registration) if "pushed" in it.says]

    assert [it.level for it in found] == (["ok"] if offered else ["problem"])
    if not offered:
        assert f"providers.{REGISTRATION.name}.pushed_authorization" in found[0].says
