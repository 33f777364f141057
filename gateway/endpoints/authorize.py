"""``authorize``: signs a person in for a client, and gives the client a code (RFC 6749, 4.1)."""

import logging
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from gateway import responses
from gateway.authserver.client import Client
from gateway.authserver.consents import person_of
from gateway.authserver.grant import Grant
from gateway.authserver.judge import find_resources, kept_from, require_scopes
from gateway.authserver.person_claims import subject_of
from gateway.authserver.request import (
    AuthorizationError,
    AuthorizationRequest,
    Parameters,
    ReturnAddress,
    UnknownClientError,
    client_id_of,
    read_parameters,
    read_request,
    return_address,
)
from gateway.authserver.resources import Resource, routes_of, urls_of
from gateway.authserver.server import AuthServer
from gateway.endpoints.authorization_server import issuer_of
from gateway.endpoints.carried import Carrier
from gateway.endpoints.consent_page import consent_page
from gateway.endpoints.deps import Deps
from gateway.endpoints.needed_sign_in import SignInMarks, needed_sign_in
from gateway.endpoints.new_session import from_own_page
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.parameters import SignInRequest, read_whole_form
from gateway.errors import StoreUnavailableError
from gateway.message.public_url import OWN_PREFIX, own_path
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.message.return_to import safe_return_to
from gateway.model import StepUp
from gateway.oidc.tokens import BadTokenError
from gateway.sessions.session import Session

_log = logging.getLogger(__name__)

