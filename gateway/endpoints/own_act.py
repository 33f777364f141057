"""Notes in the journal what people do with their own accounts."""

from contextlib import AbstractAsyncContextManager

from gateway.endpoints.deps import Deps
from gateway.message.request import Request
from gateway.record.journal import OWN, Acting, Actor, Target
from gateway.sessions.session import Session


def own_act(
    deps: Deps,
    request: Request,
    session: Session,
    action: str,
    *,
    target_id: str = "",
    name: str = "",
) -> AbstractAsyncContextManager[Acting]:
    """Do in the block what the session's owner does with their own; see Journal.act."""
    who = session.identity
    target = Target(target_id, name, who.user, who.account_id)
    return deps.journal.act(Actor.of(who, request), OWN + action, target, request)


def act_by_link(
    deps: Deps, request: Request, user: str, action: str, *, name: str = ""
) -> AbstractAsyncContextManager[Acting]:
    """Do in the block what `user` does by a link that was proven good; see Journal.act."""
    actor = Actor(user, credential="link", ip=request.client)
    return deps.journal.act(actor, OWN + action, Target(name=name or user, user=user), request)
