"""Checks of routes: what each refers to, and routes that hide one another."""

from collections.abc import Iterable, Iterator

from gateway.kinds import AMBIENT, KINDS, sent_by
from gateway.settings.condition_checks import check_items
from gateway.settings.coverage import Taken
from gateway.settings.document import Path, Problem
from gateway.settings.draft import Draft, RouteDraft
from gateway.settings.places import check_place
from gateway.settings.routes import RouteSettings
from gateway.settings.scalars import quote, unknown_message


def check_routes(draft: Draft) -> Iterator[Problem]:
    """Problems of the routes of `draft`."""
    yield from _routes(draft)
    yield from _enforced(draft)


def _routes(draft: Draft) -> Iterator[Problem]:
    if draft.routes is None:
        if len(draft.upstreams) > 1:
            yield Problem((), "with several upstreams, add routes that select one")
        if "include" in draft.sections:
            # Without routes, every signed-in user gets everywhere, as soon as a folder is empty.
            message = "there are no routes, neither here nor in the included files: write one"
            yield Problem(("include",), message)
        return
    taken, all_taken = Taken(), Taken()
    names: dict[str, RouteDraft] = {}
    for index, route in enumerate(draft.routes):
        path: Path = ("routes", index)
        if route.name in names:
            message = f"{quote(route.name)} is already the name of {names[route.name].where}"
            yield Problem((*path, "name"), message)
        elif route.name is not None:
            names[route.name] = route
        yield from _route_upstream(draft, route, path)
        if route.settings is None:
            continue
        yield from check_place(route.settings, path, draft.public_url)
        yield from _route_credentials(draft, route.settings, path)
        yield from _route_challenges(draft, route.settings, path)
        yield from _route_launch(draft, route.settings, path)
        yield from check_items(route.settings, path, draft.upstreams, draft.sections)
        # A route that is not enforced hides only others like it.
        hidden_by = (taken if route.settings.enforce else all_taken).hides(route.settings)
        if hidden_by:
            shown = ", ".join(names[it.name].shown for it in hidden_by)
            verb = "takes" if len(hidden_by) == 1 else "take"
            hint = f" (write before: {hidden_by[0].name})" if route.is_included else ""
            message = f"can never match: {shown} {verb} all its requests{hint}"
            yield Problem(path, message, rule="unreachable-route")
        all_taken.add(route.settings)
        if route.settings.enforce:
            taken.add(route.settings)


def _enforced(draft: Draft) -> Iterator[Problem]:
    routes = draft.routes or ()
    if routes and all(it.settings is not None and not it.settings.enforce for it in routes):
        yield Problem(("routes",), "no route is enforced, so none decides: add one that is")


def _route_upstream(draft: Draft, route: RouteDraft, path: Path) -> Iterator[Problem]:
    if not draft.upstreams:
        return  # Reported as missing.
    if route.upstream is not None:
        if route.upstream not in draft.upstreams:
            message = unknown_message("upstream", route.upstream, draft.upstreams)
            yield Problem((*path, "upstream"), message)
    elif route.settings is not None and route.settings.forwards and len(draft.upstreams) > 1:
        known = ", ".join(draft.upstreams)
        message = f"route {quote(route.settings.name)} needs an upstream (one of: {known})"
        yield Problem(path, message)


def _route_launch(draft: Draft, route: RouteSettings, path: Path) -> Iterator[Problem]:
    if route.launch is None:
        return
    if route.launch.ask and "admins" not in draft.sections:
        yield Problem((*path, "launch", "ask"), "there is nobody to ask: write admins")
    if not draft.takes(KINDS["session"]):
        message = "the account page is for people who sign in, and nobody can"
        yield Problem((*path, "launch"), message)


def _route_credentials(draft: Draft, route: RouteSettings, path: Path) -> Iterator[Problem]:
    if not draft.takes(KINDS["session"]):
        for name, said in (("access", route.access), ("unauthenticated", route.unauthenticated)):
            if said == "sign_in":
                yield Problem((*path, name), "sign_in needs a provider or local accounts")
    for number, word in enumerate(route.credentials):
        if not draft.takes(KINDS[word]):
            message = f"{word} is not accepted: there is no {KINDS[word].section} section"
            yield Problem((*path, "credentials", number), message)


def _route_challenges(draft: Draft, route: RouteSettings, path: Path) -> Iterator[Problem]:
    if route.passes_foreign:
        return  # The app may accept what the gateway does not.
    # A 401 must name a scheme, so the browser's is allowed even without a way to sign in.
    taken = {
        word for word in route.credentials or KINDS if word in AMBIENT or draft.takes(KINDS[word])
    }
    for number, scheme in enumerate(route.challenges):
        if taken.isdisjoint(sent_by(scheme)):
            message = (
                f"{scheme} is for {_listed(sent_by(scheme))}, which this route does not accept"
            )
            yield Problem((*path, "challenges", number), message)


def _listed(kinds: Iterable[str]) -> str:
    return ", ".join(sorted(kinds))
