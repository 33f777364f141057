"""What an authenticator is, the three ways it can answer, and that it must ask first."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.message.request import Request
from gateway.model import Identity

SESSION_EXPIRED = "session-expired"


@dataclass(slots=True, init=False, unsafe_hash=True)
class Authenticated:
    """The credential is good.  Never changed."""

    identity: Identity

    def __init__(self, identity: Identity) -> None:
        self.identity = identity


@dataclass(frozen=True, slots=True)
class NotPresented:
    """This kind of credential is not in the request: the next authenticator may look."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The credential is in the request and is bad: nothing weaker is tried in its place.

    Attributes:
        reason: Public, stable, kebab-case.
        detail: For the log only.
        status: 401; 400 where the request contradicts itself, 429 where it was not looked at.
        lapsed: Whether it was no more than a session that is over, and the only credential: a
            route with optional access goes on as anonymous, and a navigation signs in again.
        kind: Of what kind it is, as in `Authenticator.credential`; ``other`` where nobody knows.
    """

    reason: str
    detail: str = ""
    status: int = 401
    lapsed: bool = False
    kind: str = field(default="other", compare=False)

    @property
    def clears_cookie(self) -> bool:
        """Whether the answer makes the browser forget its session cookie."""
        return self.reason == SESSION_EXPIRED


Outcome = Authenticated | NotPresented | Rejected

NOT_PRESENTED = NotPresented()


@dataclass(frozen=True, slots=True)
class Pending:
    """Memory cannot tell: a store or an issuer must be asked.

    Attributes:
        ask: Finishes the judgement from where memory left it; call it once.  Raises
            StoreUnavailableError where the store could not answer, and ProviderUnavailableError
            where the issuer's keys or its introspection could not be had.
    """

    ask: Callable[[], Awaitable[Outcome]]


class Authenticator(Protocol):
    """Proves one kind of credential.

    The fields and cookies named here carry it, so the mutate stage strips them without a list
    of its own, and a credential meant for the gateway never reaches an upstream.
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
        """Whether `value` of the request field `field` (folded) has the shape of this kind.

        Good or bad does not matter: one that is recognised is judged by this authenticator,
        and one that none recognises is not the gateway's.
        """

    def judge(self, request: Request) -> Outcome | Pending:
        """Judge the credential by what is in memory, or tell how to go on where that is not enough.

        `NotPresented` follows from the request's fields and public URL alone: it is remembered
        with the fields.
        """
