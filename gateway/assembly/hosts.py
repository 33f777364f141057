"""The served hosts, and the limits for clients."""

from gateway.pipeline.read import Hosts
from gateway.server.front import ClientLimits
from gateway.settings.places import host_of
from gateway.settings.schema import Settings


def hosts_of(settings: Settings) -> Hosts:
    """The served hosts, and the public URL of each."""
    public_urls = {host_of(url): url for url in settings.public_url}
    for route in settings.routes:
        for host in route.host:
            # A host that only a route names has the scheme of the first public URL.
            scheme = settings.public_url[0].partition("://")[0]
            public_urls.setdefault(host, f"{scheme}://{host}")
    return Hosts(public_urls, settings.public_url[0])


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
