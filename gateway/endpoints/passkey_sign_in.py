"""``sign-in/passkey``: signs in with a passkey, alone or in place of a code after a password."""

import logging
from http import HTTPStatus

from gateway import responses
from gateway.credentials.local import Local
from gateway.credentials.passkey_proofs import WrongPasskeyError, encoded
from gateway.credentials.passkeys import Used
from gateway.credentials.second_factors import CodeExpiredError, fingerprint_of
from gateway.endpoints.code_step import end_step, open_step
from gateway.endpoints.deps import Deps
from gateway.endpoints.json_body import read_json
from gateway.endpoints.local_sign_in import too_many_tries
from gateway.endpoints.new_session import begin_session_for_script
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.parameters import destination
from gateway.endpoints.passkey_challenges import (
    VALID_S,
    PasskeyExpiredError,
    find_challenge,
    new_challenge,
    site_of,
    spend_challenge,
)
from gateway.errors import GatewayError, StoreUnavailableError
from gateway.kinds import LOCAL
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.model import Identity
from gateway.oidc.errors import SignInUnfinishedError

_log = logging.getLogger(__name__)


class PasskeySignIn:
    """Handlers that the script of the sign-in page calls."""

    def __init__(self, deps: Deps, local: Local) -> None:
        self._deps = deps
        self._local = local

    async def options(self, request: Request, _body: bytes) -> Response:
        """``POST sign-in/passkey/options``: what ``navigator.credentials.get()`` is to ask."""
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        challenge, fields = new_challenge(self._deps, request, "sign-in")
        # No `allowCredentials`: the browser offers what it has, and no name is asked or told.
        asked = {
            "challenge": encoded(challenge),
            "rpId": site_of(request).rp_id,
            "userVerification": "required",
            "timeout": VALID_S * 1000,
        }
        return responses.json_answer(request, 200, asked, fields=fields)

    async def enter(self, request: Request, body: bytes) -> Response:
        """``POST sign-in/passkey`` of ``{credential, return_to, step}``: 200 ``{return_to}``.

        With ``step``, it goes on after a password, as ``sign-in/code`` does.
        """
        # Signing somebody in as another is an attack too (login CSRF).
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        given = read_json(body, {"credential"}, {"return_to", "step"})
        step = None if given is None else given.get("step", "")
        if given is None or not isinstance(given["credential"], dict) or not isinstance(step, str):
            return responses.problem(request, 400, "invalid-request")
        wanted = given.get("return_to")
        return_to = destination(request, wanted if isinstance(wanted, str) else None)
        throttle, client = self._local.passkey_tries, request.client
        wait_s = throttle.take(client, self._deps.clock())
        if wait_s:
            return too_many_tries(request, wait_s)
        try:
            identity, fields = await self._identity(request, given["credential"], step)
            answer = await begin_session_for_script(
                self._deps, request, identity, return_to, fields
            )
        except (WrongPasskeyError, PasskeyExpiredError, CodeExpiredError) as error:
            return self._refused(request, error)
        except GatewayError as error:
            throttle.give_back(client)
            return self._refused(request, error)
        throttle.give_back(client)
        return answer

    async def _identity(
        self, request: Request, credential: dict[str, object], sealed: str
    ) -> tuple[Identity, FieldList]:
        deps, passkeys, now = self._deps, self._local.passkeys, self._deps.clock()
        challenge = find_challenge(deps, request, credential, "sign-in")
        used = await passkeys.check(credential, challenge, site_of(request), now)
        if sealed:
            self._require_step(request, used, sealed)
        fields = await spend_challenge(deps, request, challenge)
        identity = await passkeys.sign_in(used, now, after_password=bool(sealed))
        return identity, (*fields, *(end_step(deps, request) if sealed else ()))

    def _require_step(self, request: Request, used: Used, sealed: str) -> None:
        step = open_step(self._deps, request, sealed)
        if step is None:
            raise CodeExpiredError("no step of this browser")
        if step.account_id != used.account_id:
            raise WrongPasskeyError(f"account {step.account_id}: the passkey is another account's")
        if step.fingerprint != fingerprint_of(used.account):
            raise CodeExpiredError(f"account {step.account_id} was changed meanwhile")

    def _refused(self, request: Request, error: GatewayError) -> Response:
        if isinstance(error, StoreUnavailableError):
            error = SignInUnfinishedError(str(error))
        _log.warning(
            "passkey sign-in: %s: %s", error.reason, error, extra={"request_id": request.request_id}
        )
        self._deps.on_sign_in(LOCAL, error.reason)
        if error.status == HTTPStatus.UNAUTHORIZED:
            return responses.rejected(request, error.reason)
        return responses.problem(request, error.status, error.reason)
