"""``account``: the page where users see their identity, sessions and API keys."""

from collections.abc import Mapping
from datetime import UTC, datetime

from gateway import responses
from gateway.credentials.key_record import KeyRecord
from gateway.credentials.key_request import KeyRefusedError, read_key_request
from gateway.credentials.keys import TooManyKeysError
from gateway.credentials.password_throttle import TooManyTriesError, WrongPasswordError
from gateway.credentials.passwords import PasswordRefusedError
from gateway.endpoints.deps import Deps
from gateway.endpoints.local_sign_in import too_many_tries
from gateway.endpoints.logout import LOGOUT_PATH, Logout
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.own_keys import OwnKeys, SignInTooOldError
from gateway.endpoints.own_password import FIELDS as PASSWORD_FIELDS
from gateway.endpoints.own_password import OwnPassword
from gateway.endpoints.own_secrets import FIELDS as SECRET_FIELDS
from gateway.endpoints.own_secrets import OwnSecrets
from gateway.endpoints.own_sessions import OwnSessions
from gateway.endpoints.parameters import read_whole_form
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.sessions.record import SessionInfo
from gateway.sessions.session import Session
from gateway.settings.scalars import format_duration

ACCOUNT_PATH = "/_gatepost/account"

# Lifetimes offered in the form, up to `max_lifetime`.
_LIFETIMES_S = tuple(days * 86400.0 for days in (30, 7, 90, 180, 365))
_SCOPE_FIELD = "scope:"
_KEY_FIELDS = frozenset({"create_key", "key_name", "expires_in"})
_OTHER_FIELDS = 20


