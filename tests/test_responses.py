"""What clients are told."""

import inspect
import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from gateway import responses
from gateway.errors import StoreUnavailableError
from gateway.message.fields import Field
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.message.sent_form import LOST
from gateway.message.target import Target
from gateway.model import ANONYMOUS, Deny, Identity, SignIn, StepUp
from gateway.pages.reasons import REASONS
from gateway.responses import Admission
from tests import builders

NAVIGATION = [(b"Sec-Fetch-Mode", b"navigate")]
SCRIPT = [(b"Sec-Fetch-Mode", b"cors")]
CURL: list[Field] = [(b"Accept", b"*/*")]
ALL = Admission(
    frozenset({"session", "bearer", "api_key", "token"}),
    resource_metadata="https://notes.example.com/.well-known/oauth-protected-resource",
)
ALICE = Identity("alice", "1", "https://id.example.com", "session", provider="zitadel")
ROBOT = Identity("robot", "2", "https://id.example.com", "bearer")


def make_request(
    fields: list[Field] = CURL,
    *,
    method: str = "GET",
    raw: bytes = b"/notes/1",
    path: str = "/notes/1",
) -> Request:
    target = Target(raw, path, "", (path,))
    return builders.make_request(target, method=method, fields=fields, request_id="r-1")


def values(response: Response, name: str) -> list[str]:
    return [value for key, value in response.fields if key == name]


def test_a_client_gets_a_problem_document() -> None:
    response = responses.problem(make_request(), 403, "group-missing")

    assert response.status == 403
    assert values(response, "Content-Type") == ["application/problem+json"]
    assert values(response, "Cache-Control") == ["no-store"]
    assert json.loads(response.body) == {
        "type": "urn:gatepost:reason:group-missing",
        "title": "Not allowed",
        "status": 403,
        "detail": REASONS["group-missing"].explanation,
        "reason": "group-missing",
        "request_id": "r-1",
    }


@pytest.mark.parametrize("reason", [*REASONS, "a-reason-nobody-described"])
def test_a_navigation_gets_a_page_with_the_same(reason: str) -> None:
    status = REASONS[reason].status if reason in REASONS else 418
    response = responses.problem(make_request(NAVIGATION), status, reason, detail="<b>&</b>")
    text = response.body.decode()

    assert response.status == status
    assert values(response, "Content-Type") == ["text/html; charset=utf-8"]
    assert values(response, "Cache-Control") == ["no-store"]
    assert values(response, "X-Frame-Options") == ["DENY"]
    assert reason in text
    assert "r-1" in text
    assert "<b>" not in text
    HTMLParser().feed(text)


def test_head_gets_the_fields_and_no_body() -> None:
    for fields in (NAVIGATION, SCRIPT):
        of_get = responses.problem(make_request(fields), 403, "not-allowed")
        of_head = responses.problem(make_request(fields, method="HEAD"), 403, "not-allowed")

        assert (of_head.status, of_head.fields, of_head.body) == (403, of_get.fields, b"")


@pytest.mark.parametrize(
    ("status", "reason", "fields", "expected"),
    [
        (503, "store-unavailable", (), ["5"]),
        (503, "provider-unavailable", (), ["10"]),
        (503, "unheard-of", (), ["5"]),
        (429, "rate-limited", (), ["60"]),
        (429, "rate-limited", (("Retry-After", "7"),), ["7"]),
        (502, "upstream-refused", (), []),
    ],
)
def test_who_may_come_back_is_told_when(
    status: int, reason: str, fields: tuple[tuple[str, str], ...], expected: list[str]
) -> None:
    response = responses.problem(make_request(), status, reason, fields=fields)

    assert values(response, "Retry-After") == expected


def test_an_error_keeps_its_message_to_itself() -> None:
    for fields in (NAVIGATION, CURL):
        error = StoreUnavailableError("redis at 10.0.0.7: password wrong")
        response = responses.for_error(make_request(fields), error)

        assert response.status == 503
        assert b"10.0.0.7" not in response.body
        assert b"store-unavailable" in response.body
        assert values(response, "Set-Cookie") == []


def test_who_may_not_enter_is_told_who_they_are_and_how_to_be_somebody_else() -> None:
    person = replace(ALICE, name="Alice <b>Archer")
    request = make_request(NAVIGATION, raw=b"/notes/1?a=b")
    text = responses.for_decision(request, Deny("group-missing"), identity=person).body.decode()

    assert "signed in as <strong>Alice &lt;b&gt;Archer</strong>" in text
    assert "<code>alice</code>" in text
    switch = "/_gatepost/sign-in?return_to=/notes/1%3Fa%3Db&amp;prompt=select_account"
    assert f'href="{switch}">Use another account' in text
    assert 'href="/_gatepost/logout">Sign out' in text

    posted = make_request(NAVIGATION, method="POST")
    text = responses.for_decision(posted, Deny("group-missing"), identity=person).body.decode()
    assert "/_gatepost/sign-in?return_to=/&amp;prompt=select_account" in text


