"""The servers that the gateway is put in front of.

To add one, write an app for it under `apps/` and name it here.  An app answers each request with
what its server made of it, as JSON, and notes the same before it reads the body (see
`apps/record.py`).  On a path that ends in `/early` it answers 403 and leaves the body unread; on
`/hold?NAME` it waits for a file NAME.
"""

import sys

_AT = "127.0.0.1:{port}"
_UVICORN = (
    sys.executable,
    "-m",
    "uvicorn",
    "--ws",
    "none",
    "--log-level",
    "warning",
    "--port",
    "{port}",
)
_GUNICORN = (sys.executable, "-m", "gunicorn", "--no-control-socket", "--threads", "4")

# What starts each, in `apps/`.
READERS: dict[str, tuple[str, ...]] = {
    "aiohttp": (sys.executable, "aiohttp_app.py", "{port}"),
    "gunicorn": (*_GUNICORN, "--bind", _AT, "wsgi:app"),
    "hypercorn": (sys.executable, "-m", "hypercorn", "--bind", _AT, "asgi:app"),
    "node": ("node", "node.mjs", "{port}"),
    "php": ("php", "-S", _AT, "app.php"),
    "puma": ("puma", "--quiet", "--environment", "none", "--bind", f"tcp://{_AT}", "config.ru"),
    "uvicorn-h11": (*_UVICORN, "--http", "h11", "asgi:app"),
    "uvicorn-httptools": (*_UVICORN, "--http", "httptools", "asgi:app"),
    "webrick": ("ruby", "webrick.rb", "{port}"),
    "wsgiref": (sys.executable, "wsgi.py", "{port}"),
}
# What knows no chunks; it leaves such a body unread.
WITHOUT_CHUNKS = {"wsgiref"}
# The most fields these take, to be sure; what has more they may refuse.
MOST_FIELDS = {"aiohttp": 90, "gunicorn": 90, "wsgiref": 90}
