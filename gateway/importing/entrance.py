"""Who oauth2-proxy lets in, as a route's `access`.

A restriction that cannot be translated denies everybody: leaving it out would let people in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from gateway.importing.emit import Noted, Value, literal
from gateway.importing.findings import UnreadableError
from gateway.importing.given import Given
from gateway.importing.provider_quirks import tenants_allowed
from gateway.importing.text import read_text
from gateway.message.mailbox import a_labels, read_mailbox
from gateway.settings.claims import lower

_MOST_MAILBOXES = 1000
# Restrictions that have no equal.
_UNKNOWN_RESTRICTIONS = (
    "gitlab_projects",
    "github_repo",
    "bitbucket_team",
    "bitbucket_repository",
    "entra_id_allowed_tenants",
)
_Alternative = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Entrance:
    """Who may enter: the items of `allow`; None for every signed-in user.

    Attributes:
        denied: Why nobody may enter; ``""`` otherwise.
    """

    allow: tuple[_Alternative, ...] | None
    denied: str = ""

    def access(self) -> Value:
        """The value of a route's `access`."""
        if self.denied:
            return Noted("denied", f"CHANGE: {self.denied}")
        return "signed_in" if self.allow is None else {"allow": [dict(it) for it in self.allow]}


def entrance(given: Given, providers: Sequence[tuple[str, Given]], folder: Path) -> Entrance:
    """Who may enter by all options; `folder` is that of the imported file."""
    mailboxes = _by_mailbox(given, folder)
    if mailboxes == []:
        return Entrance(None, "no e-mail domain or address was translated")
    several = len(providers) > 1
    found: list[_Alternative] = []
    is_open = mailboxes is None
    for name, options in providers:
        for option in _UNKNOWN_RESTRICTIONS:
            if options.get(option) is not None and not _is_kept(options, option):
                options.say("no equal", option, "it restricts who may enter, so nobody may")
                return Entrance(None, f"{option} has no equal")
        groups = _by_group(options)
        is_open = is_open and groups is None
        who: _Alternative = {"provider": name} if several else {}
        for mailbox, group in product(mailboxes or [{}], groups or [{}]):
            if item := {**mailbox, **group, **who}:
                found.append(item)
    return Entrance(None if is_open else tuple(found))


def _is_kept(given: Given, option: str) -> bool:
    """Whether a restriction is one of the provider's settings, or of a rule by group."""
    if option == "entra_id_allowed_tenants":
        return bool(tenants_allowed(given))
    return option == "bitbucket_team" and given.text("provider") == "bitbucket"


def _by_mailbox(given: Given, folder: Path) -> list[_Alternative] | None:
    """Alternatives by e-mail, any of which is enough; None for every address."""
    domains = given.items("email_domains")
    if "*" in domains:
        return None
    found: list[_Alternative] = []
    kept = [it for it in domains if a_labels(it.removeprefix("@")) is not None]
    for domain in sorted(set(domains) - set(kept)):
        given.say("no equal", "email_domains", f"{domain}: Gatepost compares whole domains")
    if kept:
        found.append({"email_domain": [literal(it) for it in kept]})
        given.say("differs", "email_domains", "an address counts if the provider verified it")
    named = given.text("authenticated_emails_file")
    if named:
        mailboxes = _mailboxes(given, folder / named)
        if mailboxes:
            found.append({"email": [literal(it) for it in mailboxes]})
    if not domains and not named:
        given.report.add(
            "to do",
            given.report.source,
            "email_domains",
            "oauth2-proxy needs email_domains or authenticated_emails_file, and has neither here:"
            " nobody may enter until you write who may",
        )
    return found


def _mailboxes(given: Given, path: Path) -> list[str]:
    try:
        lines = [it.strip() for it in read_text(path).splitlines()]
    except UnreadableError as error:
        message = f"{error}: list the addresses in allow: [{{email: […]}}]"
        given.say("to do", "authenticated_emails_file", message)
        return []
    written = [it for it in lines if it and not it.startswith("#")]
    kept = [it for it in written if read_mailbox(it) is not None]
    if len(kept) < len(written):
        message = f"{len(written) - len(kept)} lines are no e-mail address and were left out"
        given.say("no equal", "authenticated_emails_file", message)
    if len(kept) > _MOST_MAILBOXES:
        message = f"{len(kept)} addresses are too many for a rule: give the people a group"
        given.say("to do", "authenticated_emails_file", message)
        return []
    given.say("differs", "authenticated_emails_file", "copied now, and not read again")
    return list(dict.fromkeys(kept))


def _by_group(given: Given) -> list[_Alternative] | None:
    """Alternatives by group, role or user; None if there is no such restriction."""
    groups, roles = _groups(given)
    found: list[_Alternative] = []
    if groups:
        found.append({"group": [literal(it) for it in groups]})
    if roles:
        found.append({"role": [literal(it) for it in roles]})
        message = "a realm role is a role here; for a client's, set claims.roles of the provider"
        given.say("differs", "allowed_roles", message)
    users = given.items("github_users")
    if users:
        found.append({"user": [literal(it) for it in users]})
    return found or None


def _groups(given: Given) -> tuple[list[str], list[str]]:
    """The groups and the roles of which one is needed."""
    lists = [given.items("allowed_groups")]
    lists += [given.items(name) for name in ("keycloak_groups", "gitlab_groups", "google_groups")]
    lists.append(_of_github(given))
    if _is_kept(given, "bitbucket_team"):
        lists.append([given.text("bitbucket_team")] if given.text("bitbucket_team") else [])
        given.say("differs", "bitbucket_team", "compared with the short names of workspaces")
    told = [[_written(given, it) for it in them] for them in lists if them]
    # Several restrictions narrow one another.
    groups = [it for it in told[0] if all(it in other for other in told)] if told else []
    if told and not groups:
        groups = ["change-me"]
        given.say("to do", "allowed_groups", "no group is in all lists of groups: write which")
    if given.get("google_groups") is not None:
        message = "Google's tokens name no groups, so nobody has one: sign in by a provider that"
        given.say("no equal", "google_groups", f"{message} knows them (Keycloak, Dex)")
    if given.get("gitlab_groups") is not None:
        given.say("differs", "gitlab_groups", "compared with the claim `groups`, whole paths")
    roles = [it.removeprefix("role:") for it in groups if it.startswith("role:")]
    groups = [it for it in groups if not it.startswith("role:")]
    return groups, [*roles, *given.items("allowed_roles")]


def _of_github(given: Given) -> list[str]:
    """Organisations and teams; a team is ``team``, or ``org:team`` as the documentation has it."""
    organisation, teams = given.text("github_org"), given.text("github_team")
    if not teams:
        return [organisation] if organisation else []
    named = [it.strip() for it in teams.split(",") if it.strip()]
    prefix = f"{organisation}/" if organisation else ""
    return [it.replace(":", "/", 1) if ":" in it else prefix + it for it in named]


def _written(given: Given, group: str) -> str:
    """A group as the profile of the provider gives it."""
    kind = given.text("provider").lower()
    if kind not in ("github", "gitea") or group.startswith("role:"):
        return group
    return lower(group.replace(":", "/", 1))
