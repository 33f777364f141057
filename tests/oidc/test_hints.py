"""What a client of ours asks for goes on to the provider."""

from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.oidc.sign_in import begin_sign_in
from tests.oidc.hostile import Wrongs

CALLBACK = "https://notes.example.com/_gatepost/callback/idp"
ALL = ["none", "login", "consent", "select_account", "create"]


async def asked(provider, **changes):
    _, location = await begin_sign_in(provider, CALLBACK, "/", **changes)
    return parse_qs(urlsplit(location).query)


async def test_a_login_hint_goes_on(make_provider):
    assert (await asked(make_provider(), login_hint="ann@a.test"))["login_hint"] == ["ann@a.test"]
    assert "login_hint" not in await asked(make_provider())


@pytest.mark.parametrize(
    ("offered", "prompt"), [(ALL, ["create"]), (["login"], None), (None, None)]
)
async def test_a_new_account_is_asked_for_where_it_is_offered(
    make_provider, hostile, offered, prompt
):
    if offered is not None:
        hostile.wrongs = Wrongs(discovery={"prompt_values_supported": offered})
    assert (await asked(make_provider(), creates=True)).get("prompt") == prompt
