"""ASGI middleware: lets in requests and WebSockets with a valid assertion."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.verify.assertion import Identity, InvalidAssertionError, key_id
from gateway.verify.refusal import REFUSALS, Refusal, only_one, refusal_of
from gateway.verify.verifier import Verifier

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# RFC 6455, section 7.4.1: policy violation.
_CLOSE_CODE = 1008


class AsgiMiddleware:
    """Puts the `Identity` into ``scope["gatepost"]``; answers 401 without a valid assertion."""

    def __init__(self, app: App, verifier: Verifier, *, optional: bool = False) -> None:
        """Guard `app`.

        With `optional`, a request without the field gets through as ``None``; one with an invalid
        field is refused all the same.
        """
        self._app = app
        self._verifier = verifier
        self._optional = optional
        self._header = verifier.header.lower().encode()
        self._fetching: asyncio.Future[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the server's."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            identity = await self._identify(scope)
        except REFUSALS as error:
            await _refuse(scope, receive, send, refusal_of(error))
            return
        await self._app({**scope, "gatepost": identity}, receive, send)

    async def _identify(self, scope: Scope) -> Identity | None:
        sent = [value for name, value in scope["headers"] if name.lower() == self._header]
        assertion = only_one([value.decode("latin-1") for value in sent])
        if assertion is None:
            if self._optional:
                return None
            raise InvalidAssertionError("no assertion")
        kid = key_id(assertion)
        if self._verifier.keys.is_due(kid):
            fetching = self._fetch(kid)
            # A set that is only stale still serves; a known key need not wait for the new one.
            if not self._verifier.keys.has(kid):
                await asyncio.shield(fetching)
        return self._verifier.verify_with_held_keys(assertion, kid)

    def _fetch(self, kid: str) -> asyncio.Future[None]:
        # One thread for all that wait: made-up key ids must not use up the pool.
        loop = asyncio.get_running_loop()
        fetching = self._fetching
        if fetching is None or fetching.done() or fetching.get_loop() is not loop:
            fetching = loop.run_in_executor(None, self._verifier.keys.refresh, kid)
            self._fetching = fetching
        return fetching


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    prefix = "http"
    if scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            # Before it is accepted, a close is a 403 to the client.
            await send({"type": "websocket.close", "code": _CLOSE_CODE})
            return
        prefix = "websocket.http"
    fields = [(name.lower().encode(), value.encode()) for name, value in refusal.fields()]
    start = {"type": f"{prefix}.response.start", "status": refusal.status, "headers": fields}
    await send(start)
    await send({"type": f"{prefix}.response.body", "body": refusal.body})
