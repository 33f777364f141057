"""The query parameters that start a sign-in; anyone may have written them."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode

from gateway.message.public_url import OWN_PREFIX, base_of, home_of
from gateway.message.request import Request
from gateway.message.return_to import safe_return_to
from gateway.responses import OTHER_ACCOUNT

_MAX_FIELDS = 20
_MOST_VALUES = 10
# An e-mail address has at most 254 (RFC 5321, section 4.5.3.1.3).
_MOST_HINT_CHARS = 254
# OpenID Connect, Initiating User Registration via OpenID Connect 1.0, section 4.
CREATE = "create"
# Excludes quotes and backslashes (NQCHAR of RFC 6749, appendix A), because JSON escapes them and
# ten of the longest values would no longer fit into a cookie.
_VALUES = re.compile(r"[!#-\[\]-~]{1,200}(?: [!#-\[\]-~]{1,200})*")
# Returning to the start or end of a sign-in would loop.
_NO_RETURN = tuple(
    f"{OWN_PREFIX}/{it}"
    for it in ("sign-in", "login/", "callback/", "setup", "reset", "forgot", "invitation")
)


@dataclass(frozen=True, slots=True)
class SignInRequest:
    """The parameters of a sign-in.

    Attributes:
        return_to: A path on the same host.
        max_age_s: Largest age of the user's sign-in in seconds (step-up).
        acr: Authentication contexts of which any is enough (step-up).
        amr: Authentication methods of which any is enough (step-up at the local form).
        other_account: Whether the user wants to sign in with another account.
        login_hint: Who is expected to sign in, for the provider (OpenID Connect Core 1.0, 3.1.2.1).
        creates: Whether the user wants a new account at the provider, if it offers that.
        dropped: Length of a refused return_to in characters; 0 if none was refused.
    """

    return_to: str = "/"
    max_age_s: int | None = None
    acr: tuple[str, ...] = ()
    other_account: bool = False
    dropped: int = 0
    amr: tuple[str, ...] = ()
    login_hint: str | None = None
    creates: bool = False

    def query(self) -> str:
        """The query with these parameters."""
        asked = {"return_to": self.return_to}
        if self.max_age_s is not None:
            asked["max_age"] = str(self.max_age_s)
        if self.acr:
            asked["acr_values"] = " ".join(self.acr)
        if self.other_account:
            asked["prompt"] = OTHER_ACCOUNT
        elif self.creates:
            asked["prompt"] = CREATE
        if self.login_hint is not None:
            asked["login_hint"] = self.login_hint
        return urlencode(asked, safe="/")


def read_form(text: str) -> dict[str, str]:
    """The parameters in a query, without malformed or repeated ones."""
    try:
        found = parse_qs(
            text,
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def read_whole_form(body: bytes, max_fields: int = _MAX_FIELDS) -> dict[str, str] | None:
    """The parameters in a form body; None if anything is malformed or repeated."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=max_fields,
        )
    except ValueError:
        return None
    form = dict(pairs)
    return form if len(form) == len(pairs) else None


def destination(request: Request, wanted: str | None) -> str:
    """Where to go after a sign-in: `wanted` if it is given and safe, else the home page."""
    home = home_of(request)
    return_to = home if wanted is None else safe_return_to(wanted, home)
    return home if is_loop(return_to, base_of(request.public_url)) else return_to


def is_loop(return_to: str, base: str) -> bool:
    """Whether `return_to` is the start or end of a sign-in; `base` is the public URL's path."""
    # Endpoints are found by the decoded path.
    return unquote(return_to).startswith(tuple(base + it for it in _NO_RETURN))


def read_sign_in_request(request: Request) -> SignInRequest:
    """Parse the query; malformed, repeated or unsafe parameters count as absent."""
    given = read_form(request.target.query)
    wanted = given.get("return_to")
    return_to = destination(request, wanted)
    refused = wanted is not None and return_to == home_of(request) != wanted
    dropped = len(wanted or "") if refused else 0
    max_age = given.get("max_age", "")
    max_age_s = int(max_age) if re.fullmatch(r"[0-9]{1,9}", max_age) else None
    acr, amr = _values(given.get("acr_values", "")), _values(given.get("amr_values", ""))
    prompt = given.get("prompt")
    return SignInRequest(
        return_to,
        max_age_s,
        acr,
        prompt == OTHER_ACCOUNT,
        dropped,
        amr,
        _hint(given.get("login_hint", "")),
        prompt == CREATE,
    )


def _hint(text: str) -> str | None:
    return text if text.isprintable() and 0 < len(text) <= _MOST_HINT_CHARS else None


def _values(text: str) -> tuple[str, ...]:
    """The values in `text`, separated by blanks (OpenID Connect Core 1.0, section 3.1.2.1)."""
    return tuple(text.split(" ")[:_MOST_VALUES]) if _VALUES.fullmatch(text) else ()
