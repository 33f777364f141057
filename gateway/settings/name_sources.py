"""Which provider can give which group or role, by its prefix, its map and its letters; pure."""

from collections.abc import Iterator

from gateway.settings.access import ConditionSettings, Named, placed
from gateway.settings.claims import NamesSettings, lower
from gateway.settings.conditions import lists_of
from gateway.settings.document import Path, Problem
from gateway.settings.oauth2_profiles import OAUTH2_PROFILES
from gateway.settings.providers import ProviderSettings
from gateway.settings.routes import RouteSettings
from gateway.settings.scalars import quote
from gateway.settings.schema import Settings

_FACTS = ("group", "role")
# Facts that come from a provider, so another provider may state the same.
_OF_THE_USER = ("user", "email", "email_domain", "group", "role", "claim")
# Facts of an expression that are the same.
_NAMED_BY_PROVIDER = {"user", "email", "email_domain", "groups", "roles", "claims"}
_SEVERAL = 2


def can_give(provider: ProviderSettings, fact: str, name: str) -> bool:
    """Whether the group or role `name` can come from `provider`."""
    found = names_of(provider, fact)
    bare = name.removeprefix(found.prefix)
    if not name.startswith(found.prefix):
        return False
    if any(bare in ours for ours in found.map.values()):
        return True
    return found.unmapped == "keep" and not (folds(provider, fact) and bare != lower(bare))


def names_of(provider: ProviderSettings, fact: str) -> NamesSettings:
    """The settings of the provider's groups or roles."""
    return provider.claims.groups if fact == "group" else provider.claims.roles


def folds(provider: ProviderSettings, fact: str) -> bool:
    """Whether the names of groups or roles become lower case."""
    chosen = names_of(provider, fact).fold_case
    if chosen is not None:
        return chosen
    is_plain = provider.type == "oauth2" and fact == "group"
    return is_plain and OAUTH2_PROFILES[provider.profile].fold_case


def any_provider(settings: Settings, route: RouteSettings, path: Path) -> Iterator[Problem]:
    """Warnings about rules that users of several providers can meet, as they name none."""
    if isinstance(route.access, str) or len(settings.providers) < _SEVERAL:
        return
    known = ", ".join(settings.providers)
    for item in placed(route.access.allow, path):
        condition = item.settings
        given = [
            name
            for name in _OF_THE_USER
            if getattr(condition, name) is not None and not _of_one(settings, condition, name)
        ]
        if condition.when is not None and "provider" not in condition.when.names:
            given += sorted(_NAMED_BY_PROVIDER & condition.when.names)
        if given and condition.provider is None:
            message = (
                f"{given[0]} can come from any provider: add provider: [{known}], or one of them"
            )
            yield Problem(item.path, message, rule="any-provider")


def _of_one(settings: Settings, condition: ConditionSettings, fact: str) -> bool:
    """Whether each name of a group or role can come from one provider alone, by its prefix."""
    return fact in _FACTS and all(
        sum(can_give(it, fact, name) for it in settings.providers.values()) < _SEVERAL
        for name in getattr(condition, fact)
    )


def name_cautions(settings: Settings) -> Iterator[Problem]:
    """Warnings about names that no provider gives, and prefixes that keep nothing apart."""
    yield from _prefixes(settings)
    # These have groups and roles of their own.
    if settings.has_local_accounts or settings.bearer or not settings.providers:
        return
    for path, fact, name in _names_in(settings):
        if any(can_give(it, fact, name) for it in settings.providers.values()):
            continue
        message = f"no provider gives the {fact} {quote(name)}: {_why(settings, fact, name)}"
        yield Problem(path, message, rule="name-never-given")


def _names_in(settings: Settings) -> Iterator[tuple[Path, str, str]]:
    """The groups and roles that conditions name; a hook can give any role."""
    facts = _FACTS[:1] if settings.accounts.hooks else _FACTS
    for path, entries in lists_of(settings.conditions, settings.routes, settings.admins):
        for index, entry in enumerate(entries):
            for fact in () if isinstance(entry, Named) else facts:
                for name in getattr(entry, fact) or ():
                    yield (*path, index, fact), fact, name


def _why(settings: Settings, fact: str, name: str) -> str:
    """What the names of the first provider are like."""
    label, provider = next(iter(settings.providers.items()))
    found = names_of(provider, fact)
    if not name.startswith(found.prefix):
        return f"those of {label} begin with {quote(found.prefix)}"
    if found.unmapped == "drop":
        return f"it is not in map of {label}, which drops all others"
    return f"those of {label} are in lower case: write {quote(lower(name))}"


def _prefixes(settings: Settings) -> Iterator[Problem]:
    """Providers that can give the names which another one's prefix should set apart."""
    if len(settings.providers) < _SEVERAL:
        return
    for fact, member in (("group", "groups"), ("role", "roles")):
        for label, provider in settings.providers.items():
            prefix = names_of(provider, fact).prefix
            others = [
                name
                for name, it in settings.providers.items()
                if name != label and _reaches(names_of(it, fact), prefix)
            ]
            if prefix and others:
                message = f"{others[0]} can give {member} that begin with {quote(prefix)} too"
                yield Problem(
                    ("providers", label, "claims", member, "prefix"),
                    f"{message}: give each provider a prefix of its own",
                    rule="any-provider",
                )


def _reaches(names: NamesSettings, prefix: str) -> bool:
    """Whether some of `names` can begin with `prefix`."""
    if names.unmapped == "drop":
        ours = {names.prefix + name for group in names.map.values() for name in group}
        return any(name.startswith(prefix) for name in ours)
    return names.prefix.startswith(prefix) or prefix.startswith(names.prefix)
