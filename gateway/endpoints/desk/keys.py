"""The desk's section for API keys."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from gateway.credentials.key_record import KeyRecord
from gateway.credentials.key_request import read_key_request
from gateway.credentials.keys import ApiKeys
from gateway.endpoints.account_keys import SCOPE_FIELD, lifetimes
from gateway.endpoints.account_section import Told
from gateway.endpoints.deps import Deps
from gateway.endpoints.desk.given import one_line
from gateway.endpoints.desk.section import (
    PAGE,
    Asked,
    BadCallError,
    Page,
    Section,
    UnknownItemError,
)
from gateway.endpoints.own_keys import describe
from gateway.message.response import Response
from gateway.record.journal import Target
from gateway.settings.api_keys import ApiKeySettings
from gateway.wording import phrase

_MADE = frozenset({"user", "name", "scopes", "expires_in"})
_NEEDED = frozenset({"user", "name"})
_CREATE = frozenset({"create_key", "user", "name", "expires_in"})


def described_key(record: KeyRecord) -> dict[str, object]:
    """The administrator's view of a key; times are seconds since the epoch."""
    owner = record.owner
    whose = {"user": owner.user, "account_id": owner.account_id}
    return {**describe(record), **whose}


def key_row(record: KeyRecord, now: float) -> dict[str, object]:
    """A key as templates show it."""
    return {
        **described_key(record),
        "is_over": now >= record.expires_at,
        "expires": record.expires_at,
        "created": record.created_at,
        "last_used": record.last_used_at,
    }


class KeysSection:
    """Lists all keys, or those of a user, creates and revokes them."""

    def __init__(self, deps: Deps, keys: ApiKeys, rules: ApiKeySettings) -> None:
        self._deps = deps
        self._keys = keys
        self._rules = rules

    def section(self) -> Section:
        """The section."""
        return Section(
            "keys",
            page=Page("desk-keys", self._shown, self._changed),
            calls={
                "GET keys": self._listed,
                "POST keys": self._posted,
                "DELETE keys/{id}": self._deleted,
            },
        )

    async def of(self, account_id: str, user: str | None) -> list[KeyRecord]:
        """The keys of an account, newest first."""
        return await self._keys.list_of_account(account_id, user)

    async def revoke(self, asked: Asked, key_id: str) -> None:
        """Revoke a key.

        Raises:
            UnknownItemError: There is none with this id.
        """
        record = await self._keys.record(key_id)
        if record is None:
            raise UnknownItemError(phrase("No key has this id. It may have been revoked already."))
        owner = record.owner
        target = Target(key_id, record.name, owner.user, owner.account_id)
        async with self._deps.journal.act(asked.who.actor, "key.revoke", target, asked.request):
            await self._keys.revoke(key_id)

    async def create(
        self, asked: Asked, user: object, name: object, scopes: object, expires_in: object
    ) -> tuple[str, KeyRecord]:
        """A new key for a user who has signed in before, and its record.

        Raises:
            GatewayError: The key is not allowed, the user unknown, or the sign-in too old.
        """
        wanted = read_key_request(name, scopes, expires_in, self._rules)
        owner = await self._keys.owner(one_line("the user", user))
        if owner is None:
            raise UnknownItemError(phrase("Nobody with this user name has an account."))
        now = self._deps.clock()
        asked.who.require_fresh(now)
        target = Target("", wanted.name, owner.user, owner.account_id)
        async with self._deps.journal.act(
            asked.who.actor, "key.create", target, asked.request
        ) as acting:
            key, record = await self._keys.create(
                owner,
                name=wanted.name,
                scopes=wanted.scopes,
                routes=(),
                lifetime_s=wanted.lifetime_s,
                now=now,
            )
            acting.target = replace(target, id=record.key_id)
        return key, record

    async def _find(self, asked: Asked) -> tuple[list[KeyRecord], str | None]:
        user = asked.wanted("user")
        if user:
            return await self._keys.list_for(user), None
        return await self._keys.page(asked.after, PAGE)

    async def _shown(self, asked: Asked) -> Mapping[str, object]:
        found, after = await self._find(asked)
        now = self._deps.clock()
        return {
            "user": asked.wanted("user"),
            "rows": [key_row(it, now) for it in found],
            "next_query": None if after is None else urlencode({"after": after}),
            "scopes": self._rules.grantable_scopes,
            "lifetimes": lifetimes(self._rules),
            "made": None,
            "made_name": None,
        }

    async def _changed(self, asked: Asked) -> Told | None:
        form = asked.form
        if form.keys() == {"revoke"}:
            await self.revoke(asked, form["revoke"])
            return None
        scopes = [it.removeprefix(SCOPE_FIELD) for it in form if it.startswith(SCOPE_FIELD)]
        if {it for it in form if not it.startswith(SCOPE_FIELD)} != _CREATE:
            raise BadCallError("an unknown form")
        key, record = await self.create(
            asked, form["user"], form["name"], scopes, form["expires_in"]
        )
        return Told(201, {"made": key, "made_name": record.name})

    async def _listed(self, asked: Asked) -> Response:
        found, after = await self._find(asked)
        return asked.answer(200, {"items": [described_key(it) for it in found], "next": after})

    async def _posted(self, asked: Asked) -> Response:
        given = asked.json()
        if not _NEEDED <= given.keys() <= _MADE:
            raise BadCallError("send {user, name, scopes, expires_in}")
        key, record = await self.create(
            asked, given["user"], given["name"], given.get("scopes"), given.get("expires_in")
        )
        return asked.answer(201, {**described_key(record), "key": key})

    async def _deleted(self, asked: Asked) -> Response:
        await self.revoke(asked, asked.name)
        return asked.done()
