"""Which proxy a call to a provider goes through: the configured one, or the environment's."""

import ipaddress
from urllib.parse import urlsplit

from gateway.errors import ProviderUnavailableError
from gateway.settings.provider_reach import parse_proxy


def proxy_for(url: str, configured: str | None = None) -> str | None:
    """The proxy to call `url` through; None to call it directly.

    Without a `configured` one, HTTPS_PROXY or HTTP_PROXY counts, unless NO_PROXY names the host:
    a name also covers the names below it, and a network such as 10.0.0.0/8 its addresses.

    Raises:
        ProviderUnavailableError: The environment's is not of a supported kind.
    """
    if configured is not None:
        return configured
    # Imported late: with it comes a client of HTTP and mail.  typeshed lacks the second.
    from urllib.request import (  # type: ignore[attr-defined]
        getproxies_environment,
        proxy_bypass_environment,
    )

    proxies = getproxies_environment()
    try:
        parts = urlsplit(url)
        where = parts.netloc.rpartition("@")[2]
    except ValueError:
        return None
    named = proxies.get(parts.scheme)
    if named is None or proxy_bypass_environment(where, proxies):
        return None
    if _is_in_network(parts.hostname or "", proxies.get("no", "")):
        return None
    try:
        return parse_proxy(named if "://" in named else f"http://{named}")
    except ValueError as error:
        raise ProviderUnavailableError(f"{parts.scheme.upper()}_PROXY {error}") from None


def _is_in_network(host: str, no_proxy: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    for name in no_proxy.split(","):
        try:
            if address in ipaddress.ip_network(name.strip(), strict=False):
                return True
        except ValueError:
            continue
    return False
