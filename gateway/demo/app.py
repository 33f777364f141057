"""The demo's small app, which knows nothing of sign-in and only reads header fields.

It verifies nothing, because only the gateway can reach it.  A real app that can be reached in
other ways verifies the assertion with the gateway's key set.
"""

import asyncio
import base64
import binascii
import json
from dataclasses import asdict, dataclass
from itertools import count

from aiohttp import WSMsgType, web

from gateway.demo import mcp_server
from gateway.demo.state import page

IDENTITY_FIELDS = ("Remote-User", "Remote-Name", "Remote-Email", "Remote-Groups")
ASSERTION_FIELD = "Gatepost-Assertion"
SITE = "Demo app"
_TICK_S = 1.0
_MAX_ECHO_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Places:
    """Where the tour leads.

    Attributes:
        url: The gateway, as browsers know it.
        phone_url: The phone; "" if there is none.
        has_people: Whether the sample users of the development provider can sign in.
    """

    url: str
    assistant_url: str
    phone_url: str = ""
    has_people: bool = True


_PLACES = web.AppKey("places", Places)


def application(places: Places) -> web.Application:
    """The app with all its routes; its first page is a tour of `places`."""
    app = web.Application(client_max_size=_MAX_ECHO_BYTES)
    app[_PLACES] = places
    app.add_routes(
        [
            web.get("/", tour),
            web.get("/me", home),
            web.post(mcp_server.PATH, mcp_server.answer),
            web.get("/admin", administration),
            web.get("/public", public),
            web.get("/headers", headers),
            web.get("/public/headers", headers),
            web.route("*", "/echo{rest:.*}", echo),
            web.get("/stream", stream),
            web.get("/ws", websocket),
        ]
    )
    return app


async def tour(request: web.Request) -> web.Response:
    """Shows what there is to try, for whoever is signed in."""
    told, places = request.headers, request.app[_PLACES]
    user = told.get("Remote-User", "")
    values = {
        "user": user,
        "name": told.get("Remote-Name") or user,
        "groups": told.get("Remote-Groups", "").replace(",", ", "),
        **asdict(places),
    }
    return page("demo-tour", values, site=SITE)


async def home(request: web.Request) -> web.Response:
    """Shows the identity from the gateway."""
    return _hello(request, "")


async def administration(request: web.Request) -> web.Response:
    """A page for administrators.  The gateway checks that; the app does not."""
    return _hello(request, "This is the administration page: the gateway lets in group admins.")


async def public(request: web.Request) -> web.Response:
    """A page for everyone.  The app gets no identity here, even if the user is signed in."""
    values = {"has_identity": "Remote-User" in request.headers}
    return page("demo-public", values, site=SITE)


async def headers(request: web.Request) -> web.Response:
    """All received fields, in order, as JSON."""
    received = [
        [name.decode("latin-1"), value.decode("utf-8", "replace")]
        for name, value in request.raw_headers
    ]
    return web.json_response({"fields": received})


async def echo(request: web.Request) -> web.Response:
    """Returns the body unchanged, with method, target and length in fields."""
    body = await request.read()
    answer = {
        "X-Echo-Method": request.method,
        "X-Echo-Target": request.raw_path,
        "X-Echo-Length": str(len(body)),
    }
    return web.Response(body=body, headers=answer, content_type=request.content_type)


async def stream(request: web.Request) -> web.StreamResponse:
    """Server-sent events, one per second, the first at once; ``?ticks=`` limits their number."""
    wanted = request.query.get("ticks", "")
    ticks = range(int(wanted)) if wanted.isascii() and wanted.isdecimal() else count()
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    await response.prepare(request)
    for tick in ticks:
        if tick:
            await asyncio.sleep(_TICK_S)
        await response.write(f"id: {tick}\ndata: tick {tick}\n\n".encode())
    return response


async def websocket(request: web.Request) -> web.WebSocketResponse:
    """Sends every message back."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


def _hello(request: web.Request, note: str) -> web.Response:
    fields = [(name, request.headers[name]) for name in IDENTITY_FIELDS if name in request.headers]
    received = dict(fields)
    values = {
        "name": received.get("Remote-Name") or received.get("Remote-User", ""),
        "note": note,
        "fields": fields,
        "claims": decoded_claims(request.headers.get(ASSERTION_FIELD, "")),
    }
    return page("demo-app", values, site=SITE)


def decoded_claims(assertion: str) -> str:
    """The claims of a JWT as indented JSON, unverified; "" if they cannot be read."""
    parts = assertion.split(".")
    if len(parts) != len(("header", "claims", "signature")):
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
    except (binascii.Error, ValueError):
        return ""
    return json.dumps(claims, indent=2, ensure_ascii=False)
