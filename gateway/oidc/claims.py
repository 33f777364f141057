"""Builds an Identity from a provider's claims; pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.model import Identity
from gateway.oidc.claim_look_up import has_claim
from gateway.oidc.errors import UserMissingError
from gateway.oidc.facts import Facts, read_facts
from gateway.oidc.registration import ClaimNames

Notice = Callable[[str, str], None]


def _unheard(_claim: str, _fault: str) -> None:
    """Drop a notice."""


def merge(id_token: Mapping[str, object], userinfo: Mapping[str, object]) -> dict[str, object]:
    """The claims of both; the signed ID token wins where they differ.

    ``email`` and ``email_verified`` come from the same source, because one source's mark must not
    verify the other's address.
    """
    merged = {**userinfo, **id_token}
    source: Mapping[str, object] = id_token if has_claim(id_token, "email") else userinfo
    same = id_token.get("email") == userinfo.get("email")
    if not (same and "email_verified" in merged):
        merged.pop("email_verified", None)
        if "email_verified" in source:
            merged["email_verified"] = source["email_verified"]
    if "email" in merged and has_claim(source, "email"):
        merged["email"] = source["email"]
    return merged


@dataclass(frozen=True, slots=True)
class Person:
    """The claims that a sign-in proved, before they become an Identity.

    Attributes:
        id_token: Claims of the verified ID token.
        userinfo: Claims of userinfo; empty if it was not requested or failed.
        userinfo_failed: Whether it was needed but not available; absent facts then count as
            unreadable.
    """

    id_token: Mapping[str, object]
    userinfo: Mapping[str, object]
    userinfo_failed: bool = False


def make_identity(
    person: Person,
    *,
    provider: str,
    issuer: str,
    names: ClaimNames,
    assume_email_verified: bool,
    scopes: frozenset[str],
    notice: Notice = _unheard,
) -> Identity:
    """The identity for the session that a sign-in starts.

    `notice` is called for each claim that cannot be fully read, with what is wrong.

    Raises:
        UserMissingError: no claim names the user.
    """
    claims = merge(person.id_token, person.userinfo)
    facts = read_facts(claims, names, assume_email_verified=assume_email_verified)
    for claim, fault in facts.faults:
        notice(claim, fault)
    return Identity(
        user=_user(facts, names),
        subject=str(person.id_token["sub"]),
        issuer=issuer,
        provider=provider,
        credential="session",
        email=facts.email,
        name=facts.name,
        groups=facts.groups,
        roles=facts.roles,
        scopes=scopes,
        # These say how and when the user signed in, so they come only from the signed ID token.
        acr=_text(person.id_token.get("acr")),
        amr=_texts(person.id_token.get("amr")),
        claims=claims,
        unreadable=_unreadable(facts, person),
        authenticated_at=_authenticated_at(person.id_token),
    )


def _user(facts: Facts, names: ClaimNames) -> str:
    if facts.user is None:
        raise UserMissingError(f"none of the claims {names.user!r} is present as text")
    return facts.user


def _unreadable(facts: Facts, person: Person) -> frozenset[str]:
    """The unreadable facts.  If userinfo failed, absent facts count too: it may have them."""
    missed = facts.missing | {"*"} if person.userinfo_failed else frozenset[str]()
    return facts.unreadable | missed


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str))


def _authenticated_at(id_token: Mapping[str, object]) -> int | None:
    # Without auth_time it is unknown.  iat does not help: a provider with a running session issues
    # a new token without asking the user anything.
    value = id_token.get("auth_time")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 < value < 2**53 else None
