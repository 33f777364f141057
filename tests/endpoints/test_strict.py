"""What changes something takes nothing it would not understand."""

import json

import pytest

from gateway.sessions import ProviderTokens
from tests.sessions.conftest import make_identity

SESSION = "__Host-gatepost"
API = "/_gatepost/api/sessions"


@pytest.fixture
async def signed_in(make_browser, sessions, clock):
    browser = make_browser()
    browser.cookies[SESSION], browser.session = await sessions.create(
        make_identity("alice"), ProviderTokens(), provider_sid=None, ip="", device="", now=clock()
    )
    return browser


@pytest.mark.parametrize("query", ["id=0", "user=bob", "x", "=", "id=0&id=1", "%00"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", API),
        ("DELETE", f"{API}/ID"),
        ("POST", "/_gatepost/account"),
        ("POST", "/_gatepost/logout"),
    ],
)
async def test_a_parameter_nobody_knows_is_refused_and_nothing_ends(signed_in, method, path, query):
    path = path.replace("ID", signed_in.session.session_id)
    form = ((b"content-type", b"application/x-www-form-urlencoded"),)
    body = b"end=all" if path.endswith("account") else b""
    response = await signed_in.send(
        method, f"{path}?{query}", site="same-origin", navigates=False, fields=form, body=body
    )

    assert (response.status, json.loads(response.body)["reason"]) == (400, "invalid-request")
    assert await signed_in.whoami() is not None


@pytest.mark.parametrize("path", [API, f"{API}/ID"])
@pytest.mark.parametrize("content_type", [b"application/json", b"text/plain", None])
async def test_a_body_nobody_asked_for_is_refused_and_nothing_ends(signed_in, path, content_type):
    path = path.replace("ID", signed_in.session.session_id)
    response = await signed_in.send(
        "DELETE",
        path,
        site="same-origin",
        navigates=False,
        fields=() if content_type is None else ((b"content-type", content_type),),
        body=b'{"id": "0"}',
    )

    assert (response.status, json.loads(response.body)["reason"]) == (400, "invalid-request")
    assert await signed_in.whoami() is not None


@pytest.mark.parametrize("query", ["?", ""])
async def test_an_empty_query_is_none(signed_in, query):
    response = await signed_in.send("DELETE", API + query, site="same-origin", navigates=False)

    assert response.status == 204


@pytest.mark.parametrize(
    "content_type", [b"text/plain", b"application/json", b"multipart/form-data; boundary=x", b""]
)
async def test_a_form_of_another_type_is_415(signed_in, content_type):
    response = await signed_in.send(
        "POST",
        "/_gatepost/account",
        site="same-origin",
        navigates=False,
        fields=((b"content-type", content_type),),
        body=b"end=all",
    )

    assert (response.status, json.loads(response.body)["reason"]) == (415, "unsupported-media-type")
    assert ("Accept", "application/x-www-form-urlencoded") in response.fields
    assert await signed_in.whoami() is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it[:16],
        lambda it: it[:-1],
        lambda it: it.upper(),
        lambda it: f"0{it}",
        lambda it: f"{it}0",
        lambda it: f"{it}/",
        lambda it: f"x/{it}",
        lambda it: f"%20{it}",
        lambda it: "01",
        lambda it: "*",
    ],
)
async def test_an_id_is_whole_or_nothing(signed_in, change):
    path = f"{API}/{change(signed_in.session.session_id)}"
    response = await signed_in.send("DELETE", path, site="same-origin", navigates=False)

    assert response.status == 404
    assert await signed_in.whoami() is not None


async def test_an_app_s_own_form_signs_out_whatever_else_it_holds(signed_in):
    response = await signed_in.post("/_gatepost/logout", b"csrf_token=4711")

    assert b"You are signed out" in response.body
    assert await signed_in.whoami() is None


async def test_what_only_shows_something_takes_any_parameter(signed_in):
    for path in (API, "/_gatepost/whoami", "/_gatepost/account", "/_gatepost/logout"):
        assert (await signed_in.get(f"{path}?state=x&_=1")).status == 200
