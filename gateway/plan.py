"""A route and an upstream, compiled: all that the pipeline looks up instead of working out."""

from dataclasses import dataclass

from gateway.authn import Authenticator
from gateway.authz.access import Access
from gateway.forward.upstream import Upstream
from gateway.message.fields import Fields
from gateway.mutate.cookies import MARK, OwnNames, cookies_to_app
from gateway.mutate.identity import IdentityFields
from gateway.mutate.outbound import FieldRules
from gateway.mutate.owners import CookieOwners, OwnedCookies
from gateway.responses import Admission
from gateway.routing.route import Route

@dataclass(frozen=True, slots=True)
class UpstreamPlan:
    """How requests reach one upstream.

    Attributes:
        host: The Host it is sent; None for the client's own.
        owners: None where cookies are shared.
        own_cookies: The gateway's cookie names.
        logout_paths: A request to one of these ends the session.
    """

    upstream: Upstream
    host: bytes | None
    fields: FieldRules
    identity: IdentityFields
    owners: CookieOwners | None
    own_cookies: OwnNames
    logout_paths: frozenset[str]

    def cookies(self, of: Fields, owned: OwnedCookies | None) -> bytes:
        """The Cookie value that goes on; ``b""`` for none."""
        derived = of.derived
        value: bytes | None = derived.get(self.own_cookies)
        if value is not None:
            return value
        sent = of.all(b"cookie")
        if not sent:
            return b""
        if any(MARK in field for field in sent):
            # Whose they are does not follow from the fields alone.
            return cookies_to_app(sent, self.own_cookies, None if owned is None else owned.tags)
        value = derived[self.own_cookies] = cookies_to_app(sent, self.own_cookies, None)
        return value


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
