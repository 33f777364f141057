"""Which server `gatepost login` talks to."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gateway.cli.login.failure import CommandError
from gateway.cli.login.server import find_server

METADATA = "/.well-known/oauth-authorization-server"
RESOURCE = "/.well-known/oauth-protected-resource"


@pytest.fixture
def origin():
    """A server that answers with `pages`, and notes what it was asked."""
    pages, asked = {}, []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, body = pages.get(self.path, (404, {}))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body)
                body = {}
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", pages, asked
    server.shutdown()
    thread.join()
    server.server_close()


def metadata(issuer, **changes):
    return 200, {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "revocation_endpoint": f"{issuer}/revoke",
        **changes,
    }


def test_it_is_found_below_the_url(origin):
    base, pages, _ = origin
    pages[f"{METADATA}/notes/_gatepost"] = metadata(f"{base}/notes/_gatepost")
    assert find_server(f"{base}/notes", None).token_endpoint == f"{base}/notes/_gatepost/token"


def test_the_document_of_the_resource_names_it(origin):
    base, pages, _ = origin
    issuer = f"{base}/notes/_gatepost"
    pages[f"{METADATA}/notes/_gatepost"] = metadata(issuer)
    pages[f"{RESOURCE}/notes/mcp"] = (
        200,
        {
            "resource": f"{base}/notes/mcp",
            "authorization_servers": ["https://id.example.com", f"{base}/realms/x", issuer],
        },
    )
    assert find_server(base, f"{base}/notes/mcp").issuer == issuer


def test_no_other_origin_is_asked_or_told_anything(origin):
    base, pages, asked = origin
    evil = "http://127.0.0.2:9/_gatepost"
    pages[RESOURCE] = 200, {"resource": base, "authorization_servers": [evil]}
    pages[f"{METADATA}/_gatepost"] = 302, "http://127.0.0.2:9/"
    with pytest.raises(CommandError, match="is the URL right"):
        find_server(base, None)
    for changes in (
        {"token_endpoint": f"{evil}/token"},
        {"revocation_endpoint": f"{evil}/revoke"},
        {"authorization_endpoint": f"{evil}/authorize"},
        {"device_authorization_endpoint": f"{base}.evil.test/device"},
        {"authorization_endpoint": None},
    ):
        pages[f"{METADATA}/_gatepost"] = metadata(f"{base}/_gatepost", **changes)
        with pytest.raises(CommandError, match="command_line"):
            find_server(base, None)
    pages[f"{METADATA}/_gatepost"] = metadata(evil)
    with pytest.raises(CommandError, match="is the URL right"):
        find_server(base, None)
    assert set(asked) == {RESOURCE, f"{METADATA}/_gatepost"}


def test_a_document_of_another_resource_says_nothing(origin):
    base, pages, _ = origin
    issuer = f"{base}/other/_gatepost"
    pages[f"{METADATA}/other/_gatepost"] = metadata(issuer)
    pages[RESOURCE] = 200, {"resource": f"{base}/other", "authorization_servers": [issuer]}
    with pytest.raises(CommandError, match="is the URL right"):
        find_server(base, None)
