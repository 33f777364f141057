"""Answers requests that an error ended."""

import logging
from collections.abc import Mapping

from gateway import responses
from gateway.errors import GatewayError, InternalError
from gateway.message.response import Response
from gateway.pipeline.route_plan import RoutePlan
from gateway.record.audit import Entry
from gateway.routing.route import RESERVED

_log = logging.getLogger(__name__)


class Refusals:
    """Answers errors, readable for the scripts that may use a route."""

    def __init__(self, plans: Mapping[int, RoutePlan]) -> None:
        self._cors = {it.route.name: it.cors for it in plans.values() if it.cors is not None}
        # A route may have the name under which the gateway's own endpoints are recorded.
        self._cors.pop(RESERVED.name, None)

    def refuse(self, entry: Entry, error: GatewayError) -> Response:
        """The answer to a request that may not go on because of `error`."""
        _log.info("%s: %s", error.reason, error, extra={"request_id": entry.request.request_id})
        entry.note(error)
        response = responses.for_error(entry.request, error, fields=error.fields)
        cors = None if entry.route is None or entry.is_question else self._cors.get(entry.route)
        return response if cors is None else cors.open(response, entry.request)

    def failed(self, entry: Entry, error: Exception) -> Response:
        """As `refuse`, for any error; one that is not expected is logged with its trace."""
        if isinstance(error, GatewayError):
            return self.refuse(entry, error)
        _log.error(
            "unexpected error", exc_info=error, extra={"request_id": entry.request.request_id}
        )
        return self.refuse(entry, InternalError(repr(error)))
