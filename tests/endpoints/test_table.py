"""Every path under the prefix has an answer of the gateway's own."""

import json

import pytest

from tests.endpoints.conftest import KEY_SET


@pytest.mark.parametrize(
    "path",
    ["", "/", "/nothing", "/login", "/login/", "/login/a/b", "/sign-in/", "/healthz", "/auth"],
)
async def test_an_unknown_path_is_404(browser, path):
    response = await browser.get(f"/_gatepost{path}", navigates=False)

    assert response.status == 404
    assert json.loads(response.body)["reason"] == "no-route"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/sign-in", "GET, HEAD"),
        ("DELETE", "/logout", "GET, HEAD, POST"),
        ("PUT", "/callback/hostile", "GET, POST"),
        ("POST", "/login/hostile", "GET, HEAD"),
        ("POST", "/whoami", "GET, HEAD"),
        ("OPTIONS", "/.well-known/jwks.json", "GET, HEAD"),
        ("get", "/whoami", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_405(browser, method, path, allowed):
    response = await browser.send(method, f"/_gatepost{path}", navigates=False)

    assert response.status == 405
    assert dict(response.fields)["Allow"] == allowed


async def test_whoami_tells_nobody_apart_from_an_ended_session(browser):
    nobody = await browser.get("/_gatepost/whoami", navigates=False)
    browser.cookies["__Host-gatepost"] = "A" * 64
    ended = await browser.get("/_gatepost/whoami", navigates=False)

    assert (nobody.status, json.loads(nobody.body)["reason"]) == (401, "sign-in-required")
    assert (ended.status, json.loads(ended.body)["reason"]) == (401, "session-expired")
    assert browser.cookies == {}


async def test_the_key_set_may_be_kept(browser):
    first = await browser.get("/_gatepost/.well-known/jwks.json", navigates=False)
    fields = dict(first.fields)

    assert (first.status, first.body) == (200, KEY_SET)
    assert fields["Content-Type"] == "application/jwk-set+json"
    assert "max-age" in fields["Cache-Control"]
    tag = fields["ETag"].encode()
    for sent, status in (
        (tag, 304),
        (b"W/" + tag, 304),
        (b'"x", ' + tag, 304),
        (b"*", 304),
        (b'"x"', 200),
    ):
        again = await browser.get(
            "/_gatepost/.well-known/jwks.json", fields=((b"if-none-match", sent),)
        )
        assert again.status == status
        assert (again.body == b"") == (status == 304)


async def test_head_is_get_without_content(browser):
    for path in ("/sign-in", "/logout", "/whoami", "/.well-known/jwks.json"):
        head = await browser.send("HEAD", f"/_gatepost{path}")
        get = await browser.get(f"/_gatepost{path}")

        assert head.status == get.status
        assert head.body == b""
