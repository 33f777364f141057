"""Settings from environment variables, laid over what the file says."""

import re
from collections.abc import Mapping
from typing import get_origin

from gateway.settings.document import Data, Document, Path, value_at
from gateway.settings.scalars import Section, kind_of
from gateway.settings.shape import forms_at
from gateway.settings.yaml_reader import read_value

PREFIX = "GATEPOST_"
CONFIG = "GATEPOST_CONFIG"
# Without the prefix too, since one variable may be for the app and its gateway.
_BARE_MODE = "AUTH_MODE"

# A provider or upstream that only the environment names.
_ONLY_PROVIDER = "oidc"
_ONLY_UPSTREAM = "app"

# What YAML flow begins with, by the origin of the form it is read as.
_BEGINS = {tuple: "[", Mapping: "{"}

# Kubernetes and Docker describe a service called "gatepost" to its neighbours in variables of
# these names (Kubernetes, "Accessing the Service"); none of them is ours.
_SERVICE = re.compile(
    r"GATEPOST_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?"
    r"|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_SERVICE_PORT = re.compile(r"GATEPOST_(?:[A-Z0-9_]+_)?PORT")


def overlay(document: Document, environ: Mapping[str, str]) -> None:
    """Put every setting of `environ` in its place in `document`.

    A variable's value is the text itself, with its quotes and blanks; it is YAML flow where the
    setting takes a list or a mapping and it begins like one, or a number or a switch.
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
    """Where the variable `name` belongs; None, and a problem, if nowhere."""
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
    """The one entry of `section` that a variable without a name means."""
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
    """`path` with names as the file spells them: a variable's name knows no case and no hyphen."""
    spelt: Path = ()
    for part in path:
        there = value_at(document.data, spelt)
        names = there if isinstance(there, dict) else {}
        same = (it for it in names if it.lower().replace("-", "_") == part)
        spelt = (*spelt, part if part in names else next(same, part))
    return spelt


def variable_for(path: Path) -> str:
    """The variable that sets the value at `path`."""
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
            inner = {"url": inner}  # The short form, which the variable adds to.
            target[str(part)] = inner
        elif inner is None:
            inner = target[str(part)] = {}
            document.marks[path[:length]] = document.marks[path]
        if not isinstance(inner, dict):
            message = f"{part} is {kind_of(inner)}: set it as a whole"
            _refuse(document, path, name, message)
            return
        target = inner
    # An `x` and its `x_file` are one setting: the variable replaces either.
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
    """The characters that YAML flow begins with where the setting at `path` takes any."""
    forms = forms_at(path)
    found = "".join(_BEGINS.get(get_origin(form), "") for form in forms)
    if any(isinstance(form, type) and issubclass(form, Section) for form in forms):
        found += "{"
    # An unknown setting is an error, whose message may name what is in it.
    return found + "\"'" if _is_number(path) else found if forms else "[{"


def _is_number(path: Path) -> bool:
    """Whether a number or a switch stands at `path`, where blanks and quotes mean nothing."""
    return any(form in (int, float, bool) for form in forms_at(path))
