"""Session cookies that are not quite right, and Cookie fields that are too much."""

import random

import pytest

from tests.dataplane.harness import request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SIGNED_IN = {"name": "all", "prefix": "/", "access": "signed_in"}
OWN = "Sec-Fetch-Site: same-origin"
PATHS = [
    ("GET", "/"),
    ("GET", "/_gatepost/auth"),
    ("GET", "/_gatepost/whoami"),
    ("GET", "/_gatepost/account"),
    ("GET", "/_gatepost/api/sessions"),
    ("DELETE", "/_gatepost/api/sessions"),
]
BYTES = [bytes([number]) for number in range(1, 256) if number not in b"\r\n"]
LOGOUT = "/_gatepost/logout"
CALLBACK = "/_gatepost/callback/idp?state=a&code=b"
HOW_MANY = 10_000
# Several sessions may be a mistake, or planted; nobody has more.
MOST_ASKED = 8


def mutated(chance: random.Random, value: bytes) -> bytes:
    """`value` with up to three changes, none of which only ends or repeats it."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(1, max(2, len(value)))
        changed = chance.choice(
            (
                value[:at] + chance.choice(BYTES) + value[at + 1 :],
                value[:at] + chance.choice(BYTES) + value[at:],
                value[:at] + value[at + 1 :],
                value[:at],
                value[at:] + value[:at],
                value.swapcase(),
                b"%%%02x" % value[0] + value[1:],
                value + chance.choice((b"A", b"=", b"%00", b".", b"A" * 64)),
            )
        )
        value = changed or value[::-1]
    return value


async def test_no_cookie_but_the_one_that_was_given_opens_anything(gateway, raw_upstream):
    app = await raw_upstream(OK)
    running = await gateway(app.url, routes=[SIGNED_IN], audit={"file": "/dev/null"})
    name, _, value = (await running.sign_in()).strip().partition(b": gatepost=")
    chance, client = random.Random(7), await running.client()

    for number in range(HOW_MANY):
        wrong = mutated(chance, value)
        if value in wrong.split(b";"):
            continue
        method, path = PATHS[number % len(PATHS)]
        head = request(path, name + b": gatepost=" + wrong, OWN, method=method)
        answer = await client.ask(head)
        assert answer.status >= 300, (path, wrong)
        if answer.closes:
            client = await running.client()

    assert app.connections == 0
    right = name + b": gatepost=" + value
    assert (await running.ask(request("/", right))).status == 200


@pytest.mark.parametrize("name", [b"a", b"gatepost", b"__Host-gatepost", b"gatepost-flow-x"])
async def test_thousands_of_cookies_cost_few_questions_to_the_store(gateway, raw_upstream, name):
    app = await raw_upstream(OK)
    out = {"name": "out", "path": "/out", "access": "public"}
    running = await gateway(
        app.url,
        {"logout_paths": ["/out"]},
        routes=[out, SIGNED_IN],
        audit={"file": "/dev/null"},
    )
    store = running.gateway.lasting.store
    asked = []
    get = store.get

    async def count(key):
        asked.append(key)
        return await get(key)

    store.get = count
    for values in ([b"1"] * 5_000, [b"%064d" % number for number in range(400)]):
        cookies = b"; ".join(name + b"=" + value for value in values)
        cookies = cookies[:32_000]
        for method, path in (*PATHS, ("POST", LOGOUT), ("GET", CALLBACK), ("GET", "/out")):
            answer = await running.ask(request(path, b"Cookie: " + cookies, OWN, method=method))
            assert answer.status < 500, path
            assert len(asked) <= MOST_ASKED, (path, len(asked))
            asked.clear()


async def test_a_cookie_field_of_a_megabyte_is_refused(gateway, raw_upstream):
    app = await raw_upstream(OK)
    running = await gateway(app.url)

    for cookie in (b"a=" + b"x" * 2**20, b"a=b; " * 200_000):
        answer = await running.ask(request("/", b"Cookie: " + cookie))
        assert (answer.status, answer.closes) == (431, True)
    assert app.connections == 0
