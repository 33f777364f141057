"""Pages are self-contained, escaped, and allowed to do next to nothing."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from gateway.message.sent_form import SentForm
from gateway.pages import page_fields, render
from gateway.pages.template import shows_times

HOSTILE = "\"'><script>alert(1)</script>"
AT = 1_780_000_000.5
PROVIDERS = [{"label": HOSTILE, "url": "/_gatepost/login/a", "name": HOSTILE}]
SESSION = {
    **dict.fromkeys(("id", "device", "client", "ip", "country"), HOSTILE),
    **dict.fromkeys(("created", "last_seen"), AT),
    "current": True,
}
SECOND_FACTOR = {
    **dict.fromkeys(("secret", "uri", "prove_anew_url", "refused"), HOSTILE),
    "is_on": False,
    "left": 7,
    "codes": [HOSTILE],
}
KEY = {
    **dict.fromkeys(("id", "name"), HOSTILE),
    **dict.fromkeys(("expires", "created", "last_used"), AT),
    "scopes": [HOSTILE],
    "routes": [HOSTILE],
    "is_over": True,
}
PASSKEY = {
    **dict.fromkeys(("id", "name", "host"), HOSTILE),
    **dict.fromkeys(("created", "last_used"), AT),
    "is_synced": False,
}
LAUNCHED = {
    **dict.fromkeys(("route", "name", "description", "url"), HOSTILE),
    "asks_for_more": True,
}
APP = {
    **dict.fromkeys(("client", "name", "host"), HOSTILE),
    **dict.fromkeys(("meanings", "scopes", "resources"), (HOSTILE,)),
    "since": AT,
    "last_used": AT,
}
CONSENT = {
    **dict.fromkeys(("client", "client_host", "who", "user", "question", "logout_url"), HOSTILE),
    **dict.fromkeys(("meanings", "scopes", "resources"), (HOSTILE,)),
    "is_registered_by_itself": True,
    "asks_every_time": False,
    "until": AT,
    "action": "/",
}
ABOUT = {"title": HOSTILE, "explanation": HOSTILE, "advice": HOSTILE, "detail": HOSTILE}
PAGES: dict[str, dict[str, object]] = {
    "problem": {
        **ABOUT,
        "status": "403 Forbidden",
        "reason": HOSTILE,
        "request_id": HOSTILE,
        "retry": True,
        "account": {
            **dict.fromkeys(("user", "name", "switch_url", "logout_url"), HOSTILE),
            **dict.fromkeys(("ask", "ask_action"), HOSTILE),
        },
        "sign_in_url": HOSTILE,
        "again": True,
        "home_url": "/",
    },
    "sign-in-loop": {
        **ABOUT,
        "public_url": HOSTILE,
        "reason": HOSTILE,
        "request_id": HOSTILE,
        "sign_in_url": "/_gatepost/sign-in",
        "home_url": "/",
    },
    "sign-in": {
        "providers": PROVIDERS,
        "local": True,
        "problem": HOSTILE,
        "set_up_url": HOSTILE,
        "script_url": "/_gatepost/keep-fragment.js",
        "passkey_script_url": "/_gatepost/passkeys.js",
        "sign_in_action": "/",
        "return_to": HOSTILE,
        "username": HOSTILE,
        "forgot_url": "/_gatepost/forgot",
    },
    "sign-in-code": {
        **dict.fromkeys(("step", "return_to", "problem", "sign_in_url"), HOSTILE),
        "action": "/",
        "has_passkeys": True,
        "passkey_script_url": "/_gatepost/passkeys.js",
    },
    "setup": {
        **dict.fromkeys(("token", "username", "email", "problem"), HOSTILE),
        "action": "/",
    },
    "reset": {**dict.fromkeys(("token", "username", "problem"), HOSTILE), "action": "/"},
    "forgot": {"action": "/", "sign_in_url": "/", "is_asked": False},
    "invitation": {
        **dict.fromkeys(("token", "username", "email", "problem"), HOSTILE),
        "action": "/",
    },
    "email": {**dict.fromkeys(("token", "user", "email"), HOSTILE), "action": "/"},
    "kept-form": {
        **ABOUT,
        "status": "401 Unauthorized",
        "reason": HOSTILE,
        "request_id": HOSTILE,
        "sign_in_url": HOSTILE,
        "again": True,
        "form": SentForm(HOSTILE, ((HOSTILE, HOSTILE),), ((HOSTILE, HOSTILE), (HOSTILE, ""))),
    },
    "signed-in": {"name": HOSTILE, "home_url": "/"},
    "logout": {"name": HOSTILE, "provider": HOSTILE, "action": "/", "home_url": "/"},
    "account": {
        **dict.fromkeys(("name", "user", "email"), HOSTILE),
        "proof": {
            "where": "provider",
            "provider": HOSTILE,
            "methods": ["pwd", HOSTILE],
            "is_strong": True,
            "level": HOSTILE,
            "at": AT,
        },
        "groups": [HOSTILE],
        "sections": [
            (
                "launcher",
                {
                    "rows": [LAUNCHED, {**LAUNCHED, "route": "", "name": ""}],
                    "wanted": [
                        {**LAUNCHED, "state": state, "asked_at": AT}
                        for state in (None, "open", "declined", "done")
                    ],
                    "refused": HOSTILE,
                },
            ),
            (
                "sessions",
                {
                    "rows": [
                        SESSION,
                        {**SESSION, "current": False},
                        {**SESSION, "device": None},
                        {**SESSION, "device": None, "client": None},
                    ],
                    "logout_url": "/",
                },
            ),
            ("connected", {"rows": [APP, {**APP, "host": None, "last_used": None}]}),
            ("password", {"refused": HOSTILE}),
            ("second-factor", {**SECOND_FACTOR, "setup": HOSTILE}),
            ("second-factor", {**SECOND_FACTOR, "setup": None, "is_on": True}),
            (
                "email",
                {
                    **dict.fromkeys(("refused", "mailed_to", "prove_anew_url"), HOSTILE),
                    "asks_password": True,
                },
            ),
            (
                "passkeys",
                {
                    "rows": [PASSKEY, {**PASSKEY, "last_used": None, "is_synced": True}],
                    "script_url": "/_gatepost/passkeys.js",
                    **dict.fromkeys(("prove_anew_url", "refused"), HOSTILE),
                    "is_too_old": True,
                },
            ),
            (
                "secrets",
                {"rows": [{"name": HOSTILE, "is_set": is_set} for is_set in (True, False)]},
            ),
            (
                "identities",
                {
                    "linked": [
                        {"id": HOSTILE, "provider": HOSTILE, "who": HOSTILE, "can_unlink": True}
                    ],
                    "providers": [HOSTILE],
                    "has_password": True,
                    "can_retire": True,
                    "prove_anew_url": HOSTILE,
                    "refused": HOSTILE,
                },
            ),
            (
                "keys",
                {
                    "rows": [KEY],
                    "scopes": [HOSTILE],
                    "lifetimes": ["30d"],
                    **dict.fromkeys(("made", "made_name", "curl"), HOSTILE),
                    **dict.fromkeys(("prove_anew_url", "refused"), HOSTILE),
                    "copy_script_url": "/_gatepost/copy.js",
                },
            ),
        ],
        "action": "/",
        "home_url": "/",
        "desk_url": "/_gatepost/admin",
    },
    "consent": {**CONSENT, "redirect_to": HOSTILE, "is_local": True},
    "device-consent": {
        **CONSENT,
        **dict.fromkeys(("code", "ip", "device"), HOSTILE),
        "asked_at": AT,
    },
    "starting": {
        **dict.fromkeys(("title", "status", "reason", "request_id"), HOSTILE),
        "script_url": "/_gatepost/come-again.js",
    },
    "signed-out": {
        "provider_session_lives": True,
        "provider": HOSTILE,
        "sign_in_url": "/",
        "home_url": "/",
    },
}


PASSKEYS = {"src": "/_gatepost/passkeys.js", "defer": None}
TIMES = {"src": "/_gatepost/times.js", "defer": None}
SCRIPTS = {
    "sign-in": [{"src": "/_gatepost/keep-fragment.js", "defer": None}, PASSKEYS],
    "sign-in-code": [PASSKEYS],
    "account": [PASSKEYS, {"src": "/_gatepost/copy.js", "defer": None}, TIMES],
    "consent": [TIMES],
    "device-consent": [TIMES],
    "starting": [{"src": "/_gatepost/come-again.js", "defer": None}],
}


class Outline(HTMLParser):
    """What is in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def names(self) -> list[str]:
        return [tag for tag, _ in self.tags]


