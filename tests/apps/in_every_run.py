"""The apps that `make test` runs: how each is set up, and asked who is there."""

import re
import sys
from pathlib import Path

from tests.apps.app import Command, Place, form
from tests.apps.visitor import Answer, Visitor


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
    bind = ("--bind", f"127.0.0.1:{place.port}", "--chdir", Path(__file__).parent)
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
