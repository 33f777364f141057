"""Settings from environment variables, which override the file."""

import re
from collections.abc import Mapping
from typing import get_origin

from gateway.settings.document import Data, Document, Path, value_at
from gateway.settings.scalars import Section, kind_of
from gateway.settings.shape import forms_at
from gateway.settings.yaml_reader import read_value

PREFIX = "GATEPOST_"
CONFIG = "GATEPOST_CONFIG"
# Also read without the prefix, so that an app and its gateway can share one variable.
_BARE_MODE = "AUTH_MODE"

# Names for a provider and an upstream that come only from the environment.
_ONLY_PROVIDER = "oidc"
_ONLY_UPSTREAM = "app"

# The first character of YAML flow for each type of setting.
_BEGINS = {tuple: "[", Mapping: "{"}

# For a service called "gatepost", Kubernetes and Docker set variables with these names
# (Kubernetes, "Accessing the Service").  They are not ours.
_SERVICE = re.compile(
    r"GATEPOST_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?"
    r"|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_SERVICE_PORT = re.compile(r"GATEPOST_(?:[A-Z0-9_]+_)?PORT")


def overlay(document: Document, environ: Mapping[str, str]) -> None:
    """Apply all settings in `environ` to `document`.

    A variable's value is literal text, including quotes and blanks.  It is YAML flow only if the
    setting accepts a list or mapping and the value begins like one, or is a number or a switch.
    """
    bare = environ.get(_BARE_MODE)
    if bare is not None:
        _put(document, ("auth_mode",), _BARE_MODE, bare)
    given: dict[Path, str] = {}
    # Shorter first: GATEPOST_UPSTREAM, then GATEPOST_UPSTREAM__WAKE_TIMEOUT.
    for name in sorted(environ, key=lambda name: (name.count("__"), name)):
        if not name.startswith(PREFIX) or name == CONFIG or _is_service(name, environ[name]):
            continue
        path = _path_of(document, name)
        if path is None:
            continue
        other = given.get(_counterpart(path))
        if other is not None:
            _refuse(document, path, name, f"{other} is also set: set only one of them")
            continue
        if path == ("auth_mode",) and bare not in (None, environ[name]):
            _refuse(
                document, path, name, f"{_BARE_MODE} has a different value: set only one of them"
            )
            continue
        given[path] = name
        _put(document, path, name, environ[name])


def _is_service(name: str, value: str) -> bool:
    if _SERVICE.fullmatch(name):
        return True
    return bool(_SERVICE_PORT.fullmatch(name)) and value.startswith(("tcp:", "udp:", "sctp:"))


def _counterpart(path: Path) -> Path:
    last = str(path[-1])
    return (*path[:-1], last.removesuffix("_file") if last.endswith("_file") else f"{last}_file")


def _path_of(document: Document, name: str) -> Path | None:
    """The path that the variable `name` sets; None, with a problem, if there is none."""
    parts = name.removeprefix(PREFIX).lower().split("__")
    if not all(parts) or name != name.upper():
        _refuse(document, (name,), name, "unknown variable (write GATEPOST_SERVER__LISTEN)")
        return None
    if parts[0].startswith("oidc_"):
        only = _only(document, "providers", _ONLY_PROVIDER, name)
        return only and _spelt(document, (*only, parts[0].removeprefix("oidc_"), *parts[1:]))
    if parts[0] == "upstream":
        only = _only(document, "upstreams", _ONLY_UPSTREAM, name)
        return only and _spelt(document, (*only, *parts[1:]))
    return _spelt(document, tuple(parts))


def _only(document: Document, section: str, default: str, name: str) -> Path | None:
    """The entry of `section` that a variable without an entry's name refers to."""
    there = document.data.get(section)
    names = list(there) if isinstance(there, dict) else []
    if default in names or not names:
        return (section, default)
    if len(names) == 1:
        return (section, names[0])
    message = f"which of {', '.join(names)}? (write {PREFIX}{section.upper()}__{names[0].upper()}…)"
    _refuse(document, (name,), name, message)
    return None


def _spelt(document: Document, path: Path) -> Path:
    """`path` with the file's spelling: variable names have no lower case and no hyphen."""
    spelt: Path = ()
    for part in path:
        there = value_at(document.data, spelt)
        names = there if isinstance(there, dict) else {}
        same = (it for it in names if it.lower().replace("-", "_") == part)
        spelt = (*spelt, part if part in names else next(same, part))
    return spelt


def variable_for(path: Path) -> str:
    """The name of the variable that sets the value at `path`."""
    if path[:2] == ("providers", _ONLY_PROVIDER):
        return f"{PREFIX}OIDC_" + "__".join(str(part).upper() for part in path[2:])
    if path[:2] == ("upstreams", _ONLY_UPSTREAM):
        return "__".join([f"{PREFIX}UPSTREAM", *(str(part).upper() for part in path[2:])])
    if path == ("upstreams",):
        return f"{PREFIX}UPSTREAM"
    return PREFIX + "__".join(str(part).upper() for part in path)


def _refuse(document: Document, path: Path, name: str, message: str) -> None:
    document.spoil(path, message, f"environment: {name}")


def _put(document: Document, path: Path, name: str, text: str) -> None:
    document.forget(path)
    document.forget(_counterpart(path))
    value = _read(document, path, name, text)
    target: dict[str, Data] = document.data
    for length, part in enumerate(path[:-1], start=1):
        inner = target.get(str(part))
        if isinstance(inner, str) and path[:length][0] == "upstreams":
            inner = {"url": inner}  # The short form; the variable adds to it.
            target[str(part)] = inner
        elif inner is None:
            inner = target[str(part)] = {}
            document.marks[path[:length]] = document.marks[path]
        if not isinstance(inner, dict):
            message = f"{part} is {kind_of(inner)}: set it as a whole"
            _refuse(document, path, name, message)
            return
        target = inner
    # `x` and `x_file` are the same setting, so the variable replaces either.
    target.pop(str(_counterpart(path)[-1]), None)
    target[str(path[-1])] = value


def _read(document: Document, path: Path, name: str, text: str) -> Data:
    if not text.strip():
        read_value("~", document, path, name)
        _refuse(document, path, name, "is empty: unset it or set a value")
        return None
    if text.strip()[0] in _flow_begins(path):
        return read_value(text, document, path, name)
    read_value('""', document, path, name)
    return text.strip() if _is_number(path) else text


def _flow_begins(path: Path) -> str:
    """The first characters of YAML flow that the setting at `path` accepts."""
    forms = forms_at(path)
    found = "".join(_BEGINS.get(get_origin(form), "") for form in forms)
    if any(isinstance(form, type) and issubclass(form, Section) for form in forms):
        found += "{"
    # For an unknown setting, parse anyway, so that the error can name its content.
    return found + "\"'" if _is_number(path) else found if forms else "[{"


def _is_number(path: Path) -> bool:
    """Whether the value at `path` is a number or switch, in which blanks and quotes are ignored."""
    return any(form in (int, float, bool) for form in forms_at(path))
