"""HTTP hooks against a real server that answers well, late, badly, or far too much."""

import asyncio
import gzip
import hashlib
import hmac
import json
import logging
import zlib
from dataclasses import replace

import pytest
from aiohttp import web

from gateway.accounts.hooks import HookAnswer, HookEvent, Hooks
from gateway.errors import HookFailedError
from gateway.model import Identity
from gateway.settings.accounts import HookSettings
from tests.fixtures.certificates import Authority
from tests.patience import until

SECRET = "k" * 32
NOW = 1_750_000_000.9
PERSON = "alice@example.com"
ALICE = Identity(
    user="alice",
    subject="1",
    issuer="https://id.example.com",
    credential="session",
    email=PERSON,
    claims={"bio": "x" * 100_000, "sql": "'); DROP TABLE users; --"},
)
CREATE = HookEvent("create", "a1", ALICE)


@pytest.fixture
async def app(aiohttp_server):
    """Start an app that answers each call with the next of its answers, the last one for ever."""

    async def start(*answers, **options):
        calls = []

        async def handle(request):
            calls.append((request.path_qs, dict(request.headers), await request.read()))
            answer = answers[min(len(calls), len(answers)) - 1]
            return await answer(request) if callable(answer) else answer_of(answer)

        application = web.Application(client_max_size=2**22)
        application.router.add_route("*", "/{any:.*}", handle)
        server = await aiohttp_server(application, **options)
        return str(server.make_url("/users?key=url-secret")), calls

    return start


def answer_of(answer):
    status, body = answer if isinstance(answer, tuple) else (200, answer)
    return web.Response(status=status, body=body if isinstance(body, bytes) else json.dumps(body))


@pytest.fixture
async def make_hooks():
    every = []

    def make(*urls, timeout="10s", on="create", secret=SECRET):
        settings = [
            {"http": {"url": it, "secret": secret, "timeout": timeout}, "on": on} for it in urls
        ]
        hooks = Hooks([HookSettings.model_validate(it) for it in settings], lambda: NOW)
        every.append(hooks)
        return hooks

    yield make

    for hooks in every:
        await hooks.close()


async def failure(hooks, caplog, event=CREATE):
    """Why the hooks fail; neither this nor the log names a person or a secret."""
    with caplog.at_level(logging.WARNING), pytest.raises(HookFailedError) as caught:
        await hooks.run(event)
    assert (caught.value.reason, caught.value.status) == ("provisioning-failed", 503)
    logged = caplog.text
    assert str(caught.value) in logged
    for private in (PERSON, "alice", "url-secret", SECRET, "DROP TABLE"):
        assert private not in logged
    assert caught.value.__cause__ is None
    return str(caught.value).partition(": create: ")[2]


async def test_an_app_hears_of_an_account_and_says_what_it_calls_it(app, make_hooks):
    url, calls = await app({"external_id": 7, "roles": ["editor"], "other": {}})

    assert await make_hooks(url).run(CREATE) == HookAnswer("7", ("editor",))
    path, fields, body = calls[0]
    assert path == "/users?key=url-secret"
    assert json.loads(body)["claims"]["bio"] == "x" * 100_000
    assert fields["Content-Type"] == "application/json"
    assert fields["Idempotency-Key"] == "create-a1"
    assert fields["Accept-Encoding"] == "identity"
    mac = hmac.new(SECRET.encode(), b"1750000000." + body, hashlib.sha256).hexdigest()
    assert fields["Gatepost-Signature"] == f"t=1750000000,v1={mac}"


@pytest.mark.parametrize("answer", [b"", (204, b""), (201, b"  \n"), (202, {})])
async def test_an_app_need_not_say_anything(app, make_hooks, answer):
    url, _ = await app(answer)

    assert await make_hooks(url).run(CREATE) == HookAnswer()


