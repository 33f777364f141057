"""``api/admin/explain``: tells an administrator why a request was refused."""

from collections.abc import Sequence

from gateway import responses
from gateway.authz.access import Item
from gateway.authz.facts import MET, Facts
from gateway.endpoints.deps import Deps, FindRefusal
from gateway.endpoints.own_sessions import OwnSessions
from gateway.endpoints.parameters import read_form
from gateway.message.public_url import OWN_PREFIX
from gateway.message.request import Request
from gateway.message.response import Response

PATH = f"{OWN_PREFIX}/api/admin/explain"


class AdminExplain:
    """Handler of ``api/admin/explain?request_id=…``; requires an administrator's session."""

    def __init__(
        self,
        deps: Deps,
        own: OwnSessions,
        admins: Sequence[Item],
        find: FindRefusal,
    ) -> None:
        """Any of `admins` makes an administrator; `find` returns why a request was refused."""
        self._deps = deps
        self._own = own
        self._admins = admins
        self._find = find

    async def tell(self, request: Request, _body: bytes) -> Response:
        """``GET``: the explanation as JSON."""
        session = await self._deps.session(request)
        if session is None:
            return self._own.nobody(request)
        facts = Facts(request, session.identity, self._deps.clock())
        if not any(_holds(item, facts) for item in self._admins):
            return responses.problem(request, 403, "not-an-administrator")
        asked = read_form(request.target.query).get("request_id")
        found = await self._find(asked) if asked else None
        if found is None:
            return responses.problem(request, 404, "unknown-request")
        return responses.json_answer(request, 200, found)


def _holds(item: Item, facts: Facts) -> bool:
    return all(result is MET for result in item.judge(facts))
