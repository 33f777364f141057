"""What opening a page would come to: decides as for a request, and counts and sends nothing."""

from operator import attrgetter

from gateway.authz.access import decide
from gateway.authz.facts import Facts
from gateway.message.request import Request
from gateway.model import ANONYMOUS, Decision, Deny, Identity
from gateway.mutate.templates import is_sendable
from gateway.pipeline.route_plan import RoutePlan


def seen_by(plan: RoutePlan, identity: Identity) -> Identity:
    """Who the rules of `plan` are judged for, if the browser session of `identity` asks."""
    access = plan.access
    reads = access.looks_at_credentials and access.word not in ("public", "sign_in")
    return identity if reads and "session" in plan.admission.credentials else ANONYMOUS


def decide_page(
    plan: RoutePlan, request: Request, identity: Identity, user_header: str
) -> Decision:
    """The decision on `request`, a GET that the browser session of `identity` would send.

    Apps get the attribute `user_header` of an identity as the user.
    """
    if plan.deprecation is not None and plan.deprecation.is_over(request.received_at):
        return Deny("gone", status=410)
    who = seen_by(plan, identity)
    if not who.is_anonymous and not is_sendable(attrgetter(user_header)(who) or ""):
        return Deny("user-unusable")
    return decide(plan.access, Facts(request, who, request.received_at))
