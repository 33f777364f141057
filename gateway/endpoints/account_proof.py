"""How the person of a session proved who they are, for the account page.  Pure."""

from gateway.credentials.local_proofs import MULTI_FACTOR
from gateway.kinds import LDAP, LOCAL
from gateway.sessions.session import Session

# RFC 8176, section 2: "pop" says how a key was used, and "mfa" that there was more than one proof.
_NO_METHODS = frozenset({"pop", "mfa"})
_RECOVERY_CODE = ("pwd", "mfa")


def proof_of(session: Session) -> dict[str, object]:
    """What the page shows: where and when they signed in, and by what.

    `methods` are values of RFC 8176, section 2, and ``recovery`` for a recovery code.  `level` is
    the `acr`; None if `is_strong` says the same.
    """
    who = session.identity
    is_local = session.provider == LOCAL
    methods = [it for it in who.amr if it not in _NO_METHODS]
    if is_local and who.amr == _RECOVERY_CODE:
        methods.append("recovery")
    return {
        "where": "local" if is_local else "directory" if session.provider == LDAP else "provider",
        "provider": session.provider,
        "methods": methods,
        "is_strong": "mfa" in who.amr or who.acr == MULTI_FACTOR,
        "level": None if who.acr == MULTI_FACTOR else who.acr,
        "at": session.created_at if who.authenticated_at is None else who.authenticated_at,
    }
