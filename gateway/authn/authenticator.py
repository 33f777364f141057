"""The authenticator protocol: its outcomes, and `Pending` for credentials that need a lookup."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from gateway.message.request import Request
from gateway.model import Identity

SESSION_EXPIRED = "session-expired"


@dataclass(slots=True, init=False, unsafe_hash=True)
class Authenticated:
    """The credential is good.  Never modified."""

    identity: Identity

    def __init__(self, identity: Identity) -> None:
        self.identity = identity


@dataclass(frozen=True, slots=True)
class NotPresented:
    """The request has no credential of this kind, so the next authenticator may look."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The request has a credential and it is bad.  No weaker credential is tried instead.

    Attributes:
        reason: Public, stable, kebab-case.
        detail: Only logged.
        status: 401; 400 if the request contradicts itself; 429 if the credential was not checked.
        lapsed: Whether it was only an ended session, and no other credential was sent.  Then a
            route with optional access continues as anonymous, and a navigation signs in again.
        kind: The kind, as in `Authenticator.credential`; ``other`` if unknown.
    """

    reason: str
    detail: str = ""
    status: int = 401
    lapsed: bool = False
    kind: str = field(default="other", compare=False)

    @property
    def clears_cookie(self) -> bool:
        """Whether the response deletes the browser's session cookie."""
        return self.reason == SESSION_EXPIRED


Outcome = Authenticated | NotPresented | Rejected

NOT_PRESENTED: Final = NotPresented()


@dataclass(frozen=True, slots=True)
class Pending:
    """The credential is not in memory: a store or an issuer must be asked.

    Attributes:
        ask: Completes the judgement; call it once.  Raises StoreUnavailableError if the store
            could not answer, and ProviderUnavailableError if the issuer's keys or its
            introspection endpoint could not be reached.
    """

    ask: Callable[[], Awaitable[Outcome]]


class Authenticator(Protocol):
    """Verifies one kind of credential.

    `fields` and `cookies` name what carries it.  The mutate stage strips exactly these, so a
    credential for the gateway never reaches an upstream.
    """

    @property
    def credential(self) -> str:
        """The name used in routes, audit events and `Identity.credential`."""

    @property
    def fields(self) -> frozenset[bytes]:
        """Folded names of the request fields that carry it."""

    @property
    def cookies(self) -> frozenset[str]:
        """Names of the cookies that carry it."""

    def recognises(self, field: bytes, value: bytes) -> bool:
        """Whether `value` of the request field `field` (folded) has the form of this kind.

        It need not be good.  This authenticator judges a value that it recognises; a value that
        no authenticator recognises is not the gateway's.
        """

    def judge(self, request: Request) -> Outcome | Pending:
        """Judge the credential from memory, or return how to continue if memory is not enough.

        Return `NotPresented` only because of the request's fields and public URL: that outcome is
        cached with the fields.
        """
