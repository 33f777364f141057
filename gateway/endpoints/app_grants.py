"""Gives tokens to apps whose users sign in at the provider (RFC 8693; RFC 6749, section 4.1.3)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from gateway.authserver.grant import is_verifier
from gateway.credentials.apps import App, Apps
from gateway.credentials.one_time_exchange import Brought
from gateway.credentials.provider_tokens import kept_tokens
from gateway.credentials.redirects import is_registered
from gateway.credentials.tokens import SCOPE_NOT_GRANTED, Issued
from gateway.endpoints.deps import Deps
from gateway.endpoints.oauth import OAuthError, device_of, required, take_turn
from gateway.errors import GatewayError
from gateway.message.request import Request
from gateway.model import Identity
from gateway.oidc.sign_in import redeem_for_app
from gateway.oidc.subject_token import MAX_AGE_S, Subject, replay_name
from gateway.sessions import ProviderTokens

# RFC 8693, section 2.1.
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
_ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a name
# RFC 6749, section 4.1.2: a code should live for ten minutes at most.
_CODE_S = 600.0
_SERVER_ERROR = 500


class AppGrants:
    """Exchanges what an app got at its provider.

    The apps are public clients, so what they send is the only proof.  Every grant therefore
    counts against the client's address until it turns out to be good.
    """

    def __init__(self, deps: Deps, apps: Apps) -> None:
        self._deps = deps
        self._apps = apps

    # RFC 8693.

    async def exchange(self, request: Request, form: dict[str, str], app: App) -> Issued:
        """Tokens for an ID or access token of the provider.

        Raises:
            OAuthError: It is refused.
            GatewayError: It could not be judged.
        """
        _judge_request(request, form)
        token = required(form, "subject_token")
        read = _reader(app, required(form, "subject_token_type"))

        async def trade() -> Issued:
            subject = await read(token)

            async def first() -> Issued:
                return await self._begin(request, form, app, subject)

            return await self._apps.once.redeem(
                Brought(app.name, "subject token", replay_name(token), (token,)),
                first,
                self._begin_again(request, form, app),
                keep_s=subject.issued_at + 2 * MAX_AGE_S - self._deps.clock(),
            )

        # RFC 8693, section 2.2.2: any problem with the subject token is invalid_request.
        return await self._throttled(request, app, trade, "invalid_request")

    # RFC 6749, section 4.1.3.

    async def relay(self, request: Request, form: dict[str, str], app: App) -> Issued:
        """Tokens for a code of the provider.

        Raises:
            OAuthError: It is refused.
            GatewayError: It could not be judged.
        """
        code, uri = required(form, "code"), required(form, "redirect_uri")
        verifier = required(form, "code_verifier")
        if not is_registered(uri, app.redirect_uris):
            # Without the query: an app that sends the whole callback URL has the code in it.
            detail = f"{app.name} has not registered {uri.partition('?')[0][:200]!r}"
            raise OAuthError("invalid_grant", "unknown-redirect-uri", detail=detail)
        if not is_verifier(verifier):
            about = "code_verifier must be 43 to 128 letters, digits and -._~"
            raise OAuthError("invalid_request", about=about)
        # Keyed by the code alone, because the provider accepts a code only once.
        brought = Brought(app.name, "code", code, (code, uri, verifier))

        async def first() -> Issued:
            found = await redeem_for_app(
                app.provider, code, redirect_uri=uri, code_verifier=verifier
            )
            subject = Subject(found.identity, found.provider_session, self._deps.clock())
            return await self._begin(request, form, app, subject, kept_tokens(found.tokens))

        async def trade() -> Issued:
            return await self._apps.once.redeem(
                brought, first, self._begin_again(request, form, app), keep_s=_CODE_S
            )

        return await self._throttled(request, app, trade, "invalid_grant")

    # Shared by both.

    async def _begin(
        self,
        request: Request,
        form: dict[str, str],
        app: App,
        subject: Subject,
        tokens: ProviderTokens | None = None,
    ) -> Issued:
        identity, accounts = subject.identity, self._deps.accounts
        if accounts is not None:
            identity = await accounts.claim(identity)
        return await self._apps.tokens.issue(
            _narrowed(identity, form),
            ProviderTokens() if tokens is None else tokens,
            client=app.name,
            device=device_of(request, form),
            ip=request.client,
            provider_sid=subject.provider_sid,
        )

    def _begin_again(
        self, request: Request, form: dict[str, str], app: App
    ) -> Callable[[str], Awaitable[Issued | None]]:
        async def again(ticket: str) -> Issued | None:
            tokens = self._apps.tokens
            session = await tokens.sessions.look_up(ticket, self._deps.clock())
            if session is None:
                return None
            return await tokens.issue(
                _narrowed(session.as_proven, form),
                session.tokens,
                client=app.name,
                device=device_of(request, form),
                ip=request.client,
                provider_sid=session.provider_sid,
                replaces=ticket,
            )

        return again

    async def _throttled(
        self, request: Request, app: App, trade: Callable[[], Awaitable[Issued]], error: str
    ) -> Issued:
        """Run `trade`; a refusal counts against the client's address and is reported as `error`."""
        take_turn(self._apps.tokens.wrong, request)
        provider = app.provider.registration.name
        try:
            issued = await trade()
        except GatewayError as refused:
            self._deps.on_sign_in(provider, refused.reason)
            if refused.status >= _SERVER_ERROR:
                # It is unknown whether the credential is good.
                self._apps.tokens.wrong.give_back(request.client)
                raise
            raise OAuthError(error, refused.reason, detail=str(refused)) from refused
        except OAuthError:
            # The credential is good; the request only asked for too much.
            self._apps.tokens.wrong.give_back(request.client)
            raise
        self._apps.tokens.wrong.give_back(request.client)
        self._deps.on_sign_in(provider, "success")
        return issued


def _reader(app: App, kind: str) -> Callable[[str], Awaitable[Subject]]:
    if kind == _ID_TOKEN:
        return app.subjects.read_id_token
    if kind == ACCESS_TOKEN:
        return app.subjects.read_access_token
    about = f"subject_token_type must be {_ID_TOKEN} or {ACCESS_TOKEN}"
    raise OAuthError("invalid_request", about=about)


def _judge_request(request: Request, form: dict[str, str]) -> None:
    """Refuse what RFC 8693, section 2.1, allows in a request but we do not support."""
    if "actor_token" in form:
        raise OAuthError("invalid_request", about="actor_token: delegation is not supported")
    if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise OAuthError("invalid_request", about=f"only {ACCESS_TOKEN} can be requested")
    for name in ("resource", "audience"):
        if form.get(name, request.public_url).rstrip("/") != request.public_url:
            about = f"{name}: tokens are only for {request.public_url}"
            raise OAuthError("invalid_target", about=about)


def _narrowed(identity: Identity, form: dict[str, str]) -> Identity:
    """`identity` with the requested scopes, all of which it must have."""
    if "scope" not in form:
        return identity
    wanted = frozenset(form["scope"].split())
    if not wanted <= identity.scopes:
        raise OAuthError("invalid_scope", SCOPE_NOT_GRANTED)
    return replace(identity, scopes=wanted)
