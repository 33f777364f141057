"""The folder `pages.templates`: the operator's own templates and styles, read and checked.

Jinja is imported only where somebody has such a folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.settings.scalars import listed, quote, unknown_message

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.nodes import Template

STYLE = "style.css"
# Before the names of our own templates, so that another one can extend the one it replaces.
OURS = "gatepost/"
# Begins the name of a template that no page of ours has: one that others include.
_OWN = "_"
_MOST_BYTES, _MOST_FILES = 256 * 1024, 200
_FOLDER = Path(__file__).parents[1] / "pages" / "html"
# What is always there, besides a page's own values.
_EVERYWHERE = frozenset({"site", "choice", "times_script_url"})
# Of the environment; see `gateway.pages.template`.
_GLOBALS = frozenset(
    {
        *("style", "brand", "language", "direction", "languages", "explanation_of"),
        *("gettext", "ngettext", "pgettext", "npgettext", "_"),
    }
)


def read_templates(folder: Path) -> dict[str, str]:
    """The texts of the templates and of `STYLE` in `folder`, by name.

    Raises:
        OSError: A file cannot be read.
        ValueError: There is too much, or a file is not UTF-8; the message says which.
    """
    files = sorted(it for it in folder.iterdir() if it.suffix == ".html" or it.name == STYLE)
    if len(files) > _MOST_FILES:
        raise ValueError(f"has more than {_MOST_FILES} files")
    return {file.name: _read(file) for file in files}


def our_templates() -> dict[str, str]:
    """The templates that may be replaced, by name; those of the demo are none."""
    files = sorted(it for it in _FOLDER.glob("*.html") if not it.name.startswith("demo-"))
    return {it.name: it.read_text("utf-8") for it in files}


def template_problems(texts: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the templates `texts`, each with its name and line."""
    for name, text in texts.items():
        if name == STYLE:
            # It is part of the page, which it could end.
            if "</" in text:
                yield f"{STYLE}: must not contain </"
        elif not name.startswith(_OWN) and name not in our_templates():
            hint = unknown_message("page", name, our_templates())
            yield f"{hint}; begin the name of a template of your own with {_OWN}"
        else:
            yield from _problems_of(name, text, texts)


def _problems_of(name: str, text: str, texts: Mapping[str, str]) -> Iterator[str]:
    from jinja2 import TemplateSyntaxError, nodes

    environment = _environment()
    try:
        tree = environment.parse(text)
        environment.compile(text, filename=name)
    except TemplateSyntaxError as error:
        yield f"{name} line {error.lineno}: {error.message}"
        return
    for reference in _references(tree):
        wanted = reference.removeprefix(OURS)
        exists = (_FOLDER / wanted).is_file() or (wanted == reference and wanted in texts)
        if not exists:
            yield f"{name}: there is no template {quote(reference)}"
    if name.startswith(_OWN):
        return
    unknown = _undeclared(tree) - values_of(name) - _GLOBALS
    seen = set[str]()
    for used in tree.find_all(nodes.Name):
        if used.name in unknown - seen:
            seen.add(used.name)
            has = listed(sorted(values_of(name)))
            yield f"{name} line {used.lineno}: no value {quote(used.name)}; this page has {has}"


@cache
def values_of(name: str) -> frozenset[str]:
    """The values that our template `name` uses, with all that it extends and includes."""
    found, waiting, done = set(_EVERYWHERE), [name], set[str]()
    while waiting:
        here = waiting.pop()
        if here in done or not (_FOLDER / here).is_file():
            continue
        done.add(here)
        tree = _environment().parse((_FOLDER / here).read_text("utf-8"))
        found |= _undeclared(tree)
        waiting += _references(tree)
        if here.startswith("account-"):
            waiting.append("account.html")
    return frozenset(found - _GLOBALS)


def _undeclared(tree: Template) -> set[str]:
    from jinja2.meta import find_undeclared_variables

    known = _environment().globals
    return {it for it in find_undeclared_variables(tree) if it not in known}


def _references(tree: Template) -> list[str]:
    from jinja2.meta import find_referenced_templates

    return [it for it in find_referenced_templates(tree) if it is not None]


@cache
def _environment() -> Environment:
    """An environment that knows the filters that our own templates use."""
    from jinja2 import Environment, nodes

    environment = Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
    for file in _FOLDER.glob("*.html"):
        tree = environment.parse(file.read_text("utf-8"))
        for used in tree.find_all(nodes.Filter):
            environment.filters.setdefault(used.name, str)
    return environment


def _read(file: Path) -> str:
    with file.open("rb") as opened:
        content = opened.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{file.name} has more than {_MOST_BYTES // 1024} KiB")
    try:
        # As browsers read it, or the hash of the styles would be another one.
        return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise ValueError(f"{file.name} is not UTF-8") from None
