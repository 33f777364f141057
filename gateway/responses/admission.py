"""How clients may authenticate on a route."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Admission:
    """How clients may authenticate on a route.

    Attributes:
        credentials: The kinds that the route accepts; see `gateway.kinds`.
        unauthenticated: ``auto`` (navigations are sent to sign in, other requests are refused),
            ``sign_in`` (all are sent to sign in) or ``reject`` (all are refused).
        resource_metadata: URL of the RFC 9728 document that names the accepted issuers, or its
            path on the requested host.
        resources: Paths that have their own such document, longest first.
        scopes: The scopes that the route's rules ask for.
        ask: The route's name if people may ask for access to it; else ``""``.
        challenges: The schemes that a 401 names; if empty, those of `credentials`.
    """

    credentials: frozenset[str] = frozenset({"session"})
    unauthenticated: str = "auto"
    resource_metadata: str | None = None
    resources: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    challenges: tuple[str, ...] = ()
    ask: str = ""


SESSION_ONLY = Admission()
