"""Reads a user's facts from a provider's claims; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.message.mailbox import read_mailbox
from gateway.oidc.claim_look_up import ABSENT, first_claim, has_claim, look_up
from gateway.oidc.name_steps import Steps, parts_of, renamed
from gateway.oidc.numbers import finite
from gateway.oidc.registration import ClaimNames, Names

# A user has a few hundred groups at most; a list of a million must not be stored.
MAX_NAMES = 10_000
# OpenID Connect Core 1.0, section 5.1: `email_verified` is about `email` and no other claim.
_VOUCHED = frozenset({"email", "/email"})
_SHAPES = {
    dict: "an object; name its member, as in /groups/*/id",
    list: "a list inside the list",
    bool: "true or false",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts in a user's claims.

    Attributes:
        user: None if no readable claim names the user.
        unreadable: Names of facts that are present but cannot be read; ``groups[]`` and
            ``roles[]`` if only some of their items cannot be read.
        missing: Names of facts that are absent.
        faults: For the log: claims that cannot be fully read, each with what is wrong.
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
    # An unverified e-mail must not name the user either.
    user_names = tuple(
        name for name in names.user if email is not None or name not in {*names.email, *_VOUCHED}
    )
    return Facts(
        user=reader.text("user", user_names),
        email=email,
        name=reader.text("name", names.name),
        groups=reader.list_of_names("groups", names.groups, names.group_steps),
        roles=reader.list_of_names("roles", names.roles, names.role_steps),
        unreadable=frozenset(reader.unreadable),
        missing=frozenset(reader.missing),
        faults=tuple(reader.faults),
    )


class _Reader:
    """Reads facts one by one and records which are missing or unreadable."""

    def __init__(self, claims: Mapping[str, object]) -> None:
        self._claims = claims
        self.unreadable: set[str] = set()
        self.missing: set[str] = set()
        self.faults: list[tuple[str, str]] = []

    def text(self, fact: str, names: Names) -> str | None:
        value = self._find(fact, names)
        if value is ABSENT or isinstance(value, str):
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

    def list_of_names(self, fact: str, names: Names, steps: Steps) -> tuple[str, ...]:
        value = self._find(fact, names)
        if value is ABSENT:
            return ()
        items = parts_of(value, steps.split)
        found = tuple(text for item in items if (text := _name(item)) is not None)
        if len(items) <= MAX_NAMES and len(found) == len(items):
            return renamed(found, steps)
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
        # null is not a group; any other item could be a group that a rule denies.
        if any(item is not None for item in odd):
            self.unreadable.add(f"{fact}[]")
        return renamed(found, steps)

    def _find(self, fact: str, names: Names) -> object:
        value = first_claim(self._claims, names)
        if value is ABSENT and names:
            self.missing.add(fact)
            if any(is_elsewhere(self._claims, name) for name in names):
                self.unreadable.add(fact)
        return value


def _name(item: object) -> str | None:
    """A group or role as text, or None; some providers use numbers."""
    if isinstance(item, str):
        return item
    return None if finite(item) is None else str(item)


def _shape(value: object) -> str:
    """The JSON type of a `value` that is not a name (RFC 8259, section 3); never quotes it."""
    if value is ABSENT:
        return "an object without that member"
    return _SHAPES.get(type(value), "a number out of range")


def is_elsewhere(claims: Mapping[str, object], name: str) -> bool:
    """Whether `claims` say that the claim `name` exists, but that another server has it."""
    # OpenID Connect Core 1.0, section 5.6.2: the claim exists, but another server holds it.  Entra
    # does this for users in more than 200 groups ("groups overage"), or sends `hasgroups` if even
    # that does not fit.
    top = name.split("/")[1] if name.startswith("/") else name
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping) and top in elsewhere:
        return True
    return top == "groups" and claims.get("hasgroups") in (True, "true")


def wants_userinfo(
    id_token: Mapping[str, object],
    names: ClaimNames,
    *,
    assume_email_verified: bool,
    wanted: Iterable[str],
) -> bool:
    """Whether the ID token lacks a fact, or one of the `wanted` claims that rules use."""
    facts = read_facts(id_token, names, assume_email_verified=assume_email_verified)
    return bool(facts.missing) or not all(has_claim(id_token, name) for name in wanted)
