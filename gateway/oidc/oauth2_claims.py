"""Makes claims of what a plain OAuth 2.0 provider tells of a user; pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urljoin, urlsplit

from gateway.errors import ProviderUnavailableError
from gateway.oidc.claim_look_up import ABSENT, first_claim, look_up
from gateway.oidc.errors import UserMissingError
from gateway.oidc.facts import MAX_NAMES
from gateway.oidc.id_token import MAX_SUBJECT_CHARACTERS
from gateway.oidc.registration import Names

GROUPS = "groups"
# The claims that say how a user signed in, and of whom; only a signed ID token may have them.
_OF_ID_TOKENS = frozenset({"iss", "aud", "exp", "nonce", "acr", "amr", "auth_time", "sid"})
# RFC 8288, section 3, as services write it: <https://api.example.com/x?page=2>; rel="next"
_LINK = re.compile(r'<([^<>]*)>\s*((?:;\s*[\w*]+\s*=\s*(?:"[^"]*"|[^",;\s]+)\s*)*)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^",;\s]+))', re.IGNORECASE)
_NEXT = ("next", "@odata.nextLink")
# Not a name: rules that deny by group then count on one that cannot be read.
UNREAD: object = {}


def subject_of(user: Mapping[str, object], names: Names) -> str:
    """The immutable id of `user`, as text.

    Raises:
        UserMissingError: none of the claims `names` is an id.
    """
    value = first_claim(user, names)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UserMissingError(f"userinfo has no id: none of {', '.join(map(repr, names))}")
    text = str(value)
    if len(text) > MAX_SUBJECT_CHARACTERS or not text.isascii() or not text.isprintable():
        raise UserMissingError(f"the id {text[:50]!r} cannot be used")
    return text


def claims_of(
    user: Mapping[str, object],
    subject: str,
    *,
    verified: str,
    emails: object,
    groups: Sequence[object] | None,
) -> dict[str, object]:
    """The claims about `subject`: userinfo, with what other documents say in its place.

    `verified` is the member that marks the e-mail of userinfo.  `emails` is the list of addresses
    (None if there is no such list), and decides alone.  `groups` is None if there is no such list.
    """
    claims = {name: value for name, value in user.items() if name not in _OF_ID_TOKENS}
    claims["sub"] = subject
    if emails is not None:
        found = primary_email(emails)
        claims.pop("email", None)
        claims["email_verified"] = found is not None
        if found is not None:
            claims["email"] = found
    elif verified != "email_verified":
        claims["email_verified"] = user.get(verified)
    if groups is not None:
        claims[GROUPS] = list(groups)
    return claims


def primary_email(emails: object) -> str | None:
    """The primary address of a list, if it is verified."""
    for item in items_of(emails):
        if not isinstance(item, Mapping):
            continue
        address = item.get("email")
        is_primary = _is_marked(item, "primary", "is_primary")
        is_verified = _is_marked(item, "verified", "is_confirmed")
        if is_primary and is_verified and isinstance(address, str):
            return address
    return None


def _is_marked(item: Mapping[str, object], *names: str) -> bool:
    return any(item.get(name) is True for name in names)


def items_of(document: object) -> list[object]:
    """The items of a list, which may be wrapped as ``{"values": […]}``, or ``value`` (OData).

    Raises:
        ProviderUnavailableError: there is no list.
    """
    if isinstance(document, Mapping):
        document = document.get("values", document.get("value"))
    if not isinstance(document, list):
        raise ProviderUnavailableError("a list was expected")
    return document


def group_names(items: Sequence[object], members: Names) -> Iterator[object]:
    """The name of each item: the texts at `members` joined with ``/``, or `UNREAD`."""
    for item in items:
        parts = [_member(item, it) for it in members] if members else [item]
        texts = [str(it) for it in parts if _is_name(it)]
        # A slash in a part would make an organisation read as a team of another one.
        is_plain = len(parts) == 1 or not any("/" in it for it in texts)
        yield "/".join(texts) if is_plain and len(texts) == len(parts) else UNREAD


def roles_in(group: str, document: object, at: str) -> list[object]:
    """The roles in a `document` about a member of `group`, as ``group:role``, or `UNREAD`.

    Raises:
        ProviderUnavailableError: there is no list at the pointer `at`.
    """
    found = items_of(look_up(document, at) if at and isinstance(document, Mapping) else document)
    return [f"{group}:{it}" if _is_name(it) else UNREAD for it in found]


def apart(names: Sequence[object], groups: Names) -> list[object]:
    """The `names` of groups, with `UNREAD` for those that look like a role in one of `groups`."""
    roles = tuple(f"{it}:" for it in groups)
    return [UNREAD if isinstance(it, str) and it.startswith(roles) else it for it in names]


def _member(item: object, name: str) -> object:
    return look_up(item, name) if isinstance(item, Mapping) else ABSENT


def _is_name(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def next_page(url: str, link: str, document: object) -> str | None:
    """The address of the page after `url`, by ``Link``, ``next`` or OData; None if it is last.

    Raises:
        ProviderUnavailableError: it is at another origin, which must not get the access token.
    """
    members = document if isinstance(document, Mapping) else {}
    named = (it for name in _NEXT if isinstance(it := members.get(name), str))
    found = next(named, None) or _by_link(link)
    if not found:
        return None
    following = urljoin(url, found)
    try:
        same = _origin(following) == _origin(url)
    except ValueError:
        same = False
    if not same:
        raise ProviderUnavailableError(f"the next page is at another origin: {following[:200]!r}")
    return following


def _by_link(link: str) -> str | None:
    for found in _LINK.finditer(link):
        rel = _REL.search(found[2])
        if rel is not None and "next" in (rel[1] or rel[2] or "").lower().split():
            return found[1]
    return None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def too_many(groups: Sequence[object]) -> bool:
    """Whether there are more groups than may be kept."""
    return len(groups) > MAX_NAMES
