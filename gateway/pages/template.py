"""Templates to bytes, and the fields that keep a page from being misused.

A page works without scripts, loads nothing but the one script that makes the choice of a provider
keep a fragment, and carries its one style sheet inline, so that it
shows while everything behind the gateway is down.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_HERE = Path(__file__).parent

# Chromium applies form-action to every redirect that follows a form, too (w3c/webappsec-csp
# issue 8).  Signing in ends at the app, signing out at the provider and wherever that goes on to,
# a form that was kept wherever the app sends its sender: origins no list here could name, so
# these pages have no form-action.  Nothing on them is markup
# of anybody else, which is what form-action would guard against.
_FORMS_LEAD_AWAY = frozenset(
    {
        "sign-in",
        "logout",
        "account",
        "kept-form",
        "demo-sign-in",
        "demo-consent",
        "demo-logout",
        "demo-form-post",
    }
)

_WITH_SCRIPT = frozenset({"sign-in"})


def render(name: str, /, **values: object) -> bytes:
    """The page `name` (a template's name without its suffix) as UTF-8 HTML.

    Raises:
        jinja2.TemplateNotFound: There is no such page.
        jinja2.UndefinedError: A value the template needs was not given.
    """
    return _environment().get_template(f"{name}.html").render(values).encode()


@cache
def page_fields(name: str) -> tuple[tuple[str, str], ...]:
    """The response fields that go with the page `name`: its type, and what it may not do."""
    form_action = "" if name in _FORMS_LEAD_AWAY else " form-action 'self';"
    script = " script-src 'self';" if name in _WITH_SCRIPT else ""
    return (
        ("Content-Type", "text/html; charset=utf-8"),
        (
            "Content-Security-Policy",
            f"default-src 'none'; style-src 'sha256-{_style_digest()}';{script}{form_action}"
            " base-uri 'none'; frame-ancestors 'none'",
        ),
        ("X-Content-Type-Options", "nosniff"),
        # A form sent from a page without a referrer policy of same-origin would say
        # "Origin: null" (Fetch, section 3.2), and our own POSTs are checked by their origin.
        ("Referrer-Policy", "same-origin"),
        ("X-Frame-Options", "DENY"),
    )


@cache
def _environment() -> Environment:
    # Imported at the first page: serving needs no templates (see docs/decisions).
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_HERE / "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    # Ours, read from the package, and hashed into the policy byte for byte.
    environment.globals["style"] = Markup(_style())  # noqa: S704
    environment.filters["prose"] = _prose
    return environment


def _prose(text: str) -> Markup:
    """`text` with what stands between backticks set as code."""
    from markupsafe import Markup, escape

    parts = (
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(text.split("`"))
    )
    return Markup("").join(parts)


@cache
def fragment_script() -> bytes:
    """The script that keeps a fragment over the choice of a provider."""
    return (_HERE / "keep-fragment.js").read_bytes()


@cache
def _style() -> str:
    return (_HERE / "style.css").read_text("utf-8")


@cache
def _style_digest() -> str:
    return base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
