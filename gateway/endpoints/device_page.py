"""``device``: the person types the code of a device, and lets it act for them or not.

Nothing is looked up before a form of this page is sent, so no link and no other site can spend a
person's tries, or show them the question.
"""

import logging
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from gateway import responses
from gateway.authserver.client import Client
from gateway.authserver.consents import person_of
from gateway.authserver.devices import DeviceCode
from gateway.authserver.grant import Grant
from gateway.authserver.judge import find_resources, kept_from, require_scopes
from gateway.authserver.request import AuthorizationError
from gateway.authserver.resources import Resource, routes_of, urls_of
from gateway.authserver.server import AuthServer
from gateway.authserver.user_code import read_user_code, shown_user_code
from gateway.credentials.throttle import Throttle
from gateway.endpoints.authorization_server import issuer_of
from gateway.endpoints.carried import Carrier
from gateway.endpoints.consent_page import consent_values
from gateway.endpoints.deps import Deps
from gateway.endpoints.device_authorization import DEVICE_PATH
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.parameters import SignInRequest, read_form, read_whole_form
from gateway.message.public_url import own_path
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.model import StepUp
from gateway.sessions.device import shown_device
from gateway.sessions.session import Session
from gateway.wording import phrase

_log = logging.getLogger(__name__)

# When the person was sent to sign in for this code, sealed; of our own making.
_SINCE = "gatepost_since"
# RFC 8628, section 5.1: few enough that no code is found while it is good.  Whoever types a code
# has signed in, so people are counted too, whatever their addresses.
_TRIES, _TRIES_PER_S = 10, 600.0
_UNKNOWN = phrase(
    "This code is not one that we know. It may have expired: codes are good for ten minutes."
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A sign-in that the person may answer."""

    code: str
    found: DeviceCode
    client: Client
    resources: tuple[Resource, ...]
    scopes: frozenset[str]


class DevicePage:
    """Handlers of ``device``."""

    def __init__(self, deps: Deps, server: AuthServer) -> None:
        self._deps = deps
        self._server = server
        self._marks = Carrier(deps, "device-since")
        self._questions = Carrier(deps, "device-question")
        self._wrong = Throttle(_TRIES, _TRIES_PER_S)

    async def show(self, request: Request, _body: bytes) -> Response:
        """``GET``: the form for the code, filled in if the link has one; a sign-in first."""
        given = read_form(request.target.query)
        code = read_user_code(given.get("user_code", ""))
        if await self._deps.session(request) is None:
            return self._to_sign_in(request, SignInRequest(), code)
        return self._form(request, code, mark=given.get(_SINCE, ""))

    async def take(self, request: Request, body: bytes) -> Response:
        """``POST``: the question that goes with a code, or the person's answer to it."""
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        form = read_whole_form(body) or {}
        session = await self._deps.session(request)
        if "answer" in form:
            return await self._answer(request, session, form)
        code = read_user_code(form.get("user_code", ""))
        if session is None:
            return self._to_sign_in(request, SignInRequest(), code)
        person = person_of(session.identity)
        wait_s = self._take_turn(request, person)
        if wait_s:
            later = (("Retry-After", str(int(wait_s) + 1)),)
            return responses.problem(request, 429, "credential-throttled", fields=later)
        with (
            self._wrong.weigh(request.client, counts=True) as of_address,
            self._wrong.weigh(person, counts=True) as of_person,
        ):
            asked = None if code is None else await self._find(request, code)
            of_address.is_bad = of_person.is_bad = asked is None
        if asked is None:
            return self._form(request, code, problem=_UNKNOWN)
        return self._kept_from(request, asked, session, form.get(_SINCE, "")) or self._question(
            request, asked, session
        )

    async def _answer(
        self, request: Request, session: Session | None, form: dict[str, str]
    ) -> Response:
        context = b"" if session is None else session.session_id.encode()
        question = self._questions.open(form.get("question", ""), context)
        if session is None or question is None or form["answer"] not in ("allow", "deny"):
            # Signed out, or another account, since the page was shown.
            return responses.problem(request, 400, "consent-lapsed")
        asked = await self._find(request, question.text)
        if asked is None:
            return responses.problem(request, 400, "consent-lapsed")
        grant = None
        if form["answer"] == "allow":
            kept_from = self._kept_from(request, asked, session, "")
            if kept_from is not None:
                return kept_from
            grant = self._grant(request, asked, session)
        if not await self._server.devices.answer(asked.code, asked.found, grant):
            return responses.problem(request, 400, "consent-lapsed")
        _log.info(
            "device: %s %s %s",
            session.identity.user,
            "denied" if grant is None else "allowed",
            asked.client.client_id,
            extra={"request_id": request.request_id},
        )
        shown = responses.page(
            request, 200, "device-done", client=asked.client.name, is_allowed=grant is not None
        )
        return shown.about(session.identity)

    # What is asked for.

    async def _find(self, request: Request, code: str) -> _Asked | None:
        found = await self._server.devices.by_user_code(code)
        # A device that asked another host would get tokens for that one.
        if found is None or found.request.issuer != issuer_of(request):
            return None
        client = self._server.clients.configured.get(found.request.client)
        if client is None or not client.may_use_devices:
            return None
        try:
            urls = found.request.resources
            resources = find_resources(self._server.resources, request, urls)
            scopes = require_scopes(client, found.request.scopes, resources)
        except AuthorizationError:
            # The configuration has changed since.
            return None
        return _Asked(code, found, client, resources, scopes)

    def _kept_from(
        self, request: Request, asked: _Asked, session: Session, mark: str
    ) -> Response | None:
        """What the rules of client and resources send the person to; None if they may go on."""
        server, who = self._server, session.identity
        kept = kept_from(
            server.resources, request, asked.resources, asked.client, who, asked.scopes
        )
        if kept is None:
            return None
        where, decision = kept
        sent = self._marks.open(mark, asked.code.encode())
        has_tried = sent is not None and session.created_at >= sent.at
        if isinstance(decision, StepUp) and not has_tried:
            how = SignInRequest(max_age_s=decision.max_age_s, acr=decision.acr)
            return self._to_sign_in(request, how, asked.code)
        _log.info(
            "device: %s may not use %s: %s",
            who.user,
            where,
            decision.reason,
            extra={"request_id": request.request_id},
        )
        return responses.problem(request, 403, "resource-not-allowed").about(who)

    def _grant(self, request: Request, asked: _Asked, session: Session) -> Grant:
        return Grant(
            client=asked.client.client_id,
            redirect_uri="",
            challenge="",
            session=session,
            scopes=asked.scopes,
            resources=urls_of(asked.resources),
            routes=routes_of(asked.resources),
            nonce=None,
            issued_at=self._deps.clock(),
            issuer=issuer_of(request),
        )

    # Pages.

    def _to_sign_in(self, request: Request, how: SignInRequest, code: str | None) -> Response:
        return_to = own_path(request, DEVICE_PATH)
        if code is not None:
            mark = self._marks.seal("", code.encode())
            return_to += "?" + urlencode({"user_code": shown_user_code(code), _SINCE: mark})
        query = replace(how, return_to=return_to).query()
        where = f"{own_path(request, responses.SIGN_IN_PATH)}?{query}"
        return responses.redirect(request, where)

    def _form(
        self, request: Request, code: str | None, *, mark: str = "", problem: str | None = None
    ) -> Response:
        return responses.page(
            request,
            200 if problem is None else 400,
            "device",
            code="" if code is None else shown_user_code(code),
            mark=mark,
            problem=problem,
            action=own_path(request, DEVICE_PATH),
        )

    def _question(self, request: Request, asked: _Asked, session: Session) -> Response:
        made = asked.found.request
        values = consent_values(
            request,
            asked.client,
            session.identity,
            asked.scopes,
            asked.resources,
            action=own_path(request, DEVICE_PATH),
            question=self._questions.seal(asked.code, session.session_id.encode()),
            until=self._deps.clock() + self._server.tokens.sessions.limits.absolute_s,
        )
        return responses.page(
            request,
            200,
            "device-consent",
            **values,
            code=shown_user_code(asked.code),
            device=shown_device(made.device),
            ip=made.ip,
            asked_at=made.asked_at,
        )

    def _take_turn(self, request: Request, person: str) -> float:
        """Count a try of this address and this person; seconds to wait if it is one too many."""
        now = request.received_at
        wait_s = self._wrong.wait_s(request.client, now) or self._wrong.take(person, now)
        if not wait_s:
            self._wrong.take(request.client, now)
        return wait_s
