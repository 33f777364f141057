"""``POST sign-in`` and ``sign-in/code``: signs in with a local password, and a second factor."""

import logging
import math
from typing import TYPE_CHECKING

from gateway import responses
from gateway.credentials.directory_sign_in import kept_for, sign_in_by_directory
from gateway.credentials.local import Local
from gateway.credentials.password_throttle import TooManyTriesError, WrongPasswordError
from gateway.credentials.second_factors import (
    CodeExpiredError,
    SecondFactorRequiredError,
    WrongCodeError,
)
from gateway.endpoints.code_step import ask_again, ask_for_code, end_step, open_step
from gateway.endpoints.deps import Deps
from gateway.endpoints.new_session import NO_TOKENS, begin_session
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.parameters import destination, read_whole_form
from gateway.endpoints.sign_in import SignIn
from gateway.errors import GatewayError, StoreUnavailableError
from gateway.kinds import LDAP, LOCAL
from gateway.message.public_url import own_path
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.model import Identity
from gateway.oidc.errors import SignInUnfinishedError
from gateway.sessions.session import ProviderTokens
from gateway.wording import phrase

if TYPE_CHECKING:
    from gateway.ldap.directory import Directory  # With the library of an extra.

_log = logging.getLogger(__name__)

_FIELDS = frozenset({"username", "password", "return_to"})
_CODE_FIELDS = frozenset({"step", "code", "return_to"})


class LocalSignIn:
    """Handler of the local form, for passwords here and in a directory."""

    def __init__(self, deps: Deps, local: Local, sign_in: SignIn) -> None:
        """Show the form again with `sign_in`."""
        self._deps = deps
        self._local = local
        self._sign_in = sign_in

    async def enter(self, request: Request, body: bytes) -> Response:
        """``POST sign-in``: ``username``, ``password`` and, if wanted, ``return_to``."""
        # Signing somebody in as another is an attack too (login CSRF).
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        form = read_whole_form(body) or {}
        if not {"username", "password"} <= form.keys() <= _FIELDS:
            return responses.problem(request, 400, "invalid-request")
        # Keyboards of phones add blanks.
        user, return_to = form["username"].strip(), destination(request, form.get("return_to"))
        source, now = LOCAL, self._deps.clock()
        try:
            async with self._local.tries.attempt(user, request.client, now):
                directory = await self._directory_of(user)
                source = LOCAL if directory is None else LDAP
                identity, tokens = await self._identity(directory, user, form["password"], now)
            return await begin_session(self._deps, request, identity, return_to, tokens=tokens)
        except SecondFactorRequiredError as required:
            return ask_for_code(self._deps, request, required, return_to)
        except WrongPasswordError as error:
            self._failed(request, error, source)
            told = phrase("User name or password is wrong.")
            return self._again(request, error, return_to, told, user)
        except TooManyTriesError as error:
            self._failed(request, error, source)
            return too_many_tries(request, error.wait_s)
        except GatewayError as error:
            return self._refused(request, error, return_to, source)

    async def enter_code(self, request: Request, body: bytes) -> Response:
        """``POST sign-in/code``: ``step``, ``code`` and, if wanted, ``return_to``."""
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        form = read_whole_form(body) or {}
        if not {"step", "code"} <= form.keys() <= _CODE_FIELDS:
            return responses.problem(request, 400, "invalid-request")
        return_to = destination(request, form.get("return_to"))
        try:
            identity = await self._proven(request, form["step"], form["code"])
            forget = end_step(self._deps, request)
            return await begin_session(self._deps, request, identity, return_to, forget)
        except WrongCodeError as error:
            self._failed(request, error)
            return ask_again(self._deps, request, form["step"], return_to)
        except (CodeExpiredError, WrongPasswordError) as error:
            self._failed(request, error)
            told = phrase("The step after the password is over. Enter your password again.")
            return self._again(request, error, return_to, told)
        except TooManyTriesError as error:
            self._failed(request, error)
            return too_many_tries(request, error.wait_s)
        except GatewayError as error:
            return self._refused(request, error, return_to)

    async def start_again(self, request: Request, _body: bytes) -> Response:
        """``GET sign-in/code``: to the password, because the form is gone."""
        return responses.redirect(request, own_path(request, responses.SIGN_IN_PATH))

    async def _proven(self, request: Request, sealed: str, code: str) -> Identity:
        step, now = open_step(self._deps, request, sealed), self._deps.clock()
        if step is None:
            raise CodeExpiredError("no step of this browser")
        account, proof = await self._local.factors.use(
            step.account_id, step.fingerprint, code, began_at=step.began_at, now=now
        )
        return await self._local.accounts.enter(step.account_id, account, proof, now)

    def _refused(
        self, request: Request, error: GatewayError, return_to: str, source: str = LOCAL
    ) -> Response:
        if isinstance(error, StoreUnavailableError):
            error = SignInUnfinishedError(str(error))
        self._failed(request, error, source)
        sign_in = responses.sign_in_location(request, return_to)
        return responses.problem(request, error.status, error.reason, sign_in=sign_in)

    async def _directory_of(self, user: str) -> "Directory | None":
        """The directory to ask about `user`.

        Never about who has a local password: it would learn that one, and could take the account.
        """
        directory = self._deps.directory
        if directory is None or await self._local.accounts.has_password(user):
            return None
        return directory

    async def _identity(
        self, directory: "Directory | None", user: str, password: str, now: float
    ) -> tuple[Identity, ProviderTokens]:
        if directory is None:
            return await self._local.accounts.sign_in(user, password, now), NO_TOKENS
        identity = await sign_in_by_directory(directory, self._local, user, password, now)
        return identity, kept_for(directory.recheck_s, now)

    def _again(
        self, request: Request, error: GatewayError, return_to: str, told: str, user: str = ""
    ) -> Response:
        if not request.is_navigation:
            return responses.rejected(request, error.reason)
        return self._sign_in.page(
            request, return_to, status=error.status, problem=told, username=user
        )

    def _failed(self, request: Request, error: GatewayError, source: str = LOCAL) -> None:
        extra = {"request_id": request.request_id}
        _log.warning("%s sign-in: %s: %s", source, error.reason, error, extra=extra)
        self._deps.on_sign_in(source, error.reason)


def too_many_tries(request: Request, wait_s: float) -> Response:
    """429, with the time after which another try counts."""
    fields = (("Retry-After", str(math.ceil(wait_s))),)
    return responses.problem(
        request, TooManyTriesError.status, TooManyTriesError.reason, fields=fields
    )
