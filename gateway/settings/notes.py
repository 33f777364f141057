"""Notes about what a configuration expects from a proxy in front of the gateway."""

from collections.abc import Iterator

from gateway.settings.schema import Settings


def notes(settings: Settings) -> Iterator[str]:
    """Notes about settings that are correct if the rest of the site is set up for them."""
    server = settings.server
    secure = [url for url in settings.public_url if url.startswith("https:")]
    if secure and server.tls is None:
        where = ", ".join(map(str, server.listen))
        yield (
            f"{where} is plain http and public_url is {secure[0]}: a proxy in front must terminate "
            "TLS. Over http, sign-ins fail, because browsers send these cookies only over https"
            + ("" if server.trusted_proxies else _NOBODY_TRUSTED)
        )


_NOBODY_TRUSTED = (
    ". Add it to server.trusted_proxies, or every client has the proxy's address; or terminate TLS"
    " in the gateway with server.tls"
)
