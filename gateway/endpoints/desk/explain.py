"""``api/admin/explain``: tells an administrator why a request was refused."""

from gateway import responses
from gateway.endpoints.deps import FindRefusal
from gateway.endpoints.desk.section import Asked, Section
from gateway.message.response import Response


class AdminExplain:
    """Handler of ``api/admin/explain?request_id=…``."""

    def __init__(self, find: FindRefusal) -> None:
        """`find` returns why a request was refused."""
        self._find = find

    def section(self) -> Section:
        """The section, which has no page."""
        return Section("explain", calls={"GET explain": self.tell})

    async def tell(self, asked: Asked) -> Response:
        """``GET``: the explanation as JSON."""
        request_id = asked.query.get("request_id")
        found = await self._find(request_id) if request_id else None
        if found is None:
            return responses.problem(asked.request, 404, "unknown-request")
        return asked.answer(200, found)
