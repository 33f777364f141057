"""The two addresses of a provider: the public one of its issuer, and the one inside; pure."""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from gateway.settings.tenants import in_tenant


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where browsers find a provider, and where the gateway does.

    Attributes:
        issuer: The public address.
        internal_url: Takes its place, path included, in the gateway's own calls; None if there
            is no other address.
    """

    issuer: str
    internal_url: str | None = None

    @property
    def discovered(self) -> str:
        """The issuer that publishes the discovery document.

        Entra ID publishes that of all tenants under a tenant called ``common``.
        """
        return self.issuer if self.internal_url else in_tenant(self.issuer, "common")

    def called(self, url: str) -> str:
        """`url` as the gateway calls it: one that begins with the issuer is changed."""
        if self.internal_url is None:
            return url
        return _moved(url, self.issuer, self.internal_url) or url

    def shown(self, url: str) -> str:
        """`url` as a browser gets it.

        A provider that takes its own address from the request publishes the internal one to the
        gateway, which no browser can reach.
        """
        if self.internal_url is None or not self.is_inside(url):
            return url
        moved = _moved(url, self.internal_url, self.issuer)
        if moved is not None:
            return moved
        public = urlsplit(self.issuer)
        return urlunsplit(urlsplit(url)._replace(scheme=public.scheme, netloc=public.netloc))

    def is_inside(self, url: str) -> bool:
        """Whether `url` has the origin of the internal address."""
        return self.internal_url is not None and _origin(url) == _origin(self.internal_url)


def _moved(url: str, old: str, new: str) -> str | None:
    """`url` with `new` for `old` at its start; None if it is not `old` or below it."""
    old, new = old.removesuffix("/"), new.removesuffix("/")
    if not url.startswith(old):
        return None
    rest = url[len(old) :]
    # Whole segments: /realms/main is no start of /realms/main2, nor id.example.com of
    # id.example.com.evil.example.
    return new + rest if rest[:1] in ("", "/", "?") else None


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc
