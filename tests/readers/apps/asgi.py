"""For uvicorn and hypercorn."""

import asyncio
from urllib.parse import unquote, urlsplit

from record import answer, is_held, note


async def app(scope, receive, send):
    """An ASGI app."""
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    if scope["type"] == "websocket":
        return await send({"type": "websocket.close"})
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    target = f"{path}?{query}" if query else path
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    seen = note(scope["method"], target, [scope["path"], unquote(urlsplit(path).path)], fields)
    if path.endswith("/early"):
        return await respond(send, 403, answer(seen, b""))
    while is_held(target):
        await asyncio.sleep(0.01)
    body = b""
    more = True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    return await respond(send, 200, answer(seen, body))


async def respond(send, status, body):
    fields = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def lifespan(receive, send):
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
