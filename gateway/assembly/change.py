"""Changes the configuration: first everything that can fail, then what takes effect."""

import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.accounts.hooks import Hooks
from gateway.accounts.manager import load_accounts
from gateway.assembly.accounts import AccountPolicy, ways_in
from gateway.assembly.apps import token_limits, token_settings
from gateway.assembly.lasting import Lasting, limits_of, sealer_of
from gateway.assembly.providers import (
    app_providers,
    bearer_of,
    directories_of,
    issuers_of,
    providers_of,
    wanted_claims,
)
from gateway.assembly.serving import Configuration, pipeline_of
from gateway.authn.bearer import BearerAuthenticator
from gateway.authserver.id_token_keys import id_token_keys
from gateway.credentials.kept_keys import load_key_sealer
from gateway.credentials.local import issuer_of
from gateway.forward.upstream import Upstream
from gateway.mutate.signer import load_signer
from gateway.oidc.provider import Provider
from gateway.pages import Brand, data_url, set_brand
from gateway.pipeline.pipeline import Pipeline
from gateway.server.listener import server_tls
from gateway.settings.page_templates import STYLE, read_templates
from gateway.settings.pages import MAX_ICON_BYTES, read_picture
from gateway.settings.schema import Settings
from gateway.storage.store import Clock


@dataclass(frozen=True, slots=True)
class Change:
    """Everything needed to serve new settings.

    Attributes:
        config: Keeps the current bearer authenticator, and so its cache, if the issuers' settings
            are the same.
        chain: The certificate chain; None if the gateway does not terminate TLS.
        brand: What is on all pages.
    """

    config: Configuration
    pipeline: Pipeline
    upstreams: Sequence[Upstream]
    hooks: Hooks | None
    chain: ssl.SSLContext | None
    brand: Brand

    def take_effect(self, lasting: Lasting, policy: AccountPolicy) -> None:
        """Apply the new settings to `lasting` and `policy`; this cannot fail."""
        config, settings = self.config, self.config.settings
        for name, directory in lasting.directories.items():
            if directory is not config.directories.get(name):
                directory.close()
        lasting.directories.clear()
        lasting.directories.update(config.directories)
        for known, new in ((lasting.providers, config.providers), (lasting.apps, config.by_app)):
            known.clear()
            known.update(new)
        lasting.sessions.limits, lasting.sessions.sealer = limits_of(settings), config.sealer
        lasting.outbox.smtp, lasting.outbox.public_url = settings.smtp, settings.public_url[0]
        lasting.local.accounts.issuer = issuer_of(settings.public_url[0])
        set_grace(lasting, settings)
        policy.follow(settings.accounts, self.hooks, ways_in(settings))
        for sessions in (lasting.sessions, lasting.tokens.sessions):
            sessions.doubt_cached(lambda it: lasting.accounts.rules.refuses(it.provider))
        lasting.tokens.access_s = token_settings(settings).access_ttl
        lasting.tokens.sessions.limits = token_limits(settings)
        lasting.tokens.sessions.sealer = config.sealer
        set_brand(self.brand)


async def prepare(
    new: Settings,
    old: Settings,
    lasting: Lasting,
    policy: AccountPolicy,
    bearer: BearerAuthenticator | None,
    clock: Clock,
) -> Change:
    """Build everything for `new`, which replaces `old`; `bearer` is the current authenticator.

    Raises:
        SettingsError, GatewayError, OSError: Nothing was changed.
    """
    sealer = sealer_of(new)
    if not sealer.has_secrets_of(lasting.sessions.sealer):
        # Reseal stored keys under the new secret, so that older secrets can be removed.
        await load_signer(lasting.store, sealer)
        await id_token_keys(lasting.store).read(sealer)
        await load_accounts(lasting.store, sealer)
        await load_key_sealer(lasting.store, sealer)
    providers = _kept_providers(new, old, lasting, clock)
    # Cached tokens stay valid only if the issuers' settings are the same.
    if issuers_of(old) != issuers_of(new):
        bearer = bearer_of(new, lasting.http, lasting.accounts, clock)
    by_app = app_providers(new, providers)
    # With its threads.
    directories = dict(lasting.directories) if old.ldap == new.ldap else directories_of(new)
    config = Configuration(new, providers, by_app, sealer, bearer, directories)
    pipeline, upstreams = pipeline_of(config, lasting)
    hooks = policy.hooks_of(new.accounts)
    chain = None if new.server.tls is None else server_tls(new.server.tls)
    return Change(config, pipeline, upstreams, hooks, chain, brand_of(new))


def _kept_providers(
    new: Settings, old: Settings, lasting: Lasting, clock: Clock
) -> dict[str, Provider]:
    """The providers of `new`; those with unchanged settings are kept."""
    found = providers_of(new, lasting.http, clock)
    if wanted_claims(old) != wanted_claims(new):
        return found
    same = [name for name in found if old.providers.get(name) == new.providers[name]]
    return {**found, **{name: lasting.providers[name] for name in same}}


def brand_of(settings: Settings) -> Brand:
    """What `settings` say of the pages.

    Raises:
        OSError, ValueError: The logo was replaced since it was checked, by what is none.
    """
    pages = settings.pages
    logo = "" if pages.logo_file is None else data_url(*read_picture(pages.logo_file))
    apps = ((it.name, it.launch.icon_file) for it in settings.enforced_routes if it.launch)
    providers = ((name, it.icon_file) for name, it in settings.providers.items())
    templates = {} if pages.templates is None else read_templates(pages.templates)
    return Brand(
        name=pages.name or "",
        logo=logo,
        colour=pages.colour or "",
        languages=pages.languages,
        app_icons=_icons(apps),
        provider_icons=_icons(providers),
        contact=pages.contact or "",
        links=pages.links,
        templates={name: it for name, it in templates.items() if name != STYLE},
        more_style=templates.get(STYLE, ""),
    )


def _icons(named: Iterable[tuple[str, Path | None]]) -> dict[str, str]:
    return {
        name: data_url(*read_picture(file, MAX_ICON_BYTES))
        for name, file in named
        if file is not None
    }


def set_grace(lasting: Lasting, settings: Settings) -> None:
    """Set how long cached sessions, tokens and keys stay valid while the store is down."""
    for kept in (lasting.sessions, lasting.tokens.sessions, lasting.keys):
        kept.contact.set_grace(settings.sessions.store_grace)
