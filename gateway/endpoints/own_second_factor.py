"""The account page's section for the second factor of a local password."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from urllib.parse import urlsplit

import orjson

from gateway.accounts.account import Account
from gateway.credentials.local import Local
from gateway.credentials.one_time_codes import new_totp_secret, otpauth_uri
from gateway.credentials.second_factors import WrongCodeError
from gateway.endpoints.account_section import Told
from gateway.endpoints.cookies import open_sealed, seal
from gateway.endpoints.deps import Deps
from gateway.endpoints.fresh import SignInTooOldError, prove_anew_here, require_fresh
from gateway.endpoints.own_act import own_act
from gateway.errors import GatewayError
from gateway.message.request import Request
from gateway.sessions.session import Session
from gateway.wording import phrase

_log = logging.getLogger(__name__)

_ACTION = "second_factor"
_CONFIRMS = frozenset({_ACTION, "setup", "code"})
_PURPOSE = "totp-setup"
# Time to install an app and to scan the picture.
_SETUP_S = 600

_Act = Callable[[Request, Session, Mapping[str, str]], Awaitable[Told | None]]


class NoSetUpError(GatewayError):
    """The form is of another session or account, or too old."""

    reason = "invalid-request"
    status = 400


class OwnSecondFactor:
    """Lets those who signed in with a local password turn an authenticator app on and off.

    All of it needs a sign-in of the last minutes.  A change ends the account's other sessions.
    """

    name = "second-factor"

    def __init__(self, deps: Deps, local: Local) -> None:
        self._deps = deps
        self._factors = local.factors
        self._acts: Mapping[str, _Act] = {
            "set-up": self._set_up,
            "turn-on": self._turn_on,
            "renew": self._renew,
            "turn-off": self._turn_off,
        }

    async def shown(self, request: Request, session: Session) -> Mapping[str, object] | None:
        """Whether it is on, for a session that began with a local password."""
        account_id, accounts = session.local_account_id, self._deps.accounts
        if account_id is None or accounts is None:
            return None
        account = await accounts.find(account_id)
        if account is None or account.password is None:
            return None
        factor = account.second_factor
        return {
            "is_on": factor is not None,
            "left": 0 if factor is None else len(factor.recovery),
            **dict.fromkeys(("setup", "secret", "uri", "codes", "prove_anew_url", "refused")),
        }

    def takes(self, fields: Set[str]) -> bool:
        """``second_factor``, which says what to do; ``setup`` and ``code`` to turn it on."""
        return fields in ({_ACTION}, _CONFIRMS)

    async def act(self, request: Request, session: Session, form: Mapping[str, str]) -> Told | None:
        """Do what ``second_factor`` says.

        Raises:
            NoSetUpError: The form is none of the page's.
            SecondFactorChangedError: It was turned on or off meanwhile.
        """
        act = self._acts.get(form[_ACTION])
        if act is None or (act == self._turn_on) != ("code" in form):
            raise NoSetUpError("an unknown form")
        try:
            return await act(request, session, form)
        except SignInTooOldError as error:
            anew = prove_anew_here(request, session)
            return Told(error.status, {"prove_anew_url": anew})

    async def _set_up(self, request: Request, session: Session, _: Mapping[str, str]) -> Told:
        require_fresh(session, self._deps.clock())
        secret = new_totp_secret()
        data = orjson.dumps([secret, self._deps.clock()])
        setup = seal(self._deps.sessions.sealer, _PURPOSE, _bound(session), data)
        return Told(200, _offer(request, session, setup, secret))

    async def _turn_on(self, request: Request, session: Session, form: Mapping[str, str]) -> Told:
        # No newer sign-in than for `setup`: scanning the picture may take a while.
        secret = self._opened(session, form["setup"])
        try:
            async with own_act(self._deps, request, session, "second-factor.turn-on"):
                account, codes = await self._factors.turn_on(
                    _account_id(session), secret, form["code"], self._deps.clock()
                )
        except WrongCodeError:
            offer = _offer(request, session, form["setup"], secret)
            told = phrase("The code is wrong. Check that the clock of your phone is right.")
            return Told(400, {**offer, "refused": told})
        return await self._changed(request, session, account, "turned on", codes)

    async def _renew(self, request: Request, session: Session, _: Mapping[str, str]) -> Told:
        require_fresh(session, self._deps.clock())
        async with own_act(self._deps, request, session, "second-factor.renew-codes"):
            account, codes = await self._factors.renew_recovery(_account_id(session))
        return await self._changed(request, session, account, "got new recovery codes", codes)

    async def _turn_off(self, request: Request, session: Session, _: Mapping[str, str]) -> None:
        require_fresh(session, self._deps.clock())
        async with own_act(self._deps, request, session, "second-factor.turn-off"):
            account = await self._factors.turn_off(_account_id(session))
        await self._changed(request, session, account, "turned off")

    async def _changed(
        self,
        request: Request,
        session: Session,
        account: Account,
        how: str,
        codes: Sequence[str] = (),
    ) -> Told:
        await self._deps.all_sessions.end_others_of(account.subjects, session.session_id)
        _log.info(
            "account %s: second factor %s",
            _account_id(session),
            how,
            extra={"request_id": request.request_id},
        )
        return Told(200, {"codes": codes})

    def _opened(self, session: Session, setup: str) -> str:
        data = open_sealed(self._deps.sessions.sealer, _PURPOSE, _bound(session), setup)
        secret, at = ("", 0.0) if data is None else orjson.loads(data)
        if abs(self._deps.clock() - at) > _SETUP_S:
            raise NoSetUpError("no set-up of this session, or too old")
        return str(secret)


def _offer(request: Request, session: Session, setup: str, secret: str) -> dict[str, object]:
    # Without the port: apps read a colon as the end of the site's name.
    site = urlsplit(request.public_url).hostname or request.host
    return {
        "setup": setup,
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "uri": otpauth_uri(secret, session.identity.user, site),
    }


def _bound(session: Session) -> str:
    return f"{session.session_id} {_account_id(session)}"


def _account_id(session: Session) -> str:
    return session.identity.account_id or ""
