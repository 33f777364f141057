"""The desk's section for apps: clients, and what people allowed them."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from gateway.authserver.client import Client
from gateway.authserver.consents import Consent, Consents
from gateway.authserver.registrations import Registered, Registrations
from gateway.authserver.revoking import revoke_app
from gateway.credentials.apps import Apps
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
from gateway.message.response import Response
from gateway.record.journal import Target
from gateway.wording import phrase

_MOST_CHARS = 2048


class AppsSection:
    """Lists apps and consents, and takes back what people allowed."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        server = deps.auth_server
        self._configured = dict(_native(deps.apps))
        if server is not None:
            self._configured |= server.clients.configured
        self._registrations: Registrations | None = None if server is None else server.registrations
        self._consents: Consents | None = None if server is None else server.consents

    def section(self) -> Section:
        """The section."""
        return Section(
            "apps",
            page=Page("desk-apps", self._shown, self._changed),
            calls={
                "GET apps": self._listed,
                "GET apps/consents": self._consents_listed,
                "POST apps/revoke": self._posted,
            },
        )

    async def revoke(self, asked: Asked, client: str, user: str | None) -> dict[str, int]:
        """End what the app may do, for one user or for all; how much there was.

        Raises:
            UnknownItemError: There was nothing.
        """
        target = Target(client, self._name(client), user or "")
        async with self._deps.journal.act(asked.who.actor, "app.revoke", target, asked.request):
            done = await revoke_app(
                client, user, self._deps.all_sessions, self._consents, self._registrations
            )
            if not any(done.values()):
                raise UnknownItemError(
                    phrase("This app has no session, no consent and no registration.")
                )
        return done

    def _name(self, client: str) -> str:
        known = self._configured.get(client)
        return "" if known is None else known.name

    async def _clients(self, after: str) -> tuple[list[dict[str, object]], str | None]:
        """A page of the clients: those of the configuration first."""
        found = [] if after else [_of_file(it) for it in self._configured.values()]
        if self._registrations is None:
            return found, None
        registered, last = await self._registrations.page(after, PAGE)
        return [*found, *map(_of_registered, registered)], last

    async def _allowed(
        self, client: str | None, after: str
    ) -> tuple[list[dict[str, object]], str | None]:
        if self._consents is None:
            return [], None
        found, last = await self._consents.page(client, after, PAGE)
        return [_of_consent(it) for it in found], last

    # Page.

    async def _shown(self, asked: Asked) -> Mapping[str, object]:
        client = asked.wanted("client")
        clients, last = await self._clients(asked.after) if not client else ([], None)
        allowed, last_allowed = await self._allowed(client or None, asked.cursor("consents_after"))
        more = {"consents_after": last_allowed, "client": client}
        return {
            "client": client,
            "clients": clients,
            "consents": allowed,
            "next_query": None if last is None else urlencode({"after": last}),
            "next_consents_query": None if last_allowed is None else urlencode(more),
        }

    async def _changed(self, asked: Asked) -> None:
        form = asked.form
        if not {"revoke"} <= form.keys() <= {"revoke", "user"}:
            raise BadCallError("an unknown form")
        user = form.get("user")
        await self.revoke(
            asked,
            one_line("the app", form["revoke"], _MOST_CHARS),
            None if user is None else one_line("the user", user),
        )

    # Calls.

    async def _listed(self, asked: Asked) -> Response:
        items, last = await self._clients(asked.after)
        return asked.answer(200, {"items": items, "next": last})

    async def _consents_listed(self, asked: Asked) -> Response:
        items, last = await self._allowed(asked.wanted("client") or None, asked.after)
        return asked.answer(200, {"items": items, "next": last})

    async def _posted(self, asked: Asked) -> Response:
        given = asked.json()
        if not {"client"} <= given.keys() <= {"client", "user"}:
            raise BadCallError("send {client, user}")
        user = given.get("user")
        done = await self.revoke(
            asked,
            one_line("the app", given["client"], _MOST_CHARS),
            None if user is None else one_line("the user", user),
        )
        return asked.answer(200, done)


def _native(apps: Apps | None) -> Iterator[tuple[str, Client]]:
    """The apps that get tokens for their users at a provider, by name."""
    for it in () if apps is None else apps.known.values():
        yield it.name, Client(it.name, it.name, it.redirect_uris)


def _of_file(client: Client) -> dict[str, object]:
    return _described(client, None, None)


def _of_registered(it: Registered) -> dict[str, object]:
    used_at = None if it.used_at is None else int(it.used_at)
    return _described(it.client, int(it.registered_at), used_at)


def _described(client: Client, registered_at: int | None, used_at: int | None) -> dict[str, object]:
    return {
        "client": client.client_id,
        "name": client.name,
        "kind": client.origin,
        "redirect_uris": list(client.redirect_uris),
        "registered_at": registered_at,
        "used_at": used_at,
    }


def _of_consent(consent: Consent) -> dict[str, object]:
    return {
        "user": consent.user,
        "client": consent.client,
        "name": consent.name,
        "scopes": sorted(consent.scopes),
        "resources": list(consent.resources),
        "given_at": int(consent.given_at),
    }