async def test_an_app_that_cannot_answer_now_is_asked_again(app, make_hooks):
    url, calls = await app((500, b"alice"), (429, b""), (503, b""), {"external_id": "u-7"})

    assert await make_hooks(url).run(CREATE) == HookAnswer("u-7")
    assert {fields["Idempotency-Key"] for _, fields, _ in calls} == {"create-a1"}
    assert len({body for *_, body in calls}) == 1


async def reset(request):
    request.transport.abort()
    await asyncio.sleep(0)
    return web.Response()


async def half(request):
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"external_id"')
    request.transport.abort()
    return response


async def never(request):
    await asyncio.Event().wait()


@pytest.mark.parametrize("broken", [reset, half])
async def test_a_connection_that_breaks_is_tried_again(app, make_hooks, broken):
    url, calls = await app(broken, {"external_id": "u-7"})

    assert await make_hooks(url).run(CREATE) == HookAnswer("u-7")
    assert len(calls) == 2


async def test_a_hung_try_leaves_time_for_another(app, make_hooks):
    url, calls = await app(never, {"external_id": "u-7"})

    assert await make_hooks(url, timeout="4s").run(CREATE) == HookAnswer("u-7")
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((500, b"alice@example.com"), "the answer is 500, after "),
        (never, "no answer in time, after "),
        (reset, "the connection was closed before the answer was complete, after "),
    ],
)
async def test_what_does_not_pass_is_given_up_at_the_deadline(app, make_hooks, caplog, answer, why):
    url, calls = await app(answer)

    assert (await failure(make_hooks(url, timeout="1s"), caplog)).startswith(why)
    assert len(calls) >= 2


async def test_nobody_there(make_hooks, caplog, free_port):
    hooks = make_hooks(f"http://127.0.0.1:{free_port}/users?key=url-secret", timeout="500ms")

    assert (await failure(hooks, caplog)).startswith("cannot connect: connection refused, after ")


async def test_a_name_that_is_nobodys(make_hooks, caplog):
    hooks = make_hooks("http://nobody.invalid/users", timeout="500ms")

    assert (await failure(hooks, caplog)).startswith(("cannot connect", "no answer in time"))


def to(location):
    async def redirect(_):
        return web.Response(status=307, headers={"Location": location})

    return redirect


async def much(request):
    response = web.StreamResponse(headers={"Content-Length": str(2**30)})
    await response.prepare(request)
    chunk = b" " * 65536
    for _ in range(2**14):
        await response.write(chunk)
    return response


async def endless(request):
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65536)


def packed(body, encoding):
    async def answer(_):
        return web.Response(body=body, headers={"Content-Encoding": encoding})

    return answer


BOMB = gzip.compress(bytes(2**26))
GARBLED = "answer is compressed, which was not asked for"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((400, b"alice"), "the answer is 400"),
        ((401, {}), "the answer is 401"),
        ((404, {}), "the answer is 404"),
        ((409, {"external_id": "x"}), "the answer is 409"),
        (to("http://169.254.169.254/latest"), "the answer is 307, and redirects are not followed"),
        (b"alice", "the answer is not JSON"),
        (b"[]", "the answer is not a JSON object"),
        (
            {"external_id": "alice\nX"},
            "external_id in the answer must be an integer, or printable ",
        ),
        ({"roles": "alice"}, "roles in the answer is not a list"),
        (much, "the answer is longer than 65536 bytes"),
        (endless, "the answer is longer than 65536 bytes"),
        (b" " * 65537, "the answer is longer than 65536 bytes"),
        (packed(BOMB, "gzip"), f"the {GARBLED}"),
        (packed(zlib.compress(b"{}"), "deflate"), f"the {GARBLED}"),
        (packed(b"{}", "br"), f"the {GARBLED}"),
    ],
    ids=lambda it: getattr(it, "__name__", str(it)[:30]),
)
async def test_what_a_second_call_would_not_change_fails_at_once(
    app, make_hooks, caplog, answer, why
):
    url, calls = await app(answer)

    assert (await failure(make_hooks(url), caplog)).startswith(why)
    assert len(calls) == 1


