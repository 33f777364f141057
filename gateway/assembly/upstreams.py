"""Builds the upstreams, and how requests change on the way to each."""

import ssl
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit
from uuid import uuid4

from gateway.authn.api_key import key_field
from gateway.forward.address import Address, Timeouts, tls_context
from gateway.forward.public_paths import PublicPaths
from gateway.forward.response import ResponseRules
from gateway.forward.upstream import Upstream
from gateway.mutate.cookies import OwnNames
from gateway.mutate.identity import AssertionRules, IdentityFields, Sign
from gateway.mutate.outbound import FieldRules
from gateway.mutate.owners import CookieOwners
from gateway.mutate.relocation import Relocation
from gateway.mutate.templates import (
    Template,
    account_secret,
    basic,
    compile_template,
    literal,
)
from gateway.pipeline.route_plan import UpstreamPlan
from gateway.settings.headers import HeaderValueSettings, fold_name
from gateway.settings.presets import PRESETS
from gateway.settings.schema import RouteSettings, Settings, UpstreamSettings


def upstreams_of(settings: Settings) -> dict[str, Upstream]:
    """The upstreams by name, not yet connected.

    Raises:
        OSError, ssl.SSLError: A certificate file cannot be used.
    """
    max_fields = settings.server.limits.fields
    return {name: _upstream(name, it, max_fields) for name, it in settings.upstreams.items()}


def _upstream(name: str, settings: UpstreamSettings, max_fields: int) -> Upstream:
    is_tls, at = settings.address
    return Upstream(
        name,
        Address(
            host=at.host,
            port=at.port,
            path=at.path,
            tls=upstream_tls(settings) if is_tls else None,
            server_name=(settings.tls.server_name or at.host) if is_tls else None,
        ),
        Timeouts(
            connect_s=settings.timeouts.connect or float("inf"),
            response_s=settings.timeouts.response or float("inf"),
            idle_s=settings.timeouts.idle or float("inf"),
            wake_s=settings.wake_timeout,
        ),
        max_fields,
    )


def _response_rules(settings: UpstreamSettings, own_cookies: Iterable[bytes]) -> ResponseRules:
    added = settings.response_headers.set
    return ResponseRules(
        removed=[field.encode() for field in settings.response_headers.remove],
        added={field.encode(): value.encode() for field, value in added.items()},
        reserved=own_cookies,
        paths=_public_paths(settings, settings.base, ""),
    )


def _public_paths(settings: UpstreamSettings, app: str, public: str) -> PublicPaths | None:
    """The app's path `app` and what is below, as `public` for clients; None if all is the same."""
    rewrites = settings.redirects == "rewrite"
    origins = _origins(settings) if rewrites else []
    if app == public and not origins:
        return None
    return PublicPaths(
        app=app.encode(), public=public.encode(), origins=origins, redirects=rewrites
    )


def relocated(plan: UpstreamPlan, of: UpstreamSettings, route: RouteSettings) -> UpstreamPlan:
    """`plan` for a route that strips or adds a prefix, if it does; `of` is its upstream."""
    strip, add = route.strip_prefix, route.add_prefix
    if not strip and not add:
        return plan
    return replace(
        plan,
        answers=plan.answers.at(_public_paths(of, of.base + add, strip)),
        relocation=Relocation(
            of.base.encode(),
            strip=strip.encode(),
            add=add.encode(),
            ignores_case=plan.ignores_case,
        ),
        prefix=strip,
    )


def _origins(settings: UpstreamSettings) -> list[str]:
    """The origins that the app may take for its own, since no client says them."""
    scheme = "https" if settings.url.startswith("https:") else "http"
    hosts = [] if settings.url.startswith("unix:") else [urlsplit(settings.url).netloc]
    sent = _host_sent(settings)
    if sent is not None:
        hosts.append(sent.decode())
    return [f"{scheme}://{host}" for host in dict.fromkeys(hosts)]


def upstream_tls(settings: UpstreamSettings) -> ssl.SSLContext:
    """What TLS to the app needs."""
    tls = settings.tls
    return tls_context(
        ca_file=tls.ca_file,
        cert_file=tls.cert_file,
        key_file=tls.key_file,
        insecure_skip_verify=tls.insecure_skip_verify,
    )


def upstream_plans(
    settings: Settings,
    upstreams: Mapping[str, Upstream],
    own_cookies: Sequence[bytes],
    sign: Sign,
    owners: CookieOwners,
    own_fields: Collection[bytes],
) -> dict[str, UpstreamPlan]:
    """How requests change on the way to each upstream, by its name."""
    return {
        name: _upstream_plan(settings, name, upstreams[name], removed, own_cookies, sign, owners)
        for name, removed in removed_fields(settings, own_fields).items()
    }


