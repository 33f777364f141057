"""Answers proxies that ask before they forward a request themselves (forward-auth)."""

from collections.abc import Collection
from typing import Final

from gateway import responses
from gateway.errors import GatewayError, InternalError
from gateway.message.original import is_question
from gateway.message.public_url import origin_of
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.model import Deny
from gateway.pipeline.decisions import deny
from gateway.pipeline.read import RequestReader
from gateway.pipeline.verdict import Answer, Serve, Verdict
from gateway.record.audit import Entry
from gateway.responses.challenges import challenge
from gateway.routing.route import RESERVED

_OK: Final = 200
_RESERVED: Final = RESERVED.name


class AskedByGetError(GatewayError):
    """A question names the original method in a field, so its own method must be GET."""

    reason = "method-not-allowed"
    status = 405
    fields = (("Allow", "GET"),)


class Asking:
    """How proxies ask, and how they are answered.

    Attributes:
        dialect: ``nginx``, ``traefik``, ``caddy`` or ``envoy``.
        names_page: Whether a question says which page it is about.
    """

    __slots__ = ("dialect", "names_page")

    def __init__(self, dialect: str, *, names_page: bool) -> None:
        self.dialect = dialect
        self.names_page = names_page

    def is_asked(self, request: Request) -> bool:
        """Whether `request` asks about another one."""
        raise NotImplementedError

    def read(self, entry: Entry, reader: RequestReader) -> Verdict | None:
        """Make the request that a proxy asks about that of `entry`, or refuse the question.

        Raises:
            GatewayError: The question cannot be answered.
        """
        raise NotImplementedError

    def conclude(self, entry: Entry, verdict: Verdict, question: Request) -> Verdict:
        """The decision about the request of `entry`, for which `verdict` was reached."""
        raise NotImplementedError

    def reply(self, request: Request, verdict: Verdict) -> Verdict:
        """`verdict` on `request` as an answer that the proxy understands."""
        raise NotImplementedError


class ForwardAuth(Asking):
    """Questions to ``/_gatepost/auth``.

    Attributes:
        told: Names of the fields that every answer of status 200 has.
    """

    __slots__ = ("told",)

    def __init__(self, dialect: str, told: Collection[str]) -> None:
        super().__init__(dialect, names_page=True)
        self.told = told

    def is_asked(self, request: Request) -> bool:
        """See Asking."""
        return is_question(request, self.dialect)

    def read(self, entry: Entry, reader: RequestReader) -> Verdict | None:
        """See Asking."""
        refused = refuse_question(entry, by_get=self.dialect != "envoy")
        if refused is not None:
            return refused
        reader.reread(entry, self.dialect)
        entry.route = None
        return None

    def conclude(self, entry: Entry, verdict: Verdict, question: Request) -> Verdict:
        """See Asking."""
        return own_path_asked(entry) if isinstance(verdict, Serve) else verdict

    def reply(self, request: Request, verdict: Verdict) -> Verdict:
        """See Asking."""
        if isinstance(verdict, Answer) and verdict.response.status == _OK:
            return verdict
        response = answer_of(request, verdict)
        return Answer(for_nginx(response) if self.dialect == "nginx" else response)


def refuse_question(entry: Entry, *, by_get: bool) -> Verdict | None:
    """The refusal of a question that nobody may ask so; None if there is no reason to refuse it.

    Raises:
        AskedByGetError: It must come by GET, and does not.
    """
    entry.route = _RESERVED
    if not entry.trusted:
        return deny(entry, Deny("untrusted-proxy"))
    if by_get and entry.request.method != "GET":
        raise AskedByGetError(entry.request.method)
    return None


def own_path_asked(entry: Entry) -> Verdict:
    """The answer to a question about the gateway's own paths.

    No app has them; the proxy must send them to the gateway itself.
    """
    entry.route = None
    return deny(entry, Deny("no-route", status=404))


def answer_of(request: Request, verdict: Verdict) -> Response:
    """The answer that `verdict` is, with an absolute Location."""
    if isinstance(verdict, Answer):
        return _absolute(request, verdict.response)
    # Never forwarded here: the proxy does that.
    return responses.for_error(request, InternalError("a question was not answered"))


def _absolute(request: Request, response: Response) -> Response:
    """`response` with an absolute Location: Traefik resolves it against the gateway's address."""
    origin = origin_of(request.public_url)
    fields = tuple(
        (name, origin + value if name == "Location" and value[:1] == "/" else value)
        for name, value in response.fields
    )
    return Response(response.status, fields, response.body)


def for_nginx(response: Response) -> Response:
    """`response` with a status that ``auth_request`` understands; it turns others into 500.

    A redirect becomes 401, whose Location nginx's configuration can pass on.
    """
    if response.status in (_OK, 401, 403):
        return response
    if response.status not in (302, 303):
        return Response(403, response.fields, response.body)
    where = next(value for name, value in response.fields if name == "Location")
    # RFC 9110, section 15.5.2: a 401 has a challenge.
    return Response(401, (*response.fields, challenge("Gatepost", sign_in=where)), response.body)
