"""CORS for a route: answers preflights, and lets scripts of some origins read answers.

Fetch standard, sections 3.2 and 4.8.
"""

from collections.abc import Awaitable, Collection
from dataclasses import replace

from gateway import responses
from gateway.forward.outbound import Outbound
from gateway.forward.response import ResponseRules
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.pipeline.verdict import Answer, Verdict

_ANY = b"*"
# An answer may only be given to a request of the same Origin again (Fetch, section 3.2.5).
_VARY = ("Vary", "Origin")
_VARY_PREFLIGHT = (
    "Vary",
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
)
# What tells a script how to go on after a refusal; others are hidden from it.
_EXPOSED = (
    "Access-Control-Expose-Headers",
    "RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id",
)
# The app's own word would contradict the gateway's: two values are as good as none.
OVERRULED = (b"access-control-allow-origin", b"access-control-allow-credentials")


class Cors:
    """The origins whose scripts may use a route, and how."""

    def __init__(
        self,
        origins: Collection[str],
        *,
        credentials: bool,
        methods: Collection[str],
        headers: Collection[str],
        max_age_s: int,
        answers: ResponseRules | None,
    ) -> None:
        """`methods` are the route's; `answers` pass on what an app says, less `OVERRULED`."""
        self._allowed = {it.encode(): _allowed(it, credentials=credentials) for it in origins}
        self._has_credentials = credentials
        self._answers = answers
        self._preflight: FieldList = (
            ("Access-Control-Allow-Methods", ", ".join(methods)),
            ("Access-Control-Allow-Headers", ", ".join(headers)),
            ("Access-Control-Max-Age", str(max_age_s)),
        )

    def trusts(self, request: Request) -> bool:
        """Whether `request` comes from an origin whose scripts may send the session cookie."""
        return self._has_credentials and request.fields.only(b"origin") in self._allowed

    def answer_preflight(self, request: Request) -> Response | None:
        """The answer to a preflight; None if its origin may not use the route."""
        allowed = self._allowed_to(request)
        if not allowed:
            return None
        return Response(204, (*allowed, *self._preflight, _VARY_PREFLIGHT, responses.NO_STORE))

    def open(self, response: Response, request: Request) -> Response:
        """The gateway's own `response` to `request`, readable for the origins."""
        allowed = self._allowed_to(request)
        return response.adding(*allowed, *((_EXPOSED,) if allowed else ()), _VARY)

    def announce(self, verdict: Verdict, request: Request) -> Verdict:
        """`verdict` with a response that scripts of the origins can read."""
        if isinstance(verdict, Answer):
            return replace(verdict, response=self.open(verdict.response, request))
        if isinstance(verdict, Outbound):
            if self._answers is not None:
                verdict.rules = self._answers
            fields = (*self._allowed_to(request), _VARY)
            verdict.added += "".join([f"{name}: {value}\r\n" for name, value in fields]).encode()
        return verdict

    async def announce_later(self, verdict: Awaitable[Verdict], request: Request) -> Verdict:
        """As `announce`, for a verdict that is still awaited."""
        return self.announce(await verdict, request)

    def _allowed_to(self, request: Request) -> FieldList:
        """The fields that let a script read the response; none if its origin is not listed."""
        if _ANY in self._allowed:
            return self._allowed[_ANY]
        origin = request.fields.only(b"origin")
        return () if origin is None else self._allowed.get(origin, ())


def _allowed(origin: str, *, credentials: bool) -> FieldList:
    allowed = ("Access-Control-Allow-Origin", origin)
    return (allowed, ("Access-Control-Allow-Credentials", "true")) if credentials else (allowed,)
