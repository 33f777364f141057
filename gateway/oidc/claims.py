"""From what a provider says about a person to an Identity; pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.message.mailbox import read_mailbox
from gateway.model import Identity
from gateway.oidc.errors import UserMissingError
from gateway.oidc.numbers import finite
from gateway.oidc.registration import ClaimNames, Names

# One person is in a few hundred groups at most; a list of a million is not stored.
MAX_NAMES = 10_000
_EACH = "*"
# OpenID Connect Core 1.0, section 5.1: `email_verified` speaks of `email`, of no other claim.
_VOUCHED = frozenset({"email", "/email"})

_SHAPES = {
    dict: "an object; name its member, as in /groups/*/id",
    list: "a list in the list",
    bool: "true or false",
    type(None): "null",
}


class _Absent:
    """Marks a claim that is not there; null and the empty string count as that."""


_ABSENT = _Absent()


def look_up(claims: Mapping[str, object], name: str) -> object:
    """The claim `name`: a JSON pointer (RFC 6901) where it begins with ``/``, else a plain name.

    A plain name is one member, whatever dots, slashes or colons it holds, so that claims named
    by URLs can be asked for.  In a pointer ``*`` stands for every item of a list, so that
    ``/groups/*/id`` is the list of all their ids.
    """
    if not name.startswith("/"):
        return claims.get(name, _ABSENT)
    return _follow(claims, [t.replace("~1", "/").replace("~0", "~") for t in name[1:].split("/")])


def _follow(value: object, tokens: Sequence[str]) -> object:
    for at, token in enumerate(tokens):
        if token == _EACH and isinstance(value, list):
            rest = tokens[at + 1 :]
            found = [_follow(item, rest) for item in value]
            return found if _EACH not in rest else _flat(found)
        value = _member(value, token)
    return value


def _flat(values: Iterable[object]) -> list[object]:
    """`values`, with what is in the lists among them in their place."""
    return [it for value in values for it in (value if isinstance(value, list) else [value])]


def _member(value: object, token: str) -> object:
    if isinstance(value, Mapping):
        return value.get(token, _ABSENT)
    if isinstance(value, list) and token.isascii() and token.isdigit() and len(token) < 6:  # noqa: PLR2004
        index = int(token)
        return value[index] if index < len(value) else _ABSENT
    return _ABSENT


def _is_there(value: object) -> bool:
    return value is not _ABSENT and value is not None and value != ""


def has_claim(claims: Mapping[str, object], name: str) -> bool:
    """Whether `name` is there and not null or empty."""
    return _is_there(look_up(claims, name))


def _first(claims: Mapping[str, object], names: Names) -> object:
    for name in names:
        value = look_up(claims, name)
        if _is_there(value):
            return value
    return _ABSENT


Notice = Callable[[str, str], None]


def _unheard(_claim: str, _fault: str) -> None:
    """Drop a notice."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the claims say, in the gateway's words.

    Attributes:
        user: None where no claim says it in a readable way.
        unreadable: Names of the facts that are there in a shape that cannot be read; ``groups[]``
            and ``roles[]`` where that is so of some of them only.
        missing: Names of the facts that are not there.
        faults: For the log: claims that cannot be read in whole, each with what is wrong.
    """

    user: str | None
    email: str | None
    name: str | None
    groups: tuple[str, ...]
    roles: tuple[str, ...]
    unreadable: frozenset[str]
    missing: frozenset[str]
    faults: tuple[tuple[str, str], ...] = ()


def read_facts(
    claims: Mapping[str, object], names: ClaimNames, *, assume_email_verified: bool
) -> Facts:
    """Read the facts that `names` asks for."""
    reader = _Reader(claims)
    email = reader.email(names, assume=assume_email_verified)
    # A user named by the e-mail is no better proven than the e-mail.
    user_names = tuple(
        name for name in names.user if email is not None or name not in {*names.email, *_VOUCHED}
    )
    return Facts(
        user=reader.text("user", user_names),
        email=email,
        name=reader.text("name", names.name),
        groups=reader.list_of_names("groups", names.groups, names.split),
        roles=reader.list_of_names("roles", names.roles, names.split),
        unreadable=frozenset(reader.unreadable),
        missing=frozenset(reader.missing),
        faults=tuple(reader.faults),
    )


class _Reader:
    """Reads facts one by one and notes which could not be."""

    def __init__(self, claims: Mapping[str, object]) -> None:
        self._claims = claims
        self.unreadable: set[str] = set()
        self.missing: set[str] = set()
        self.faults: list[tuple[str, str]] = []

    def text(self, fact: str, names: Names) -> str | None:
        value = self._find(fact, names)
        if value is _ABSENT or isinstance(value, str):
            return value if isinstance(value, str) else None
        self.unreadable.add(fact)
        return None

    def email(self, names: ClaimNames, *, assume: bool) -> str | None:
        value = self.text("email", names.email)
        if value is None:
            return None
        if read_mailbox(value) is None:
            self.unreadable.add("email")
            return None
        if assume:
            return value
        mark = self._claims.get("email_verified")
        if names.verified_as_text and mark == "true":
            mark = True
        vouched = any(
            name in _VOUCHED and look_up(self._claims, name) == value for name in names.email
        )
        if vouched and mark is True:
            return value
        if vouched and mark not in (None, False, "false"):
            self.unreadable.add("email")
        self.missing.add("email")
        return None

    def list_of_names(self, fact: str, names: Names, split: str) -> tuple[str, ...]:
        value = self._find(fact, names)
        if value is _ABSENT:
            return ()
        # The keys of an object: Zitadel's {role: {organisation: domain}}.
        items = list(value) if isinstance(value, (list, Mapping)) else _parts(value, split)
        found = tuple(text for item in items if (text := _name(item)) is not None)
        if len(items) <= MAX_NAMES and len(found) == len(items):
            return found
        claim = next(name for name in names if has_claim(self._claims, name))
        odd = [item for item in items if _name(item) is None]
        if len(items) > MAX_NAMES:
            fault = f"cannot be read: {len(items)} items"
        else:
            fault = f"{len(odd)} of {len(items)} left out: {_shape(odd[0])}"
        self.faults.append((claim, fault))
        if len(items) > MAX_NAMES or not found:
            self.unreadable.add(fact)
            return ()
        # null is no group; anything else may be one that a rule denies.
        if any(item is not None for item in odd):
            self.unreadable.add(f"{fact}[]")
        return found

    def _find(self, fact: str, names: Names) -> object:
        value = _first(self._claims, names)
        if value is _ABSENT and names:
            self.missing.add(fact)
            if any(_is_elsewhere(self._claims, name) for name in names):
                self.unreadable.add(fact)
        return value


def _parts(value: object, split: str) -> list[object]:
    """What one claim that is no list says: itself, or its parts where it is text to be split."""
    if not split or not isinstance(value, str):
        return [value]
    return [part for it in value.split(split) if (part := it.strip())]


def _name(item: object) -> str | None:
    """A group or role as text: some providers number them; None for anything else."""
    if isinstance(item, str):
        return item
    return None if finite(item) is None else str(item)


def _shape(value: object) -> str:
    """What a `value` that is no name is, in JSON's words (RFC 8259, section 3); never quotes it."""
    if value is _ABSENT:
        return "an object without that member"
    return _SHAPES.get(type(value), "a number out of range")


def _is_elsewhere(claims: Mapping[str, object], name: str) -> bool:
    # OpenID Connect Core 1.0, section 5.6.2: the claim exists and another server holds it.  Entra
    # does so with the groups of people who are in more than 200 ("groups overage"), and says
    # `hasgroups` where there is not even room for that.
    top = name.split("/")[1] if name.startswith("/") else name
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping) and top in elsewhere:
        return True
    return top == "groups" and claims.get("hasgroups") in (True, "true")


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
    if facts.user is None:
        raise UserMissingError(f"no claim of {names.user!r} is there as text")
    unreadable = facts.unreadable
    if person.userinfo_failed:
        unreadable |= facts.missing | {"*"}
    return Identity(
        user=facts.user,
        subject=str(person.id_token["sub"]),
        issuer=issuer,
        provider=provider,
        credential="session",
        email=facts.email,
        name=facts.name,
        groups=facts.groups,
        roles=facts.roles,
        scopes=scopes,
        # Only what is signed says how and when the person signed in.  Without auth_time that is
        # unknown: iat is the time of the token, which a running session gets without a question.
        acr=_text(person.id_token.get("acr")),
        amr=_texts(person.id_token.get("amr")),
        claims=claims,
        unreadable=unreadable,
        authenticated_at=_time(person.id_token.get("auth_time")),
    )


def wants_userinfo(
    id_token: Mapping[str, object],
    names: ClaimNames,
    *,
    assume_email_verified: bool,
    wanted: Iterable[str],
) -> bool:
    """Whether the ID token lacks a fact, or one of the `wanted` claims that policies look at."""
    facts = read_facts(id_token, names, assume_email_verified=assume_email_verified)
    return bool(facts.missing) or not all(has_claim(id_token, name) for name in wanted)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str))


def _time(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 < value < 2**53 else None
