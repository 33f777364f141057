"""Answers proxies that ask before they forward a request themselves (forward-auth)."""

from collections.abc import Awaitable, Collection
from dataclasses import dataclass

from gateway import responses
from gateway.errors import GatewayError, InternalError
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.pipeline.verdict import Answer, Verdict
from gateway.responses import NO_STORE
from gateway.responses.challenges import challenge


class AskedByGetError(GatewayError):
    """A question names the original method in a field, so its own method must be GET."""

    reason = "method-not-allowed"
    status = 405
    fields = (("Allow", "GET"),)


@dataclass(frozen=True, slots=True)
class ForwardAuth:
    """How the proxy in front asks, and what it is told.

    Attributes:
        dialect: ``nginx``, ``traefik``, ``caddy`` or ``envoy``.
        told: Names of the fields that every answer of status 200 has.
    """

    dialect: str
    told: Collection[str]

    def reply(self, request: Request, verdict: Verdict) -> Verdict:
        """`verdict` on `request` as an answer that this proxy understands."""
        if isinstance(verdict, Answer):
            response = _absolute(request, verdict.response)
        else:
            # Never forwarded here: the proxy does that.
            response = responses.for_error(request, InternalError("a question was not answered"))
        return Answer(_for_nginx(response) if self.dialect == "nginx" else response)

    async def reply_later(self, request: Request, verdict: Awaitable[Verdict]) -> Verdict:
        """As `reply`, for a verdict that is still awaited."""
        return self.reply(request, await verdict)


def go_ahead(lines: bytes, told: Collection[str], added: FieldList) -> Response:
    """The answer that lets the proxy forward the request, with the identity's field `lines`.

    A field of `told` without a value is empty, so that the proxy overwrites the client's own.
    """
    pairs = (line.partition(": ") for line in lines.decode().split("\r\n") if line)
    fields = tuple((name, value) for name, _, value in pairs)
    named = {name.lower() for name, _ in fields}
    empty = tuple((name, "") for name in told if name.lower() not in named)
    return Response(200, (*fields, *empty, *added, NO_STORE))


def _absolute(request: Request, response: Response) -> Response:
    """`response` with an absolute Location: Traefik resolves it against the gateway's address."""
    fields = tuple(
        (name, request.public_url + value if name == "Location" and value[:1] == "/" else value)
        for name, value in response.fields
    )
    return Response(response.status, fields, response.body)


def _for_nginx(response: Response) -> Response:
    """`response` with a status that ``auth_request`` understands; it turns others into 500.

    A redirect becomes 401, whose Location nginx's configuration can pass on.
    """
    if response.status in (200, 401, 403):
        return response
    if response.status not in (302, 303):
        return Response(403, response.fields, response.body)
    where = next(value for name, value in response.fields if name == "Location")
    # RFC 9110, section 15.5.2: a 401 has a challenge.
    return Response(401, (*response.fields, challenge("Gatepost", sign_in=where)), response.body)
