"""Warnings about routes that leave credentials to the app."""

from collections.abc import Iterator

from gateway.message.names import is_identity_name
from gateway.settings.access import WHOEVER_ASKS, ConditionSettings, items_of
from gateway.settings.api_keys import ApiKeySettings
from gateway.settings.document import Path, Problem
from gateway.settings.headers import fold_name
from gateway.settings.routes import RouteSettings
from gateway.settings.scalars import quote
from gateway.settings.schema import Settings


def foreign_cautions(settings: Settings, route: RouteSettings, path: Path) -> Iterator[Problem]:
    """Warnings about `foreign_credentials` of `route`, which is at `path`."""
    if route.foreign_credentials != "pass":
        return
    if not route.asks_for_credentials:
        yield Problem(path, "has no effect: this route checks no credentials", rule="no-effect")
        return
    if "/" in route.prefix and not route.methods:
        message = f"route {quote(route.name)} lets anyone with an invented credential reach"
        yield Problem(
            path,
            f"{message} every remaining path: the app must refuse it everywhere",
            rule="foreign-credentials",
        )
    for field in _kept_from_app(settings, route):
        yield Problem(
            path,
            f"{field} never reaches the app, because upstreams sets or removes it",
            rule="foreign-credentials",
        )
    key_field = ApiKeySettings().header if settings.api_keys is None else settings.api_keys.header
    if _is_always_removed(settings, route, key_field):
        message = f"the app's own keys in {key_field} are refused, because the gateway always"
        yield Problem(
            path,
            f"{message} removes that field: give api_keys.header another name",
            rule="foreign-credentials",
        )
    if _asks_about_the_user(route):
        message = "access conditions on the user do not apply to foreign credentials: the app must"
        yield Problem(path, message, rule="foreign-credentials")
    if any(it.introspection is not None for it in settings.bearer):
        message = "with introspection, a Bearer token that is not a JWT goes to the issuer"
        yield Problem(
            path,
            f"{message}, so the app's own tokens are not forwarded",
            rule="foreign-credentials",
        )


def _asks_about_the_user(route: RouteSettings) -> bool:
    if isinstance(route.access, str):
        return False
    items = tuple(items_of((*route.access.allow, *route.access.deny)))
    names = ConditionSettings.model_fields.keys() - WHOEVER_ASKS - {"when"}
    return any(
        (item.when is not None and item.when.asks_who)
        or any(getattr(item, name) is not None for name in names)
        for item in items
    )


def _kept_from_app(settings: Settings, route: RouteSettings) -> Iterator[str]:
    """The credential fields that the configuration keeps from reaching the app."""
    kept: set[str] = set()
    for name, upstream in settings.upstreams.items():
        headers = upstream.identity.headers
        kept.update(upstream.request_headers.set, () if isinstance(headers, str) else headers)
        if route.upstream in (None, name):
            kept.update(upstream.request_headers.remove)
    keys = ApiKeySettings() if settings.api_keys is None else settings.api_keys
    folded = set(map(fold_name, kept))
    for field in dict.fromkeys(("Authorization", "X-API-Key", keys.header)):
        if fold_name(field) in folded:
            yield field


def _is_always_removed(settings: Settings, route: RouteSettings, field: str) -> bool:
    """Whether apps may read an identity from `field`, so that a client's own never reaches them."""
    folded = fold_name(field)
    names = settings.upstreams if route.upstream is None else (route.upstream,)
    kept = [pattern for name in names for pattern in settings.upstreams[name].request_fields_kept]
    return is_identity_name(folded.encode()) and not any(_fits(folded, it) for it in kept)


def _fits(folded: str, pattern: str) -> bool:
    """Whether the folded name is one of those that an item of `request_fields_kept` stands for."""
    if pattern.endswith("*"):
        return folded.startswith(fold_name(pattern[:-1]))
    return folded == fold_name(pattern)