def rendered(name: str, language: str = "en") -> str:
    times = {"times_script_url": "/_gatepost/times.js"} if shows_times(name) else {}
    return render(name, language, site=HOSTILE, **times, **PAGES[name]).decode()


def outline(name: str) -> Outline:
    found = Outline()
    found.feed(rendered(name))
    return found


@pytest.mark.parametrize("name", PAGES)
def test_hostile_values_stay_text(name: str) -> None:
    scripts = [attributes for tag, attributes in outline(name).tags if tag == "script"]

    assert scripts == SCRIPTS.get(name, [])
    assert "alert(1)" in rendered(name)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_language_title_heading_and_one_main(name: str) -> None:
    page = outline(name)

    assert ("html", {"lang": "en", "dir": "ltr"}) in page.tags
    assert [page.names().count(tag) for tag in ("title", "h1", "main")] == [1, 1, 1]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_nothing_and_has_no_inline_styles(name: str) -> None:
    for tag, attributes in outline(name).tags:
        assert tag not in ("img", "link", "iframe", "object")
        if tag != "script":
            assert not {k for k in attributes if k.startswith("on") or k in ("style", "src")}


@pytest.mark.parametrize("name", PAGES)
def test_every_field_of_a_form_has_a_label(name: str) -> None:
    page = outline(name)
    labelled = {attributes.get("for") for tag, attributes in page.tags if tag == "label"}

    for tag, attributes in page.tags:
        is_shown = attributes.get("type") != "hidden" and "hidden" not in attributes
        if tag == "input" and is_shown:
            assert attributes["id"] in labelled


