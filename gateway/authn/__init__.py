"""Authenticators: one module for each kind in `gateway.kinds`, with the same name."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module

from gateway.authn.api_key import key_field
from gateway.authn.authenticator import (
    Authenticated,
    Authenticator,
    NotPresented,
    Outcome,
    Pending,
    Rejected,
)
from gateway.authn.combine import GUARDED, authenticate_all, judge_all
from gateway.authn.parts import Parts
from gateway.authn.unrecognised import API_KEY, AUTHORIZATION
from gateway.kinds import KINDS
from gateway.message.fields import fold
from gateway.settings.schema import Settings

_MODULES = {word: import_module(f"{__name__}.{word}") for word in KINDS}

# Each returns None if the configuration does not accept its kind.
AUTHENTICATORS: Mapping[str, Callable[[Parts], Authenticator | None]] = {
    word: module.build for word, module in _MODULES.items()
}
# A well-formed field line for each kind, with a credential that belongs to no one.
EXAMPLES: Mapping[str, Callable[[Settings], str]] = {
    word: module.example for word, module in _MODULES.items()
}


def own_fields(settings: Settings, kinds: Iterable[Authenticator]) -> frozenset[bytes]:
    """Folded names of the fields that carry only credentials of `kinds`, never one of the app's.

    Excluded are Authorization and the API key field: they may carry either, so the value decides.
    """
    carrying = (name for kind in kinds for name in kind.fields)
    return frozenset(carrying) - {AUTHORIZATION, fold(API_KEY), fold(key_field(settings))}


def guarded_fields(settings: Settings, kinds: Iterable[Authenticator]) -> tuple[bytes, ...]:
    """Lower-case names of the fields that can carry a credential."""
    names = (*GUARDED, key_field(settings), *sorted(own_fields(settings, kinds)))
    return tuple(dict.fromkeys(names))


__all__ = [
    "AUTHENTICATORS",
    "EXAMPLES",
    "GUARDED",
    "Authenticated",
    "Authenticator",
    "NotPresented",
    "Outcome",
    "Parts",
    "Pending",
    "Rejected",
    "authenticate_all",
    "guarded_fields",
    "judge_all",
    "own_fields",
]
