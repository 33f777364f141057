"""Both middlewares, called as a server calls them; test_apps.py has them under real servers."""

import asyncio
import threading
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from gateway.mutate.signer import new_signing_key
from gateway.verify import (
    AsgiMiddleware,
    Identity,
    InvalidAssertionError,
    Verifier,
    WsgiMiddleware,
    verify_assertion,
)
from gateway.verify.keys import MIN_INTERVAL_S, Keys
from tests.patience import soon, until
from tests.verify.assertions import AUDIENCE, claims_of, forgeries, signed

ISSUER = "https://notes.example.com"
NOT_ASKED = object()


@pytest.fixture
def verifier(key_set, monotonic):
    keys = Keys(key_set.url, monotonic=monotonic)
    return Verifier(issuer=ISSUER, audience=AUDIENCE, keys=keys)


@pytest.fixture
def good(key_set):
    return signed(key_set.keys[0], claims_of(ISSUER))


class Wsgi:
    """The middleware before an app that remembers what it got."""

    def __init__(self, verifier, **options):
        self.seen = NOT_ASKED
        self.remote_user = None
        self.middleware = WsgiMiddleware(validator(self.app), verifier, **options)

    def app(self, environ, start_response):
        self.seen = environ["gatepost.identity"]
        self.remote_user = environ.get("REMOTE_USER")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    def ask(self, **environ):
        """Status and header fields of the answer."""
        self.seen, answer = NOT_ASKED, []
        setup_testing_defaults(environ)
        environ.pop("QUERY_STRING", None)
        body = validator(self.middleware)(
            {**environ, "QUERY_STRING": ""},
            lambda status, fields, _=None: answer.extend([status, fields]) or print,
        )
        assert b"".join(body)
        body.close()
        return int(answer[0].split()[0]), dict(answer[1])


class Asgi:
    """The middleware before an app that remembers what it got."""

    def __init__(self, verifier, **options):
        self.seen = NOT_ASKED
        self.middleware = AsgiMiddleware(self.app, verifier, **options)

    async def app(self, scope, receive, send):
        self.seen = scope.get("gatepost", "nothing")
        await send({"type": "app.answered"})

    async def ask_nothing(self, message):
        """What a server sends in return; the app needs none."""

    async def ask(self, *assertions, **scope):
        """The messages that the server gets."""
        self.seen, sent = NOT_ASKED, []

        async def receive():
            return {"type": "websocket.connect"}

        async def send(message):
            sent.append(message)

        fields = [(b"gatepost-assertion", value.encode("latin-1")) for value in assertions]
        asked = {"type": "http", "headers": [(b"host", b"a"), *fields], **scope}
        await self.middleware(asked, receive, send)
        return sent


def test_wsgi_passes_on_the_identity(verifier, good):
    wsgi = Wsgi(verifier)

    status, _ = wsgi.ask(HTTP_GATEPOST_ASSERTION=good)

    assert status == 200
    assert isinstance(wsgi.seen, Identity)
    assert (wsgi.seen.user, wsgi.seen.groups) == ("zoë", ("staff", "admins"))


def test_wsgi_refuses_every_forgery(verifier, key_set):
    for wsgi in (Wsgi(verifier), Wsgi(verifier, optional=True)):
        for what, values in forgeries(key_set.keys[0], ISSUER).items():
            if values:
                # As a server joins fields of one name.
                status, fields = wsgi.ask(HTTP_GATEPOST_ASSERTION=",".join(values))
                assert (status, wsgi.seen) == (401, NOT_ASKED), what
                assert fields["WWW-Authenticate"] == "Gatepost"
                assert fields["Cache-Control"] == "no-store"


def test_without_the_field_only_optional_lets_in_and_as_nobody(verifier):
    strict, optional = Wsgi(verifier), Wsgi(verifier, optional=True)

    assert (strict.ask()[0], strict.seen) == (401, NOT_ASKED)
    assert (optional.ask()[0], optional.seen) == (200, None)


def test_remote_user_is_the_verified_one_or_none(verifier, good):
    kept = Wsgi(verifier)
    taken = Wsgi(verifier, remote_user=True, optional=True)

    kept.ask(HTTP_GATEPOST_ASSERTION=good, REMOTE_USER="server")
    assert kept.remote_user == "server"
    taken.ask(HTTP_GATEPOST_ASSERTION=good, REMOTE_USER="server")
    assert taken.remote_user == "zoë"
    taken.ask(REMOTE_USER="server")
    assert (taken.remote_user, taken.seen) == (None, None)


def test_another_field_can_be_configured(key_set, good):
    named = Verifier(issuer=ISSUER, audience=AUDIENCE, jwks_url=key_set.url, header="X-Identity")
    wsgi = Wsgi(named)

    assert wsgi.ask(HTTP_X_IDENTITY=good)[0] == 200
    assert wsgi.ask(HTTP_GATEPOST_ASSERTION=good)[0] == 401


