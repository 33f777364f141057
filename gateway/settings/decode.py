"""Turns a document into `Settings`, or into a list of problems that a user can act on."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import starmap
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from gateway.settings.access import Conditions, ConditionSettings, Entry
from gateway.settings.bearer import BearerSettings
from gateway.settings.checks import check
from gateway.settings.document import Data, Document, Path, Problem, value_at
from gateway.settings.draft import Draft, RouteDraft
from gateway.settings.environment import variable_for
from gateway.settings.filled_in import AuthMode, default_mode
from gateway.settings.policy_tests import PolicyTest
from gateway.settings.providers import ProviderSettings
from gateway.settings.routes import RouteSettings
from gateway.settings.scalars import EMPTY, kind_of, quote, unknown_message
from gateway.settings.schema import (
    ServerSettings,
    SessionSettings,
    Settings,
)
from gateway.settings.shape import members, model_at
from gateway.settings.tokens import TokenSettings
from gateway.settings.upstreams import UpstreamSettings

MISSING, UNKNOWN = "missing-setting", "unknown-setting"

# Tags of unions in the schema, which are not keys in the file.
_TAGS = frozenset({"|rules", "|word", "|preset", "|mapping", "|item", "|named", "[key]"})

# pydantic's error types, and the words for them in messages.
_WANTED = {
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_attributes_type": "a mapping",
    "model_type": "a mapping",
    "string_type": "text",
    "tuple_type": "a list",
}

# Settings of a later version.  "Unknown setting" would make users look for a typo.


def decode(document: Document) -> Settings | None:
    """The settings, or None if `document.problems` has errors."""
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(document.data)
    except ValidationError as error:
        found = _problems(document, error)
        draft = _salvage(document.data)
    else:
        found = []
        draft = Draft.of(settings)
    found += check(_with_places(document, draft))
    document.problems += [
        problem for problem in found if not document.is_broken(document.nearest(problem.path))
    ]
    return None if document.problems else settings


def _with_places(document: Document, draft: Draft) -> Draft:
    """`draft` with the place of each route."""

    def placed(index: int, route: RouteDraft) -> RouteDraft:
        path: Path = ("routes", index)
        file = document.written.get(path, (document.source, index))[0]
        shown = document.named(path, route.name or "")
        where = document.named(path)
        return replace(route, where=where, shown=shown, is_included=file != document.source)

    routes = None if draft.routes is None else tuple(starmap(placed, enumerate(draft.routes)))
    return replace(draft, routes=routes)


def _salvage(data: Mapping[str, Data]) -> Draft:
    """The parts of `data` that are valid by themselves, so that cross-checks still run."""

    def one(model: type[Any], value: Data) -> Any:
        try:
            return model.model_validate(value)
        except ValidationError:
            return None

    def each(model: type[Any], values: Data) -> dict[str, Any]:
        named = values if isinstance(values, dict) else {}
        return {name: one(model, value) for name, value in named.items()}

    try:
        adapter: TypeAdapter[tuple[str, ...]] = TypeAdapter(Settings.__annotations__["public_url"])
        public_url = adapter.validate_python(data.get("public_url"))
    except ValidationError:
        public_url = ()
    routes = data.get("routes")
    return Draft(
        public_url=public_url,
        upstreams=each(UpstreamSettings, data.get("upstreams")),
        providers=each(ProviderSettings, data.get("providers")) if "providers" in data else {},
        bearer=tuple(one(BearerSettings, it) for it in issuers)
        if isinstance(issuers := data.get("bearer"), list)
        else (),
        tokens=one(TokenSettings, data.get("tokens")),
        tests=tuple(one(PolicyTest, it) for it in tests)
        if isinstance(tests := data.get("tests"), list)
        else (),
        auth_mode=_mode_in(data),
        server=one(ServerSettings, data.get("server", {})),
        sessions=one(SessionSettings, data.get("sessions", {})),
        store=store if isinstance(store := data.get("store"), str) else None,
        has_secret="secret" in data or "secret_file" in data,
        sections=frozenset(data),
        dialect=_dialect_in(data.get("forward_auth")),
        conditions=_conditions_in(data.get("conditions")),
        admins=_conditions_in({"": data.get("admins")})[""] or (),
        routes=None
        if "routes" not in data
        else tuple(
            RouteDraft(_text(it, "name"), _text(it, "upstream"), one(RouteSettings, it))
            for it in (routes if isinstance(routes, list) else [])
        ),
    )


def _conditions_in(section: Data) -> dict[str, tuple[Entry, ...] | None]:
    def readable(value: Data) -> tuple[Entry, ...] | None:
        try:
            return adapter.validate_python(value)
        except ValidationError:
            return None

    adapter: TypeAdapter[tuple[Entry, ...]] = TypeAdapter(Conditions)
    named = section if isinstance(section, dict) else {}
    return {name: readable(value) for name, value in named.items()}


def _dialect_in(section: Data) -> str:
    found = _text(section, "dialect")
    # One that cannot be read is reported as such.
    return found or ("unreadable" if section is not None else "")


def _mode_in(data: Mapping[str, Data]) -> AuthMode | None:
    """The mode that is given, or the default; None if it cannot be read."""
    given = data.get("auth_mode")
    if given is None:
        return default_mode(
            *(data.get(name) for name in ("providers", "bearer")), "api_keys" in data
        )
    return next((mode for mode in get_args(AuthMode) if mode == given), None)


def _text(value: Data, name: str) -> str | None:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else None


def _problems(document: Document, error: ValidationError) -> list[Problem]:
    """One problem for each mistake, in the order of the file."""
    details = error.errors(include_url=False)
    renamed = _misspelt(details)
    found = [_problem(document, detail) for detail in details if _path(detail) not in renamed]
    return list({(problem.path, problem.message): problem for problem in found}.values())


def _misspelt(details: Sequence[ErrorDetails]) -> set[Path]:
    """Missing settings that are present under a misspelt name, which is already reported."""
    unknown: dict[Path, list[str]] = {}
    for detail in details:
        if detail["type"] == "extra_forbidden":
            path = _path(detail)
            unknown.setdefault(path[:-1], []).append(str(path[-1]))
    return {
        missing
        for detail in details
        if detail["type"] == "missing"
        for missing in [_path(detail)]
        for name in unknown.get(missing[:-1], ())
        if f"did you mean {quote(str(missing[-1]))}?"
        in unknown_message("", name, _names(missing[:-1]))
    }


def _path(detail: ErrorDetails) -> Path:
    """The path of the mistake; an unknown key may have the same name as a tag."""
    loc = detail["loc"]
    last = loc[-1:] if detail["type"] == "extra_forbidden" else ()
    return (*(part for part in loc[: len(loc) - len(last)] if part not in _TAGS), *last)


def _problem(document: Document, detail: ErrorDetails) -> Problem:
    path, kind, given = _path(detail), detail["type"], detail["input"]
    if kind == "missing":
        return _missing(document, path)
    if kind == "extra_forbidden":
        return _unknown(document, path)
    mark = document.marks.get(path)
    if kind == "literal_error" and path[-1:] == ("access",) and _is_condition(document, given):
        return Problem(path, f"{given} is a named condition: write {{allow: {given}}}")
    # pydantic marks a mistake in a key itself with this last element.
    of_key = detail["loc"][-1:] == ("[key]",) and mark is not None
    return Problem(path, _message(path, kind, given, detail), mark.key if of_key and mark else "")


def _is_condition(document: Document, given: object) -> bool:
    defined = document.data.get("conditions")
    return isinstance(given, str) and isinstance(defined, dict) and given in defined


def _message(path: Path, kind: str, given: object, detail: ErrorDetails) -> str:
    if kind == "wrong":
        return detail["msg"]
    if given is None:
        return EMPTY
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", detail["ctx"]["expected"])
        if not isinstance(given, str):
            return f"must be one of {', '.join(known)}, not {kind_of(given)}"
        what = next(part for part in reversed(path) if isinstance(part, str))
        return unknown_message(what, given, known)
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {kind_of(given)}"
    return detail["msg"]


def _missing(document: Document, path: Path) -> Problem:
    parent = document.nearest(path[:-1])
    mark = document.marks.get(parent)
    by_variable = mark is None or bool(mark.variable) or not parent
    hint = f" (set {variable_for(path)})" if by_variable else ""
    if mark is None or mark.variable:
        return Problem((), f"{quote(str(path[-1]))} is missing{hint}", "environment", MISSING)
    return Problem(parent, f"{quote(str(path[-1]))} is missing{hint}", mark.key, MISSING)


def _unknown(document: Document, path: Path) -> Problem:
    parent, name = path[:-1], str(path[-1])
    mark = document.marks[document.nearest(path)]
    there = value_at(document.data, parent)
    known = _names(parent)
    if mark.variable and len(mark.base) >= len(path):
        return Problem(path, _unknown_variable(mark.base, path, known), mark.key, UNKNOWN)
    free = [it for it in known if it not in there] if isinstance(there, dict) else known
    what = "condition" if model_at(parent) is ConditionSettings else "setting"
    return Problem(parent, unknown_message(what, name, known, free), mark.key, UNKNOWN)


def _unknown_variable(base: Path, path: Path, known: Sequence[str]) -> str:
    """The message for a variable whose part at the end of `path` is not a setting."""
    import difflib  # Only a wrong variable pays for it.

    near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.6)
    if not near:
        return "unknown variable"
    meant = variable_for((*path[:-1], near[0], *base[len(path) :]))
    return f"unknown variable (did you mean {quote(meant)}?)"


def _names(path: Path) -> list[str]:
    """The names of the settings at `path`."""
    model = model_at(path)
    return [] if model is None else list(members(model))
