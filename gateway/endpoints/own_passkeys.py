"""``api/passkeys``: users list, add and remove the passkeys of their local account."""

import logging
from collections.abc import Awaitable, Callable

from gateway import responses
from gateway.accounts.passkey import Passkey
from gateway.accounts.ways_in import LastWayInError
from gateway.credentials.local import Local
from gateway.credentials.passkey_proofs import (
    ALGORITHMS,
    MAX_NAME,
    PasskeyRefusedError,
    encoded,
    judge_new,
)
from gateway.credentials.passkeys import NoSuchPasskeyError, TooManyPasskeysError
from gateway.endpoints.deps import Deps
from gateway.endpoints.fresh import SignInTooOldError, prove_anew_path, require_fresh
from gateway.endpoints.json_body import read_json
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.own_act import own_act
from gateway.endpoints.own_sessions import OwnSessions
from gateway.endpoints.passkey_challenges import (
    VALID_S,
    PasskeyExpiredError,
    find_challenge,
    new_challenge,
    site_of,
    spend_challenge,
)
from gateway.errors import GatewayError
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.sessions.device import device_name
from gateway.sessions.session import Session

_log = logging.getLogger(__name__)

_Act = Callable[[Session], Awaitable[Response]]


def describe(passkey: Passkey) -> dict[str, object]:
    """The owner's view of a passkey; times are seconds since the epoch."""
    return {
        "id": passkey.passkey_id,
        "name": passkey.name,
        "host": passkey.rp_id,
        "synced": passkey.can_be_copied,
        "created_at": passkey.created_at,
        "last_used_at": passkey.last_used_at,
    }


class OwnPasskeys:
    """Handlers of ``api/passkeys``, also used by the account page.

    Changes need a recent sign-in: a passkey outlives the session, so an unattended screen must not
    be enough.
    """

    def __init__(self, deps: Deps, local: Local, sessions: OwnSessions) -> None:
        self._deps = deps
        self._passkeys = local.passkeys
        self._sessions = sessions

    def is_for(self, session: Session) -> bool:
        """Whether the session is one of a local account."""
        return session.local_account_id is not None

    async def of(self, session: Session) -> tuple[Passkey, ...]:
        """The passkeys of the session's account, oldest first."""
        return await self._passkeys.of(session.identity.account_id or "")

    async def show(self, request: Request, _body: bytes) -> Response:
        """``GET``: the user's passkeys, oldest first."""
        session = await self._deps.session(request)
        if session is None:
            return self._sessions.nobody(request)
        found = await self.of(session) if self.is_for(session) else ()
        return responses.json_answer(request, 200, [describe(it) for it in found])

    async def options(self, request: Request, _body: bytes) -> Response:
        """``POST api/passkeys/options``: what ``navigator.credentials.create()`` is to ask."""

        async def tell(session: Session) -> Response:
            who, site = session.identity, site_of(request)
            challenge, fields = new_challenge(self._deps, request, "add", session.session_id)
            name = who.name or who.user
            user_id = encoded((who.account_id or "").encode())
            asked = {
                "challenge": encoded(challenge),
                "rp": {"id": site.rp_id, "name": request.host},
                "user": {"id": user_id, "name": who.user, "displayName": name},
                "pubKeyCredParams": [{"type": "public-key", "alg": it} for it in ALGORITHMS],
                "excludeCredentials": [
                    {"type": "public-key", "id": encoded(it.credential_id)}
                    for it in await self.of(session)
                    if it.rp_id == site.rp_id
                ],
                "authenticatorSelection": {
                    "residentKey": "required",
                    "requireResidentKey": True,
                    "userVerification": "required",
                },
                "attestation": "none",
                "timeout": VALID_S * 1000,
            }
            return responses.json_answer(request, 200, asked, fields=fields)

        return await self._change(request, tell)

    async def add(self, request: Request, body: bytes) -> Response:
        """``POST`` of ``{credential, name}``: 201 with the passkey, its name from the device."""
        given = read_json(body, {"credential"}, {"name"})
        name = _name(request, given.get("name", "")) if given is not None else None
        if given is None or name is None or not isinstance(given["credential"], dict):
            return responses.problem(request, 400, "invalid-request")
        credential = given["credential"]

        async def add(session: Session) -> Response:
            deps, account_id = self._deps, session.identity.account_id or ""
            challenge = find_challenge(deps, request, credential, "add", session.session_id)
            now, site = deps.clock(), site_of(request)
            passkey = judge_new(credential, challenge, site, name=name, now=now)
            fields = await spend_challenge(deps, request, challenge)
            about = {"target_id": passkey.passkey_id, "name": name}
            async with own_act(deps, request, session, "passkey.add", **about):
                await self._passkeys.add(account_id, passkey)
            _log.info(
                "account %s has a new passkey %s",
                account_id,
                passkey.passkey_id,
                extra={"request_id": request.request_id},
            )
            return responses.json_answer(request, 201, describe(passkey), fields=fields)

        return await self._change(request, add)

    async def remove_one(self, passkey_id: str, request: Request, _body: bytes) -> Response:
        """``DELETE api/passkeys/{id}``: 204, and the account's other sessions end."""

        async def remove(session: Session) -> Response:
            await self.remove(request, session, passkey_id)
            return Response(204, (responses.NO_STORE,))

        return await self._change(request, remove)

    async def remove(self, request: Request, session: Session, passkey_id: str) -> None:
        """Remove a passkey, and end all sessions of the account but `session`.

        Raises:
            SignInTooOldError: The session's user proved too long ago who they are.
            NoSuchPasskeyError, LastWayInError: See there.
        """
        require_fresh(session, self._deps.clock())
        account_id = session.identity.account_id or ""
        async with own_act(self._deps, request, session, "passkey.remove", target_id=passkey_id):
            account = await self._passkeys.remove(account_id, passkey_id, self._deps.issuers)
        _log.info(
            "account %s lost passkey %s",
            account_id,
            passkey_id,
            extra={"request_id": request.request_id},
        )
        await self._deps.all_sessions.end_others_of(account.subjects, session.session_id)

    async def _change(self, request: Request, act: _Act) -> Response:
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        session = await self._deps.session(request)
        if session is None:
            return self._sessions.nobody(request)
        if not self.is_for(session):
            told = "You did not sign in with a local account."
            return responses.problem(request, 400, "invalid-request", detail=told)
        try:
            require_fresh(session, self._deps.clock())
            return await act(session)
        except SignInTooOldError as error:
            anew = prove_anew_path(request, session)
            return responses.problem(request, error.status, error.reason, sign_in=anew)
        except (
            PasskeyRefusedError,
            PasskeyExpiredError,
            TooManyPasskeysError,
            NoSuchPasskeyError,
            LastWayInError,
        ) as error:
            return self._refused(request, error)

    def _refused(self, request: Request, error: GatewayError) -> Response:
        _log.warning(
            "passkey: %s: %s", error.reason, error, extra={"request_id": request.request_id}
        )
        return responses.problem(request, error.status, error.reason)


def _name(request: Request, given: object) -> str | None:
    """The name of a new passkey: `given`, or that of the device; None if it is no name."""
    if not isinstance(given, str):
        return None
    name = given.strip() or device_name(request.fields.text(b"user-agent"))
    return name if len(name) <= MAX_NAME and name.isprintable() else None
