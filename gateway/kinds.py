"""The kinds of credential: one line each, and everything that follows from these lines.

A kind's authenticator is the module of the same name in `gateway.authn`.  Settings, rules, answers
and commands look here for what they must know of it, so that none of them lists kinds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of credential.

    Attributes:
        word: Its name: in `credentials`, in `credential` conditions, in the audit log, in metrics,
            in `Identity.credential`.
        section: The top-level setting without which none is accepted.
        schemes: Of ``WWW-Authenticate``, by which clients send it (RFC 9110, section 11.6.1).  A
            401 names the first; the others too, where a client sent a bad credential.
        can_step_up: Whether the owner can prove more by proving who they are anew.
        is_issued: Whether authorization servers issue it, so that RFC 9728 metadata names them.
        is_ambient: Whether browsers send it with any request, so that pages of other sites must
            be kept from using it.
        needs_provider: Whether it is of no use without a provider.
    """

    word: str
    section: str
    schemes: tuple[str, ...]
    can_step_up: bool = False
    is_issued: bool = False
    is_ambient: bool = False
    needs_provider: bool = False


# Where a request has several, the first one counts: what a client states in a field goes before
# the browser's cookie.
_KINDS = (
    Kind("bearer", "bearer", ("bearer",), can_step_up=True, is_issued=True),
    Kind("token", "tokens", ("bearer",), can_step_up=True, is_issued=True, needs_provider=True),
    # The same key proves the same thing whenever it is sent; there is nobody to ask.
    Kind("api_key", "api_keys", ("basic", "bearer")),
    Kind(
        "session",
        "providers",
        ("gatepost",),
        can_step_up=True,
        is_ambient=True,
        needs_provider=True,
    ),
)

KINDS: Mapping[str, Kind] = {kind.word: kind for kind in _KINDS}

# The schemes of challenges, in the order in which a 401 names them.
SCHEMES = tuple(dict.fromkeys(scheme for kind in _KINDS for scheme in kind.schemes))
CAN_STEP_UP = frozenset(kind.word for kind in _KINDS if kind.can_step_up)
ISSUED = frozenset(kind.word for kind in _KINDS if kind.is_issued)
AMBIENT = frozenset(kind.word for kind in _KINDS if kind.is_ambient)
# Those that a client states in a field of the request.
STATED = KINDS.keys() - AMBIENT


def sent_by(scheme: str) -> frozenset[str]:
    """The kinds that clients send by `scheme`."""
    return frozenset(kind.word for kind in _KINDS if scheme in kind.schemes)


def schemes_of(words: Iterable[str], *, all_of_them: bool = False) -> frozenset[str]:
    """The schemes that a 401 names for these kinds: the first of each, or all."""
    kinds = [KINDS[word] for word in words]
    return frozenset(
        scheme for kind in kinds for scheme in kind.schemes[: None if all_of_them else 1]
    )
