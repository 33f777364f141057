"""The desk's section for requests for access: shown, and marked as done or declined.

Access is granted in the configuration, not here.
"""

from collections.abc import Mapping
from dataclasses import asdict

from gateway.accounts.access_requests import DECLINED, DONE, AccessRequest, AccessRequests
from gateway.endpoints.desk.section import (
    Asked,
    BadCallError,
    Page,
    Section,
    UnknownItemError,
)
from gateway.message.response import Response
from gateway.record.journal import Journal, Target

_STATES = {DONE: "access.done", DECLINED: "access.decline"}


class AccessRequestSection:
    """Lists what people asked for, the open requests first."""

    def __init__(self, requests: AccessRequests, journal: Journal) -> None:
        self._requests = requests
        self._journal = journal

    def section(self) -> Section:
        """The section."""
        return Section(
            "access-requests",
            page=Page("desk-access-requests", self._shown, self._act),
            calls={
                "GET access-requests": self._listed,
                "PATCH access-requests/{id}": self._patch,
            },
        )

    async def _shown(self, asked: Asked) -> Mapping[str, object]:
        return {"rows": [_described(it) for it in await self._requests.every()]}

    async def _listed(self, asked: Asked) -> Response:
        found = [_described(it) for it in await self._requests.every()]
        return asked.answer(200, {"items": found})

    async def _act(self, asked: Asked) -> None:
        form = asked.form
        if form.keys() != {"id", "state"}:
            raise BadCallError("an unknown form")
        await self._answer(asked, form["id"], form["state"])

    async def _patch(self, asked: Asked) -> Response:
        given = asked.json()
        if given.keys() != {"state"}:
            raise BadCallError('send {"state": "done"} or {"state": "declined"}')
        return asked.answer(200, await self._answer(asked, asked.name, given["state"]))

    async def _answer(self, asked: Asked, request_id: str, state: object) -> Mapping[str, object]:
        action = _STATES.get(state) if isinstance(state, str) else None
        if action is None:
            raise BadCallError("state is done or declined")
        found = await self._requests.find(request_id)
        if found is None:
            raise UnknownItemError("There is no such request. It may be older than 30 days.")
        target = Target(request_id, found.app, found.user)
        async with self._journal.act(asked.who.actor, action, target, asked.request):
            answered = await self._requests.answer(request_id, str(state), asked.who.actor.user)
        return _described(answered or found)


def _described(it: AccessRequest) -> dict[str, object]:
    # The person is known by who they are, not by a digest.
    shown = {name: value for name, value in asdict(it).items() if name != "person"}
    return {"id": it.request_id, **shown}