def _upstream_plan(
    settings: Settings,
    name: str,
    upstream: Upstream,
    removed: frozenset[bytes],
    own_cookies: Sequence[bytes],
    sign: Sign,
    owners: CookieOwners,
) -> UpstreamPlan:
    of, key = settings.upstreams[name], key_field(settings)
    kept = [pattern.encode() for pattern in of.request_fields_kept]
    return UpstreamPlan(
        upstream=upstream,
        answers=_response_rules(of, own_cookies),
        host=_host_sent(of),
        fields=FieldRules(removed, key, kept),
        fields_by_token=FieldRules(removed | {b"authorization"}, key, kept),
        identity=IdentityFields(
            _identity_templates(of, settings.accounts.user_header),
            _set_templates(of, settings.accounts.user_header),
            _assertion_rules(settings, of),
            sign,
            new_id=lambda: uuid4().hex,
        ),
        owners=owners if of.cookies == "isolate" else None,
        own_cookies=OwnNames(own_cookies),
        logout_paths=frozenset(
            map(str.casefold, of.logout_paths) if of.path_case == "ignore" else of.logout_paths
        ),
        ignores_case=of.path_case == "ignore",
        logout_then=of.logout_then,
        relocation=Relocation(of.base.encode()) if of.base else None,
    )


def _assertion_rules(settings: Settings, of: UpstreamSettings) -> AssertionRules | None:
    assertion = of.identity.assertion
    if assertion is None:
        return None
    return AssertionRules(
        header=assertion.header,
        issuer=settings.public_url[0],
        audience=assertion.audience,
        ttl_s=int(assertion.ttl),
    )


def _host_sent(settings: UpstreamSettings) -> bytes | None:
    if settings.host == "preserve":
        return None
    if settings.host != "upstream":
        return settings.host.encode()
    if settings.url.startswith("unix:"):
        return b"localhost"
    return urlsplit(settings.url).netloc.encode()


def _identity_templates(settings: UpstreamSettings, user_header: str) -> dict[str, Template]:
    """The identity fields for the app; `request_headers.set` takes precedence."""
    set_names = {fold_name(name) for name in settings.request_headers.set}
    mapping = identity_mapping(settings).items()
    return {
        name: compile_template(template, user_header)
        for name, template in mapping
        if fold_name(name) not in set_names
    }


def _set_templates(settings: UpstreamSettings, user_header: str) -> dict[str, Template]:
    """The fields set on every request."""
    return {
        name: _set_template(value, user_header)
        for name, value in settings.request_headers.set.items()
    }


def _set_template(value: HeaderValueSettings, user_header: str) -> Template:
    if value.account_secret is not None:
        return account_secret(value.account_secret, value.prefix)
    if value.basic is not None:
        of = value.basic
        password = literal(of.password or "")
        if of.account_secret is not None:
            password = account_secret(of.account_secret)
        return basic(compile_template(of.user, user_header), password)
    if value.is_template:
        return compile_template(value.value, user_header)
    return literal(value.value)


def account_secrets(settings: Settings) -> tuple[str, ...]:
    """Names of the account secrets that some upstream is sent; sorted."""
    names = set()
    for of in settings.upstreams.values():
        for value in of.request_headers.set.values():
            names.add(value.account_secret)
            names.add(None if value.basic is None else value.basic.account_secret)
    return tuple(sorted(name for name in names if name is not None))


def identity_mapping(settings: UpstreamSettings) -> Mapping[str, str]:
    """Field names and templates of the identity for an upstream."""
    headers = settings.identity.headers
    return PRESETS[headers] if isinstance(headers, str) else headers


def removed_fields(
    settings: Settings, own_fields: Collection[bytes]
) -> dict[str, frozenset[bytes]]:
    """For each upstream, by name, the fields that no client may send to it.

    `own_fields` are the fields that carry only the gateway's credentials.
    """
    configured = _configured_names(settings).union(own_fields)
    return {
        name: configured | {field.encode() for field in of.request_headers.remove}
        for name, of in settings.upstreams.items()
    }


def told_fields(settings: Settings) -> tuple[str, ...]:
    """Names of all fields that the gateway sets for any upstream, in order of name."""
    return tuple(sorted({name.decode() for name in _configured_names(settings)}))


def _configured_names(settings: Settings) -> frozenset[bytes]:
    """All field names that the gateway sets for any upstream; clients may send none of them."""
    names: set[str] = set()
    for upstream in settings.upstreams.values():
        names.update(identity_mapping(upstream), upstream.request_headers.set)
        if upstream.identity.assertion is not None:
            names.add(upstream.identity.assertion.header)
    return frozenset(name.encode() for name in names)
