"""All sections of the desk, in the order in which it shows them."""

from gateway.accounts.desk import AccountDesk
from gateway.credentials.invitations import Invitations
from gateway.endpoints.deps import Deps
from gateway.endpoints.desk.access_requests import AccessRequestSection
from gateway.endpoints.desk.accounts import AccountsSection
from gateway.endpoints.desk.administrators import Administrators
from gateway.endpoints.desk.apps import AppsSection
from gateway.endpoints.desk.changes import AccountChanges
from gateway.endpoints.desk.desk import Desk, Exact, Named
from gateway.endpoints.desk.invitations import InvitationsSection
from gateway.endpoints.desk.journal import JournalSection
from gateway.endpoints.desk.keys import KeysSection
from gateway.endpoints.desk.new_passwords import NewPasswords
from gateway.endpoints.desk.section import Section
from gateway.endpoints.desk.sessions import SessionsSection
from gateway.endpoints.desk.watched import first_of_watch, rest_of_watch


def build_desk(deps: Deps, administrators: Administrators) -> tuple[Exact, Named]:
    """The handlers of the desk; none without `admins`."""
    if not deps.admins:
        return {}, {}
    return Desk(administrators, _sections(deps, administrators)).endpoints()


def _sections(deps: Deps, administrators: Administrators) -> list[Section]:
    """A new section is one line here, and a title in ``desk.html``."""
    sessions = SessionsSection(deps)
    keys = None if deps.keys is None else KeysSection(deps, *deps.keys)
    found = [
        *first_of_watch(deps),
        *_of_accounts(deps, administrators, sessions, keys),
    ]
    found.append(sessions.section())
    if keys is not None:
        found.append(keys.section())
    if deps.auth_server is not None or deps.apps is not None:
        found.append(AppsSection(deps).section())
    found.append(JournalSection(deps.journal).section())
    if deps.access_requests is not None:
        found.append(AccessRequestSection(deps.access_requests, deps.journal).section())
    found += rest_of_watch(deps)
    return found


def _of_accounts(
    deps: Deps,
    administrators: Administrators,
    sessions: SessionsSection,
    keys: KeysSection | None,
) -> list[Section]:
    accounts = deps.accounts
    if accounts is None:
        return []
    desk = AccountDesk(accounts)
    changes = AccountChanges(deps, desk, administrators)
    local = deps.local
    links = None if local is None else Invitations(accounts, local.accounts)
    passwords = None if local is None else NewPasswords(deps, desk, local)
    return [
        AccountsSection(deps, desk, changes, sessions, keys, passwords).section(),
        InvitationsSection(deps, desk, links).section(),
    ]
