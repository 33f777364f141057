"""``api/keys``: users create, list and revoke their own API keys; requires a session."""

from dataclasses import replace

import orjson

from gateway import responses
from gateway.credentials.key_record import KeyRecord
from gateway.credentials.key_request import KeyRefusedError, KeyRequest, read_key_request
from gateway.credentials.keys import ApiKeys, TooManyKeysError
from gateway.endpoints.deps import Deps
from gateway.endpoints.fresh import SignInTooOldError, prove_anew_path, require_fresh
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.own_act import own_act
from gateway.endpoints.own_sessions import OwnSessions
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.model import Identity
from gateway.sessions.session import Session
from gateway.settings.api_keys import ApiKeySettings


def describe(record: KeyRecord) -> dict[str, object]:
    """The owner's view of a key, never the key itself; times are seconds since the epoch."""
    return {
        "id": record.key_id,
        "name": record.name,
        "scopes": record.scopes,
        "routes": record.routes,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "last_used_at": record.last_used_at,
    }


class OwnKeys:
    """Handlers of ``api/keys``, also used by the account page.

    A user's own keys are those of the same subject and issuer, and those of the user name, which
    is unique among accounts.
    """

    def __init__(
        self, deps: Deps, keys: ApiKeys, rules: ApiKeySettings, sessions: OwnSessions
    ) -> None:
        self._deps = deps
        self._keys = keys
        self._sessions = sessions
        self.rules = rules

    async def show(self, request: Request, _body: bytes) -> Response:
        """``GET``: the user's keys, newest first."""
        session = await self._deps.session(request)
        if session is None:
            return self._sessions.nobody(request)
        found = [describe(record) for record in await self.of(session.identity)]
        return responses.json_answer(request, 200, found)

    async def make(self, request: Request, body: bytes) -> Response:
        """``POST`` of ``{name, scopes, expires_in}``: 201 with the key, which is shown once."""
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        session = await self._deps.session(request)
        if session is None:
            return self._sessions.nobody(request)
        try:
            given = orjson.loads(body)
        except ValueError:
            given = None
        if not isinstance(given, dict) or given.keys() - {"name", "scopes", "expires_in"}:
            return _refused(request, KeyRefusedError("send {name, scopes, expires_in} as JSON"))
        try:
            self.require_fresh(session)
            wanted = read_key_request(
                given.get("name"), given.get("scopes"), given.get("expires_in"), self.rules
            )
            key, record = await self.create(request, session, wanted)
        except (KeyRefusedError, SignInTooOldError, TooManyKeysError) as error:
            return _refused(request, error, self.prove_anew_path(request, session))
        about = describe(record)
        answer = {name: about[name] for name in ("id", "name", "scopes", "expires_at")}
        return responses.json_answer(request, 201, {**answer, "key": key})

    async def revoke_one(self, key_id: str, request: Request, _body: bytes) -> Response:
        """``DELETE api/keys/{id}``: 204, or 404 if the user has no such key."""
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        session = await self._deps.session(request)
        if session is None:
            return self._sessions.nobody(request)
        if not await self.revoke(request, session, key_id):
            return responses.problem(request, 404, "no-such-key")
        return Response(204, (responses.NO_STORE,))

    async def of(self, who: Identity) -> list[KeyRecord]:
        """All keys of `who`, newest first."""
        return await self._keys.list_of(who)

    def require_fresh(self, session: Session) -> None:
        """Require a recent sign-in.

        Raises:
            SignInTooOldError: It was too long ago.
        """
        require_fresh(session, self._deps.clock(), self.rules.fresh_sign_in)

    async def create(
        self, request: Request, session: Session, wanted: KeyRequest
    ) -> tuple[str, KeyRecord]:
        """A new key for the session's owner, and its record; call `require_fresh` first."""
        async with own_act(self._deps, request, session, "key.create", name=wanted.name) as acting:
            key, record = await self._keys.create(
                session.identity,
                name=wanted.name,
                scopes=wanted.scopes,
                routes=(),
                lifetime_s=wanted.lifetime_s,
                now=self._deps.clock(),
            )
            acting.target = replace(acting.target, id=record.key_id)
        return key, record

    async def revoke(self, request: Request, session: Session, key_id: str) -> bool:
        """Revoke one of the owner's keys; False if there is none with that id."""
        owned = [it for it in await self.of(session.identity) if it.key_id == key_id]
        if not owned:
            return False
        about = {"target_id": key_id, "name": owned[0].name}
        async with own_act(self._deps, request, session, "key.revoke", **about):
            return await self._keys.revoke(key_id)

    def prove_anew_path(self, request: Request, session: Session) -> str:
        """The path where the user proves again who they are."""
        return prove_anew_path(request, session, self.rules.fresh_sign_in)


def _refused(
    request: Request,
    error: KeyRefusedError | SignInTooOldError | TooManyKeysError,
    sign_in: str = "",
) -> Response:
    where = sign_in if isinstance(error, SignInTooOldError) else ""
    # The message has only settings and fixed text, and quotes no secret.
    return responses.problem(request, error.status, error.reason, detail=str(error), sign_in=where)
