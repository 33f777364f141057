"""What the gateway says of a request is what the app reads, whatever the client says beside it."""

import base64
import json

import pytest

from tests.readers.conftest import CASES, KEY, USER, World, folded, is_own, seen_by_app, values
from tests.readers.readers import MOST_FIELDS

OURS = ("remote-user", "gatepost-assertion", "x-forwarded-for", "x-request-id")
# All that is the gateway's to say, the credential included.
NOT_THE_CLIENTS = (*OURS, "remote-groups", "x-api-key", "x-real-ip", "x-forwarded-user")
FORGED = "forged"
MAX_FIELDS = 500
KEY_LINE = f"X-API-Key: {KEY}"


def spelt(chance, name):
    """`name` as some server may fold it to the same."""
    return "".join(
        chance.choice("-_-_.~!") if letter == "-" else chance.choice((letter, letter.upper()))
        for letter in name
    )


def assert_told(world, answer, sent):
    """The app was told who asks by the gateway, once, and nothing of the client's on that."""
    seen = seen_by_app(answer)
    assert seen is not None, answer
    assert is_own(answer, sent)
    assert values(seen, "remote-user") == {USER}
    assert values(seen, "x-forwarded-for") == {"127.0.0.1"}
    (assertion,) = values(seen, "gatepost-assertion")
    claims = assertion.split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "==="))["user"] == USER
    (request_id,) = values(seen, "x-request-id")
    assert FORGED not in request_id
    for name in ("remote-groups", "x-api-key", "x-real-ip", "x-forwarded-user"):
        assert values(seen, name) == set(), name


@pytest.mark.parametrize("size", [0, 1, 60, 300, MAX_FIELDS - 4, MAX_FIELDS - 3])
async def test_no_number_of_fields_pushes_out_what_the_gateway_adds(world: World, size):
    sent = [world.make(path, KEY_LINE, *["A: b"] * size) for path in ("/keyed", "/keyed?x", "/")]

    *keyed, public = await world.ask(*sent)

    for one, answer in zip(sent, keyed, strict=False):
        if size > MOST_FIELDS.get(world.reader, size):
            continue
        assert_told(world, answer, one)
    seen = seen_by_app(public)
    assert size > MOST_FIELDS.get(world.reader, size) or seen is not None
    assert seen is None or values(seen, "x-forwarded-for") == {"127.0.0.1"}


@pytest.mark.parametrize("size", [MAX_FIELDS - 2, 700, 994, 1000, 1500])
async def test_more_fields_than_a_reader_may_read_are_refused(world: World, size):
    sent = [world.make(path, KEY_LINE, *["A: b"] * size) for path in ("/keyed", "/")]

    answers = await world.ask(*sent)

    # With Host, the name and the key, these are 501 and more.
    assert [answer.status for answer in answers] == [431, 431]
    assert world.seen() == []


async def test_what_the_gateway_adds_comes_before_what_the_client_says(world: World):
    sent = world.make("/keyed", KEY_LINE, "A: b")

    (answer,) = await world.ask(sent)

    seen = seen_by_app(answer)
    assert seen is not None, answer
    order = [folded(name) for name, _ in seen["fields"]]
    assert max(map(order.index, OURS)) < order.index("x-id") < order.index("a")


async def test_no_spelling_of_a_field_is_read_for_one_of_the_gateways(world: World):
    chance = world.chance
    sent = []
    for _ in range(CASES // 5):
        forged = [
            f"{spelt(chance, chance.choice(NOT_THE_CLIENTS))}: {FORGED}"
            for _ in range(chance.choice((1, 2, 10, 40)))
        ]
        lines = [KEY_LINE, "A: b", *(line for line in forged if folded(line[:9]) != "x-api-key")]
        chance.shuffle(lines)
        sent.append(world.make("/keyed", *lines))

    for one, answer in zip(sent, await world.ask(*sent), strict=True):
        assert_told(world, answer, one)


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "Script-Name", "PATH_INFO", "X-Script-Name"])
async def test_no_field_has_an_app_read_another_path(world: World, name):
    sent = [
        world.make("/open/admin", f"{spelling}: {value}")
        for spelling in (name, name.lower(), name.title())
        for value in ("/open", "/open/", "/admin")
    ]

    for answer in await world.ask(*sent):
        seen = seen_by_app(answer)
        assert seen is not None, answer
        assert set(seen["paths"]) == {"/open/admin"}


@pytest.mark.parametrize("name", ["X_API_Key", "X.API.Key", "x~api~key", "X-API_KEY"])
async def test_an_alias_of_the_keys_field_never_reaches_the_app(world: World, name):
    sent = [
        world.make("/keyed", KEY_LINE, f"{name}: {FORGED}"),
        world.make("/keyed", f"{name}: {KEY}"),
        world.make("/", f"{name}: {FORGED}"),
        world.make("/", f"{name}: {KEY}"),
    ]

    await world.ask(*sent)

    assert [seen for seen in world.seen() if values(seen, "x-api-key")] == []


async def test_trailers_say_nothing_of_who_asks(world: World):
    trailers = [f"{name}: {FORGED}" for name in (*NOT_THE_CLIENTS, "Remote_User", "X_API_Key")]
    body = "\r\n".join(["1", "x", "0", *trailers, "", ""]).encode()
    sent = [
        world.make("/keyed", KEY_LINE, "Transfer-Encoding: chunked", method="POST", body=body),
        world.make("/", "Transfer-Encoding: chunked", method="POST", body=body),
    ]

    await world.ask(*sent)

    told = [
        value for seen in world.seen() for name in NOT_THE_CLIENTS for value in values(seen, name)
    ]
    assert [value for value in told if FORGED in value] == []
