"""WSGI middleware (PEP 3333): lets in requests with a valid assertion."""

from collections.abc import Callable, Iterable
from typing import Any

from gateway.verify.assertion import Identity, InvalidAssertionError
from gateway.verify.refusal import REFUSALS, refusal_of
from gateway.verify.verifier import Verifier

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


class WsgiMiddleware:
    """Puts the `Identity` into ``environ["gatepost.identity"]``; answers 401 without one."""

    def __init__(
        self, app: App, verifier: Verifier, *, optional: bool = False, remote_user: bool = False
    ) -> None:
        """Guard `app`.

        With `optional`, a request without the field gets through as ``None``; one with an invalid
        field is refused all the same.  With `remote_user`, ``REMOTE_USER`` is the verified user,
        and missing if there is none.
        """
        self._app = app
        self._verifier = verifier
        self._optional = optional
        self._remote_user = remote_user
        self._variable = "HTTP_" + verifier.header.upper().replace("-", "_")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        try:
            identity = self._identify(environ)
        except REFUSALS as error:
            refusal = refusal_of(error)
            start_response(f"{refusal.status} {refusal.phrase}", refusal.fields())
            return [refusal.body]
        environ["gatepost.identity"] = identity
        if self._remote_user:
            environ.pop("REMOTE_USER", None)
            if identity is not None:
                environ["REMOTE_USER"] = identity.user
        return self._app(environ, start_response)

    def _identify(self, environ: Environ) -> Identity | None:
        # A server joins repeated fields with a comma, which no assertion has.
        assertion = environ.get(self._variable)
        if assertion is not None:
            return self._verifier.verify(assertion)
        if self._optional:
            return None
        raise InvalidAssertionError("no assertion")