@pytest.mark.parametrize(
    ("fields", "reason", "identity"),
    [
        (NAVIGATION, "group-missing", ANONYMOUS),
        (NAVIGATION, "group-missing", ROBOT),
        (NAVIGATION, "cross-site", ALICE),
        (SCRIPT, "group-missing", ALICE),
    ],
)
def test_nobody_else_is_named(fields: list[Field], reason: str, identity: Identity) -> None:
    response = responses.for_decision(make_request(fields), Deny(reason), identity=identity)

    for text in (b"signed in as", b"another account", b"alice", b">robot<"):
        assert text not in response.body


def test_a_denial_keeps_its_detail_to_itself() -> None:
    response = responses.for_decision(make_request(), Deny("gone", "secret", status=410))

    assert response.status == 410
    assert b"secret" not in response.body


@pytest.mark.parametrize(
    "fields",
    [
        NAVIGATION,
        [(b"Accept", b"text/html")],
        # What Android's WebView says of its app.
        [(b"Accept", b"text/html"), (b"X-Requested-With", b"com.example.notes")],
    ],
)
def test_a_navigation_that_carries_something_gets_a_page_and_is_never_sent_away(
    fields: list[Field],
) -> None:
    request = make_request(fields, method="POST")
    for response in (
        responses.for_decision(request, SignIn(), ALL),
        responses.for_decision(request, StepUp("step-up-required"), ALL, identity=ALICE, form=LOST),
    ):
        assert response.status == 401
        assert values(response, "Location") == []
        assert values(response, "Content-Type") == ["text/html; charset=utf-8"]
        # A browser would answer it with a dialog over the page.
        assert not any(value.startswith("Basic") for value in values(response, "WWW-Authenticate"))
        assert "return_to=/_gatepost/signed-in" in response.body.decode()


@pytest.mark.parametrize(
    ("raw", "location"),
    [
        (b"/", "/_gatepost/sign-in?return_to=/"),
        (b"/a/b?c=d&e=%2F#", "/_gatepost/sign-in?return_to=/a/b%3Fc%3Dd%26e%3D%252F%23"),
        (b"/caf\xc3\xa9 \r\n", "/_gatepost/sign-in?return_to=/caf%C3%A9%20%0D%0A"),
        (b"http://other.example/x", "/_gatepost/sign-in?return_to=/"),
        (b"*", "/_gatepost/sign-in?return_to=/"),
    ],
)
def test_a_navigation_goes_to_sign_in_and_comes_back(raw: bytes, location: str) -> None:
    for method in ("GET", "HEAD"):
        request = make_request(NAVIGATION, method=method, raw=raw)
        response = responses.for_decision(request, SignIn())

        assert response.status == 302
        assert values(response, "Location") == [location]
        assert values(response, "Cache-Control") == ["no-store"]
        assert values(response, "WWW-Authenticate") == []


@pytest.mark.parametrize(
    ("fields", "method"),
    [
        (SCRIPT, "GET"),
        (CURL, "GET"),
        (SCRIPT, "POST"),
        ([(b"Accept", b"text/html")], "PUT"),
        ([(b"Accept", b"text/html"), (b"X-Requested-With", b"XMLHttpRequest")], "GET"),
        ([(b"Accept", b"text/html"), (b"HX-Request", b"true")], "POST"),
        ([(b"Upgrade", b"websocket")], "GET"),
    ],
)
def test_everything_else_is_told_where_to_sign_in(fields: list[Field], method: str) -> None:
    response = responses.for_decision(make_request(fields, method=method), SignIn())

    assert response.status == 401
    assert values(response, "Location") == []
    where = "https://notes.example.com/_gatepost/sign-in"
    assert json.loads(response.body)["sign_in"] == where
    assert values(response, "WWW-Authenticate") == [f'Gatepost sign_in="{where}"']


@pytest.mark.parametrize(
    ("fields", "unauthenticated", "credentials", "status"),
    [
        (NAVIGATION, "auto", {"session"}, 302),
        (CURL, "auto", {"session"}, 401),
        (NAVIGATION, "sign_in", {"session"}, 302),
        (CURL, "sign_in", {"session"}, 302),
        (NAVIGATION, "reject", {"session"}, 401),
        (CURL, "reject", {"session"}, 401),
        # Signing in would not help where no session is accepted.
        (NAVIGATION, "auto", {"bearer"}, 401),
        (CURL, "sign_in", {"bearer"}, 401),
    ],
)
def test_the_route_says_who_is_sent_to_sign_in(
    fields: list[Field], unauthenticated: str, credentials: set[str], status: int
) -> None:
    admission = Admission(frozenset(credentials), unauthenticated)

    assert responses.sign_in(make_request(fields), admission).status == status


