"""Renders pages, and sets the response fields that protect them.

A page works without scripts and has its style sheet inline, so that it works while everything
behind the gateway is down.  Few pages load scripts: one keeps the URL's fragment, one asks the
browser for passkeys, one loads the page of a starting app again, and one shows times in the
visitor's zone.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.pages.brand import Brand
from gateway.pages.reasons import REASONS
from gateway.pages.translations import SOURCE, direction, translated, translations
from gateway.settings.page_templates import OURS
from gateway.settings.pages import LANGUAGES
from gateway.wording import phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import BaseLoader, Environment
    from markupsafe import Markup

_HERE = Path(__file__).parent
_log = logging.getLogger(__name__)
# In a traceback, before the name of one of the operator's templates.
_OWN = "pages.templates/"

# Chromium applies form-action to the redirects after a form too (w3c/webappsec-csp issue 8).
# Signing in ends at the app, signing out at the provider or beyond, and a kept form wherever the
# app redirects to.  No list could name these origins, so these pages have no form-action.  It would
# guard against injected markup, and the pages contain none.
_FORMS_LEAD_AWAY = frozenset(
    {
        "sign-in",
        "sign-in-code",
        "setup",
        "invitation",
        "logout",
        "account",
        "kept-form",
        "demo-sign-in",
        "demo-consent",
        "demo-logout",
        "demo-form-post",
    }
)

_FORM_ACTION = " form-action 'self';"
# Pages with times, which a script shows in the visitor's zone.
_WITH_TIMES = frozenset({"account", "consent", "device-consent"})
# So are all pages of the administrator's desk.
_OF_DESK = "desk-"
_WITH_SCRIPT = frozenset({"sign-in", "sign-in-code", "starting"})


# Of the configuration that is served; a process serves one.
_brand = Brand()


def set_brand(brand: Brand) -> None:
    """Show `brand` on all pages from now on."""
    global _brand  # noqa: PLW0603 - as are the caches below
    _brand = brand
    for kept in (_fields, _environment, _style, _style_digest):
        kept.cache_clear()


def languages() -> tuple[str, ...]:
    """The languages in which pages are offered, the default first."""
    return _brand.languages


def render(name: str, language: str = SOURCE, /, **values: object) -> bytes:
    """The page `name` (a template's name without its suffix) in `language` as UTF-8 HTML.

    If it fails with the operator's templates, it is made without them.

    Raises:
        jinja2.TemplateNotFound: There is no such page.
        jinja2.UndefinedError: A value the template needs was not given.
    """
    file = f"{name}.html"
    if _brand.templates:
        try:
            return _encoded(_environment(language, own=True), file, values)
        except Exception as error:  # noqa: BLE001 - people get our page, whatever is wrong with theirs
            # Without its text, which may quote what is on the page.
            _log.error("pages.templates: %s: %s %s", file, type(error).__name__, _place(error))
    return _encoded(_environment(language), file, values)


def _encoded(environment: Environment, file: str, values: Mapping[str, object]) -> bytes:
    # What is no text, such as a lone surrogate in a name, becomes a question mark.
    return environment.get_template(file).render(values).encode(errors="replace")


def shows_times(name: str) -> bool:
    """Whether the page `name` has times, and so needs the script that shows them."""
    return name in _WITH_TIMES or name.startswith(_OF_DESK)


def page_fields(name: str, form_action: str = "") -> tuple[tuple[str, str], ...]:
    """The response fields for the page `name`: its media type, and its restrictions.

    Its forms may lead to the source `form_action` as well (CSP 3, section 6.4.1).
    """
    if not form_action:
        return _fields(name)
    policy = "Content-Security-Policy"
    wider = f" form-action 'self' {form_action};"
    return tuple(
        (key, value.replace(_FORM_ACTION, wider) if key == policy else value)
        for key, value in _fields(name)
    )


def _has_script(name: str) -> bool:
    return name in _WITH_SCRIPT or shows_times(name)


@cache
def _fields(name: str) -> tuple[tuple[str, str], ...]:
    form_action = "" if name in _FORMS_LEAD_AWAY else _FORM_ACTION
    style = f" style-src 'sha256-{_style_digest()}';"
    images = " img-src data:;" if _brand.has_pictures else ""
    script = " script-src 'self'; connect-src 'self';" if _has_script(name) else ""
    return (
        ("Content-Type", "text/html; charset=utf-8"),
        (
            "Content-Security-Policy",
            f"default-src 'none';{style}{images}{script}{form_action}"
            " base-uri 'none'; frame-ancestors 'none'",
        ),
        ("X-Content-Type-Options", "nosniff"),
        # With a stricter policy, a form would send "Origin: null" (Fetch, section 3.2), and our
        # own POSTs are checked by their origin.
        # The origin alone: the address of a page may hold a token that the app must not see.
        ("Referrer-Policy", "strict-origin"),
        ("X-Frame-Options", "DENY"),
    )


def _place(error: BaseException) -> str:
    """Which of the operator's templates failed, and in which line."""
    found, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(_OWN):
            found = f"(in {file.removeprefix(_OWN)} line {trace.tb_lineno})"
        trace = trace.tb_next
    return found


def _loader(*, own: bool) -> BaseLoader:
    """Finds our templates; with `own`, those of the operator first, and ours by `OURS` too."""
    from jinja2 import ChoiceLoader, FileSystemLoader, FunctionLoader, PrefixLoader

    ours = FileSystemLoader(_HERE / "html")
    if not own:
        return ours
    texts = _brand.templates

    def find(name: str) -> tuple[str, str, None] | None:
        return (texts[name], _OWN + name, None) if name in texts else None

    return ChoiceLoader([FunctionLoader(find), ours, PrefixLoader({OURS.rstrip("/"): ours})])


@cache
def _environment(language: str, *, own: bool = False) -> Environment:
    # Jinja is imported at the first page, because most requests need no template.
    from jinja2 import Environment, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment
    from markupsafe import Markup

    from gateway.pages.times import time_element

    # Whoever may write the pages' templates may not thereby read the gateway's memory.
    environment = (SandboxedEnvironment if own else Environment)(
        loader=_loader(own=own),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    # A text may go over several lines of its template.
    environment.policies["ext.i18n.trimmed"] = True
    # Safe: read from our package.  Must stay unescaped, because the CSP has its hash.
    environment.globals["style"] = Markup(_style())  # noqa: S704
    environment.globals["brand"] = _brand
    environment.globals |= {"language": language, "direction": direction(language)}
    environment.globals["languages"] = {tag: LANGUAGES[tag] for tag in _brand.languages}
    # Read by Jinja's extension; the type of an environment does not tell of it.
    catalogue = translations(language)
    environment.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["explanation_of"] = lambda name: phrase(REASONS[name].explanation)
    # For texts that are values: `_()` would take what stands in them for HTML.
    environment.filters["translated"] = partial(translated, language=language)
    environment.filters["prose"] = partial(_prose, language=language)
    environment.filters["time"] = time_element
    environment.filters["qr"] = _qr
    return environment


def _qr(text: str) -> Markup:
    """`text` as a QR code: inline SVG, because the pages load no pictures."""
    from markupsafe import Markup
    from segno import make

    # Dark on light in dark mode too: many apps read no other.
    code = make(text, micro=False, boost_error=False)
    drawn = code.svg_inline(omitsize=True, dark="#000", light="#fff")
    return Markup(drawn)  # noqa: S704 - a drawing, in which nothing of `text` is written


def _prose(text: str, language: str) -> Markup:
    """`text`, translated, as HTML, with text in backticks as code."""
    from markupsafe import Markup, escape

    parts = (
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(translated(text, language).split("`"))
    )
    return Markup("").join(parts)


@cache
def script(name: str) -> bytes:
    """The script `name` that pages load, without its suffix."""
    return (_HERE / f"{name}.js").read_bytes()


@cache
def _style() -> str:
    return (_HERE / "style.css").read_text("utf-8") + _brand.style + _brand.more_style


@cache
def _style_digest() -> str:
    return base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
