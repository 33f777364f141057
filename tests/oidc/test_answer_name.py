"""The name that comes once, in the answer to the first sign-in."""

import json

import pytest

from gateway.model import Identity
from gateway.oidc.answer_name import name_in, with_answered_name
from gateway.oidc.client import TokenAnswer
from gateway.oidc.refresh import refresh
from gateway.oidc.sign_in import begin_sign_in, finish_sign_in
from gateway.oidc.signed_in import SignedIn
from tests.oidc.hostile import REFRESH_TOKEN

CALLBACK = "https://notes.example.com/_gatepost/callback/hostile"


def user(**name):
    return json.dumps({"name": name, "email": "evil@example.com"})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (user(firstName="Ada", lastName="Lovelace"), "Ada Lovelace"),
        (user(firstName="Ada"), "Ada"),
        (user(lastName=" Love\n lace "), "Love lace"),
        (user(firstName="Zoë", lastName="李"), "Zoë 李"),
        (user(firstName="a" * 200), "a" * 200),
        (user(firstName="a" * 201), None),
        (user(firstName="a\x00b"), None),
        (user(firstName="a\u202eb"), None),
        (user(firstName="", lastName=""), None),
        (user(firstName=1, lastName=["x"]), None),
        ('{"name": "Ada"}', None),
        ('{"email": "ada@example.com"}', None),
        ("[]", None),
        ("null", None),
        ("", None),
        ("{", None),
        ("[" * 100_000, None),
    ],
)
def test_it_is_read_from_the_form(text, name):
    assert name_in({"user": text}) == name


def test_without_the_field_there_is_none():
    assert name_in({"name": "Ada"}) is None


@pytest.mark.parametrize(
    ("known", "said", "name"),
    [
        (None, "Ada", "Ada"),
        (None, "", None),
        (None, "a\x00b", None),
        (None, "a" * 201, None),
        ("Grace", "Ada", "Grace"),
    ],
)
def test_a_name_in_a_token_comes_first(known, said, name):
    unreadable = frozenset() if known else frozenset({"name"})
    identity = Identity("u", "s", "i", "session", name=known, unreadable=unreadable)

    found = with_answered_name(SignedIn(identity, TokenAnswer("t")), {"name": said}).identity

    assert found.name == name
    assert ("name" in found.unreadable) == (name is None)
    assert found.email is None


async def test_a_refresh_keeps_it(make_provider, hostile):
    """The ID token of a refresh has no name, as none has."""
    hostile.wrongs.claims = {"preferred_username": None}
    provider = make_provider(name_in_answer=True)
    flow, location = await begin_sign_in(provider, CALLBACK, "/")
    answer = {**hostile.approve(location), "name": "Ada"}
    before = (await finish_sign_in(provider, flow, answer)).identity
    hostile.wrongs.tokens = {"id_token": hostile.id_token(None)}

    after = (await refresh(provider, REFRESH_TOKEN, before, None)).identity

    assert (before.name, after.name) == ("Ada", "Ada")
    assert "name" not in after.unreadable


async def test_another_provider_has_no_say_in_it(make_provider, hostile):
    hostile.wrongs.claims = {"preferred_username": None}
    provider = make_provider()
    flow, location = await begin_sign_in(provider, CALLBACK, "/")

    found = await finish_sign_in(provider, flow, {**hostile.approve(location), "name": "Ada"})

    assert found.identity.name is None