def test_a_post_sent_to_sign_in_becomes_a_get() -> None:
    admission = Admission(unauthenticated="sign_in")

    assert responses.sign_in(make_request(method="POST"), admission).status == 303


@pytest.mark.parametrize(
    ("fields", "credentials", "schemes"),
    [
        (CURL, {"session"}, ["Gatepost"]),
        (CURL, {"bearer"}, ["Bearer"]),
        (CURL, {"token"}, ["Bearer"]),
        # A registry client takes Bearer for the address of a token server.
        (CURL, {"api_key"}, ["Basic"]),
        (CURL, {"api_key", "session"}, ["Basic", "Gatepost"]),
        (CURL, {"api_key", "token"}, ["Bearer", "Basic"]),
        (CURL, {"session", "bearer", "api_key", "token"}, ["Bearer", "Basic", "Gatepost"]),
        # A browser would open a password dialog.
        (SCRIPT, {"api_key", "session"}, ["Gatepost"]),
        (SCRIPT, {"api_key", "bearer"}, ["Bearer"]),
        ([(b"X-Requested-With", b"XMLHttpRequest")], {"api_key"}, ["Bearer"]),
        (CURL, set(), ["Gatepost"]),
    ],
)
def test_a_401_has_a_challenge_for_each_scheme(
    fields: list[Field], credentials: set[str], schemes: list[str]
) -> None:
    request = make_request(fields)
    response = responses.rejected(request, "sign-in-required", Admission(frozenset(credentials)))
    found = values(response, "WWW-Authenticate")

    assert [challenge.split(" ")[0] for challenge in found] == schemes


@pytest.mark.parametrize(
    ("sent", "schemes"),
    [
        ((b"Authorization", b"Bearer gp_x"), ["Bearer", "Basic", "Gatepost"]),
        ((b"X-API-Key", b"gp_x"), ["Bearer", "Basic", "Gatepost"]),
        ((b"Authorization", b"Basic Z3B4"), ["Basic", "Gatepost"]),
        ((b"authorization", b"BASIC Z3B4"), ["Basic", "Gatepost"]),
    ],
)
def test_a_bad_key_is_told_in_the_scheme_that_it_came_by(sent: Field, schemes: list[str]) -> None:
    admission = Admission(frozenset({"session", "api_key"}))
    response = responses.rejected(
        make_request([sent]), "unknown-key", admission, presented="api_key"
    )
    found = values(response, "WWW-Authenticate")

    assert [challenge.split(" ")[0] for challenge in found] == schemes
    assert ('error="invalid_token"' in found[0]) is (schemes[0] == "Bearer")


@pytest.mark.parametrize("fields", [CURL, SCRIPT, NAVIGATION])
@pytest.mark.parametrize("presented", [None, "api_key"])
def test_a_route_may_name_its_challenges_itself(fields: list[Field], presented: str | None) -> None:
    for schemes in (("basic",), ("bearer",), ("gatepost",), ("gatepost", "basic")):
        admission = replace(ALL, challenges=schemes)
        response = responses.rejected(
            make_request(fields), "unknown-key", admission, presented=presented
        )
        found = values(response, "WWW-Authenticate")
        assert tuple(challenge.split(" ")[0].lower() for challenge in found) == schemes


@pytest.mark.parametrize("fields", [NAVIGATION, CURL])
def test_a_bad_credential_is_never_a_redirect(fields: list[Field]) -> None:
    response = responses.rejected(make_request(fields), "token-expired", ALL, presented="bearer")
    bearer = values(response, "WWW-Authenticate")[0]

    assert response.status == 401
    assert bearer == (
        'Bearer realm="gatepost", error="invalid_token", error_description="Token expired", '
        'resource_metadata="https://notes.example.com/.well-known/oauth-protected-resource"'
    )


@pytest.mark.parametrize("kind", ["bearer", "token"])
def test_a_token_is_told_its_scopes_and_where_it_comes_from(kind: str) -> None:
    where = "/.well-known/oauth-protected-resource"
    admission = Admission(frozenset({kind}), resource_metadata=where, scopes=("a", "b"))
    told = f'scope="a b", resource_metadata="https://notes.example.com{where}"'
    unknown = responses.rejected(make_request(), "sign-in-required", admission)
    lacking = responses.for_decision(
        make_request(), Deny("scope-missing"), admission, identity=replace(ROBOT, credential=kind)
    )

    assert values(unknown, "WWW-Authenticate") == [f'Bearer realm="gatepost", {told}']
    assert values(lacking, "WWW-Authenticate") == [f'Bearer error="insufficient_scope", {told}']


