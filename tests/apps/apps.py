"""The apps behind the gateway, unmodified: how each is started, and asked who is there.

To add one, write a function that sets it up and gives its command, and a line in `APPS`.  What its
function writes is what its page under docs/apps/ shows.
"""

import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.apps.visitor import Answer, Visitor

ROOT = Path(__file__).parents[2]
# `make test-apps` installs more apps than `make test`, and sets this.
ALL = "GATEPOST_ALL_APPS" in os.environ
_INSTALLED = ROOT / "build" / "apps" / "bin"
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Place:
    """Where an app runs.

    Attributes:
        port: The app's own.
        origin: The gateway's, which people see.
        database: Gives the URL of an empty PostgreSQL schema.
    """

    directory: Path
    port: int
    origin: str
    database: Callable[[], str]

    def write(self, name: str, text: str) -> Path:
        """Write a file of the app's configuration."""
        path = self.directory / name
        path.write_text(text)
        return path

    def run(self, *command: str | Path) -> None:
        """Run a command of the app's before it starts."""
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class Command:
    """What starts an app, in its directory."""

    words: tuple[str | Path, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class App:
    """One app.

    Attributes:
        who: Asks the app itself who is there, as its own pages or calls say it.
        home: A page for browsers.
        upload: Puts bytes into the app; gives what the app then says is there.  None where people
            upload nothing.
        logout_path: The app's own sign-out, where it has one.
        leave: Signs out there, as the app's own button does.
    """

    set_up: Callable[[Place], Command]
    who: Callable[[Visitor], Awaitable[str]]
    home: str = "/"
    upload: Callable[[Visitor, bytes], Awaitable[bytes]] | None = None
    logout_path: str | None = None
    leave: Callable[[Visitor], Awaitable[Answer]] | None = None


def form(data: bytes, file: str = "file", **fields: str) -> aiohttp.FormData:
    """A form with a file, as a browser sends it."""
    made = aiohttp.FormData(fields)
    made.add_field(file, data, filename="note.txt")
    return made


def radicale(place: Place) -> Command:
    """[auth] type = http_x_remote_user."""
    config = place.write(
        "config",
        f"""\
[server]
hosts = 127.0.0.1:{place.port}
[auth]
type = http_x_remote_user
[storage]
filesystem_folder = {place.directory}/collections
[web]
prefer_browser_login = True
""",
    )
    return Command((sys.executable, "-m", "radicale", "--config", config))


async def who_at_radicale(visitor: Visitor) -> str:
    body = '<propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>'
    answer = await visitor.ask("PROPFIND", "/", data=body, headers={"Depth": "0"})
    assert answer.status == 207, answer
    found = re.search(r"<current-user-principal><href>/([^/<]*)/", answer.text)
    return found[1] if found else ""


async def upload_to_radicale(visitor: Visitor, data: bytes) -> bytes:
    note = data.decode()
    item = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nBEGIN:VEVENT\r\nUID:1\r\n"
        f"DTSTAMP:20260101T000000Z\r\nDTSTART:20260101T000000Z\r\nSUMMARY:{note}\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    calendar = f"/alice/{note}"
    made = await visitor.ask("MKCALENDAR", f"{calendar}/")
    put = await visitor.ask("PUT", f"{calendar}/1.ics", data=item)
    assert (made.status, put.status) == (201, 201)
    got = await visitor.ask("GET", f"{calendar}/1.ics")
    return re.sub(r"(?s).*SUMMARY:(\w+).*", r"\1", got.text).encode()


def django(place: Place) -> Command:
    """RemoteUserMiddleware, its sessions in a database."""
    environment = {"APP_DIRECTORY": str(place.directory), "APP_ORIGIN": place.origin}
    server = (sys.executable, "-m", "gunicorn", "--no-control-socket", "--threads", "4")
    bind = ("--bind", f"127.0.0.1:{place.port}", "--chdir", _HERE)
    return Command((*server, *bind, "django_app:application"), environment)


async def who_at_django(visitor: Visitor) -> str:
    return (await visitor.ask("GET", "/")).text


async def upload_to_django(visitor: Visitor, data: bytes) -> bytes:
    """Send a form with a file, and Django's own token against forged requests."""
    token = (await visitor.ask("GET", "/token")).text
    about = {"X-CSRFToken": token}
    return (await visitor.ask("POST", "/upload", data=form(data), headers=about)).body


async def leave_django(visitor: Visitor) -> Answer:
    token = (await visitor.ask("GET", "/token")).text
    return await visitor.navigate("POST", "/logout", data={"csrfmiddlewaretoken": token})


def roundup(place: Place) -> Command:
    """[web] http_auth_header, and the field named to its server."""
    admin = (_INSTALLED / "roundup-admin", "-i", place.directory / "tracker")
    options = f"tracker_web={place.origin}/tracker/,web_http_auth_header=Remote-User"
    options += ",mail_domain=example.com,mail_host=127.0.0.1"
    place.run(*admin, "install", "classic", "anydbm", options)
    place.run(*admin, "initialise", "admin-s3cret")
    for name in ("alice", "bob"):
        about = (f"username={name}", f"address={name}@example.com", "roles=User")
        place.run(*admin, "create", "user", *about)
    # It refuses to run as root, unless told to by name.
    owner = ("-u", "root") if os.geteuid() == 0 else ()
    server = (_INSTALLED / "roundup-server", "-p", str(place.port), "-n", "127.0.0.1", *owner)
    tracker = f"tracker={place.directory / 'tracker'}"
    return Command((*server, "-I", "Remote-User", "-t", "thread", tracker))


async def who_at_roundup(visitor: Visitor) -> str:
    page = (await visitor.ask("GET", "/tracker/")).text
    found = re.search(r"Hello, (\w+)", page)
    return found[1] if found else ""


async def upload_to_roundup(visitor: Visitor, data: bytes) -> bytes:
    parts = form(data, "content", name="note.txt", type="text/plain")
    about = {"X-Requested-With": "rest", "Origin": visitor.origin}
    about["Referer"] = f"{visitor.origin}/tracker/"
    made = await visitor.ask("POST", "/tracker/rest/data/file", data=parts, headers=about)
    assert made.status == 201, made
    return (await visitor.ask("GET", f"/tracker/file{made.json()['data']['id']}/")).body


def buildbot(place: Place) -> Command:
    """RemoteUserAuth."""
    place.write(
        "master.cfg",
        f"""\
from buildbot.plugins import schedulers, util, worker
c = BuildmasterConfig = {{"title": "Builds", "titleURL": "{place.origin}/"}}
c["buildbotURL"] = "{place.origin}/"
c["db"] = {{"db_url": "sqlite:///state.sqlite"}}
c["buildbotNetUsageData"] = None
c["www"] = {{
    "port": "tcp:{place.port}:interface=127.0.0.1",
    "auth": util.RemoteUserAuth(header="Remote-User", headerRegex="(?P<username>.+)"),
}}
c["workers"] = [worker.Worker("w", "s3cret")]
c["protocols"] = {{"pb": {{"port": "tcp:0:interface=127.0.0.1"}}}}
c["builders"] = [util.BuilderConfig("b", workernames=["w"], factory=util.BuildFactory())]
c["schedulers"] = [schedulers.ForceScheduler("force", builderNames=["b"])]
""",
    )
    place.run(_INSTALLED / "buildbot", "create-master", "--relocatable", ".")
    return Command((_INSTALLED / "buildbot", "start", "--nodaemon", "."))


async def who_at_buildbot(visitor: Visitor) -> str:
    """What its page says, which is what makes its session: its calls only read that session."""
    await visitor.ask("GET", "/")
    config = (await visitor.ask("GET", "/config")).json()
    return str(config["user"].get("username", ""))


def miniflux(place: Place) -> Command:
    """AUTH_PROXY_HEADER."""
    return Command(
        (_INSTALLED / "miniflux.app",),
        {
            "DATABASE_URL": f"{place.database()}&sslmode=disable",
            "RUN_MIGRATIONS": "1",
            "LISTEN_ADDR": f"127.0.0.1:{place.port}",
            "BASE_URL": f"{place.origin}/",
            "AUTH_PROXY_HEADER": "Remote-User",
            "AUTH_PROXY_USER_CREATION": "1",
            "TRUSTED_REVERSE_PROXY_NETWORKS": "127.0.0.1/32",
        },
    )


async def who_at_miniflux(visitor: Visitor) -> str:
    await visitor.ask("GET", "/")
    page = (await visitor.ask("GET", "/keys")).text
    found = re.search(r"Username = <strong>(\w+)<", page)
    return found[1] if found else ""


async def upload_to_miniflux(visitor: Visitor, data: bytes) -> bytes:
    """Import feeds as OPML, from the page that does so."""
    await visitor.ask("GET", "/")
    page = (await visitor.ask("GET", "/import")).text
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token is not None, page
    title = data.decode()
    feed = f'<outline text="{title}" title="{title}" xmlUrl="http://127.0.0.1:9/{title}"/>'
    opml = f'<opml version="2.0"><body>{feed}</body></opml>'
    await visitor.ask("POST", "/upload", data=form(opml.encode(), csrf=token[1]))
    feeds = (await visitor.ask("GET", "/feeds")).text
    return data if title in feeds else b""


def copyparty(place: Place) -> Command:
    """idp-h-usr and idp-h-grp."""
    (place.directory / "files").mkdir()
    config = place.write(
        "copyparty.conf",
        f"""\
[global]
  i: 127.0.0.1
  p: {place.port}
  idp-h-usr: x-idp-user
  idp-h-grp: x-idp-group
  xff-src: 127.0.0.1
  xff-hdr: x-forwarded-for
  rproxy: -1
[/]
  {place.directory}/files
  accs:
    rw: @acct
""",
    )
    return Command(
        (_INSTALLED / "copyparty", "-c", config), {"XDG_CONFIG_HOME": str(place.directory)}
    )


async def who_at_copyparty(visitor: Visitor) -> str:
    return str((await visitor.ask("GET", "/?ls")).json()["acct"])


async def upload_to_copyparty(visitor: Visitor, data: bytes) -> bytes:
    path = f"/{data.decode()}.txt"
    answer = await visitor.ask("PUT", path, data=data)
    assert answer.status == 201, answer
    return (await visitor.ask("GET", path)).body


def jupyter(place: Place) -> Command:
    """An identity provider of a few lines, as docs/apps/jupyter.md has it."""
    place.write("gatepost_identity.py", jupyter_identity())
    config = place.write(
        "jupyter_server_config.py",
        f"""\
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = {place.port}
c.ServerApp.allow_remote_access = True
c.ServerApp.identity_provider_class = "gatepost_identity.Gatepost"
""",
    )
    words = (_INSTALLED / "jupyter-lab", "--no-browser", "--allow-root", f"--config={config}")
    place_of = str(place.directory)
    environment = {"PYTHONPATH": place_of, "JUPYTER_CONFIG_DIR": place_of, "HOME": place_of}
    return Command((*words, f"--ServerApp.root_dir={place_of}"), environment)


def jupyter_identity() -> str:
    """The module that the page tells people to write."""
    page = (ROOT / "docs" / "apps" / "jupyter.md").read_text()
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


async def who_at_jupyter(visitor: Visitor) -> str:
    return str((await visitor.ask("GET", "/api/me")).json()["identity"]["username"])


async def upload_to_jupyter(visitor: Visitor, data: bytes) -> bytes:
    await visitor.ask("GET", "/lab")
    url = f"/api/contents/{data.decode()}.txt"
    model = {"type": "file", "format": "text", "content": data.decode()}
    token = {"X-XSRFToken": visitor.cookie("_xsrf")}
    made = await visitor.ask("PUT", url, json=model, headers=token)
    assert made.status == 201, made
    return str((await visitor.ask("GET", url)).json()["content"]).encode()


async def leave_jupyter(visitor: Visitor) -> Answer:
    return await visitor.navigate("GET", "/logout")


async def leave_buildbot(visitor: Visitor) -> Answer:
    return await visitor.navigate("GET", "/auth/logout")


APPS = {
    "radicale": App(radicale, who_at_radicale, "/.web/", upload_to_radicale),
    "django": App(django, who_at_django, "/", upload_to_django, "/logout", leave_django),
    "roundup": App(roundup, who_at_roundup, "/tracker/", upload_to_roundup),
    "buildbot": App(buildbot, who_at_buildbot, logout_path="/auth/logout", leave=leave_buildbot),
    "miniflux": App(miniflux, who_at_miniflux, "/unread", upload_to_miniflux),
    "copyparty": App(copyparty, who_at_copyparty, "/", upload_to_copyparty),
    "jupyter": App(jupyter, who_at_jupyter, "/lab", upload_to_jupyter, "/logout", leave_jupyter),
}
TESTED = [name for name in APPS if ALL or name in ("radicale", "django")]


def having(what: str) -> list[str]:
    """The apps that have an `upload` or a way to `leave`."""
    return [name for name in TESTED if getattr(APPS[name], what) is not None]
