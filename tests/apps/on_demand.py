"""The apps that only `make test-apps` runs: how each is set up, and asked who is there."""

import os
import re

from tests.apps.app import INSTALLED, ROOT, Command, Place, form
from tests.apps.visitor import Answer, Visitor


def roundup(place: Place) -> Command:
    """[web] http_auth_header, and the field named to its server."""
    admin = (INSTALLED / "roundup-admin", "-i", place.directory / "tracker")
    options = f"tracker_web={place.origin}/tracker/,web_http_auth_header=Remote-User"
    options += ",mail_domain=example.com,mail_host=127.0.0.1"
    place.run(*admin, "install", "classic", "anydbm", options)
    place.run(*admin, "initialise", "admin-s3cret")
    for name in ("alice", "bob"):
        about = (f"username={name}", f"address={name}@example.com", "roles=User")
        place.run(*admin, "create", "user", *about)
    # It refuses to run as root, unless told to by name.
    owner = ("-u", "root") if os.geteuid() == 0 else ()
    server = (INSTALLED / "roundup-server", "-p", str(place.port), "-n", "127.0.0.1", *owner)
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
    place.run(INSTALLED / "buildbot", "create-master", "--relocatable", ".")
    return Command((INSTALLED / "buildbot", "start", "--nodaemon", "."))


async def who_at_buildbot(visitor: Visitor) -> str:
    """What its page says, which is what makes its session: its calls only read that session."""
    await visitor.ask("GET", "/")
    config = (await visitor.ask("GET", "/config")).json()
    return str(config["user"].get("username", ""))


ADMIN_OF_MINIFLUX = "admin-s3cret"


def miniflux(place: Place) -> Command:
    """AUTH_PROXY_HEADER."""
    return Command(
        (INSTALLED / "miniflux.app",),
        {
            "DATABASE_URL": f"{place.database()}&sslmode=disable",
            "RUN_MIGRATIONS": "1",
            "LISTEN_ADDR": f"127.0.0.1:{place.port}",
            "BASE_URL": f"{place.origin}/",
            "AUTH_PROXY_HEADER": "Remote-User",
            "AUTH_PROXY_USER_CREATION": "1",
            "TRUSTED_REVERSE_PROXY_NETWORKS": "127.0.0.1/32",
            "CREATE_ADMIN": "1",
            "ADMIN_USERNAME": "admin",
            "ADMIN_PASSWORD": ADMIN_OF_MINIFLUX,
        },
    )


_TO_MINIFLUX = {"access": "signed_in", "foreign_credentials": "pass", "challenges": "basic"}
GATEWAY_OF_MINIFLUX = {
    "routes": [
        {"name": "api", "prefix": ["/v1", "/reader", "/fever"], **_TO_MINIFLUX},
        {"name": "everything", "prefix": "/", "access": "signed_in"},
    ],
}


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
        (INSTALLED / "copyparty", "-c", config), {"XDG_CONFIG_HOME": str(place.directory)}
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
    words = (INSTALLED / "jupyter-lab", "--no-browser", "--allow-root", f"--config={config}")
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
