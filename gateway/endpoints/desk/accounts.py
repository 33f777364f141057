"""The desk's section for accounts: a list, and a page for each."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from urllib.parse import urlencode

from gateway.accounts.desk import AccountDesk, Found, describe, describe_identity
from gateway.accounts.errors import NoSuchAccountError
from gateway.accounts.ways_in import linked
from gateway.credentials.key_record import KeyRecord
from gateway.credentials.passwords import UserNameRefusedError, check_email
from gateway.endpoints.account_section import Told
from gateway.endpoints.deps import Deps
from gateway.endpoints.desk.changes import AccountChanges
from gateway.endpoints.desk.keys import KeysSection, described_key, key_row
from gateway.endpoints.desk.new_passwords import NewPasswords
from gateway.endpoints.desk.section import PAGE, Asked, BadCallError, Page, Section
from gateway.endpoints.desk.sessions import SessionsSection, described_session, session_row
from gateway.message.response import Response
from gateway.sessions.record import SessionInfo

# Of an identity that never signed in.
_UNSEEN = {"provider": None, "email": None, "user": None}


class AccountsSection:
    """Lists accounts, finds them by name or e-mail address, and changes one."""

    def __init__(
        self,
        deps: Deps,
        desk: AccountDesk,
        changes: AccountChanges,
        sessions: SessionsSection,
        keys: KeysSection | None,
        passwords: NewPasswords | None,
    ) -> None:
        """An account's `sessions` and `keys` are shown and ended there too.

        `passwords` is None without local accounts.
        """
        self._passwords = passwords
        self._deps = deps
        self._sessions = sessions
        self._keys = keys
        self._desk = desk
        self._changes = changes

    def section(self) -> Section:
        """The section."""
        return Section(
            "accounts",
            page=Page("desk-accounts", self._shown),
            page_of_one=Page("desk-account", self._one_shown, self._one_changed),
            calls={
                "GET accounts": self._listed,
                "GET accounts/{id}": self._one_told,
                "PATCH accounts/{id}": self._patched,
                "POST accounts/{id}": self._posted,
            },
        )

    async def _find(self, asked: Asked) -> tuple[list[Found], str | None]:
        """A page of the accounts that are searched for, and the id to go on after."""
        search = asked.wanted("search")
        if search:
            return await self._search(search), None
        found = await self._desk.page(asked.after, PAGE)
        return found, found[-1].account_id if len(found) == PAGE else None

    async def _search(self, search: str) -> list[Found]:
        """Those with this id, user name or e-mail address; each has an index."""
        found: dict[str, Found] = {}
        try:
            named = await self._desk.find(search)
            found[named.account_id] = named
        except NoSuchAccountError:
            pass
        if "@" in search:
            try:
                address = check_email(search)
            except UserNameRefusedError:
                address = None
            for it in [] if address is None else await self._desk.with_email(address):
                found[it.account_id] = it
        return list(found.values())

    # Pages.

    async def _shown(self, asked: Asked) -> Mapping[str, object]:
        found, after = await self._find(asked)
        return {
            "search": asked.wanted("search"),
            "rows": [_row(it) for it in found],
            "next_query": None if after is None else urlencode({"after": after}),
        }

    async def _one_shown(self, asked: Asked) -> Mapping[str, object] | None:
        try:
            found = await self._desk.find(asked.name)
        except NoSuchAccountError:
            return None
        account, now = found.account, self._deps.clock()
        names = dict.fromkeys((*self._deps.account_secrets, *sorted(account.secrets)))
        return {
            "account": describe(found),
            "row": _row(found),
            "created": account.created_at or None,
            "linked": [
                {**_UNSEEN, **describe_identity(account, it), "key": json.dumps(it)}
                for it in linked(account)
            ],
            "other_names": [it for it in account.names if it != account.user],
            "secret_names": list(names),
            "has_local": self._passwords is not None and account.local is not None,
            "new_password": None,
            "own_sessions": [session_row(it, asked) for it in await self._sessions_of(found)],
            "own_keys": [key_row(it, now) for it in await self._keys_of(found)],
        }

    async def _one_changed(self, asked: Asked) -> Told | None:
        form = asked.form
        if form.keys() == {"new_password"} and self._passwords is not None:
            return Told(201, {"new_password": await self._passwords.make(asked)})
        if form.keys() == {"end_session"}:
            await self._sessions.end(asked, form["end_session"])
        elif form.keys() == {"revoke_key"} and self._keys is not None:
            await self._keys.revoke(asked, form["revoke_key"])
        else:
            await self._changes.make(asked, _change_of(form))
        return None

    # Calls.

    async def _listed(self, asked: Asked) -> Response:
        found, after = await self._find(asked)
        return asked.answer(200, {"items": [describe(it) for it in found], "next": after})

    async def _one_told(self, asked: Asked) -> Response:
        return asked.answer(200, await self._whole(await self._desk.find(asked.name), asked))

    async def _patched(self, asked: Asked) -> Response:
        found = await self._changes.make(asked, asked.json())
        return asked.answer(200, describe(found))

    async def _posted(self, asked: Asked) -> Response:
        """``POST accounts/{id}`` of ``{new_password: true}``: a link that sets one."""
        if asked.json() != {"new_password": True} or self._passwords is None:
            raise BadCallError("send {new_password: true}, where there are local accounts")
        return asked.answer(201, asdict(await self._passwords.make(asked)))

    async def _whole(self, found: Found, asked: Asked) -> dict[str, object]:
        sessions = await self._sessions_of(found)
        return {
            **describe(found),
            "sessions": [described_session(it, asked) for it in sessions],
            "keys": [described_key(it) for it in await self._keys_of(found)],
        }

    async def _sessions_of(self, found: Found) -> list[SessionInfo]:
        every = self._deps.all_sessions
        listed = [it for subject in found.account.subjects for it in await every.list_of(*subject)]
        return sorted(listed, key=lambda it: it.last_seen_at, reverse=True)

    async def _keys_of(self, found: Found) -> list[KeyRecord]:
        if self._keys is None:
            return []
        return await self._keys.of(found.account_id, found.account.user)


def _row(found: Found) -> dict[str, object]:
    account = found.account
    invited = next((it.email for it in account.invitations), None)
    return {
        "id": found.account_id,
        "user": account.user,
        "name": next((it.name for it in account.seen if it.name), None),
        "email": account.email or invited,
        "roles": account.roles,
        "state": _state(found),
    }


def _state(found: Found) -> str:
    account = found.account
    if account.is_disabled:
        return "disabled"
    if account.is_client:
        return "client"
    return "active" if account.seen else "invited" if account.invitations else "linked"


def _change_of(form: Mapping[str, str]) -> Mapping[str, object]:
    """The change that a form asks for, as a call would send it."""
    match sorted(form.items()):
        case [("disabled", value)]:
            return {"disabled": value == "true"}
        case [("end_sessions" | "reset_second_factor" | "remove_passkeys" as kind, _)]:
            return {kind: True}
        case [("secret_name", name), ("secret_value", value)]:
            return {"secret": {"name": name, "value": value.strip() or None}}
        case [("link_issuer", issuer), ("link_subject", subject)]:
            return {"link": {"issuer": issuer.strip(), "subject": subject.strip()}}
        case [("unlink", text)]:
            return {"unlink": _subject(text)}
        case [("roles" | "groups" | "release_name" | "merge_into" as kind, text)]:
            return {kind: text.strip()}
        case _:
            raise BadCallError("an unknown form")


def _subject(text: str) -> dict[str, object]:
    try:
        issuer, subject = json.loads(text)
    except (ValueError, TypeError) as error:
        raise BadCallError("an unknown form") from error
    return {"issuer": issuer, "subject": subject}