def test_without_keys_wsgi_answers_503(verifier, key_set, good):
    key_set.status = 500
    wsgi = Wsgi(verifier, optional=True)

    assert wsgi.ask(HTTP_GATEPOST_ASSERTION=good)[0] == 503
    assert wsgi.seen is NOT_ASKED


async def test_asgi_passes_on_the_identity(verifier, good):
    asgi = Asgi(verifier)

    for kind in ("http", "websocket"):
        assert await asgi.ask(good, type=kind) == [{"type": "app.answered"}]
        assert asgi.seen.user == "zoë"


async def test_asgi_believes_no_identity_that_is_in_the_scope_already(verifier):
    asgi = Asgi(verifier, optional=True)

    await asgi.ask(gatepost="root")

    assert asgi.seen is None


async def test_asgi_refuses_every_forgery(verifier, key_set):
    for asgi in (Asgi(verifier), Asgi(verifier, optional=True)):
        for what, values in forgeries(key_set.keys[0], ISSUER).items():
            if values:
                start, body = await asgi.ask(*values)
                assert (start["status"], asgi.seen) == (401, NOT_ASKED), what
                assert (b"www-authenticate", b"Gatepost") in start["headers"]
                assert body["type"] == "http.response.body"


async def test_a_web_socket_is_refused_as_well_as_the_server_can(verifier):
    asgi = Asgi(verifier)
    able = {"extensions": {"websocket.http.response": {}}}

    start, body = await asgi.ask(type="websocket", **able)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert body["type"] == "websocket.http.response.body"
    for unable in ({}, {"extensions": None}):
        assert await asgi.ask(type="websocket", **unable) == [
            {"type": "websocket.close", "code": 1008}
        ]
    assert asgi.seen is NOT_ASKED


async def test_the_lifespan_of_the_app_needs_no_identity(verifier):
    asgi = Asgi(verifier)

    await asgi.middleware({"type": "lifespan"}, None, asgi.ask_nothing)

    assert asgi.seen == "nothing"


async def test_without_keys_asgi_answers_503(verifier, key_set, good):
    key_set.status = 500
    asgi = Asgi(verifier)

    start, _ = await asgi.ask(good)

    assert (start["status"], asgi.seen) == (503, NOT_ASKED)


async def test_the_event_loop_goes_on_while_keys_are_fetched_and_all_wait_for_one_fetch(
    verifier, key_set, good
):
    asgi = Asgi(verifier)
    key_set.hold.clear()
    made_up = signed({**new_signing_key(), "kid": "made-up"}, claims_of(ISSUER))

    waiting = [asyncio.ensure_future(asgi.ask(sent)) for sent in [good, made_up] * 20]  # noqa: TID251 - held
    await until(lambda: key_set.fetched == 1)
    fetchers = [it for it in threading.enumerate() if it.name.startswith("asyncio")]
    assert not any(task.done() for task in waiting)
    key_set.hold.set()
    answers = await soon(asyncio.gather(*waiting))

    assert len(fetchers) == 1
    assert key_set.fetched == 1
    assert [answer[0].get("status", 200) for answer in answers] == [200, 401] * 20


async def test_a_known_key_does_not_wait_where_the_set_is_only_stale(
    verifier, key_set, monotonic, good
):
    asgi = Asgi(verifier)
    await asgi.ask(good)
    key_set.hold.clear()
    monotonic.now += 1000

    assert await soon(asgi.ask(good)) == [{"type": "app.answered"}]
    await until(lambda: key_set.fetched == 2)
    key_set.hold.set()


def test_one_middleware_serves_one_event_loop_after_another(verifier, key_set, monotonic):
    asgi = Asgi(verifier)

    for _ in range(2):
        key_set.keys.insert(0, new_signing_key())
        monotonic.now += MIN_INTERVAL_S
        sent = signed(key_set.keys[0], claims_of(ISSUER))
        assert asyncio.run(asgi.ask(sent)) == [{"type": "app.answered"}]


def test_the_function_keeps_the_keys_for_the_next_call(key_set, good):
    expected = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": key_set.url}

    assert [verify_assertion(good, **expected).user for _ in range(3)] == ["zoë"] * 3
    with pytest.raises(InvalidAssertionError):
        verify_assertion(good, **{**expected, "audience": "wiki"})
    assert key_set.fetched == 2


def test_issuer_and_audience_have_to_be_given():
    for wrong in ({"issuer": "", "audience": "notes"}, {"issuer": ISSUER, "audience": ""}):
        with pytest.raises(ValueError, match="must not be empty"):
            Verifier(**wrong)


def test_the_key_set_is_the_issuers_unless_told_otherwise():
    for issuer in ("https://example.com", "https://example.com/notes/"):
        keys = Verifier(issuer=issuer, audience="notes").keys
        assert keys._url == issuer.rstrip("/") + "/_gatepost/.well-known/jwks.json"


def test_a_refusal_is_logged_on_one_line(verifier, caplog):
    caplog.set_level("INFO", "gateway.verify")

    Wsgi(verifier).ask(HTTP_GATEPOST_ASSERTION="a.b.c\nroot: in")

    assert "request refused" in caplog.text
    assert len(caplog.text.splitlines()) == 1
