"""Warns about patterns in settings that Gatepost compares literally and other proxies do not.

Every setting with free text is in `MEANT`, or in a test's list of those that need no check.
"""

from collections.abc import Callable, Iterator, Mapping

from gateway.settings import meant
from gateway.settings.document import Path, Problem
from gateway.settings.scalars import Section
from gateway.settings.schema import Settings

# In a pattern: every item of a list or value of a mapping, and every key.
_EACH, _KEYS = "*", "keys"

_FACTS: Mapping[tuple[str, ...], Callable[[str], str | None]] = {
    ("user", _EACH): meant.name_meant,
    ("group", _EACH): meant.name_meant,
    ("role", _EACH): meant.name_meant,
    ("email", _EACH): meant.email_meant,
    ("scope", _EACH): meant.scope_meant,
    ("acr", _EACH): meant.value_meant,
    ("amr", _EACH): meant.value_meant,
    ("claim", _KEYS): meant.claim_name_meant,
    ("claim", _EACH, _EACH): meant.value_meant,
    ("method", _EACH): meant.method_meant,
    ("header", _KEYS): meant.field_name_meant,
    ("header", _EACH, _EACH): meant.value_meant,
}
_CLAIMS = (("user",), ("email",), ("name",), ("groups", "from"), ("roles", "from"))
_RULES = (
    ("routes", _EACH, "access", "allow", _EACH),
    ("routes", _EACH, "access", "deny", _EACH),
    ("tokens", "clients", _EACH, "access", "allow", _EACH),
    ("tokens", "clients", _EACH, "access", "deny", _EACH),
    ("conditions", _EACH, _EACH),
    ("admins", _EACH),
)
_UPSTREAM = ("upstreams", _EACH)
_ISSUERS = (("providers", _EACH), ("bearer", _EACH))

MEANT: Mapping[tuple[str, ...], Callable[[str], str | None]] = {
    ("data_dir",): meant.file_meant,
    ("audit", "file"): meant.file_meant,
    ("routes", _EACH, "path", _EACH): meant.path_meant,
    ("routes", _EACH, "prefix", _EACH): meant.prefix_meant,
    ("routes", _EACH, "regex"): meant.regex_meant,
    ("routes", _EACH, "methods", _EACH): meant.method_meant,
    **{(*rules, *fact): judge for rules in _RULES for fact, judge in _FACTS.items()},
    (*_UPSTREAM, "logout_paths", _EACH): meant.paths_only_meant,
    (*_UPSTREAM, "request_headers", "set", _KEYS): meant.field_name_meant,
    (*_UPSTREAM, "request_headers", "set", _EACH, "value"): meant.template_meant,
    (*_UPSTREAM, "request_headers", "set", _EACH, "basic", "user"): meant.template_meant,
    (*_UPSTREAM, "request_headers", "remove", _EACH): meant.field_name_meant,
    (*_UPSTREAM, "response_headers", "set", _KEYS): meant.field_name_meant,
    (*_UPSTREAM, "response_headers", "set", _EACH): meant.literal_meant,
    (*_UPSTREAM, "response_headers", "remove", _EACH): meant.field_name_meant,
    (*_UPSTREAM, "identity", "headers", _KEYS): meant.field_name_meant,
    (*_UPSTREAM, "identity", "headers", _EACH): meant.template_meant,
    (*_UPSTREAM, "identity", "assertion", "header"): meant.field_name_meant,
    (*_UPSTREAM, "identity", "assertion", "audience"): meant.value_meant,
    **{(*of, "issuer"): meant.issuer_meant for of in _ISSUERS},
    ("providers", "*", "internal_url"): meant.issuer_meant,
    **{(*of, "claims", *it, _EACH): meant.claim_name_meant for of in _ISSUERS for it in _CLAIMS},
    ("providers", _EACH, "scopes", _EACH): meant.scope_meant,
    ("bearer", _EACH, "audiences", _EACH): meant.value_meant,
    ("api_keys", "header"): meant.field_name_meant,
    ("api_keys", "grantable_scopes", _EACH): meant.scope_meant,
    ("api_keys", "static", _EACH, "user"): meant.name_meant,
    ("api_keys", "static", _EACH, "scopes", _EACH): meant.scope_meant,
    ("tokens", "clients", _EACH, "audiences", _EACH): meant.value_meant,
}


def other_proxies_forms(settings: Settings) -> Iterator[Problem]:
    """A warning for each text that other proxies would read differently."""
    for pattern, judge in MEANT.items():
        for path, text in _texts(settings, (), pattern):
            message = judge(text)
            if message is not None:
                yield Problem(path, message, rule="other-proxy-form")


def _texts(value: object, path: Path, pattern: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """Every text in `value` that matches `pattern`."""
    if not pattern:
        if value is not None and not isinstance(value, bool | int | float):
            yield path, str(value)
        return
    part, rest = pattern[0], pattern[1:]
    if isinstance(value, Section):
        yield from _texts(getattr(value, _attribute(value, part)), (*path, part), rest)
    elif isinstance(value, Mapping) and part == _KEYS:
        yield from (((*path, key), str(key)) for key in value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key), rest)
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index), rest)


def _attribute(section: Section, name: str) -> str:
    """The attribute of `section` for the setting `name`, which may be a word of Python's."""
    fields = type(section).model_fields
    return next((it for it, field in fields.items() if field.alias == name), name)
