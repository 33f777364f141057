"""An app that is asleep: pages wait in the browser, everything else waits in the gateway."""

import asyncio
import re
import socket

import pytest

from tests.dataplane.harness import HOST, request
from tests.fixtures.certificates import Authority
from tests.fixtures.network import take_free_port
from tests.patience import soon, until

HTML = "Accept: text/html"
MODE = "Sec-Fetch-Mode: navigate"
PAGE = request("/notes?page=2", HTML)
AGAIN = b"4; url=/"
PAGE_AGAIN = b"4; url=/notes?page=2"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class App:
    """An app that boots when told to, and counts the connections it gets."""

    def __init__(self, port):
        self.port = port
        self.connections = 0
        self.heads = []
        self.server = None
        self._writers = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def boot(self, **options):
        listen = asyncio.start_server(self._serve, "127.0.0.1", self.port, **options)
        self.server = await listen

    async def _serve(self, reader, writer):
        self.connections += 1
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                self.heads.append(head)
                writer.write(OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def sleep(self):
        if self.server is not None:
            self.server.close()
            for writer in self._writers:
                writer.transport.abort()
            self.server = None


@pytest.fixture
async def app():
    it = App(take_free_port())
    yield it
    await it.sleep()


def waiting(running):
    """How many requests wait for the app."""
    return len(waking(running)._waiting)


def waking(running):
    (upstream,) = running.gateway.front._upstreams
    return upstream._waking


def count_probes(running):
    """The connects of the retry loop from now on, one item each."""
    of, seen = waking(running), []
    probe = of._probe

    async def counted():
        seen.append(1)
        await probe()

    of._probe = counted
    return seen


@pytest.mark.parametrize(
    "lines",
    [(HTML,), (MODE,), (MODE, "Sec-Fetch-Dest: document"), (HTML, "Cookie: a=b")],
)
async def test_a_page_of_an_app_that_is_asleep_says_so_and_goes_on_by_itself(gateway, app, lines):
    running = await gateway(app.url, {"wake_timeout": "60s"})
    client = await running.client()

    answer = await client.ask(request("/notes?page=2", *lines))

    assert (answer.status, answer.all(b"cache-control")) == (503, [b"no-store"])
    assert answer.all(b"retry-after") == [b"1"]
    assert answer.all(b"refresh") == [PAGE_AGAIN]
    assert answer.all(b"set-cookie") == []
    assert b"The app is starting" in answer.body
    assert b"upstream-starting" in answer.body

    await app.boot()
    answer = await client.ask(request("/notes?page=2", *lines))
    assert (answer.status, answer.body) == (200, b"ok")
    assert app.heads[0].startswith(b"GET /notes?page=2 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("target", "again"),
    [
        ("/a;b,c?d=//e", b"4; url=/a;b,c?d=//e"),
        ("/?url=x", b"4; url=/?url=x"),
        ("//evil.test/", b"4"),
        ("/a//b", b"4"),
    ],
)
async def test_the_page_leads_to_this_host_only(gateway, app, target, again):
    running = await gateway(app.url, {"wake_timeout": "60s"})

    answer = await running.ask(request(target, HTML))

    assert (answer.status, answer.all(b"refresh")) == (503, [again])


async def test_below_a_path_the_page_and_its_script_are_there_too(gateway, app):
    running = await gateway(
        app.url, {"wake_timeout": "60s"}, public_url=f"http://{HOST.decode()}/notes"
    )
    client = await running.client()

    answer = await client.ask(request("/notes/a?b", HTML))
    (script,) = re.findall(rb'<script src="([^"]+)"', answer.body)

    assert answer.all(b"refresh") == [b"4; url=/notes/a?b"]
    assert script == b"/notes/_gatepost/come-again.js"
    found = await client.ask(request(script.decode()))
    assert (found.status, b"reload()" in found.body) == (200, True)


async def test_head_is_told_the_same_without_the_page(gateway, app):
    running = await gateway(app.url, {"wake_timeout": "60s"})

    answer = await running.ask(request("/", HTML, method="HEAD"))

    assert (answer.status, answer.all(b"refresh"), answer.body) == (503, [AGAIN], b"")


async def test_a_page_whose_app_boots_at_once_never_shows_the_waiting(gateway, app):
    running = await gateway(app.url, {"wake_timeout": "60s"})
    client = await running.client()
    await client.send(PAGE)
    await until(lambda: waiting(running))

    await app.boot()

    assert (await client.response()).body == b"ok"
    assert app.connections == 1


@pytest.mark.parametrize(
    "sent",
    [
        request("/"),
        request("/", "Accept: application/json"),
        request("/", HTML, "X-Requested-With: XMLHttpRequest"),
        request("/", MODE.replace("navigate", "cors"), HTML),
        # The page refuses to be framed.
        request("/", MODE, "Sec-Fetch-Dest: iframe"),
        request("/", HTML, "Content-Length: 2", method="POST", body=b"hi"),
        request("/", HTML, "Content-Length: 2", body=b"hi"),
        request("/", MODE, "Content-Length: 0", method="POST"),
        request("/", MODE, "Connection: Upgrade", "Upgrade: websocket"),
    ],
)
async def test_whatever_opens_no_page_waits_for_the_app(gateway, app, sent):
    running = await gateway(app.url, {"wake_timeout": "60s"})
    # Its page comes after the longest that another would wait for a page.
    other, client = await running.client(), await running.client()
    await client.send(sent)
    await until(lambda: waiting(running))
    assert (await other.ask(PAGE)).status == 503

    await app.boot()

    answer = await client.response()
    assert (answer.status, answer.body) == (200, b"ok")


async def test_a_sign_out_is_not_repeated_by_a_page(gateway, app):
    running = await gateway(
        app.url,
        {"wake_timeout": "60s", "logout_paths": ["/logout"], "logout_then": "app"},
        routes=[{"name": "all", "prefix": "/", "access": "signed_in"}],
    )
    cookie = await running.sign_in()
    other, client = await running.client(), await running.client()
    await client.send(request("/logout", HTML, cookie.rstrip()))
    await until(lambda: waiting(running))
    another = await running.sign_in("bob")
    assert (await other.ask(request("/", HTML, another.rstrip()))).status == 503

    await app.boot()

    answer = await client.response()
    assert answer.body == b"ok"
    assert any(it.startswith(b"gatepost=;") for it in answer.all(b"set-cookie"))


async def test_after_the_whole_time_a_page_says_that_it_failed_and_rests(gateway, app):
    running = await gateway(app.url, {"wake_timeout": "2s"})
    client = await running.client()
    answers = [await client.ask(PAGE) for _ in range(3)]

    assert [it.status for it in answers] == [503, 502, 502]
    assert [it.all(b"refresh") for it in answers] == [[PAGE_AGAIN], [], []]
    assert b"upstream-refused" in answers[-1].body

    # A person who reloads finds the app as soon as it is there.
    await app.boot()
    assert (await client.ask(PAGE)).body == b"ok"
    # Then a new sleep has all its time again.
    await app.sleep()
    assert (await client.ask(PAGE)).status == 503


async def test_a_wait_that_was_given_up_long_ago_begins_anew(gateway, app):
    running = await gateway(app.url, {"wake_timeout": "2s"})
    client = await running.client()
    assert [(await client.ask(PAGE)).status for _ in range(2)] == [503, 502]

    waking(running)._since -= 12

    assert (await client.ask(PAGE)).status == 503


async def test_a_short_wake_timeout_shows_no_page(gateway, app):
    running = await gateway(app.url, {"wake_timeout": "300ms"})

    answer = await running.ask(PAGE)

    assert (answer.status, answer.all(b"refresh")) == (502, [])


async def test_one_loop_connects_for_all_who_wait(gateway, app):
    running = await gateway(app.url, {"wake_timeout": "60s"})
    first = await running.client()
    await first.send(request("/"))
    await until(lambda: waiting(running))
    probes = count_probes(running)
    clients = [await running.client() for _ in range(40)]
    for client in clients:
        await client.send(request("/"))
    await until(lambda: waiting(running) == 41)
    alone = len(probes)
    await until(lambda: len(probes) >= alone + 3)

    # So many that each of them would have connected for itself.
    assert len(probes) < 20
    await app.boot()
    bodies = [(await client.response()).body for client in (first, *clients)]
    assert bodies == [b"ok"] * 41
    assert app.connections <= 41
    await until(lambda: not waiting(running))
    done = len(probes)
    assert waking(running)._loop is None
    assert (await first.ask(request("/"))).body == b"ok"
    assert len(probes) == done


async def test_nobody_who_waits_means_no_more_connects(gateway, app):
    running = await gateway(app.url, {"wake_timeout": "60s"})
    clients = [await running.client() for _ in range(3)]
    for client in clients:
        await client.send(request("/"))
    await until(lambda: waiting(running) == 3)
    for client in clients:
        client.abort()
    await until(lambda: not running.gateway.front.connections)

    assert not waiting(running)
    assert waking(running)._loop is None


@pytest.mark.parametrize(
    ("sent", "media_type"),
    [(request("/"), b"application/problem+json"), (PAGE, b"text/html; charset=utf-8")],
)
async def test_not_more_than_so_many_wait(gateway, app, sent, media_type):
    running = await gateway(app.url, {"wake_timeout": "60s"})
    waking(running).most = 2
    waiters = [await running.client() for _ in range(2)]
    for client in waiters:
        await client.send(request("/"))
    await until(lambda: waiting(running) == 2)

    answer = await running.ask(sent)

    assert (answer.status, answer.all(b"retry-after")) == (503, [b"1"])
    assert answer.all(b"content-type") == [media_type]
    assert b"upstream-starting" in answer.body
    await app.boot()
    assert [(await client.response()).body for client in waiters] == [b"ok"] * 2


async def test_a_form_beyond_that_number_is_not_loaded_again(gateway, app):
    running = await gateway(app.url, {"wake_timeout": "60s"})
    waking(running).most = 0

    answer = await running.ask(request("/", HTML, "Content-Length: 0", method="POST"))

    assert (answer.status, answer.all(b"refresh")) == (503, [])


async def test_signed_in_and_not_get_the_same_page(gateway, app):
    routes = [{"name": "all", "prefix": "/", "access": "signed_in"}]
    running = await gateway(app.url, {"wake_timeout": "60s"}, routes=routes)
    cookie = await running.sign_in()

    answer = await running.ask(request("/", HTML, cookie.rstrip()))
    stranger = await running.ask(request("/", HTML))

    assert (answer.status, answer.all(b"refresh")) == (503, [AGAIN])
    # The waiting is only for those whom the route admits.
    assert stranger.status == 302


async def test_an_app_with_another_certificate_is_awake(gateway, app, tmp_path):
    authority = Authority(tmp_path)
    await app.boot(ssl=authority.server_context(authority.issue("app", "app.test")))
    tls = app.url.replace("http://", "https://")
    running = await gateway(tls, {"wake_timeout": "60s"})

    answer = await running.ask(PAGE)

    assert (answer.status, answer.all(b"refresh")) == (502, [])
    assert b"upstream-refused" in answer.body


async def test_an_app_that_accepts_but_does_not_answer_is_not_starting(gateway, raw_upstream):
    held = asyncio.Event()

    async def handle(connection):
        await connection.read_head()
        await held.wait()

    upstream = await raw_upstream(handle)
    running = await gateway(
        upstream.url, {"wake_timeout": "60s", "timeouts": {"response": "600ms"}}
    )

    answer = await running.ask(PAGE)
    held.set()

    assert (answer.status, answer.all(b"refresh")) == (504, [])


async def test_what_drops_connects_is_asleep_too(gateway):
    # A listener whose queue is full answers no connect, as an address without a machine.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        port = listener.getsockname()[1]
        running = await gateway(f"http://127.0.0.1:{port}", {"wake_timeout": "60s"})
        try:
            answer = await soon(running.ask(PAGE))
        finally:
            for filler in fillers:
                filler.close()

    assert (answer.status, answer.all(b"refresh")) == (503, [PAGE_AGAIN])


async def test_a_gateway_that_ends_leaves_no_loop(gateway, app):
    running = await gateway(app.url, {"wake_timeout": "60s"})
    client = await running.client()
    await client.send(request("/"))
    await until(lambda: waiting(running))
    of = waking(running)

    await running.gateway.stop()

    await until(lambda: of._loop is None)
