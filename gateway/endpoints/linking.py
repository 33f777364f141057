"""Links an identity at a provider to the account of somebody who is signed in."""

import logging
from collections.abc import Mapping

from gateway import responses
from gateway.accounts.account import Account
from gateway.accounts.desk import AccountDesk
from gateway.accounts.manager import Accounts
from gateway.endpoints.deps import Deps
from gateway.endpoints.flows import KeptFlow
from gateway.endpoints.fresh import SignInTooOldError, require_fresh
from gateway.endpoints.new_session import from_own_page
from gateway.endpoints.own_act import own_act
from gateway.endpoints.parameters import SignInRequest
from gateway.endpoints.sign_in import SignIn
from gateway.errors import GatewayError
from gateway.message.public_url import own_path
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.model import Identity
from gateway.oidc.provider import Provider
from gateway.oidc.sign_in import finish_sign_in
from gateway.oidc.signed_in import SignedIn
from gateway.sessions.session import Session

_log = logging.getLogger(__name__)


class LinkInterruptedError(GatewayError):
    """The session that began to link an identity has ended, or another one took its place."""

    reason = "link-interrupted"
    status = 403


class Linking:
    """A code flow that ends with an identity linked, and never with a session.

    Which session began it is sealed in the flow's cookie, and the flow begins only with a form of
    this origin: neither a page of another site nor somebody else's callback can link anything.
    """

    def __init__(self, deps: Deps, accounts: Accounts, sign_in: SignIn) -> None:
        """Start flows with `sign_in`."""
        self._deps = deps
        self._accounts = accounts
        self._sign_in = sign_in

    async def begin(self, request: Request, session: Session, provider: Provider) -> Response:
        """Redirect to `provider`, where the user signs in anew; the caller checks the form.

        Raises:
            SignInTooOldError: The user must prove again who they are.
        """
        require_fresh(session, self._deps.clock())
        asked = SignInRequest(own_path(request, responses.ACCOUNT_PATH))
        return await self._sign_in.begin(request, provider, asked, link_session=session.session_id)

    async def finish(
        self, request: Request, provider: Provider, kept: KeptFlow, parameters: Mapping[str, str]
    ) -> Response:
        """Link the identity that the callback brings, and go back to the account page."""
        if self._is_without_cookies(request):
            target = request.target
            return from_own_page(f"{target.path}?{target.query}", ())
        here = own_path(request, responses.ACCOUNT_PATH)
        fields = (self._deps.cookies.no_own_cookie(request, kept.cookie),)
        try:
            # Before, so that nothing is redeemed in vain, and after, because that takes a while.
            session = await self._session(request, kept)
            found = await finish_sign_in(provider, kept.flow, parameters)
            try:
                session = await self._session(request, kept)
                identity = found.identity
                about = {"target_id": identity.subject, "name": identity.email or identity.user}
                async with own_act(self._deps, request, session, "identity.link", **about):
                    await self._link(session, identity)
            finally:
                await self._forget(provider, found)
        except GatewayError as error:
            name = provider.registration.name
            _log.warning(
                "linking at %s: %s: %s",
                name,
                error.reason,
                error,
                extra={"request_id": request.request_id},
            )
            signs_in = isinstance(error, (LinkInterruptedError, SignInTooOldError))
            return responses.problem(
                request,
                error.status,
                error.reason,
                sign_in=here if signs_in else "",
                fields=fields,
            )
        return responses.redirect(request, here, fields=fields)

    def _is_without_cookies(self, request: Request) -> bool:
        """Whether the browser kept back its session cookie because the provider sent it here.

        It sends a cookie with SameSite=Strict if a page of this site asks for the same once more.
        """
        came_from = request.fields.only(b"sec-fetch-site")
        return self._deps.cookies.same_site == "strict" and came_from == b"cross-site"

    async def _session(self, request: Request, kept: KeptFlow) -> Session:
        session = await self._deps.session(request)
        if session is None or session.session_id != kept.flow.link_session:
            raise LinkInterruptedError("the session that began it is not there")
        require_fresh(session, self._deps.clock())
        return session

    async def _link(self, session: Session, identity: Identity) -> None:
        account_id, account = await self._own_account(session)
        if account is None or account.is_disabled or account.local is None:
            raise LinkInterruptedError(f"account {account_id} has no local identity")
        # As `gatepost accounts link` does.
        await AccountDesk(self._accounts).link(identity.subject_key(), account_id)
        linked = await self._accounts.sign_in(identity)
        _log.info("account %s: an identity of %s was linked", account_id, identity.provider)
        _, account = await self._accounts.locate(linked.account_id or "")
        if account is not None:
            await self._deps.all_sessions.end_others_of(account.subjects, session.session_id)

    async def _own_account(self, session: Session) -> tuple[str, Account | None]:
        return await self._accounts.locate(session.identity.account_id or "")

    async def _forget(self, provider: Provider, found: SignedIn) -> None:
        """Nobody keeps the refresh token, so it must not stay good."""
        token = found.tokens.refresh_token
        if token is not None:
            try:
                await provider.revoke(token)
            except GatewayError as error:
                _log.warning("a refresh token could not be revoked: %s", error)
