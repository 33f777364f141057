"""An account as last seen: what providers said of who signs in to it.  Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.model import Identity

_VERSION = 1

# What is kept of an identity; the rest is about one sign-in.
_FACTS = (
    "user",
    "subject",
    "issuer",
    "provider",
    "email",
    "name",
    "groups",
    "roles",
    "account_id",
    "external_id",
    "claims",
    "unreadable",
)
_TUPLES = frozenset({"groups", "roles"})
# Claims about a token or a sign-in, not the person: RFC 7519, section 4.1; OpenID Connect Core 1.0,
# section 2; Front-Channel Logout 1.0; FAPI; Keycloak, Ory and Entra.  Most are others each time,
# and so is `updated_at` at Auth0.
_OF_TOKENS = frozenset(
    {
        *("aud", "exp", "nbf", "iat", "jti", "azp", "nonce", "auth_time", "acr", "amr"),
        *("at_hash", "c_hash", "s_hash", "sid", "typ", "session_state", "rat"),
        *("aio", "rh", "uti", "updated_at"),
    }
)


@dataclass(frozen=True, slots=True)
class Account:
    """One account.

    Attributes:
        seen: Who signs in to it, one for each subject of an issuer, as described last.
        is_disabled: Whether it is good for nothing until somebody enables it again.
    """

    seen: tuple[Identity, ...] = ()
    is_disabled: bool = False

    def as_seen(self, issuer: str, subject: str) -> Identity | None:
        """What was said last of the issuer's subject; None where it signs in here no more."""
        return next((it for it in self.seen if (it.issuer, it.subject) == (issuer, subject)), None)

    def signed_in(self, identity: Identity) -> "Account":
        """The account once `identity` signed in; the same object where that is no news."""
        known = self.as_seen(identity.issuer, identity.subject)
        if known is None:
            return replace(self, seen=(*self.seen, facts_of(identity)))
        return self._told(known, replace(_newer(known, identity), user=identity.user))

    def refreshed(self, identity: Identity) -> "Account":
        """The account once a session of `identity` was refreshed; as `signed_in`.

        The user was settled at the sign-in, and who does not sign in here any more is not told of.
        """
        known = self.as_seen(identity.issuer, identity.subject)
        if known is None:
            return self
        return self._told(known, replace(_newer(known, identity), user=known.user))

    def _told(self, known: Identity, facts: Identity) -> "Account":
        if _in_any_order(_plain(known)) == _in_any_order(_plain(facts)):
            return self
        return replace(self, seen=tuple(facts if it is known else it for it in self.seen))


def facts_of(identity: Identity) -> Identity:
    """What of `identity` is about the person: nothing of one sign-in, no token."""
    kept = {name: getattr(identity, name) for name in _FACTS}
    kept["claims"] = {k: v for k, v in identity.claims.items() if k not in _OF_TOKENS}
    return Identity(credential="session", **kept)


def _newer(known: Identity, said: Identity) -> Identity:
    # Where userinfo failed, what is missing is not known to be gone: what was known before stays.
    return known if "*" in said.unreadable else facts_of(said)


def encode_account(account: Account) -> bytes:
    """The written form.

    The standard library's JSON, because claims are the provider's: an integer over 64 bits or a
    lone surrogate, both legal JSON, must not make a sign-in fail.
    """
    whole = {
        "version": _VERSION,
        "disabled": account.is_disabled,
        "seen": [_plain(identity) for identity in account.seen],
    }
    return json.dumps(whole, separators=(",", ":")).encode()


def decode_account(data: bytes) -> Account:
    """The account written in `data`.

    Raises:
        ValueError: `data` is none of `encode_account`.
    """
    try:
        whole = json.loads(data)
        if whole["version"] != _VERSION:
            raise ValueError("no account of this version")
        return Account(tuple(map(_identity, whole["seen"])), whole["disabled"] is not False)
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("no account") from error


def _plain(identity: Identity) -> dict[str, Any]:
    facts = {name: getattr(identity, name) for name in _FACTS}
    facts["unreadable"] = sorted(identity.unreadable)
    facts["claims"] = dict(identity.claims)
    return {name: value for name, value in facts.items() if value is not None}


def _identity(written: Mapping[str, Any]) -> Identity:
    rich = dict(written)
    for name in _TUPLES & rich.keys():
        rich[name] = tuple(rich[name])
    rich["unreadable"] = frozenset(rich.get("unreadable", ()))
    return Identity(credential="session", **rich)


def _in_any_order(value: object) -> object:
    """`value` with its lists sorted: some providers list groups in another order each time."""
    if isinstance(value, Mapping):
        return {name: _in_any_order(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return sorted(map(_in_any_order, value), key=lambda it: json.dumps(it, sort_keys=True))
    return value
