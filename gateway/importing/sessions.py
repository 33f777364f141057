"""How long oauth2-proxy's sessions last, and where they are kept."""

import re
from urllib.parse import urlsplit

from gateway.importing.emit import Noted, Value, literal
from gateway.importing.given import Given
from gateway.importing.times import seconds, spelled
from gateway.settings.scalars import quote
from gateway.settings.stores import parse_store

_IDLE_S = 8 * 3600
_DEFAULT_S = 7 * 86400


def sessions(given: Given, public_url: str) -> dict[str, Value]:
    """The section `sessions`, if anything differs from the defaults."""
    found: dict[str, Value] = {**_lifetime(given)}
    cookie: dict[str, Value] = {}
    domain = _domain(given, urlsplit(public_url).hostname or "")
    if domain:
        cookie["domain"] = literal(domain)
    same_site = given.text("cookie_samesite").lower()
    if same_site in ("strict", "none") and not (
        same_site == "none" and public_url.startswith("http:")
    ):
        cookie["same_site"] = same_site
    elif same_site not in ("", "lax"):
        given.say("no equal", "cookie_samesite", "lax is used")
    if cookie:
        found["cookie"] = cookie
    return {"sessions": found} if found else {}


def _lifetime(given: Given) -> dict[str, Value]:
    told = given.text("cookie_expire")
    if not told:
        return {}
    total = seconds(told)
    if not total or total < 1:
        message = "a session ends after 7 days, or 8 hours without use, not with the browser"
        given.say("differs", "cookie_expire", message)
        return {}
    given.say("differs", "cookie_expire", "a session also ends after sessions.idle_timeout")
    found: dict[str, Value] = {}
    if total < _IDLE_S:
        found["idle_timeout"] = spelled(total)
    if total != _DEFAULT_S:
        found["absolute_timeout"] = Noted(spelled(total), "cookie_expire")
    return found


def _domain(given: Given, host: str) -> str:
    for told in given.items("cookie_domains"):
        domain = told.lower().removeprefix(".")
        fits = re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain) is not None
        if fits and domain != host and host.endswith(f".{domain}"):
            if len(given.items("cookie_domains")) > 1:
                message = f"one domain is for all hosts: {domain} was taken"
                given.say("differs", "cookie_domains", message)
            return domain
    if given.get("cookie_domains") is not None:
        message = "no host of public_url is below it, so the cookie is for one host"
        given.say("differs", "cookie_domains", message)
    return ""


def store(given: Given) -> dict[str, Value]:
    """The settings `secret` and `store`."""
    kind = given.text("session_store_type", "cookie").lower()
    if kind == "cookie":
        message = "sessions are on the server: in SQLite under data_dir, or name a store"
        given.say("differs", "session_store_type", message)
        return {}
    url = given.text("redis_connection_url")
    found: dict[str, Value] = {
        "secret": Noted("${GATEPOST_SECRET}", "openssl rand -base64 32; the same on every machine")
    }
    given.say("to do", "session_store_type", "a shared store needs a secret: set GATEPOST_SECRET")
    if "@" in url or given.get("redis_password") is not None:
        name = "redis_password" if given.get("redis_password") else "redis_connection_url"
        message = "not copied: set GATEPOST_STORE to the URL with it, redis://:PASSWORD@HOST:6379"
        given.say("to do", name, message)
        found["store"] = Noted("${GATEPOST_STORE}", "has a password, which is not copied")
        return found
    try:
        found["store"] = literal(parse_store(url))
    except ValueError:
        where = (
            "redis_connection_url" if given.get("redis_connection_url") else "session_store_type"
        )
        given.say("to do", where, f"{quote(url)} is no URL of a store: set GATEPOST_STORE")
        found["store"] = Noted("${GATEPOST_STORE}", "CHANGE: redis://HOST:6379")
    return found
