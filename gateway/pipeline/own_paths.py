"""The gateway's own paths: which of them each host may ask, and what answers."""

from functools import partial

from gateway.endpoints.doctor import PATH as DOCTOR_PATH
from gateway.endpoints.doctor import Doctor
from gateway.endpoints.table import Endpoints, NoEndpoint
from gateway.errors import UnknownHostError
from gateway.message.public_url import OWN_PREFIX, inner_path
from gateway.pipeline.read import Hosts
from gateway.pipeline.verdict import Answer, Handler, Serve, Verdict
from gateway.record.audit import Entry
from gateway.routing.route import RESERVED

# Endpoints for machines, which may use another host name for the gateway than browsers do; and
# `doctor`, which finds out which name a proxy uses.
_HOSTLESS = frozenset(
    f"{OWN_PREFIX}/{name}"
    for name in ("auth", "token", "revoke", "introspect", "userinfo", "jwks", "doctor")
)
_HOSTLESS_FOLDERS = tuple(
    f"{OWN_PREFIX}/{name}/" for name in (".well-known", "auth", "backchannel-logout")
)


class OwnPaths:
    """Serves what is below ``/_gatepost``."""

    def __init__(self, hosts: Hosts, endpoints: Endpoints, doctor: Doctor | None) -> None:
        """`doctor` is None if `gatepost doctor` may not ask."""
        self._hosts = hosts
        self._endpoints = endpoints
        self._doctor = doctor

    def begin(self, entry: Entry) -> Verdict:
        """The verdict on a request for one of these paths.

        Raises:
            UnknownHostError: The host is not served, and the endpoint needs one that is.
        """
        request = entry.request
        path = inner_path(request)
        known = self._hosts.serves(request.host)
        if not known and path not in _HOSTLESS and not path.startswith(_HOSTLESS_FOLDERS):
            raise UnknownHostError(repr(request.host))
        if path == DOCTOR_PATH and self._doctor is not None:
            return serve(entry, partial(self._doctor.tell, entry.peer, entry.trusted))
        return serve_found(entry, self._endpoints)


def serve_found(entry: Entry, endpoints: Endpoints) -> Verdict:
    """Serve the request by the one of `endpoints` that takes it; refuse it if none does."""
    request = entry.request
    found = endpoints.find(request.method, inner_path(request))
    if isinstance(found, NoEndpoint):
        entry.route = RESERVED.name
        entry.decide("deny", found.reason)
        return Answer(found.answer(request))
    return serve(entry, found)


def serve(entry: Entry, handler: Handler) -> Serve:
    """Serve the request by `handler`."""
    entry.route = RESERVED.name
    entry.decide("allow", "endpoint")
    return Serve(handler)
