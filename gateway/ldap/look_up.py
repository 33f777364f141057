"""What is asked of a directory about a person: who signs in, and whether somebody is still there.

Blocks: these functions belong into a thread.
"""

import logging
import secrets

from gateway.ldap.connection import Connection, connected
from gateway.ldap.entry import (
    MOST_GROUPS,
    TOO_MANY,
    Entry,
    GroupNames,
    found_groups,
    identity_of,
    is_disabled,
    is_typed,
    listed_groups,
    subject_in_filter,
)
from gateway.ldap.names import in_filter
from gateway.ldap.plan import Plan
from gateway.model import Identity

_log = logging.getLogger(__name__)

_ENTRY = "(objectClass=*)"
_MOST_CHARACTERS = 256


def proven(plan: Plan, user: str, password: str) -> Identity | None:
    """Who typed `user` and `password`; None if either is wrong, or not of one person.

    Raises:
        ProviderUnavailableError: The directory cannot tell.
    """
    # Nobody is asked for an empty password: to many directories that is an anonymous bind, which
    # succeeds for every name (RFC 4513, section 5.1.2).
    if not user or not password or "\0" in password:
        return None
    if len(user) > _MOST_CHARACTERS or not user.isprintable():
        return None
    with connected(plan) as connection:
        if plan.bind_as:
            return _by_template(plan, connection, user, password)
        connection.bind_searcher()
        entry = _typed(plan, connection, user)
        if entry is None:
            _pretend(plan, connection, password)
            return None
        if not connection.bind(entry.dn, password):
            return None
        if plan.bind_dn:
            connection.bind_searcher()
        return _described(plan, connection, _read(plan, connection, entry.dn, _ENTRY))


def still_there(plan: Plan, previous: Identity) -> Identity | None:
    """Who `previous` is by now; None if the person is gone, disabled, or may not sign in any more.

    Raises:
        ProviderUnavailableError: The directory cannot tell.
    """
    with connected(plan) as connection:
        connection.bind_searcher()
        wanted = plan.filter_by_subject(subject_in_filter(previous.subject, plan))
        found = connection.search(plan.base, "SUBTREE", wanted, plan.attributes(), 1)
        entry = found.entries[0] if found.is_whole and found.entries else None
        return _described(plan, connection, entry)


def _by_template(plan: Plan, connection: Connection, user: str, password: str) -> Identity | None:
    dn = plan.dn_for(user)
    if not connection.bind(dn, password):
        return None
    if plan.bind_dn:
        connection.bind_searcher()
    entry = _read(plan, connection, dn, plan.filter_for(user))
    if entry is None or not is_typed(entry, plan, user):
        _log.warning("ldap: %r does not match the filter, or cannot read its own entry", dn)
        return None
    return _described(plan, connection, entry)


def _typed(plan: Plan, connection: Connection, user: str) -> Entry | None:
    """The one entry of who typed `user`."""
    wanted = plan.filter_for(user)
    found = connection.search(plan.base, "SUBTREE", wanted, plan.attributes(), 1)
    if not found.is_whole:
        # Whose password would be asked for is chance, or an attacker's choice.
        _log.warning("ldap: more than one entry has the name that was typed")
        return None
    entry = found.entries[0] if found.entries else None
    return entry if entry is not None and is_typed(entry, plan, user) else None


def _pretend(plan: Plan, connection: Connection, password: str) -> None:
    """Ask for a password that nobody has, so that the time does not tell who exists."""
    connection.bind(f"cn={secrets.token_hex(16)},{plan.base}", password)


def _read(plan: Plan, connection: Connection, dn: str, wanted: str) -> Entry | None:
    found = connection.search(dn, "BASE", wanted, plan.attributes(), 1)
    return found.entries[0] if found.entries else None


def _described(plan: Plan, connection: Connection, entry: Entry | None) -> Identity | None:
    if entry is None:
        return None
    if is_disabled(entry, plan):
        _log.warning("ldap: %r is disabled", entry.dn)
        return None
    return identity_of(entry, plan, _groups(plan, connection, entry))


def _groups(plan: Plan, connection: Connection, entry: Entry) -> GroupNames:
    groups = plan.groups
    if groups.attribute:
        return listed_groups(entry, groups)
    user = entry.text(plan.user) or ""
    wanted = groups.filter.replace("{dn}", in_filter(entry.dn)).replace("{user}", in_filter(user))
    found = connection.search(groups.base, "SUBTREE", wanted, (groups.name,), MOST_GROUPS)
    return found_groups(found.entries, groups) if found.is_whole else TOO_MANY
