"""How a route lets a client prove who it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Admission:
    """How a route lets a client prove who it is.

    Attributes:
        credentials: The kinds that the route accepts; see `gateway.kinds`.
        unauthenticated: ``auto`` (navigations are sent to sign in, others refused),
            ``sign_in`` (all are sent to sign in) or ``reject`` (all are refused).
        resource_metadata: URL of the RFC 9728 document that says whose tokens are accepted, or
            its path on the host that is asked.
        resources: Paths that have such a document of their own, the longest first.
        scopes: Those that the route's rules ask for.
        challenges: The schemes that a 401 names; empty for those of `credentials`.
    """

    credentials: frozenset[str] = frozenset({"session"})
    unauthenticated: str = "auto"
    resource_metadata: str | None = None
    resources: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    challenges: tuple[str, ...] = ()


SESSION_ONLY = Admission()
