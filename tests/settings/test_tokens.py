"""Redirect URIs: what an app may register."""

import pytest
from pydantic import ValidationError

from gateway.settings.tokens import ClientSettings


def registered(uri):
    return ClientSettings.model_validate({"provider": "id", "redirect_uris": uri}).redirect_uris


@pytest.mark.parametrize(
    "uri",
    [
        "com.example.notes:/callback",
        "com.example.notes://callback",
        "myapp:/callback",
        "https://notes.example.com/app/callback?from=phone",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:9000/callback",
        "http://[::1]/callback",
    ],
)
def test_an_app_may_be_sent_its_code_there(uri):
    assert registered(uri) == (uri,)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("https://*.example.com/callback", "has a wildcard"),
        ("com.example.notes:/*", "has a wildcard"),
        ("http://127.0.0.1:*/callback", "has a wildcard"),
        ("http://notes.example.com/callback", "is not https"),
        ("http://127.0.0.1.evil.test/callback", "is not https"),
        ("http://2130706433/callback", "is not https"),
        ("https:///callback", "needs a host"),
        ("https://user@notes.example.com/callback", "without a user name"),
        ("https://notes.example.com/callback#", "must not have a fragment"),
        ("https://notes.example.com/call back", "must be ASCII without spaces"),
        ("https://notes.example.com\\callback", "and backslashes"),
        ("https://nötes.example.com/", "must be ASCII"),
        ("https://notes.example.com:x/", "is not a URI"),
        ("HTTPS://notes.example.com/", "a scheme in lower case"),
        ("javascript:alert(1)", "no app can claim the scheme javascript"),
        ("data:text/html,x", "no app can claim the scheme data"),
        ("/callback", "a scheme in lower case"),
        ("callback", "a scheme in lower case"),
        ("", "is empty"),
    ],
)
def test_nobody_is_sent_a_code_there(uri, why):
    with pytest.raises(ValidationError) as error:
        registered(uri)

    assert why in str(error.value)
