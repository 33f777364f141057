"""A route and an upstream, compiled: all that the pipeline looks up instead of working out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from gateway.authn import Authenticator
from gateway.authz.access import Access
from gateway.forward.upstream import Upstream
from gateway.model import Identity
from gateway.mutate.cookies import cookies_to_app
from gateway.mutate.identity import IdentityFields
from gateway.mutate.outbound import FieldRules
from gateway.responses import Admission
from gateway.routing.route import Route

# Whose cookies none are: a request on a public route whose session the store could not tell.
UNKNOWN_OWNER = b"-" * 16


class CookieOwners:
    """Names the owners of an app's cookies by tags that tell nothing about them."""

    def __init__(self, digest: Callable[[str, str], str]) -> None:
        """Use `digest`, a keyed digest in hexadecimal of issuer and subject."""
        self._tag = lru_cache(maxsize=8192)(lambda i, s: digest(i, s)[:16].encode())

    def tag(self, identity: Identity) -> bytes:
        """The tag of `identity`; that of nobody for anonymous."""
        return self._tag(identity.issuer, identity.subject)


@dataclass(frozen=True, slots=True)
class UpstreamPlan:
    """How requests reach one upstream.

    Attributes:
        host: The Host it is sent; None for the client's own.
        owners: None where cookies are shared.
        own_cookies: Prefixes of the gateway's cookie names.
        logout_paths: A request to one of these ends the session.
    """

    upstream: Upstream
    host: bytes | None
    fields: FieldRules
    identity: IdentityFields
    owners: CookieOwners | None
    own_cookies: tuple[bytes, ...]
    logout_paths: frozenset[str]

    def cookies(self, sent: list[bytes], owner: bytes | None) -> bytes:
        """The Cookie value that goes on."""
        return cookies_to_app(sent, self.own_cookies, owner)


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """What is done with a request of one route.

    Attributes:
        to: None where the route forwards nothing.
        authenticators: The kinds of credential it accepts, by what their word counts.
    """

    route: Route
    access: Access
    admission: Admission
    authenticators: tuple[Authenticator, ...]
    to: UpstreamPlan | None
