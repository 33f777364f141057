"""Looks up the schema at a path of the file."""

import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from gateway.settings.document import Path
from gateway.settings.scalars import Section
from gateway.settings.schema import Settings


def forms_at(path: Path) -> list[Any]:
    """The types that the value at `path` may have; empty if there is no such setting."""
    found: list[Any] = [Settings]
    for part in path:
        found = [inner for form in found for inner in _inside(form, part)]
    return found


def model_at(path: Path) -> type[Section] | None:
    """The model for the mapping at `path`."""
    models = [it for it in forms_at(path) if isinstance(it, type) and issubclass(it, Section)]
    return models[0] if models else None


@cache
def settings_of(kind: type) -> frozenset[tuple[str, ...]]:
    """Paths of all settings of type `kind`; * stands for any list item or name."""
    return frozenset(_settings_of(kind, Settings, ()))


def _settings_of(kind: type, form: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(form, type) and issubclass(form, Section):
        for name, field in members(form).items():
            for inner in forms_of(field.annotation):
                yield from _settings_of(kind, inner, (*path, name))
    elif get_origin(form) in (tuple, Mapping):
        for inner in forms_of(get_args(form)[get_origin(form) is Mapping]):
            yield from _settings_of(kind, inner, (*path, "*"))
    elif form is kind:
        yield path


def forms_of(annotation: Any) -> list[Any]:
    """`annotation` without `Annotated`, with a union split into its members."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return forms_of(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [form for argument in get_args(annotation) for form in forms_of(argument)]
    return [annotation]


def members(model: type[Section]) -> dict[str, FieldInfo]:
    """The settings of `model`, by their names in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def settings_names() -> frozenset[str]:
    """The names of all settings at the top of the file."""
    return frozenset(members(Settings))


def _inside(form: Any, part: str | int) -> list[Any]:
    """The types that the member `part` of a value of `form` may have."""
    if isinstance(form, type) and issubclass(form, Section):
        info = members(form).get(str(part))
        return [] if info is None else forms_of(info.annotation)
    origin, arguments = get_origin(form), get_args(form)
    if origin is tuple and isinstance(part, int):
        return forms_of(arguments[0])
    if origin is Mapping and isinstance(part, str):
        return forms_of(arguments[1])
    return []
