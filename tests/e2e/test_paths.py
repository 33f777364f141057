"""Two gateways on one host, each below a path of its own, behind one nginx."""

import re
import subprocess
from contextlib import contextmanager

import aiohttp
import pytest
from yarl import URL

from tests.e2e.signed_in import browser
from tests.fixtures.network import take_free_port
from tests.fixtures.oidc import sign_in_at_oidc_provider
from tests.fixtures.processes import require_tool, terminate
from tests.patience import until

ASTRAY = re.compile(r"(?<!/notes)(?<!/wiki)/_gatepost")


@contextmanager
def nginx(directory, port, places):
    """An nginx that leads the paths in `places` to the addresses there, unchanged."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{name}_temp_path {directory}/{name};" for name in kinds)
    locations = "".join(
        f"location {path} {{ proxy_pass http://{at}; proxy_set_header Host $http_host; }}\n"
        for path, at in places.items()
    )
    config = directory / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/errors;\n"
        f"events {{ }}\nhttp {{ access_log off; {temporary}\n"
        f"server {{ listen 127.0.0.1:{port};\n{locations} }} }}\n"
    )
    process = subprocess.Popen([require_tool("nginx"), "-c", str(config), "-p", str(directory)])
    try:
        yield
    finally:
        terminate(process, "nginx")


async def app(connection):
    """Tells the request line and the cookies it got, and sets a cookie for the whole host."""
    while head := await connection.read_head():
        lines = head.split(b"\r\n")
        told = b"\n".join([lines[0], *[line for line in lines if line.startswith(b"Cookie:")]])
        await connection.send(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: app=1; Path=/; HttpOnly\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(told), told)
        )


@pytest.fixture
async def host(gateway_process, oidc_provider, raw_upstream, tmp_path):
    """The origin of a host with a gateway at /notes, whose app knows no path, and one at /wiki."""
    port = take_free_port()
    origin, places = f"http://127.0.0.1:{port}", {}
    for path, strip in (("/notes", {"strip_prefix": "/notes"}), ("/wiki", {})):
        at = f"127.0.0.1:{take_free_port()}"
        places[path] = at
        client = oidc_provider.register(
            f"{origin}{path}/_gatepost/callback/oidc",
            post_logout_redirect_uris=[f"{origin}{path}/_gatepost/logout"],
        )
        gateway_process(
            {
                "public_url": origin + path,
                "server": {"listen": at},
                "upstreams": {"app": (await raw_upstream(app)).url},
                "providers": {
                    "oidc": {
                        "issuer": oidc_provider.issuer,
                        "client_id": client.client_id,
                        "client_secret": client.client_secret,
                    }
                },
                "routes": [{"name": "app", "prefix": path, "access": "signed_in", **strip}],
            }
        )
    with nginx(tmp_path, port, places):
        async with browser() as session:

            async def is_up():
                try:
                    async with session.get(f"{origin}/notes/_gatepost/whoami") as answer:
                        return answer.status == 401
                except aiohttp.ClientConnectionError:
                    return False

            await until(is_up)
        yield origin


async def get(session, url, **fields):
    """The answer to one request, whose own links lead below a path."""
    async with session.get(url, allow_redirects=False, headers=fields) as answer:
        body = await answer.text()
        assert not ASTRAY.search(answer.headers.get("Location", "") + body)
        return answer.status, answer.headers.get("Location"), body


async def sign_in(session, url, user):
    """Open `url` as a browser does, and sign `user` in on the way."""
    base = url.rpartition("/")[0]
    status, where, _ = await get(session, url, Accept="text/html")
    assert (status, where) == (
        302,
        f"{URL(base).path}/_gatepost/sign-in?return_to={URL(url).path}",
    )
    status, where, _ = await get(session, str(URL(url).join(URL(where, encoded=True))))
    assert status == 302
    back = await sign_in_at_oidc_provider(session, where, user)
    assert back.startswith(f"{base}/_gatepost/callback/oidc?")
    status, where, _ = await get(session, back)
    assert (status, where) == (302, URL(url).path)


async def test_two_gateways_on_one_host_do_not_mix(host):
    notes, wiki = f"{host}/notes/page", f"{host}/wiki/page"
    async with browser() as session:
        await sign_in(session, notes, "alice")
        status, _, body = await get(session, notes)
        assert (status, body.splitlines()[0]) == (200, "GET /page HTTP/1.1")

        await sign_in(session, wiki, "alice")
        status, _, body = await get(session, wiki)
        assert (status, body.splitlines()[0]) == (200, "GET /wiki/page HTTP/1.1")

        # Each app gets its own cookie: that of the stripped one is for its path alone.
        _, _, body = await get(session, notes)
        assert re.findall(r"\bapp[^=]*=1", body) == ["app=1"]

        logout = f"{host}/notes/_gatepost/logout"
        same = {"Sec-Fetch-Site": "same-origin"}
        async with session.post(logout, headers=same, allow_redirects=False) as answer:
            assert answer.status == 303
            back = URL(answer.headers["Location"]).query["post_logout_redirect_uri"]
            assert back == logout
        assert (await get(session, f"{host}/notes/_gatepost/whoami"))[0] == 401
        assert (await get(session, f"{host}/wiki/_gatepost/whoami"))[0] == 200
        assert (await get(session, wiki))[0] == 200


async def test_one_gateways_session_is_nothing_to_the_other(host):
    async with browser() as session:
        await sign_in(session, f"{host}/notes/page", "alice")
        cookies = session.cookie_jar.filter_cookies(URL(f"{host}/notes/page"))
        stolen = {"Cookie": f"gatepost={cookies['gatepost'].value}", "Accept": "text/html"}
    async with browser() as session:
        assert (await get(session, f"{host}/notes/page", **stolen))[0] == 200
        status, where, _ = await get(session, f"{host}/wiki/page", **stolen)
        assert (status, where) == (302, "/wiki/_gatepost/sign-in?return_to=/wiki/page")