def test_a_key_is_told_of_no_issuer() -> None:
    admission = Admission(frozenset({"api_key"}), resource_metadata="/x", scopes=("a",))
    robot = replace(ROBOT, credential="api_key")
    lacking = responses.for_decision(
        make_request(), Deny("scope-missing"), admission, identity=robot
    )

    assert values(lacking, "WWW-Authenticate") == ['Bearer error="insufficient_scope", scope="a"']


def test_no_error_code_where_no_credential_was_sent() -> None:
    # RFC 6750, section 3.1.
    response = responses.rejected(make_request(), "sign-in-required", ALL)

    assert "error" not in "".join(values(response, "WWW-Authenticate"))


def test_conflicting_credentials_are_a_400_without_challenge() -> None:
    response = responses.rejected(make_request(), "conflicting-credentials", ALL, status=400)

    assert response.status == 400
    assert values(response, "WWW-Authenticate") == []


@pytest.mark.parametrize("fields", [NAVIGATION, CURL])
def test_an_expired_session_may_clear_its_cookie(fields: list[Field]) -> None:
    cleared = ("Set-Cookie", "gatepost=; Max-Age=0")
    response = responses.sign_in(
        make_request(fields), ALL, reason="session-expired", fields=(cleared,)
    )

    assert cleared in response.fields


def test_a_missing_scope_is_told_to_a_token_only() -> None:
    deny = Deny("scope-missing")
    to_robot = responses.for_decision(make_request(), deny, ALL, identity=ROBOT)
    to_alice = responses.for_decision(make_request(), deny, ALL, identity=ALICE)

    where = "https://notes.example.com/.well-known/oauth-protected-resource"
    assert values(to_robot, "WWW-Authenticate") == [
        f'Bearer error="insufficient_scope", resource_metadata="{where}"'
    ]
    assert values(to_alice, "WWW-Authenticate") == []
    assert to_robot.status == to_alice.status == 403


def test_a_session_steps_up_at_its_own_provider() -> None:
    step_up = StepUp("acr-not-allowed", acr=("gold", "silver"), max_age_s=0)
    response = responses.for_decision(make_request(NAVIGATION), step_up, ALL, identity=ALICE)

    assert response.status == 302
    assert values(response, "Location") == [
        "/_gatepost/login/zitadel?return_to=/notes/1&acr_values=gold+silver&max_age=0"
    ]


def test_a_script_is_told_where_to_step_up() -> None:
    step_up = StepUp("sign-in-too-old", max_age_s=60)
    response = responses.for_decision(make_request(SCRIPT), step_up, ALL, identity=ALICE)
    where = "https://notes.example.com/_gatepost/login/zitadel?max_age=60"

    assert response.status == 401
    assert json.loads(response.body)["sign_in"] == where
    assert values(response, "WWW-Authenticate") == [f'Gatepost sign_in="{where}"']


def test_a_token_steps_up_as_rfc_9470_says() -> None:
    step_up = StepUp("acr-not-allowed", acr=('g"old',), max_age_s=5)
    response = responses.for_decision(make_request(NAVIGATION), step_up, ALL, identity=ROBOT)

    assert response.status == 401
    assert values(response, "WWW-Authenticate") == [
        'Bearer realm="gatepost", error="insufficient_user_authentication", '
        'error_description="A different authentication level is required", '
        'acr_values="gold", max_age="5"'
    ]


def test_a_step_up_of_nobody_goes_to_the_choice_of_providers() -> None:
    step_up = StepUp("sign-in-too-old", max_age_s=0)
    response = responses.for_decision(make_request(NAVIGATION), step_up, identity=ANONYMOUS)

    assert values(response, "Location") == ["/_gatepost/sign-in?return_to=/notes/1&max_age=0"]


def test_the_page_of_a_failed_sign_in_does_not_come_back_to_the_callback() -> None:
    path = "/_gatepost/callback/zitadel"
    request = make_request(NAVIGATION, raw=path.encode() + b"?code=secret", path=path)
    response = responses.problem(request, 400, "state-mismatch")

    assert b"secret" not in response.body
    assert b'href="/_gatepost/sign-in"' in response.body


def test_every_public_function_is_described() -> None:
    public = [f for name, f in inspect.getmembers(responses, inspect.isfunction) if name[0] != "_"]

    assert all(function.__doc__ for function in public)
