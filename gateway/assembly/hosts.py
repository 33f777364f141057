"""The served hosts, and the limits for clients."""

from gateway.message.star import is_star, star_of
from gateway.pipeline.read import Hosts
from gateway.server.front import ClientLimits
from gateway.settings.places import host_of
from gateway.settings.schema import Settings


def hosts_of(settings: Settings) -> Hosts:
    """The served hosts, and the public URL of each."""
    first = settings.public_url[0]
    public_urls = {host_of(url): url for url in settings.public_url}
    stars = {host: url for host, url in public_urls.items() if is_star(host)}
    for host in (host for route in settings.routes for host in route.host):
        # A host that only a route names has the scheme of the first public URL.
        alone = f"{first.partition('://')[0]}://{host}"
        if is_star(host):
            stars.setdefault(host, alone)
        elif star_of(host) not in stars:
            public_urls.setdefault(host, alone)
    exact = {host: url for host, url in public_urls.items() if not is_star(host)}
    return Hosts(exact, first, stars)


def client_limits(settings: Settings) -> ClientLimits:
    """The limits for each client."""
    limits = settings.server.limits
    return ClientLimits(
        head_bytes=limits.head_bytes,
        fields=limits.fields,
        body_bytes=limits.body_bytes,
        header_s=limits.header_timeout or float("inf"),
        keepalive_s=limits.keepalive_timeout or float("inf"),
        connections=limits.connections,
    )
