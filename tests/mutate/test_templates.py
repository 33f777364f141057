"""Field values made of an identity: whole, or not sent."""

from typing import get_args

import pytest

from gateway.model import ANONYMOUS, Identity
from gateway.mutate.templates import compile_template, is_sendable, literal
from gateway.settings.presets import PRESETS, Preset

CLAIMS = {
    "department": "R&D",
    "a/b": "slash",
    "nested": {"deep": ["x", "y"], "flag": True, "number": 7, "nothing": None},
    "mixed": ["x", 1],
    "empty": [],
}


def identity(**changes):
    values = {
        "user": "alice",
        "subject": "s1",
        "issuer": "https://id.example.com",
        "credential": "session",
        "email": "alice@example.com",
        "name": "Alice Ärmel",
        "groups": ("staff", "admins"),
        "claims": CLAIMS,
    }
    return Identity(**{**values, **changes})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{user}", "alice"),
        ("<{user}> {email}", "<alice> alice@example.com"),
        ("{name}", "Alice Ärmel"),
        ("{groups}", "staff,admins"),
        ("plain text", "plain text"),
        ("{claim:department}", "R&D"),
        ("{claim:/department}", "R&D"),
        ("{claim:/a~1b}", "slash"),
        ("{claim:/nested/deep}", "x,y"),
        ("{claim:/nested/flag}", "true"),
        ("{claim:/nested/number}", "7"),
    ],
)
def test_a_value_is_filled_in(text, value):
    assert compile_template(text).fill(identity()) == value


@pytest.mark.parametrize(
    "text",
    [
        "{roles}",
        "{account_id}",
        "{external_id}",
        "{access_token}",
        "user {user}, account {account_id}",
        "{claim:/none}",
        "{claim:/department/deeper}",
        "{claim:/nested}",
        "{claim:/nested/nothing}",
        "{claim:/mixed}",
        "{claim:/empty}",
    ],
)
def test_a_missing_value_is_no_field(text):
    assert compile_template(text).fill(identity()) is None


def test_every_name_of_a_preset_has_its_fields():
    assert set(get_args(Preset)) == set(PRESETS)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_nobody_has_no_field_of_a_preset(name):
    assert [compile_template(text).fill(ANONYMOUS) for text in PRESETS[name].values()] == [
        None for _ in PRESETS[name]
    ]


@pytest.mark.parametrize(
    "user",
    [
        "alice\r\nRemote-Groups: admins",
        "alice\n",
        "alice\x00",
        "al\x7fice",
        "al\x85ice",
        "alice\u2028",
        "al\u200bice\u202e",
        "\ud800",
        " alice",
        "alice ",
        "\u00a0alice",
        "\talice",
        "",
    ],
)
def test_what_would_not_arrive_as_it_is_is_not_sent(user):
    assert not is_sendable(user)
    assert compile_template("{user}").fill(identity(user=user)) is None


@pytest.mark.parametrize(
    ("groups", "value"),
    [
        (("staff", "a,admins"), "staff"),
        (("a,admins",), None),
        (("staff", "bad\r\nname", "x"), "staff,x"),
        (("staff", " x", ""), "staff"),
        (("with space", "Ä"), "with space,Ä"),
        ((), None),
    ],
)
def test_a_group_that_could_pass_for_others_is_left_out(groups, value):
    assert compile_template("{groups}").fill(identity(groups=groups)) == value


def test_a_value_is_never_read_as_a_template():
    user = "{email} {claim:/department}"

    assert compile_template("{user}").fill(identity(user=user)) == user


def test_a_literal_keeps_its_braces():
    assert literal("{user}").fill(identity()) == "{user}"
