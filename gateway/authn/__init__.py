"""Authenticators: one module for each kind in `gateway.kinds`, of the same name."""

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

# None stands for a kind that the configuration does not take.
AUTHENTICATORS: Mapping[str, Callable[[Parts], Authenticator | None]] = {
    word: module.build for word, module in _MODULES.items()
}
# The field line of a credential of that kind that is nobody's, and of the right form.
EXAMPLES: Mapping[str, Callable[[Settings], str]] = {
    word: module.example for word, module in _MODULES.items()
}


def own_fields(settings: Settings, kinds: Iterable[Authenticator]) -> frozenset[bytes]:
    """Folded names of the fields that carry credentials of `kinds`, and never one of an app's.

    Authorization and the field for keys may carry either: there the value decides.
    """
    carrying = (name for kind in kinds for name in kind.fields)
    return frozenset(carrying) - {AUTHORIZATION, fold(API_KEY), fold(key_field(settings))}


def guarded_fields(settings: Settings, kinds: Iterable[Authenticator]) -> tuple[bytes, ...]:
    """Names in lower case of the fields that state a credential."""
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
