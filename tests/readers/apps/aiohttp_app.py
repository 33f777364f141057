"""For aiohttp."""

import asyncio
import sys

from aiohttp import web
from record import answer, is_held, note


async def handle(request):
    fields = [
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers
    ]
    target = request.raw_path
    seen = note(request.method, target, [request.path, request.url.path], fields)
    if request.path.endswith("/early"):
        return web.Response(status=403, body=answer(seen, b""))
    while is_held(target):
        await asyncio.sleep(0.01)
    return web.Response(body=answer(seen, await request.read()))


async def main(port):
    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
