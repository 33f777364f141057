"""The users of the development provider."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """A user who can sign in without a password.

    Attributes:
        subject: The stable ``sub`` (OIDC Core 1.0, section 2).
    """

    subject: str
    username: str
    name: str
    email: str
    about: str = ""
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    email_verified: bool = True

    def claims(self, scopes: frozenset[str]) -> dict[str, object]:
        """The user's claims that `scopes` give access to (OIDC Core 1.0, section 5.4)."""
        found: dict[str, object] = {"sub": self.subject}
        if "profile" in scopes:
            found["name"] = self.name
            found["preferred_username"] = self.username
        if "email" in scopes:
            found["email"] = self.email
            found["email_verified"] = self.email_verified
        # No standard scope covers groups; like many providers, this one adds them to profile.
        if scopes & {"profile", "groups"}:
            found["groups"] = list(self.groups)
        if scopes & {"profile", "roles"}:
            found["roles"] = list(self.roles)
        return found


PEOPLE = (
    Person(
        "user-alice",
        "alice",
        "Alice Archer",
        "alice@example.com",
        "administrator",
        groups=("admins", "staff"),
        roles=("admin",),
    ),
    Person(
        "user-bob",
        "bob",
        "Bob Baker",
        "bob@example.com",
        "member of staff",
        groups=("staff",),
        roles=("editor",),
    ),
    Person(
        "user-carol",
        "carol",
        "Carol Cole",
        "carol@contractors.example.com",
        "contractor, e-mail not verified",
        groups=("contractors",),
        email_verified=False,
    ),
)


def person_named(text: str) -> Person | None:
    """The sample user `text`, or a new one with that name; None if it has no usable name."""
    name = " ".join(text.split())[:60]
    username = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not username:
        return None
    for person in PEOPLE:
        if person.username == username:
            return person
    return Person(f"user-{username}", username, name, f"{username}@example.com")
