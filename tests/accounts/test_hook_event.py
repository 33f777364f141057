"""What hooks are told, under which key, and which answers are believed."""

import json
from dataclasses import replace

import pytest

from gateway.accounts.hook_event import (
    AnswerError,
    HookAnswer,
    HookEvent,
    decode_answer,
    encode_event,
    idempotency_key,
    sql_values,
)
from gateway.model import Identity

ALICE = Identity(
    user="alice",
    subject="248289761001",
    issuer="https://id.example.com",
    credential="session",
    email="alice@example.com",
    name="Алиса",
    groups=("staff", "администраторы"),
    roles=("editor",),
    claims={"sub": "248289761001", "department": "R&D"},
    access_token="at-secret",
    id_token="it-secret",
    authenticated_at=1000,
    session_id="digest",
)
CREATE = HookEvent("create", "a1", ALICE)


def of(event, **changes):
    return HookEvent(event, "a1", replace(ALICE, **changes))


def test_an_app_is_told_who_it_is_and_no_token():
    assert json.loads(encode_event(CREATE)) == {
        "event": "create",
        "account_id": "a1",
        "issuer": "https://id.example.com",
        "subject": "248289761001",
        "user": "alice",
        "email": "alice@example.com",
        "name": "Алиса",
        "groups": ["staff", "администраторы"],
        "claims": {"sub": "248289761001", "department": "R&D"},
    }
    assert b"secret" not in encode_event(CREATE)


@pytest.mark.parametrize(
    ("claim", "read"),
    [
        (None, None),
        ("", ""),
        ("\0\x01\x1b\u2028", "\0\x01\x1b\u2028"),
        ("x" * 100_000, "x" * 100_000),
        (["a", 1, {"b": None}], ["a", 1, {"b": None}]),
        (2**80, 2**80),
        ("\ud800", "\ud800"),
        (float("nan"), None),
        ([float("inf")], [None]),
        ("\u0440\u0430ypal", "\u0440\u0430ypal"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_whatever_a_provider_says_is_json(claim, read):
    def refuse(constant):
        raise AssertionError(constant)

    event = of("create", claims={"x": claim})
    body = json.loads(encode_event(event), parse_constant=refuse)
    parameter = sql_values(event)["claims"]

    assert body["claims"] == {"x": read}
    assert json.loads(parameter.encode(), parse_constant=refuse) == {"x": read}


def test_a_statement_gets_text_or_null():
    values = sql_values(HookEvent("update", "a1", replace(ALICE, email=None), "7"))

    assert values["email"] is None
    assert values["external_id"] == "7"
    assert values["groups"] == '["staff","администраторы"]'
    assert values["roles"] == '["editor"]'
    assert values["claims"] == '{"department":"R&D","sub":"248289761001"}'
    assert all(it is None or isinstance(it, str) for it in values.values())


def test_an_account_is_created_under_one_key_whatever_else_is_said_of_it():
    assert idempotency_key(CREATE) == "create-a1"
    assert idempotency_key(of("create", email="b@example.com")) == "create-a1"
    assert idempotency_key(HookEvent("create", "a2", ALICE)) != "create-a1"


@pytest.mark.parametrize("event", ["update", "sign_in"])
def test_every_other_event_has_a_key_of_its_own(event):
    keys = [idempotency_key(of(event)) for _ in range(3)]

    assert len(set(keys)) == 3
    assert all(it.startswith(f"{event}-a1-") and it.isprintable() for it in keys)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"", HookAnswer()),
        (b" \r\n", HookAnswer()),
        (b"{}", HookAnswer()),
        (b'{"external_id": null, "roles": null, "more": [1]}', HookAnswer()),
        (b'{"external_id": "u-7"}', HookAnswer("u-7")),
        (b'{"external_id": 7}', HookAnswer("7")),
        (b'{"external_id": 0}', HookAnswer("0")),
        ('{"external_id": "Ω"}'.encode(), HookAnswer("Ω")),
        (b'{"external_id": "%s"}' % (b"x" * 255), HookAnswer("x" * 255)),
        (b'{"roles": []}', HookAnswer(None, ())),
        (b'{"roles": ["b", "a", "b"]}', HookAnswer(None, ("b", "a"))),
    ],
)
def test_an_answer_is_read(body, answer):
    assert decode_answer(body) == answer


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"ok", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"9" * 5000, "is not JSON"),
        (b"null", "is not a JSON object"),
        (b'["u-7"]', "is not a JSON object"),
        (b'{"external_id": ""}', "external_id"),
        (b'{"external_id": true}', "external_id"),
        (b'{"external_id": 1.5}', "external_id"),
        (b'{"external_id": ["a"]}', "external_id"),
        (b'{"external_id": "a\\r\\nX-Admin: 1"}', "external_id"),
        (b'{"external_id": "a\\u0000"}', "external_id"),
        (b'{"external_id": "\\ud800"}', "external_id"),
        (b'{"external_id": "%s"}' % (b"x" * 256), "external_id"),
        (b'{"roles": "admin"}', "roles"),
        (b'{"roles": {"admin": true}}', "roles"),
        (b'{"roles": [1]}', "roles"),
        (b'{"roles": [""]}', "roles"),
        (b'{"roles": ["a\\nb"]}', "roles"),
    ],
)
def test_a_wrong_answer_is_named_and_not_repeated(body, why):
    with pytest.raises(AnswerError, match=why) as caught:
        decode_answer(body)

    assert "Admin" not in str(caught.value)


def test_a_later_answer_counts():
    first = HookAnswer("1", ("a",))

    assert first.then(HookAnswer()) == first
    assert first.then(HookAnswer("2")) == HookAnswer("2", ("a",))
    assert first.then(HookAnswer(None, ())) == HookAnswer("1", ())