async def test_an_answer_may_have_64_kib(app, make_hooks):
    url, _ = await app(b'{"external_id": "u-7"}'.ljust(65536))

    assert await make_hooks(url).run(CREATE) == HookAnswer("u-7")


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 2000 alice@example.com\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: alice@example.com\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nalice@example.com\r\n",
    ],
)
async def test_what_is_no_http_is_not_repeated(raw_upstream, make_hooks, caplog, answer):
    upstream = await raw_upstream(answer)

    why = await failure(make_hooks(upstream.url, timeout="500ms"), caplog)

    assert why.startswith(("the answer is not HTTP", "the connection was closed"))


async def test_an_app_that_answers_twice_is_heard_once(raw_upstream, make_hooks):
    one = b'HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{"external_id": %b}'
    upstream = await raw_upstream(one % b"17" + one % b"18")
    hooks = make_hooks(upstream.url)

    assert await hooks.run(CREATE) == HookAnswer("17")
    assert await hooks.run(CREATE) == HookAnswer("17")


async def test_cookies_are_not_kept(raw_upstream, make_hooks):
    upstream = await raw_upstream(b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=b; Path=/\r\n\r\n")
    hooks = make_hooks(upstream.url)
    await hooks.run(CREATE)
    await hooks.run(CREATE)

    assert len(upstream.heads) == 2
    assert all(b"cookie" not in head.lower() for head in upstream.heads)


async def test_no_credential_of_the_person_goes_along(app, make_hooks):
    url, calls = await app({})
    signed_in = replace(ALICE, access_token="at-secret", id_token="it-secret", secrets={"k": "s3c"})

    await make_hooks(url).run(replace(CREATE, identity=signed_in))

    ((_, fields, body),) = calls
    assert not {name.lower() for name in fields} & {"authorization", "cookie"}
    sent = str(fields).encode() + body
    assert not [it for it in (b"at-secret", b"it-secret", b"s3c") if it in sent]


async def test_no_proxy_of_the_environment_hears_of_users(app, make_hooks, monkeypatch, free_port):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port}")
    url, calls = await app({})

    await make_hooks(url).run(CREATE)

    assert len(calls) == 1


async def test_a_certificate_of_nobody_we_trust_is_refused(app, make_hooks, caplog, tmp_path):
    authority = Authority(tmp_path)
    context = authority.server_context(authority.issue("server", "127.0.0.1"))
    url, calls = await app({}, ssl=context)

    assert url.startswith("https://")
    assert (await failure(make_hooks(url), caplog)).startswith("TLS failed: ")
    assert calls == []


async def test_hooks_run_in_order_and_the_last_word_counts(app, make_hooks):
    first, heard_first = await app({"external_id": "1", "roles": ["a"]})
    second, heard_second = await app({"roles": ["b"]})
    hooks = make_hooks(first, second, first)

    assert await hooks.run(CREATE) == HookAnswer("1", ("a",))
    assert (len(heard_first), len(heard_second)) == (2, 1)


async def test_after_a_failure_no_later_hook_runs(app, make_hooks, caplog):
    bad, _ = await app((403, b""))
    good, heard = await app({})
    why = await failure(make_hooks(bad, good), caplog)

    assert why == "the answer is 403"
    assert heard == []


async def test_a_hook_runs_on_its_own_events_only(app, make_hooks):
    url, calls = await app({})
    hooks = make_hooks(url, on=["update", "sign_in"])

    assert [hooks.has(it) for it in ("create", "update", "sign_in")] == [False, True, True]
    for event in ("create", "update", "sign_in"):
        await hooks.run(HookEvent(event, "a1", ALICE))
    assert [json.loads(body)["event"] for *_, body in calls] == ["update", "sign_in"]


async def test_whoever_is_cancelled_lets_go(app, make_hooks):
    url, calls = await app(never)
    running = asyncio.get_running_loop().create_task(make_hooks(url).run(CREATE))
    await until(lambda: calls)
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