def test_the_policy_names_the_style_that_is_there() -> None:
    page = render("signed-out", site="", **PAGES["signed-out"])
    style = re.search(rb"<style>(.*)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1]).digest()).decode()
    policy = dict(page_fields("signed-out"))["Content-Security-Policy"]

    assert f"style-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(("name", "limited"), [("logout", False), ("problem", True)])
def test_only_forms_that_lead_away_may_go_anywhere(name: str, limited: bool) -> None:
    policy = dict(page_fields(name))["Content-Security-Policy"]

    assert ("form-action 'self'" in policy) is limited


def test_a_forgotten_value_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(UndefinedError):
        render("signed-out", site="x")


def test_times_are_in_utc_and_marked_for_the_script() -> None:
    shown = '<time datetime="2026-05-28T20:26:40Z">2026-05-28 20:26 UTC</time>'

    assert shown in rendered("account")
    assert {name for name in PAGES if "<time" in rendered(name)} == set(filter(shows_times, PAGES))


def test_only_a_page_with_a_script_may_run_one() -> None:
    policies = {name: dict(page_fields(name))["Content-Security-Policy"] for name in PAGES}

    assert {name for name, policy in policies.items() if "script-src" in policy} == set(SCRIPTS)
    assert {name for name, it in policies.items() if "connect-src" in it} == set(SCRIPTS)
    assert "script-src 'self'; connect-src 'self';" in policies["sign-in"]
