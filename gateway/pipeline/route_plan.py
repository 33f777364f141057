"""A route and an upstream, compiled to everything that the pipeline looks up."""

from dataclasses import dataclass, replace
from typing import Self

from gateway.authn import GUARDED, Authenticator
from gateway.authn.foreign import Foreign
from gateway.authz.access import Access
from gateway.errors import AmbiguousPathError
from gateway.forward.public_paths import AppCookies, CookiesOfPrefix
from gateway.forward.response import ResponseRules
from gateway.forward.upstream import Upstream
from gateway.limits import RateLimiter
from gateway.message.moving import moved_to
from gateway.message.request import Request
from gateway.message.request_head import RequestFraming
from gateway.mutate.cookies import MARK, OwnNames, cookies_to_app
from gateway.mutate.identity import IdentityFields
from gateway.mutate.outbound import (
    FieldRules,
    forwarded_lines,
    forwarded_lines_behind,
    steady_end,
    steady_start,
)
from gateway.mutate.owners import CookieOwners, OwnedCookies
from gateway.mutate.relocation import Relocation
from gateway.pipeline.cors import Cors
from gateway.responses import Admission
from gateway.routing.deprecation import Deprecation
from gateway.routing.route import Route


@dataclass(frozen=True, slots=True)
class UpstreamPlan:
    """How requests are sent to one upstream.

    Attributes:
        answers: What of the app's responses clients get.
        host: The Host to send; None for the client's own.
        owners: Separates the app's cookies by user; None if they are shared.
        fields_by_token: As `fields`, for a request whose Authorization was for the gateway.
        own_cookies: The gateway's cookie names.
        logout_paths: A request to one of these ends the session; see `signs_out`.
        ignores_case: Whether the app reads ``/Logout`` as ``/logout``.
        logout_then: Where a browser goes after sign-out: ``provider``, ``page`` or ``app``.
        relocation: Where the app has its paths; None if where clients have them.
        prefix: The beginning of the path that the app does not get; ``""`` for none.
    """

    upstream: Upstream
    answers: ResponseRules
    host: bytes | None
    fields: FieldRules
    fields_by_token: FieldRules
    identity: IdentityFields
    owners: CookieOwners | None
    own_cookies: OwnNames
    logout_paths: frozenset[str]
    ignores_case: bool
    logout_then: str
    relocation: Relocation | None = None
    prefix: str = ""

    def signs_out(self, path: str) -> bool:
        """Whether the decoded `path` is one of the app's sign-out paths."""
        if self.ignores_case:
            return path.casefold() in self.logout_paths
        return path in self.logout_paths

    def cookies_of(self, request: Request, owned: OwnedCookies | None) -> AppCookies | None:
        """How the browser gets the cookies that the app sets in its response to `request`."""
        # Every path of the route begins with the prefix, perhaps in another case.
        if self.prefix and request.target.path.count("/") == self.prefix.count("/"):
            return CookiesOfPrefix(self.prefix, owned)
        return owned

    def target(self, request: Request) -> bytes:
        """The target as the app has it.

        Raises:
            AmbiguousPathError: Servers could read it as a path that no rule was judged on.
        """
        moved = self.relocation
        if moved is None:
            return request.target.raw
        if moved_to(request) is not None:
            # The app might read Destination as the client does, or as one of its own paths.
            raise AmbiguousPathError("the app has another path, and Destination names one")
        return moved.target(request.target)

    def head(
        self,
        request: Request,
        framing: RequestFraming,
        *,
        proxy: str | None,
        owned: OwnedCookies | None,
        identity: bytes,
        trace: bytes,
        by_token: bool = False,
    ) -> bytes:
        """The head to send upstream, including the empty line.

        `identity` and `trace` are field lines; `proxy` is the trusted proxy that sent the request;
        `by_token` means that Authorization was for the gateway.

        Raises:
            AmbiguousPathError: See `target`.
        """
        # Most of the head follows from the client's fields and address, which repeat.  Only the
        # parts for the last address are cached, because there may be any number of addresses.
        derived = framing.fields.derived
        rules = self.fields_by_token if by_token else self.fields
        key, asked = (rules, self.prefix), (request.client, request.host, proxy)
        kept: tuple[tuple[str, str, str | None], bytes, bytes] | None = derived.get(key)
        if kept is not None and kept[0] == asked:
            start, end = kept[1], kept[2]
        else:
            start, end, may_keep = self._steady_parts(request, framing, rules, proxy, owned)
            if may_keep:
                derived[key] = asked, start, end
        method = request.method.encode()
        return b"".join((method, b" ", self.target(request), start, identity, trace, end))

    def _steady_parts(
        self,
        request: Request,
        framing: RequestFraming,
        rules: FieldRules,
        proxy: str | None,
        owned: OwnedCookies | None,
    ) -> tuple[bytes, bytes, bool]:
        """The parts, and whether they follow only from the fields, the client and its proxy."""
        sent = framing.fields.all(b"cookie")
        has_owners = any(MARK in field for field in sent)
        tags = owned.tags if has_owners and owned is not None else None
        cookies = cookies_to_app(sent, self.own_cookies, tags) if sent else b""
        if proxy is None:
            hops = forwarded_lines(request.client, request.public_url, request.host, self.prefix)
        else:
            hops = forwarded_lines_behind(request, proxy, self.prefix)
        host = request.host.encode() if self.host is None else self.host
        start = steady_start(framing, host=host, forwarded=hops)
        end = steady_end(framing, rules=rules, cookies=cookies)
        return start, end, not has_owners


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """What to do with requests of one route.

    Attributes:
        to: None if the route forwards nothing.
        authenticators: For the kinds of credential it accepts, in the order they count.
        guarded: Names (lower case) of fields in which an unknown credential is refused.
        limiter: None if there is no rate limit.
        deprecation: None if the route is not deprecated.
        foreign: Tells which credentials are left to the app; None if they are refused.
        cors: The origins whose scripts may use it; None if that is left to the app.
    """

    route: Route
    access: Access
    admission: Admission
    authenticators: tuple[Authenticator, ...]
    to: UpstreamPlan | None
    guarded: tuple[bytes, ...] = GUARDED
    limiter: RateLimiter | None = None
    deprecation: Deprecation | None = None
    foreign: Foreign | None = None
    cors: Cors | None = None

    def less_authorization(self) -> Self:
        """This plan for a request whose Authorization was for the gateway."""
        to = self.to
        return self if to is None else replace(self, to=replace(to, fields=to.fields_by_token))