class Account:
    """Handlers of ``account``.  It works without scripts, so its buttons are forms."""

    def __init__(
        self,
        deps: Deps,
        logout: Logout,
        own: OwnSessions,
        keys: OwnKeys | None = None,
        secrets: OwnSecrets | None = None,
        password: OwnPassword | None = None,
    ) -> None:
        """Show the sections for API keys, secrets and the password if these are given."""
        self._password = password
        self._secrets = secrets
        self._keys = keys
        self._deps = deps
        self._logout = logout
        self._own = own

    async def show(self, request: Request, _body: bytes) -> Response:
        """The page; a user without a session signs in first."""
        session = await self._deps.session(request)
        if session is None:
            name = self._deps.cookies.session_name(request)
            fields = self._own.cleared(request) if request.cookies(name) else ()
            return responses.sign_in(request, return_to=ACCOUNT_PATH, fields=fields)
        return await self._page(request, session)

    async def _page(
        self,
        request: Request,
        session: Session,
        status: int = 200,
        password_refused: str | None = None,
        **news: str,
    ) -> Response:
        who = session.identity
        return responses.page(
            request,
            status,
            "account",
            name=who.name or who.user,
            user=who.user,
            email=who.email,
            provider=session.provider,
            groups=who.groups,
            sessions=[self._row(info, session) for info in await self._own.of(session)],
            action=ACCOUNT_PATH,
            logout_url=LOGOUT_PATH,
            home_url="/",
            password=self._password is not None and self._password.is_for(session),
            password_refused=password_refused,
            secrets=None if self._secrets is None else self._secrets.of(session),
            keys=None if self._keys is None else await self._key_section(self._keys, session, news),
        )

    async def change(self, request: Request, body: bytes) -> Response:
        """``POST`` of one of the page's forms.

        ``end=ID`` ends a session, ``end=all`` all of them.  ``revoke_key=ID`` revokes an API key;
        ``create_key`` creates one, which the response shows.  ``secret_name=NAME`` and ``secret``
        set a secret that is sent to an app.  ``old_password`` and ``new_password`` change the local
        password.
        """
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        session = await self._deps.session(request)
        if session is None:
            return responses.redirect(request, responses.sign_in_location(request, ACCOUNT_PATH))
        scopes = 0 if self._keys is None else len(self._keys.rules.grantable_scopes)
        form = read_whole_form(body, _OTHER_FIELDS + scopes) or {}
        names = {name for name in form if not name.startswith(_SCOPE_FIELD)}
        if self._keys is not None and "create_key" in form and names <= _KEY_FIELDS:
            return await self._create_key(request, session, self._keys, form)
        if self._keys is not None and form.keys() == {"revoke_key"}:
            await self._keys.revoke(session, form["revoke_key"])
            return responses.redirect(request, ACCOUNT_PATH)
        if self._secrets is not None and form.keys() == SECRET_FIELDS:
            await self._secrets.change(session, form)
            return responses.redirect(request, ACCOUNT_PATH)
        if self._password is not None and form.keys() == PASSWORD_FIELDS:
            return await self._change_password(request, session, self._password, form)
        if form.keys() != {"end"}:
            return responses.problem(request, 400, "invalid-request")
        which = form["end"]
        if which == "all":
            await self._own.end_all(session)
        else:
            # If it has already ended, the result is as requested.
            await self._own.end(session, which)
        if which in ("all", session.session_id):
            return await self._logout.leave(request, session)
        return responses.redirect(request, ACCOUNT_PATH)

    async def _change_password(
        self, request: Request, session: Session, own: OwnPassword, form: dict[str, str]
    ) -> Response:
        if not own.is_for(session):
            return responses.problem(request, 400, "invalid-request")
        try:
            await own.change(request, session, form)
        except TooManyTriesError as error:
            return too_many_tries(request, error.wait_s)
        except WrongPasswordError:
            told = "The old password is wrong."
            return await self._page(request, session, 400, password_refused=told)
        except PasswordRefusedError as error:
            return await self._page(request, session, 400, password_refused=str(error))
        return responses.redirect(request, ACCOUNT_PATH)

    async def _create_key(
        self, request: Request, session: Session, keys: OwnKeys, form: dict[str, str]
    ) -> Response:
        scopes = [name.removeprefix(_SCOPE_FIELD) for name in form if name.startswith(_SCOPE_FIELD)]
        try:
            keys.require_fresh(session)
            wanted = read_key_request(
                form.get("key_name"), scopes, form.get("expires_in"), keys.rules
            )
            key, record = await keys.create(session, wanted)
        except SignInTooOldError as error:
            anew = f"{keys.prove_anew_path(session)}&return_to={ACCOUNT_PATH}"
            return await self._page(request, session, error.status, prove_anew_url=anew)
        except (KeyRefusedError, TooManyKeysError) as error:
            return await self._page(request, session, error.status, refused=str(error))
        return await self._page(request, session, 201, made=key, made_name=record.name)

    async def _key_section(
        self, keys: OwnKeys, session: Session, news: Mapping[str, str]
    ) -> dict[str, object]:
        now, longest_s = self._deps.clock(), keys.rules.max_lifetime
        lifetimes = [s for s in _LIFETIMES_S if s <= longest_s] or [longest_s]
        return {
            "rows": [_key_row(record, now) for record in await keys.of(session.identity)],
            "scopes": keys.rules.grantable_scopes,
            **dict.fromkeys(("made", "made_name", "prove_anew_url", "refused")),
            **news,
            "lifetimes": [format_duration(seconds) for seconds in lifetimes],
        }

    def _row(self, info: SessionInfo, session: Session) -> dict[str, object]:
        current = info.session_id == session.session_id
        seen_at = self._deps.clock() if current else info.last_seen_at
        return {
            "id": info.session_id,
            "current": current,
            "device": info.device or "unknown",
            "client": info.client,
            "ip": info.ip,
            "provider": info.provider,
            "created": _time(info.created_at),
            "last_seen": _time(seen_at),
        }


def _key_row(record: KeyRecord, now: float) -> dict[str, object]:
    used_at = record.last_used_at
    return {
        "id": record.key_id,
        "name": record.name,
        "scopes": record.scopes,
        "routes": record.routes,
        "is_over": now >= record.expires_at,
        "expires": _time(record.expires_at),
        "created": _time(record.created_at),
        "last_used": None if used_at is None else _time(used_at),
    }


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
