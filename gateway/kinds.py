"""The kinds of credential: one line for each.

The authenticator of a kind is the module of the same name in `gateway.authn`.  Settings, rules,
responses and commands look kinds up here, so that none of them keeps a list.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of credential.

    Attributes:
        word: Its name: in `credentials`, in `credential` conditions, in the audit log, in metrics
            and in `Identity.credential`.
        section: The top-level setting that enables it.
        schemes: The ``WWW-Authenticate`` schemes that clients send it with (RFC 9110, section
            11.6.1).  A 401 names the first, and all of them after a bad credential.
        can_step_up: Whether its owner can prove more by signing in again.
        is_issued: Whether authorization servers issue it, so that RFC 9728 metadata names them.
        is_ambient: Whether browsers send it with every request.  Such a kind needs protection
            against requests that other sites cause.
        needs_provider: Whether it needs a provider.
    """

    word: str
    section: str
    schemes: tuple[str, ...]
    can_step_up: bool = False
    is_issued: bool = False
    is_ambient: bool = False
    needs_provider: bool = False


# In order of precedence: a credential that the client sends in a field goes before the cookie
# that its browser adds.
_KINDS = (
    Kind("bearer", "bearer", ("bearer",), can_step_up=True, is_issued=True),
    Kind("token", "tokens", ("bearer",), can_step_up=True, is_issued=True, needs_provider=True),
    # An API key proves the same whenever it is sent, so stepping up cannot help.
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

# The provider's name of identities with a local user name and password.
LOCAL = "local"
# And of those who sign in with the directory of the section `ldap`.
LDAP = "ldap"
# The role of accounts that were made administrators by the first-run page or by a command.
ADMIN_ROLE = "gatepost-admin"

KINDS: Mapping[str, Kind] = {kind.word: kind for kind in _KINDS}

# Challenge schemes, in the order in which a 401 names them.
SCHEMES = tuple(dict.fromkeys(scheme for kind in _KINDS for scheme in kind.schemes))
CAN_STEP_UP = frozenset(kind.word for kind in _KINDS if kind.can_step_up)
ISSUED = frozenset(kind.word for kind in _KINDS if kind.is_issued)
AMBIENT: Final = frozenset(kind.word for kind in _KINDS if kind.is_ambient)
# The kinds that a client sends on purpose, in a request field.
STATED: Final = frozenset(KINDS) - AMBIENT


def sent_by(scheme: str) -> frozenset[str]:
    """The kinds that clients send with the scheme `scheme`."""
    return frozenset(kind.word for kind in _KINDS if scheme in kind.schemes)


def schemes_of(words: Iterable[str], *, all_of_them: bool = False) -> frozenset[str]:
    """The schemes that a 401 names for these kinds: the first of each kind, or all."""
    kinds = [KINDS[word] for word in words]
    return frozenset(
        scheme for kind in kinds for scheme in kind.schemes[: None if all_of_them else 1]
    )
