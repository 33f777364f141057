"""What to register at each provider, in the terms of its admin pages."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.message.public_url import OWN_PREFIX
from gateway.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class AppRegistration:
    """An app that signs in at the provider itself and exchanges the code at the gateway.

    Attributes:
        client_id: The id of its own, public client at the provider.
    """

    name: str
    client_id: str
    redirect_uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Registration:
    """The gateway's URLs to register at one provider.

    Attributes:
        redirect_uris: Where it sends browsers with a code.
        post_logout_redirect_uris: Where it sends browsers after a sign-out
            (OpenID Connect RP-Initiated Logout 1.0, section 3.1).
        backchannel_logout_uri: Where it sends logout tokens; None if they are not accepted
            (OpenID Connect Back-Channel Logout 1.0, section 2.2).
        apps: Each is a separate client there.
    """

    provider: str
    client_id: str
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    backchannel_logout_uri: str | None
    apps: tuple[AppRegistration, ...]

    def lines(self) -> Iterator[str]:
        """The registration as text."""
        yield f"register at {self.provider}:"
        yield from (f"  redirect URI: {uri}" for uri in self.redirect_uris)
        yield from (f"  post-logout redirect URI: {uri}" for uri in self.post_logout_redirect_uris)
        if self.backchannel_logout_uri is not None:
            yield f"  back-channel logout URI: {self.backchannel_logout_uri}"
        for app in self.apps:
            yield f"register at {self.provider} for the app {app.name}, a public client:"
            yield f"  client id: {app.client_id}"
            yield from (f"  redirect URI: {uri}" for uri in app.redirect_uris)


def registrations(settings: Settings) -> list[Registration]:
    """What to register at each provider in `settings`, in the order of the file."""
    return [
        Registration(
            name,
            provider.client_id,
            (
                *(f"{url}{OWN_PREFIX}/callback/{name}" for url in settings.public_url),
                *_of_oauth2_proxy(settings),
            ),
            # Plain OAuth 2.0 has no sign-out that comes back.
            ()
            if provider.type == "oauth2"
            else tuple(f"{url}{OWN_PREFIX}/logout" for url in settings.public_url),
            f"{settings.public_url[0]}{OWN_PREFIX}/backchannel-logout/{name}"
            if provider.backchannel_logout
            else None,
            _apps(settings, name),
        )
        for name, provider in settings.providers.items()
    ]


def _of_oauth2_proxy(settings: Settings) -> tuple[str, ...]:
    """The redirect URIs that oauth2-proxy had, where they are still answered."""
    if settings.compatibility is None or settings.has_local_accounts or len(settings.providers) > 1:
        return ()
    return tuple(f"{url}/oauth2/callback" for url in settings.public_url)


def _apps(settings: Settings, provider: str) -> tuple[AppRegistration, ...]:
    """The apps that exchange codes of `provider`; this requires a redirect URI."""
    clients = {} if settings.tokens is None else settings.tokens.clients
    return tuple(
        AppRegistration(name, client.client_id or name, client.redirect_uris)
        for name, client in clients.items()
        if client.provider == provider and client.redirect_uris
    )
