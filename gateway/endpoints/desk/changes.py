"""What an administrator changes of one account: each change is one member of a call's object.

Giving somebody access needs a recent sign-in; taking it away never waits for one.  No change may
take the administration from whoever makes it, so there is always an administrator left.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway.accounts.account import Account, merged
from gateway.accounts.desk import AccountDesk, Found
from gateway.credentials.local import Local
from gateway.endpoints.deps import Deps
from gateway.endpoints.desk.administrators import Administrators
from gateway.endpoints.desk.given import listed, members, one_line, secret_text
from gateway.endpoints.desk.section import Asked, BadCallError
from gateway.errors import GatewayError
from gateway.record.journal import Target
from gateway.wording import phrase


class GoneAccessError(GatewayError):
    """Another administrator has just taken the administration from this one."""

    reason = "not-an-administrator"
    status = 403


class OwnAccessError(GatewayError):
    """Administrators may not take the administration from themselves."""

    reason = "own-access"
    status = 409


@dataclass(frozen=True, slots=True)
class _Step:
    """A change that was read and may be done.

    Attributes:
        action: For the journal.
        do: Makes the change.
        name: What is changed of the account; ``""`` for all of it.
        gives: Whether it gives somebody access.
        own: Why it is refused for the administrator's own account; None if it is not.
    """

    action: str
    do: Callable[[], Awaitable[Found]]
    name: str = ""
    gives: bool = False
    own: str | None = None


_Read = Callable[[Asked, Found, object], _Step]
_LOST: Final = phrase(
    "You would not be an administrator any more. Another administrator can do this."
)


class AccountChanges:
    """Reads and makes changes."""

    def __init__(self, deps: Deps, desk: AccountDesk, administrators: Administrators) -> None:
        self._deps = deps
        self._desk = desk
        self._administrators = administrators
        self._kinds: Mapping[str, _Read] = {
            "disabled": self._disabled,
            "roles": self._roles,
            "groups": self._groups,
            "secret": self._secret,
            "link": self._link,
            "unlink": self._unlink,
            "release_name": self._release_name,
            "merge_into": self._merge_into,
            "reset_second_factor": self._reset_second_factor,
            "remove_passkeys": self._remove_passkeys,
            "end_sessions": self._end_sessions,
        }

    async def make(self, asked: Asked, change: Mapping[str, object]) -> Found:
        """Make the one `change` to the account that `asked` names.

        Raises:
            BadCallError: It is not exactly one known change.
            SignInTooOldError: It gives access, and the administrator signed in too long ago.
            OwnAccessError: The administrator would lose the administration.
            GoneAccessError: The administrator is none any more.
            NoSuchAccountError: There is no such account.
            GatewayError: The account's desk refuses.
        """
        if len(change) != 1 or not change.keys() <= self._kinds.keys():
            raise BadCallError(f"send exactly one of {', '.join(self._kinds)}")
        # One at a time: two administrators who disable each other at once would both be gone.
        async with self._desk.alone():
            await self._check_still(asked)
            return await self._make(asked, *next(iter(change.items())))

    async def _make(self, asked: Asked, kind: str, value: object) -> Found:
        found = await self._desk.find(asked.name)
        step = self._kinds[kind](asked, found, value)
        if step.own is not None and await self._is_own(asked, found):
            raise OwnAccessError(step.own)
        if step.gives:
            asked.who.require_fresh(self._deps.clock())
        target = Target.of_account(found.account_id, found.account, step.name)
        async with self._deps.journal.act(asked.who.actor, step.action, target, asked.request):
            return await step.do()

    async def _check_still(self, asked: Asked) -> None:
        """Refuse whoever was an administrator only when the request came.

        Raises:
            GoneAccessError: They are none any more.
        """
        who = asked.who.identity
        if who.account_id is None:
            return
        found = await self._desk.find(who.account_id)
        if found.account.as_seen(who.issuer, who.subject) is None:
            # Whoever came with a token only: its groups and roles are what the token says.
            is_still = not found.account.facts(found.account_id, who).is_refused
        else:
            is_still = self._keeps_access(asked, found, found.account)
        if not is_still:
            raise GoneAccessError("you are not an administrator any more")

    async def _is_own(self, asked: Asked, found: Found) -> bool:
        own = asked.who.identity.account_id
        return own is not None and (await self._desk.find(own)).account_id == found.account_id

    def _keeps_access(self, asked: Asked, found: Found, changed: Account) -> bool:
        """Whether the administrator would still be one with the account as `changed`."""
        who = asked.who.identity
        seen = changed.as_seen(who.issuer, who.subject)
        if seen is None:
            return False
        facts = changed.facts(found.account_id, seen)
        if facts.is_refused:
            return False
        changed_who = facts.added_to(seen)
        then = replace(who, roles=changed_who.roles, groups=changed_who.groups)
        return self._administrators.is_one(asked.request, then)

    def _disabled(self, _asked: Asked, found: Found, value: object) -> _Step:
        if not isinstance(value, bool):
            raise BadCallError("disabled must be true or false")

        async def do() -> Found:
            return await self._desk.set_disabled(found.account_id, value)

        if not value:
            return _Step("account.enable", do, gives=True)
        own = phrase("You cannot disable your own account: another administrator can.")
        return _Step("account.disable", do, own=own)

    def _roles(self, asked: Asked, found: Found, value: object) -> _Step:
        roles = listed("a role", value)

        async def do() -> Found:
            return await self._desk.set_roles(found.account_id, roles)

        own = self._own_reason(asked, found, replace(found.account, roles=roles))
        return _Step("account.set-roles", do, gives=True, own=own)

    def _groups(self, asked: Asked, found: Found, value: object) -> _Step:
        groups = listed("a group", value)

        async def do() -> Found:
            return await self._desk.set_groups(found.account_id, groups)

        own = self._own_reason(asked, found, replace(found.account, groups=groups))
        return _Step("account.set-groups", do, gives=True, own=own)

    def _own_reason(self, asked: Asked, found: Found, changed: Account) -> str | None:
        if self._keeps_access(asked, found, changed):
            return None
        return _LOST

    def _secret(self, _asked: Asked, found: Found, value: object) -> _Step:
        given = members("secret", value, "name", "value")
        name, secret = one_line("the secret's name", given["name"]), given["value"]
        text = None if secret is None else secret_text(secret)

        async def do() -> Found:
            return await self._desk.set_secret(found.account_id, name, text)

        if text is None:
            return _Step("secret.remove", do, name)
        return _Step("secret.set", do, name, gives=True)

    def _link(self, _asked: Asked, found: Found, value: object) -> _Step:
        issuer, subject = _subject("link", value)

        async def do() -> Found:
            return await self._desk.link((issuer, subject), found.account_id)

        return _Step("identity.link", do, subject, gives=True)

    def _unlink(self, asked: Asked, found: Found, value: object) -> _Step:
        issuer, subject = _subject("unlink", value)
        if (issuer, subject) not in found.account.subjects:
            raise BadCallError(phrase("This identity does not sign in to this account."))

        async def do() -> Found:
            return await self._desk.unlink((issuer, subject))

        own = None
        if (issuer, subject) == asked.who.identity.subject_key():
            own = phrase("You signed in with this identity. Another administrator can unlink it.")
        return _Step("identity.unlink", do, subject, own=own)

    def _release_name(self, asked: Asked, found: Found, value: object) -> _Step:
        name = one_line("the name", value)
        if not found.account.has_name(name):
            raise BadCallError(phrase("This is no user name of this account."))

        async def do() -> Found:
            await self._desk.release_name(name)
            return await self._desk.find(found.account_id)

        own = self._own_reason(asked, found, found.account.without_name(name))
        return _Step("name.release", do, name, gives=True, own=own)

    def _merge_into(self, asked: Asked, found: Found, value: object) -> _Step:
        into = one_line("merge_into", value)

        async def do() -> Found:
            kept = await self._desk.find(into)
            both = merged(kept.account, found.account)
            if await self._is_own(asked, kept) and not self._keeps_access(asked, kept, both):
                # Of two accounts, one that is disabled disables both.
                raise OwnAccessError(phrase("This account is disabled. Enable it first."))
            return await self._desk.merge(found.account_id, into)

        own = phrase("Your own account cannot be merged away. Merge the other one into it.")
        return _Step("account.merge", do, gives=True, own=own)

    def _reset_second_factor(self, _asked: Asked, found: Found, value: object) -> _Step:
        _only_true("reset_second_factor", value)
        local = self._local()

        async def do() -> Found:
            changed = await local.factors.turn_off(found.account_id)
            await self._deps.all_sessions.end_all_of(changed.subjects)
            return await self._desk.find(found.account_id)

        # The password alone is enough then.
        return _Step("second-factor.turn-off", do, gives=True)

    def _remove_passkeys(self, _asked: Asked, found: Found, value: object) -> _Step:
        _only_true("remove_passkeys", value)
        local = self._local()

        async def do() -> Found:
            changed = await local.passkeys.remove_all(found.account_id)
            await self._deps.all_sessions.end_all_of(changed.subjects)
            return await self._desk.find(found.account_id)

        # It may be their only way in.
        own = phrase(
            "Remove your own passkeys on your account page. Another administrator can do it here."
        )
        return _Step("passkey.remove-all", do, own=own)

    def _local(self) -> Local:
        if self._deps.local is None:
            raise BadCallError("there are no local accounts")
        return self._deps.local

    def _end_sessions(self, _asked: Asked, found: Found, value: object) -> _Step:
        _only_true("end_sessions", value)

        async def do() -> Found:
            await self._deps.all_sessions.end_all_of(found.account.subjects)
            return found

        return _Step("session.end-all", do)


def _only_true(what: str, value: object) -> None:
    if value is not True:
        raise BadCallError(f"{what} must be true")


def _subject(what: str, value: object) -> tuple[str, str]:
    given = members(what, value, "issuer", "subject")
    return one_line("the issuer", given["issuer"]), one_line("the subject", given["subject"])
