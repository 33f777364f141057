"""Signs a person in with their browser, which comes back to this machine (RFC 8252, 7.3)."""

import base64
import hashlib
import os
import secrets
import sys
import threading
import webbrowser
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Empty, Queue
from urllib.parse import parse_qsl, urlencode, urlsplit

from gateway.cli.login.asking import Answer, ask
from gateway.cli.login.failure import CommandError
from gateway.cli.login.server import Server, turned_off
from gateway.cli.login.tokens import CLIENT, device_name
from gateway.cli.table import printable

_PATH = "/callback"
_WAIT_S = 600.0
_BAD_REQUEST = 400
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Gatepost</title>"
    "<p>{}</p><p>You can close this page and go back to your terminal.</p></html>"
)

Parameters = Mapping[str, str]


class NoBrowserError(Exception):
    """No browser can be opened here."""


def can_open_browser() -> bool:
    """Whether there is a browser to open; over SSH, it would open on another screen or none."""
    if os.environ.get("BROWSER"):
        return True
    if os.environ.get("SSH_CONNECTION"):
        return False
    if sys.platform == "linux" and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def sign_in(
    server: Server, url: str, asked: Mapping[str, str], tell: Callable[[str], None]
) -> Answer:
    """The gateway's answer with tokens; `asked` has the scope and resource.

    Raises:
        CommandError: The person is not signed in.
        NoBrowserError: Their browser could not be opened.
    """
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    came: Queue[Parameters | None] = Queue()
    listener = HTTPServer(("127.0.0.1", 0), _handler(state, came))
    try:
        redirect_uri = f"http://127.0.0.1:{listener.server_port}{_PATH}"
        where = _authorize_url(server, redirect_uri, state, verifier, asked)
        _require_known(where, url)
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        tell(f"Open this page to sign in: {where}")
        threading.Thread(target=_open, args=(where, came), daemon=True).start()
        told = _wait(came)
        listener.shutdown()
    finally:
        listener.server_close()
    form = {
        "grant_type": "authorization_code",
        "client_id": CLIENT,
        "code": _code(told, server),
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
        "device_name": device_name(),
    }
    return ask(server.token_endpoint, form)


def _authorize_url(
    server: Server, redirect_uri: str, state: str, verifier: str, asked: Mapping[str, str]
) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        **asked,
    }
    return f"{server.authorize_endpoint}?{urlencode(query)}"


def _require_known(where: str, url: str) -> None:
    """Do not let the person wait for an answer that only their browser is told."""
    if ask(where).status == _BAD_REQUEST:
        raise turned_off(url)


def _open(where: str, came: "Queue[Parameters | None]") -> None:
    if not webbrowser.open(where):
        came.put(None)


def _wait(came: "Queue[Parameters | None]") -> Parameters:
    try:
        told = came.get(timeout=_WAIT_S)
    except Empty:
        raise CommandError("nobody signed in within ten minutes") from None
    if told is None:
        raise NoBrowserError
    return told


def _code(told: Parameters, server: Server) -> str:
    # RFC 9207: an answer of another server says nothing here.
    if told.get("iss") != server.issuer:
        raise CommandError("the answer is of another server")
    if told.get("error") == "access_denied":
        raise CommandError("you did not allow it, or may not use the resource")
    if "code" not in told:
        why = told.get("error_description") or told.get("error") or "no code came"
        raise CommandError(printable(why))
    return told["code"]


def _handler(state: str, came: "Queue[Parameters | None]") -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Takes the one answer with our `state`; any page can send others here."""

        # Seconds: browsers open connections that they never use.
        timeout = 10

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            told = dict(parse_qsl(parts.query))
            given = told.get("state", "").encode("utf-8", "replace")
            if parts.path != _PATH or not secrets.compare_digest(given, state.encode()):
                self.send_error(404)
                return
            said = "You are signed in." if "code" in told else "You are not signed in."
            body = _PAGE.format(said).encode()
            self.send_response(200)
            for name, value in (
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Content-Security-Policy", "default-src 'none'"),
                ("Cache-Control", "no-store"),
                ("Referrer-Policy", "no-referrer"),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            came.put(told)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: the line has the code."""

    return Handler
