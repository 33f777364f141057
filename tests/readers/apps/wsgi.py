"""For gunicorn; run as a program, for wsgiref."""

import sys
import time
from urllib.parse import unquote, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

from record import answer, is_held, note


def app(environ, start_response):
    """A WSGI app (PEP 3333)."""
    path = environ["PATH_INFO"]
    # wsgiref keeps no target: only what it made of it.
    target = environ.get("RAW_URI", path + "?" + environ["QUERY_STRING"])
    fields = [(name, value) for name, value in environ.items() if name.startswith("HTTP_")]
    paths = [path, unquote(urlsplit(target).path)]
    seen = note(environ["REQUEST_METHOD"], environ.get("RAW_URI"), paths, fields)
    if path.endswith("/early"):
        return respond(start_response, "403 Forbidden", answer(seen, b""))
    while is_held(target):
        time.sleep(0.01)
    return respond(start_response, "200 OK", answer(seen, body_of(environ)))


def body_of(environ):
    # What gunicorn says where the input ends by itself, as that of a chunked body does.
    if environ.get("wsgi.input_terminated"):
        return environ["wsgi.input"].read()
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def respond(start_response, status, body):
    start_response(status, [("Content-Length", str(len(body)))])
    return [body]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    with make_server("127.0.0.1", int(sys.argv[1]), app, handler_class=Quiet) as server:
        server.serve_forever()
