"""From what a provider says about a person to an Identity; pure."""

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
    """The claims of both; what the signed ID token says counts where they differ.

    An e-mail and its mark come from one source: the mark of one must not vouch for the address
    of the other.
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
    """What a sign-in proved, before it is made an Identity.

    Attributes:
        id_token: Claims of the verified ID token.
        userinfo: Claims of userinfo; empty where it was not asked or failed.
        userinfo_failed: Whether it was needed and could not be had: what is missing is then
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
    """The identity of the session that a sign-in begins.

    `notice` hears of each claim that cannot be read in whole, and what is wrong.

    Raises:
        UserMissingError: no claim says who the user is.
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
        # Only what is signed says how and when the person signed in.
        acr=_text(person.id_token.get("acr")),
        amr=_texts(person.id_token.get("amr")),
        claims=claims,
        unreadable=_unreadable(facts, person),
        authenticated_at=_authenticated_at(person.id_token),
    )


def _user(facts: Facts, names: ClaimNames) -> str:
    if facts.user is None:
        raise UserMissingError(f"no claim of {names.user!r} is there as text")
    return facts.user


def _unreadable(facts: Facts, person: Person) -> frozenset[str]:
    """The facts that cannot be read; without userinfo, what is missing may have been there."""
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
    # Without auth_time it is unknown: iat is the time of the token, which a running session gets
    # without a question.
    value = id_token.get("auth_time")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 < value < 2**53 else None
