"""Ends clients' sign-ins with the browser's session they come from, and tells the clients.

OpenID Connect Back-Channel Logout 1.0, section 2.  Any worker may end a session, and any may stop
at any moment: the store says what is left to do, and each worker looks there again and again.
"""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from gateway.assembly.background import BackgroundTasks
from gateway.authserver.client import Client
from gateway.authserver.id_token_keys import IdTokenKeys
from gateway.authserver.sign_ins import Entry, SignIn, SignIns
from gateway.errors import GatewayError
from gateway.oidc.http import ProviderHttp
from gateway.oidc.logout_token import EVENT
from gateway.sessions.manager import SessionManager
from gateway.storage.store import Clock, Store

_log = logging.getLogger(__name__)

# How long after each failed attempt the next one comes; then the client is given up.
_PAUSES_S = (5.0, 30.0, 120.0, 600.0)
_TIMEOUT_S = 5.0
# Back-Channel Logout 1.0, section 2.4, recommends two minutes at most.
_TOKEN_S = 120
_ROUND_S = 5.0
# How often one of the workers looks for sessions that have expired.
_LOOK_S = 120.0
_LOOK = "sign-ins-look"
_PAGE = 200
# Section 2.8: 200; some frameworks answer 204.
_DONE = range(200, 300)
# The client will not take this token later either.
_FINAL = range(400, 500)
_LATER = frozenset({408, 425, 429})


class SignOuts:
    """See the module.

    Attributes:
        clients: Those of the current configuration, by id; None if there are none.
    """

    def __init__(
        self,
        sign_ins: SignIns,
        keys: IdTokenKeys,
        http: ProviderHttp,
        browsers: SessionManager,
        tokens: SessionManager,
        store: Store,
        clock: Clock,
    ) -> None:
        self.clients: Mapping[str, Client] | None = None
        self._sign_ins = sign_ins
        self._keys = keys
        self._http = http
        self._browsers = browsers
        self._tokens = tokens
        self._store = store
        self._clock = clock
        self._tasks = BackgroundTasks()
        self._rounds: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen to ended sessions, and look for others in the background."""
        self._browsers.before_replacing = self._sign_ins.move
        self._browsers.on_end(self._browser_ended)
        self._tokens.on_end(self._tokens_ended)
        self._rounds = asyncio.get_running_loop().create_task(self._go_round())

    async def aclose(self) -> None:
        """Wait a few seconds for calls in progress; the rest is left to other workers."""
        if self._rounds is not None:
            self._rounds.cancel()
        await self._tasks.aclose()

    async def run_once(self) -> None:
        """End what is due, and, as one of all workers, look for what has expired.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        if self.clients is None:
            return
        now = self._clock()
        for entry in await self._sign_ins.ending():
            if entry.sign_in.next_at <= now:
                await self._try(entry, ends_tokens=entry.sign_in.ends_tokens)
        if await self._store.lock(_LOOK, ttl_s=_LOOK_S) is not None:
            await self._look_for_expired()

    async def _go_round(self) -> None:
        while True:
            await asyncio.sleep(_ROUND_S)
            try:
                await self.run_once()
            except GatewayError as error:
                _log.warning("sign-outs of clients wait: %s", error)
            except Exception:  # noqa: BLE001 - logged; the next round may succeed
                _log.exception("a sign-out of a client failed")

    # What ends.

    def _browser_ended(self, session_id: str) -> None:
        if self.clients is not None:
            self._tasks.start(self._end_of_browser(session_id))

    def _tokens_ended(self, session_id: str) -> None:
        if self.clients is not None:
            self._tasks.start(self._end_of_tokens(session_id))

    async def _end_of_browser(self, session_id: str) -> None:
        try:
            found = await self._sign_ins.of_browser(session_id)
            # Listeners also hear of a session that may have ended, while the store is down.
            if found and not await self._sign_ins.is_live(session_id):
                for entry in found:
                    await self._end(entry)
        except GatewayError as error:
            _log.warning("sign-outs of clients wait: %s", error)

    async def _end_of_tokens(self, session_id: str) -> None:
        try:
            for entry in await self._sign_ins.of_tokens(session_id):
                if not await self._tokens.exists(session_id):
                    await self._try(entry, ends_tokens=False)
        except GatewayError as error:
            _log.warning("a client is not told that its tokens ended: %s", error)

    async def _look_for_expired(self) -> None:
        after: str | None = ""
        while after is not None:
            found, after = await self._sign_ins.page(after, _PAGE)
            for entry in found:
                if not await self._sign_ins.is_live(entry.sign_in.browser):
                    await self._end(entry)

    async def _end(self, entry: Entry) -> None:
        """End a sign-in whose browser's session is over."""
        sign_in, now = entry.sign_in, self._clock()
        # A session that merely expired does not end tokens of a client that signs nobody in: MCP
        # clients and command lines would ask people to sign in again every morning.
        ends_tokens = sign_in.ends_tokens and (
            sign_in.has_id_token
            or await self._browsers.had_left(sign_in.browser, sign_in.browser_since, now)
        )
        await self._try(entry, ends_tokens=ends_tokens)

    # Ending.

    async def _try(self, entry: Entry, *, ends_tokens: bool) -> None:
        attempt = entry.sign_in.attempts or 0
        pause_s = _PAUSES_S[min(attempt, len(_PAUSES_S) - 1)]
        next_at = self._clock() + pause_s + _TIMEOUT_S
        taken = await self._sign_ins.take(entry, next_at, ends_tokens=ends_tokens)
        if taken is None:
            return
        sign_in = taken.sign_in
        if sign_in.ends_tokens and sign_in.tokens is not None:
            await self._tokens.end_by_id(sign_in.tokens)
        if await self._is_told(sign_in) or attempt >= len(_PAUSES_S):
            await self._sign_ins.forget(sign_in.sid)

    async def _is_told(self, sign_in: SignIn) -> bool:
        """Whether the client knows, or need not know."""
        client = None if self.clients is None else self.clients.get(sign_in.client)
        if client is None or client.backchannel_logout_uri is None or not sign_in.has_id_token:
            return True
        try:
            status = await self._tell(client, client.backchannel_logout_uri, sign_in)
        except GatewayError as error:
            _log.warning("client %s is not told of a sign-out: %s", client.client_id, error)
            return False
        if status in _DONE:
            _log.info("client %s was told of a sign-out", client.client_id)
            return True
        _log.warning("client %s answers a sign-out with %d", client.client_id, status)
        return status in _FINAL and status not in _LATER

    async def _tell(self, client: Client, uri: str, sign_in: SignIn) -> int:
        now = int(self._clock())
        token = await self._keys.sign(
            {
                "iss": sign_in.issuer,
                "aud": client.client_id,
                "iat": now,
                "exp": now + _TOKEN_S,
                "jti": secrets.token_urlsafe(16),
                "sub": sign_in.subject,
                "sid": sign_in.sid,
                "events": {EVENT: {}},
            },
            client.signs_with,
            "logout+jwt",
        )
        form = urlencode({"logout_token": token}).encode()
        answer = await self._http.post(uri, form, fields={}, timeout_s=_TIMEOUT_S)
        return answer.status
