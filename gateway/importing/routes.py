"""oauth2-proxy's rules for paths as Gatepost's routes, in the order in which they must stand."""

import re
from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError

from gateway.importing.emit import Noted, Value, literal
from gateway.importing.entrance import Entrance
from gateway.importing.given import Given
from gateway.importing.patterns import Pattern, translate
from gateway.importing.upstreams import Served
from gateway.settings.coverage import shadowed_by
from gateway.settings.routes import RouteSettings
from gateway.settings.scalars import quote

_Route = dict[str, Value]
_METHOD = re.compile(r"([A-Za-z]*)(!?=)(.*)", re.DOTALL)
_MATCHING = frozenset({"name", "path", "prefix", "regex", "methods", "host"})
_SKIPPING = ("skip_auth_routes", "skip_auth_regex")


def routes(given: Given, upstreams: Sequence[Served], who: Entrance) -> list[_Route | Noted]:
    """All routes: what is open, what is never redirected, then each upstream's paths."""
    found: list[_Route | Noted] = [*_skipped(given, upstreams), *_api(given, upstreams, who)]
    for number, one in enumerate(upstreams):
        name = one.name or f"denied-{number + 1}"
        route: _Route = {"name": name, **one.match}
        if not one.name:
            found.append(Noted({**route, "access": "denied"}, one.note))
            continue
        found.append(_with_rest(given, {**route, "upstream": one.name, "access": who.access()}))
    if not any(one.match == {"prefix": "/"} for one in upstreams):
        found.append({"name": "nothing-else", "prefix": "/", "access": "denied"})
    return visible(found)[0]


def visible(found: Sequence[_Route | Noted]) -> tuple[list[_Route | Noted], list[str]]:
    """The routes that can match, and the names of the others.

    An earlier one may take all requests of a later one, and the gateway's own paths have no routes.
    """
    kept: list[_Route | Noted] = []
    hidden: list[str] = []
    earlier: list[RouteSettings] = []
    for value in found:
        route = value.value if isinstance(value, Noted) else value
        if not isinstance(route, Mapping):
            continue
        plain = {name: route[name] for name in _MATCHING if name in route}
        try:
            settings = RouteSettings.model_validate({**plain, "access": "denied"})
        except ValidationError:
            hidden.append(str(route.get("name")))
            continue
        if shadowed_by(settings, earlier):
            hidden.append(settings.name)
            continue
        kept.append(value)
        earlier.append(settings)
    return kept, hidden


def _with_rest(given: Given, route: _Route) -> _Route:
    if given.is_on("force_json_errors"):
        route["unauthenticated"] = "reject"
    if given.is_on("skip_auth_preflight"):
        route["preflight"] = "pass"
        message = "only CORS preflights pass, not every OPTIONS request"
        given.say("differs", "skip_auth_preflight", message)
    return route


def _skipped(given: Given, upstreams: Sequence[Served]) -> Iterator[_Route]:
    number, seen = 0, set()
    for option in _SKIPPING:
        for text in given.items(option):
            method, inverted, regex = _parts(text, option)
            pattern = translate(regex, inverted=inverted)
            if isinstance(pattern, str):
                message = f"{quote(text)} {pattern}: those requests need a sign-in now"
                given.say("no equal", option, message)
                continue
            if (method, pattern) in seen:
                continue
            seen.add((method, pattern))
            _tell(given, option, text, pattern, inverted=inverted)
            for upstream in upstreams:
                number += 1
                yield _route(f"skip-auth-{number}", pattern, upstream, "public", method)


def _parts(text: str, option: str) -> tuple[str, bool, str]:
    """Method, whether the expression is inverted, and the expression of ``GET!=^/admin``."""
    found = _METHOD.fullmatch(text)
    if option == "skip_auth_regex" or found is None:
        return "", False, text
    return found[1].upper(), found[2] == "!=", found[3]


def _tell(given: Given, option: str, text: str, pattern: Pattern, *, inverted: bool) -> None:
    if inverted:
        message = f"{quote(text)} opens every path but those that it names: list the open ones"
        given.say("to do", option, message)
    elif pattern.anywhere:
        message = f"{quote(text)} opens every path that has this anywhere, as before: begin with ^"
        given.say("to do", option, message)
    elif pattern.kind == "prefix" and pattern.text == "/":
        given.say("to do", option, f"{quote(text)} opens every path to everyone, as before")
    elif pattern.kind == "regex":
        message = f"{quote(text)} became regex {pattern.text}, which matches the whole path"
        given.say("differs", option, message)


def _api(given: Given, upstreams: Sequence[Served], who: Entrance) -> Iterator[_Route]:
    number = 0
    for text in given.items("api_routes"):
        pattern = translate(text)
        if isinstance(pattern, str):
            message = f"{quote(text)} {pattern}: a navigation there is redirected to the sign-in"
            given.say("no equal", "api_routes", message)
            continue
        for upstream in _reached(upstreams):
            number += 1
            route = _route(f"api-{number}", pattern, upstream, who.access(), "")
            yield _with_rest(given, {**route, "unauthenticated": "reject"})


def _reached(upstreams: Sequence[Served]) -> list[Served]:
    """Upstreams that rules for paths apply to."""
    return [it for it in upstreams if it.name]


def _route(name: str, pattern: Pattern, upstream: Served, access: Value, method: str) -> _Route:
    route: _Route = {"name": name, **_within(pattern, upstream)}
    if method:
        route["methods"] = [method]
    if not upstream.name:
        return {**route, "access": "denied"}
    return {**route, "upstream": upstream.name, "access": access}


def _within(pattern: Pattern, upstream: Served) -> _Route:
    """Where `pattern` matches, restricted to the paths of `upstream`."""
    own = upstream.match
    if own == {"prefix": "/"}:
        return {pattern.kind: literal(pattern.text)}
    if "prefix" in own:
        below = re.escape(str(own["prefix"])).replace(r"\-", "-") + r"(?:/.*)?"
    else:
        below = re.escape(str(own.get("path", "/"))).replace(r"\-", "-")
    return {"regex": literal(f"(?={below}\\Z){_as_regex(pattern)}")}


def _as_regex(pattern: Pattern) -> str:
    if pattern.kind == "regex":
        return f"(?:{pattern.text})"
    text = re.escape(pattern.text).replace(r"\-", "-")
    return text if pattern.kind == "path" else ".*"
