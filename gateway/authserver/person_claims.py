"""What a client learns of a person (OpenID Connect Core 1.0, sections 2, 5.1 and 5.4).  Pure."""

from base64 import urlsafe_b64encode
from collections.abc import Collection
from hashlib import sha256

from gateway.model import Identity
from gateway.sealing.sealer import structured

OPENID = "openid"
# What each scope lets a client see, apart from `sub`.
CLAIMS_OF_SCOPE = {
    "profile": ("name", "preferred_username"),
    "email": ("email", "email_verified"),
    "groups": ("groups",),
    "roles": ("roles",),
}


def subject_of(identity: Identity) -> str:
    """The person's ``sub``: never that of another person, and the same for every client.

    The account's id; without an account, a digest, because two providers may have one subject.
    """
    if identity.account_id is not None:
        return identity.account_id
    parts = (it.encode("utf-8", "surrogatepass") for it in identity.subject_key())
    return urlsafe_b64encode(sha256(structured(*parts)).digest()).rstrip(b"=").decode()


def person_claims(identity: Identity, scopes: Collection[str]) -> dict[str, object]:
    """``sub``, and what `scopes` let a client see; unknown facts are left out."""
    every: dict[str, object | None] = {
        "name": identity.name,
        "preferred_username": identity.user,
        "email": identity.email,
        # An address that is not verified never gets this far; see Identity.
        "email_verified": None if identity.email is None else True,
        "groups": list(identity.groups),
        "roles": list(identity.roles),
    }
    seen = (name for it in CLAIMS_OF_SCOPE if it in scopes for name in CLAIMS_OF_SCOPE[it])
    found = {name: every[name] for name in seen if every[name] is not None}
    return {"sub": subject_of(identity), **found}
