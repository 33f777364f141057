"""What a configuration leaves to what stands in front of the gateway."""

from collections.abc import Iterator

from gateway.settings.schema import Settings


def notes(settings: Settings) -> Iterator[str]:
    """Lines to read once, about what is right as it stands where the rest of the site is."""
    server = settings.server
    secure = [url for url in settings.public_url if url.startswith("https:")]
    if secure and server.tls is None:
        where = ", ".join(map(str, server.listen))
        yield (
            f"{where} speaks plain http, and browsers come to {secure[0]}: something in front has "
            "to end TLS. Opened by http, no sign-in succeeds: browsers keep the cookies for https"
            + ("" if server.trusted_proxies else _NOBODY_TRUSTED)
        )


_NOBODY_TRUSTED = (
    ". Name it in server.trusted_proxies, or every client has its address; or end TLS here, with"
    " server.tls"
)
