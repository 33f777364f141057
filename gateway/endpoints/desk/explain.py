"""The desk's section that explains: why a request was refused, or what would happen to one."""

from collections.abc import Mapping
from typing import Any, Final

from gateway import responses
from gateway.endpoints.account_section import Told
from gateway.endpoints.deps import FindRefusal
from gateway.endpoints.desk.explain_form import FIELDS, filled, options_of_form, options_of_json
from gateway.endpoints.desk.section import Asked, BadCallError, Page, Section
from gateway.endpoints.watch import Watch
from gateway.kinds import KINDS
from gateway.message.response import Response
from gateway.pages.reasons import reason_for
from gateway.wording import phrase

_CREDENTIALS: Final = (*KINDS, "foreign")
_FORBIDDEN: Final = 403


class ExplainSection:
    """Explains by a request id, which an error page shows, or by a description of a request."""

    def __init__(self, find: FindRefusal, watch: Watch | None) -> None:
        """`find` returns why a request was refused; without `watch`, none is made up."""
        self._find = find
        self._watch = watch

    def section(self) -> Section:
        """The section."""
        if self._watch is None:
            return Section("explain", calls={"GET explain": self._told})
        return Section(
            "explain",
            Page("desk-explain", self._shown, self._asked_by_form),
            calls={"GET explain": self._told, "POST explain": self._asked_by_call},
        )

    async def _shown(self, asked: Asked) -> Mapping[str, object]:
        request_id = asked.query.get("request_id", "").strip()
        found = await self._find(request_id) if request_id else None
        form = FIELDS if asked.request.method != "POST" else filled(asked.form)
        return {
            "request_id": request_id,
            "problem": None,
            "unknown": bool(request_id) and found is None,
            "found": None if found is None else _readable(found),
            "form": form,
            "credentials": _CREDENTIALS,
            "providers": [] if self._watch is None else sorted(self._watch.settings.providers),
        }

    async def _asked_by_form(self, asked: Asked) -> Told:
        try:
            found = await self._explained(options_of_form(asked.form))
        except BadCallError as error:
            return Told(error.status, {"problem": str(error)})
        return Told(200, {"found": _readable(found)})

    async def _told(self, asked: Asked) -> Response:
        request_id = asked.query.get("request_id")
        found = await self._find(request_id) if request_id else None
        if found is None:
            return responses.problem(asked.request, 404, "unknown-request")
        return asked.answer(200, found)

    async def _asked_by_call(self, asked: Asked) -> Response:
        return asked.answer(200, await self._explained(options_of_json(asked.json())))

    async def _explained(self, options: Mapping[str, object]) -> Mapping[str, Any]:
        assert self._watch is not None  # noqa: S101 - see `section`
        try:
            return await self._watch.explain(options)
        except ValueError as error:
            raise BadCallError(_by_members(str(error))) from error
        except RecursionError as error:
            raise BadCallError("claims: too many values inside each other") from error


def _readable(found: Mapping[str, Any]) -> dict[str, Any]:
    """`found` with its conditions by item, and those of its shadow."""
    # Of a refusal that could not be explained, only the id is kept.
    found = {"decision": "", "reason": "", "route": None, "routes": (), "to_change_it": (), **found}
    shadow, because = found.get("shadow"), None
    if found["decision"] not in ("", "allow"):
        meaning = reason_for(found["reason"], found.get("status") or _FORBIDDEN)
        because = phrase(meaning.explanation)
    about = {**found, "items": _items(found.get("conditions", ())), "because": because}
    return {**about, "shadow": None if shadow is None else _readable(shadow)}


def _items(conditions: Any) -> list[dict[str, Any]]:
    items: dict[str, list[Any]] = {}
    for condition in conditions:
        items.setdefault(condition["where"], []).append(condition)
    return [
        {"where": where, "state": _state({it["result"] for it in them}), "findings": them}
        for where, them in items.items()
    ]


def _state(results: set[str]) -> str:
    # As `Trial.state` tells of them.
    if "unmet" in results:
        return "unmet"
    return "unknown" if results & {"unreadable", "failed"} else "met"


def _by_members(text: str) -> str:
    """`text` about options, as the form and the call name them."""
    for option, member in _OPTIONS.items():
        text = text.replace(option, member)
    return text


_OPTIONS: Final = {
    "--mcp-method": "mcp_method",
    "--mcp-tool": "mcp_tool",
    "--key-route": "key_routes",
    "--auth-age": "auth_age",
    "--credential": "credential",
    "--provider": "provider",
    "--header": "headers",
    "--group": "groups",
    "--scope": "scopes",
    "--claim": "claims",
    "--email": "email",
    "--role": "roles",
    "--user": "user",
    "--acr": "acr",
    "--amr": "amr",
    "--bad": "bad",
    "--ip": "ip",
    "--at": "at",
}
