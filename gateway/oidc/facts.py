"""What the claims of a provider say about a person, in the gateway's words; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.message.mailbox import read_mailbox
from gateway.oidc.claim_look_up import ABSENT, first_claim, has_claim, look_up
from gateway.oidc.numbers import finite
from gateway.oidc.registration import ClaimNames, Names

# One person is in a few hundred groups at most; a list of a million is not stored.
MAX_NAMES = 10_000
# OpenID Connect Core 1.0, section 5.1: `email_verified` speaks of `email`, of no other claim.
_VOUCHED = frozenset({"email", "/email"})
_SHAPES = {
    dict: "an object; name its member, as in /groups/*/id",
    list: "a list in the list",
    bool: "true or false",
    type(None): "null",
}


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

    def list_of_names(self, fact: str, names: Names, split: str) -> tuple[str, ...]:
        value = self._find(fact, names)
        if value is ABSENT:
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
        value = first_claim(self._claims, names)
        if value is ABSENT and names:
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
    if value is ABSENT:
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