AUTHORIZE_PATH = f"{OWN_PREFIX}/authorize"
CONSENT_PATH = f"{OWN_PREFIX}/consent"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request whose client is known, and who can be told the outcome."""

    client: Client
    back: ReturnAddress
    parameters: Parameters
    query: str


class Authorize:
    """Handlers of ``authorize`` and ``consent``.

    Nothing is stored before a code is given: the request stays in the browser, in the sign-in's
    return address and, sealed, in the consent page's form.
    """

    def __init__(self, deps: Deps, server: AuthServer) -> None:
        self._deps = deps
        self._server = server
        self._marks = SignInMarks(deps)
        self._questions = Carrier(deps, "consent-question")

    async def ask(self, request: Request, _body: bytes) -> Response:
        """``GET``: a code, a sign-in first, or the question whether the client may have one.

        Raises:
            GatewayError: The client cannot be told.
        """
        if self._is_without_cookies(request):
            target = request.target
            return from_own_page(f"{target.path}?{target.query}", ())
        asked = await self._read(request, request.target.query)
        return await self._outcome(request, asked)

    def _is_without_cookies(self, request: Request) -> bool:
        """Whether the browser kept back its session cookie because another site sent it here.

        It sends a cookie with SameSite=Strict if a page of this site asks for the same once more.
        """
        came_from = request.fields.only(b"sec-fetch-site")
        return self._deps.cookies.same_site == "strict" and came_from == b"cross-site"

    async def ask_by_form(self, request: Request, body: bytes) -> Response:
        """``POST``: as `ask` (OpenID Connect Core 1.0, section 3.1.2.1).

        Goes on with GET, because browsers send no cookie with a form of another site.
        """
        form = read_whole_form(body)
        if form is None:
            return responses.problem(request, 400, "invalid-request")
        here = own_path(request, AUTHORIZE_PATH)
        return responses.redirect(request, f"{here}?{urlencode(form)}", status=303)

    async def answer(self, request: Request, body: bytes) -> Response:
        """``POST consent``: the person's answer to the question.

        Raises:
            GatewayError: The client cannot be told.
        """
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        form = read_whole_form(body) or {}
        session = await self._deps.session(request)
        query = None if session is None else self._open_question(session, form.get("question", ""))
        if session is None or query is None or form.get("answer") not in ("allow", "deny"):
            # Signed out, or another account, since the page was shown.
            return responses.problem(request, 400, "consent-lapsed")
        asked = await self._read(request, query)
        if form["answer"] == "deny":
            refused = AuthorizationError("access_denied", "the person said no")
            return self._tell(request, asked, refused)
        return await self._outcome(request, asked, consents=True)

    async def _read(self, request: Request, query: str) -> _Asked:
        parameters = read_parameters(query)
        client_id = client_id_of(parameters)
        client = await self._server.clients.find(client_id, request.client)
        if client is None:
            raise UnknownClientError(f"no client {client_id[:200]!r}")
        return _Asked(client, return_address(parameters, client), parameters, query)

    async def _outcome(
        self, request: Request, asked: _Asked, *, consents: bool = False
    ) -> Response:
        try:
            return await self._judge(request, asked, consents=consents)
        except AuthorizationError as refused:
            return self._tell(request, asked, refused)
        except StoreUnavailableError as error:
            _log.warning("authorize: %s", error, extra={"request_id": request.request_id})
            later = AuthorizationError("temporarily_unavailable", "try again later")
            return self._tell(request, asked, later)

    async def _judge(self, request: Request, asked: _Asked, *, consents: bool) -> Response:
        wanted = read_request(asked.parameters)
        resources = find_resources(self._server.resources, request, wanted.resources)
        scopes = require_scopes(asked.client, wanted.scopes, resources)
        session = await self._deps.session(request)
        sign_in = await self._sign_in_first(request, asked, wanted, session)
        if sign_in is not None or session is None:
            if "none" in wanted.prompts:
                raise AuthorizationError("login_required", "the person must sign in")
            return self._to_sign_in(request, asked, sign_in or SignInRequest())
        step_up = self._step_up(request, asked, session, scopes, resources)
        if step_up is not None:
            if "none" in wanted.prompts:
                raise AuthorizationError("login_required", "the person must prove more")
            return self._to_sign_in(request, asked, step_up)
        urls = urls_of(resources)
        if consents:
            await self._note_consent(asked.client, session, scopes, urls)
        elif await self._must_ask(asked, wanted, session, scopes, urls):
            if "none" in wanted.prompts:
                raise AuthorizationError("consent_required", "the person must be asked")
            return self._question(request, asked, session, scopes, resources)
        return await self._give_code(request, asked, wanted, session, scopes, resources)

    # What is asked for, and who may have it.

    async def _sign_in_first(
        self,
        request: Request,
        asked: _Asked,
        wanted: AuthorizationRequest,
        session: Session | None,
    ) -> SignInRequest | None:
        """The sign-in that must come first, or None if the session is enough."""
        if session is None:
            return needed_sign_in(wanted, None, request.received_at)
        if not self._is_new(asked, session):
            needed = needed_sign_in(wanted, session, request.received_at)
            if needed is not None:
                return needed
        return await self._other_person(asked, wanted, session)

    async def _other_person(
        self, asked: _Asked, wanted: AuthorizationRequest, session: Session
    ) -> SignInRequest | None:
        """The sign-in that is needed because the client expects somebody else, or None.

        Raises:
            AuthorizationError: The hint is not ours, or somebody else has signed in again.
        """
        if wanted.id_token_hint is None:
            return None
        try:
            hint = await self._server.id_token_keys.verify(wanted.id_token_hint)
        except BadTokenError:
            raise AuthorizationError("invalid_request", "id_token_hint is not ours") from None
        if hint.claims.get("sub") == subject_of(session.identity):
            return None
        if self._is_new(asked, session):
            raise AuthorizationError("login_required", "another person has signed in")
        return SignInRequest(other_account=True)

    def _is_new(self, asked: _Asked, session: Session) -> bool:
        """Whether the person signed in for this request.

        Whatever was asked of the provider, it is asked once: nobody goes round in circles.
        """
        return self._marks.is_new(asked.parameters, asked.query, session)

    def _step_up(
        self,
        request: Request,
        asked: _Asked,
        session: Session,
        scopes: frozenset[str],
        resources: tuple[Resource, ...],
    ) -> SignInRequest | None:
        """The sign-in that the rules of client and resources need besides, or None.

        Raises:
            AuthorizationError: The rules keep the person out.
        """
        found = kept_from(
            self._server.resources, request, resources, asked.client, session.identity, scopes
        )
        if found is None:
            return None
        where, decision = found
        if isinstance(decision, StepUp) and not self._is_new(asked, session):
            return SignInRequest(max_age_s=decision.max_age_s, acr=decision.acr)
        _log.info(
            "authorize: %s may not use %s: %s",
            session.identity.user,
            where,
            decision.reason,
            extra={"request_id": request.request_id},
        )
        raise AuthorizationError("access_denied", "the person may not use it")

    # The sign-in.

    def _to_sign_in(self, request: Request, asked: _Asked, how: SignInRequest) -> Response:
        here = own_path(request, AUTHORIZE_PATH)
        return_to = f"{here}?{self._marks.add(asked.query)}"
        if safe_return_to(return_to) != return_to:
            raise AuthorizationError("invalid_request", "the request is too long")
        query = replace(how, return_to=return_to).query()
        location = f"{own_path(request, responses.SIGN_IN_PATH)}?{query}"
        return responses.redirect(request, location)

    # The question.

    async def _must_ask(
        self,
        asked: _Asked,
        wanted: AuthorizationRequest,
        session: Session,
        scopes: frozenset[str],
        urls: tuple[str, ...],
    ) -> bool:
        client = asked.client
        if not client.asks_for_consent:
            return False
        if client.is_asked_every_time or "consent" in wanted.prompts:
            return True
        person = person_of(session.identity)
        consent = await self._server.consents.find(person, client.client_id)
        return consent is None or not consent.covers(scopes, urls)

    async def _note_consent(
        self, client: Client, session: Session, scopes: frozenset[str], urls: tuple[str, ...]
    ) -> None:
        await self._server.consents.give(
            session.identity, client.client_id, client.name, scopes, urls
        )

    def _question(
        self,
        request: Request,
        asked: _Asked,
        session: Session,
        scopes: frozenset[str],
        resources: tuple[Resource, ...],
    ) -> Response:
        # With the mark: the answer asks for no other sign-in.
        question = self._questions.seal(asked.query, session.session_id.encode())
        return consent_page(
            request,
            asked.client,
            asked.back.redirect_uri,
            session.identity,
            scopes,
            resources,
            action=own_path(request, CONSENT_PATH),
            question=question,
            until=self._deps.clock() + self._server.tokens.sessions.limits.absolute_s,
        )

    def _open_question(self, session: Session, question: str) -> str | None:
        """The query of the request that the person answers; None if it was not asked of them."""
        found = self._questions.open(question, session.session_id.encode())
        return None if found is None else found.text

    # The answer to the client.

    async def _give_code(
        self,
        request: Request,
        asked: _Asked,
        wanted: AuthorizationRequest,
        session: Session,
        scopes: frozenset[str],
        resources: tuple[Resource, ...],
    ) -> Response:
        code = await self._server.codes.issue(
            Grant(
                client=asked.client.client_id,
                redirect_uri=asked.back.redirect_uri,
                challenge=wanted.challenge,
                session=session,
                scopes=scopes,
                resources=urls_of(resources),
                routes=routes_of(resources),
                nonce=wanted.nonce,
                issued_at=self._deps.clock(),
                issuer=issuer_of(request),
            )
        )
        return self._back(request, asked, {"code": code}).about(session.identity)

    def _tell(self, request: Request, asked: _Asked, refused: AuthorizationError) -> Response:
        _log.info(
            "authorize: %s: %s",
            refused.error,
            refused.about,
            extra={"request_id": request.request_id},
        )
        told = {"error": refused.error, "error_description": refused.about}
        return self._back(request, asked, told)

    def _back(self, request: Request, asked: _Asked, told: dict[str, str]) -> Response:
        if asked.back.state is not None:
            told["state"] = asked.back.state
        # RFC 9207: the client compares it with the issuer that it asked.
        told["iss"] = issuer_of(request)
        uri = asked.back.redirect_uri
        location = f"{uri}{'&' if '?' in uri else '?'}{urlencode(told)}"
        return responses.redirect(request, location)
