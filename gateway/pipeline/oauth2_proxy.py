"""Answers proxies that ask as they asked oauth2-proxy: ``/oauth2/auth``.

nginx, as configured for oauth2-proxy, does not say which page it asks about, and passes on fields
that would say so from clients.  So with that dialect, none is read: the route that covers
``/oauth2/auth`` decides, and nobody passes without an identity.  Traefik and Caddy name the page.
"""

from collections.abc import Mapping

from gateway import responses
from gateway.authz.access import DENIED_BY_RULE, decide
from gateway.authz.facts import Facts
from gateway.bounded import remember
from gateway.message.original import OAUTH2_AUTH_PATH
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.model import Allow, Deny, Identity
from gateway.mutate.templates import Template
from gateway.pipeline.constraints import Constraints, read_constraints
from gateway.pipeline.decisions import deny
from gateway.pipeline.forward_auth import (
    Asking,
    answer_of,
    for_nginx,
    own_path_asked,
    refuse_question,
)
from gateway.pipeline.read import RequestReader
from gateway.pipeline.verdict import Answer, Serve, Verdict
from gateway.record.audit import Entry
from gateway.responses.permission import fields_of

_AUTH = OAUTH2_AUTH_PATH.encode()
_REMEMBERED, _REMEMBERED_CHARS = 256, 2048
_OK, _ACCEPTED = 200, 202
_REDIRECTS = frozenset({302, 303})
# Of the fields that an app gets, those that oauth2-proxy answers with.  Never the assertion: with
# its configuration, browsers can ask too, and their scripts would read it.
_TOLD = ("x-auth-request-", "authorization")


class OAuth2ProxyAuth(Asking):
    """Questions to ``/oauth2/auth``."""

    __slots__ = ("_constraints", "_told")

    def __init__(self, dialect: str, told: Mapping[str, Template]) -> None:
        """Answer in `dialect` with the fields `told`, and with the app's of the same kinds."""
        super().__init__(dialect, names_page=dialect != "nginx")
        self._told = told
        self._constraints: dict[str, Constraints] = {}

    def is_asked(self, request: Request) -> bool:
        """See Asking."""
        return request.target.raw.partition(b"?")[0] == _AUTH

    def read(self, entry: Entry, reader: RequestReader) -> Verdict | None:
        """See Asking."""
        refused = refuse_question(entry, by_get=True)
        if refused is not None:
            return refused
        # Here already, because a query that cannot be read is refused whoever asks.
        self._constraints_of(entry.request)
        if self.names_page:
            reader.reread(entry, self.dialect)
        else:
            reader.reread_bare(entry)
        entry.route = None
        return None

    def _constraints_of(self, question: Request) -> Constraints:
        query = question.target.query
        known = self._constraints.get(query)
        if known is None:
            known = read_constraints(query)
            if len(query) <= _REMEMBERED_CHARS:
                remember(self._constraints, query, known, _REMEMBERED)
        return known

    def conclude(self, entry: Entry, verdict: Verdict, question: Request) -> Verdict:
        """`verdict`, or a refusal if the identity does not meet what the question demands."""
        if isinstance(verdict, Serve):
            return own_path_asked(entry)
        if not isinstance(verdict, Answer) or verdict.response.status != _OK:
            return verdict
        constraints = self._constraints_of(question)
        request, identity = entry.request, entry.identity
        if identity.is_anonymous and not (self.names_page and constraints.demands_nothing):
            entry.decide("sign_in", "sign-in-required")
            return Answer(responses.rejected(request, "sign-in-required"))
        if constraints.access is not None:
            decision = decide(constraints.access, Facts(request, identity, request.received_at))
            if isinstance(decision, Deny):
                return deny(entry, decision)
            if not isinstance(decision, Allow):
                return deny(entry, Deny(DENIED_BY_RULE))
        elif constraints.refuses:
            return deny(entry, Deny(DENIED_BY_RULE))
        fields = self._fields(fields_of(verdict.response), identity)
        return Answer(Response(_OK, fields, verdict.response.body))

    def _fields(self, given: FieldList, identity: Identity) -> FieldList:
        kept = [field for field in given if not _is_identity(field) or _is_told(field)]
        names = {name.lower() for name, _ in kept}
        own = (
            (name, "" if identity.is_anonymous else template.fill(identity) or "")
            for name, template in self._told.items()
            if name.lower() not in names
        )
        return (*own, *kept)

    def reply(self, request: Request, verdict: Verdict) -> Verdict:
        """See Asking."""
        response = answer_of(request, verdict)
        if not self.names_page or response.status in _REDIRECTS:
            response = for_nginx(response)
        if response.status != _OK:
            return Answer(response)
        return Answer(Response(_ACCEPTED, response.fields, response.body))


def _is_identity(field: tuple[str, str]) -> bool:
    return field[0].lower() not in ("set-cookie", "cache-control", "retry-after")


def _is_told(field: tuple[str, str]) -> bool:
    return field[0].lower().startswith(_TOLD)
