"""Validates an owner's request for a new API key.  Pure."""

import re
from dataclasses import dataclass

from gateway.errors import GatewayError
from gateway.settings.api_keys import ApiKeySettings
from gateway.settings.scalars import format_duration, parse_duration
from gateway.wording import phrase

_SECONDS = re.compile(r"[0-9]{1,11}")
_MAX_NAME_CHARS = 100
_DEFAULT_LIFETIME_S = 90 * 86400.0


class KeyRefusedError(GatewayError):
    """The requested key is not allowed; the message is for the user."""

    reason = "invalid-request"
    status = 400


class ScopeNotGrantableError(KeyRefusedError):
    """The key asks for a scope that owners may not grant."""

    reason = "scope-not-grantable"
    status = 403


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A valid request for a key."""

    name: str
    scopes: tuple[str, ...]
    lifetime_s: float


def read_key_request(
    name: object, scopes: object, expires_in: object, rules: ApiKeySettings
) -> KeyRequest:
    """The requested key, if it is allowed.

    Args:
        name: Text of at most 100 characters.
        scopes: A list of scopes from `grantable_scopes`; None for none.
        expires_in: Seconds, or a duration as in the file; None for 90 days, or `max_lifetime`
            if that is less.
        rules: The settings that limit keys.

    Raises:
        KeyRefusedError: It is not allowed.
    """
    wanted = _scopes(scopes)
    missing = sorted(set(wanted) - set(rules.grantable_scopes))
    if missing:
        raise ScopeNotGrantableError(f"not in grantable_scopes: {', '.join(missing)}")
    return KeyRequest(_name(name), wanted, lifetime(expires_in, rules))


def lifetime(expires_in: object, rules: ApiKeySettings) -> float:
    """The lifetime in seconds for the requested `expires_in`.

    Raises:
        KeyRefusedError: It is not a lifetime, or exceeds `max_lifetime`.
    """
    if expires_in is None:
        return min(_DEFAULT_LIFETIME_S, rules.max_lifetime)
    try:
        seconds = parse_duration(_digits_as_seconds(expires_in))
    except ValueError as error:
        raise KeyRefusedError("expires_in is neither seconds nor a duration like 90d") from error
    if not 1 <= seconds <= rules.max_lifetime:
        longest = format_duration(rules.max_lifetime)
        raise KeyRefusedError(phrase("expires_in must be from 1s to %(longest)s", longest=longest))
    return seconds


def _digits_as_seconds(value: object) -> object:
    return int(value) if isinstance(value, str) and _SECONDS.fullmatch(value) else value


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise KeyRefusedError("name must be text")
    name = name.strip()
    if not 0 < len(name) <= _MAX_NAME_CHARS or not name.isprintable():
        raise KeyRefusedError(
            phrase("name must be 1 to %(number)s printable characters", number=_MAX_NAME_CHARS)
        )
    return name


def _scopes(scopes: object) -> tuple[str, ...]:
    if scopes is None:
        return ()
    if not isinstance(scopes, list | tuple) or not all(isinstance(it, str) for it in scopes):
        raise KeyRefusedError("scopes must be a list of strings")
    return tuple(sorted(set(scopes)))
