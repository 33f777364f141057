"""Lists the apps of a configuration for the account page, and judges who may open them."""

from collections.abc import Iterable, Mapping

from gateway.authz.explain import try_items
from gateway.authz.facts import Facts
from gateway.authz.remedy import remedies
from gateway.endpoints.launching import Entry
from gateway.errors import AmbiguousPathError
from gateway.message.public_url import home_of, origin_of
from gateway.message.request import Request
from gateway.message.star import is_star, names_host
from gateway.message.target import parse_target
from gateway.model import Decision, Deny, Identity
from gateway.pipeline.page_decision import decide_page, seen_by
from gateway.pipeline.read import Hosts
from gateway.pipeline.route_plan import RoutePlan
from gateway.routing.route import RESERVED
from gateway.routing.table import RouteTable
from gateway.settings.routes import RouteSettings

_NO_ROUTE = Deny("no-route", status=404)


class RouteLauncher:
    """See Launcher."""

    def __init__(
        self,
        routes: Iterable[RouteSettings],
        table: RouteTable,
        plans: Mapping[int, RoutePlan],
        hosts: Hosts,
        user_header: str,
    ) -> None:
        """List those of `routes` that have `launch`."""
        self._listed = [it for it in routes if it.launch is not None]
        self._table = table
        self._plans = plans
        self._hosts = hosts
        self._user_header = user_header

    def entries(self, request: Request, identity: Identity) -> list[Entry]:
        """See Launcher.entries."""
        if not self._listed:
            home = home_of(request)
            decision = self._decide(
                _asked(request, request.host, request.public_url, home), identity
            )
            return [Entry("", "", "", home, decision)]
        return [self._entry(route, request, identity) for route in self._listed]

    def remedies(self, request: Request, identity: Identity, route: str) -> tuple[str, ...]:
        """See Launcher.remedies."""
        settings = next((it for it in self._listed if it.name == route), None)
        if settings is None:
            return ()
        asked = self._request(settings, request)
        plan = self._plan_of(asked)
        if plan is None:
            return ()
        who = seen_by(plan, identity)
        trials = try_items(plan.access, Facts(asked, who, asked.received_at))
        return tuple(map(str, remedies(trials, allowed=False, anonymous=who.is_anonymous)))

    def _entry(self, route: RouteSettings, request: Request, identity: Identity) -> Entry:
        launch = route.launch
        assert launch is not None  # noqa: S101 - only those are listed
        asked = self._request(route, request)
        path = asked.target.raw.decode("ascii")
        is_here = asked.host == request.host
        return Entry(
            route=route.name,
            name=launch.name,
            description=launch.description or "",
            url=path if is_here else origin_of(asked.public_url) + path,
            decision=self._decide(asked, identity),
            may_ask=launch.ask,
        )

    def _request(self, route: RouteSettings, request: Request) -> Request:
        """The request that opens the app, sent by who sent `request`."""
        start = route.launch_path or "/"
        if not route.host or names_host(frozenset(route.host), request.host):
            return _asked(request, request.host, request.public_url, start)
        host = next(it for it in route.host if not is_star(it))
        return _asked(request, host, self._hosts.url_of(host), start)

    def _plan_of(self, asked: Request) -> RoutePlan | None:
        """The plan of the route that takes `asked`, which need not be the one that lists it."""
        try:
            route = self._table.match_readings(asked)
        except AmbiguousPathError:
            return None
        return None if route is None or route is RESERVED else self._plans[route.index]

    def _decide(self, asked: Request, identity: Identity) -> Decision:
        plan = self._plan_of(asked)
        if plan is None:
            return _NO_ROUTE
        return decide_page(plan, asked, identity, self._user_header)


def _asked(request: Request, host: str, public_url: str, path: str) -> Request:
    return Request(
        method="GET",
        target=parse_target(path.encode()),
        fields=request.fields,
        host=host,
        public_url=public_url,
        client=request.client,
        request_id=request.request_id,
        received_at=request.received_at,
    )
