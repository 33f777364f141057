"""One finding of `gatepost doctor`, and the names of all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.oidc.finding import Finding as ProviderFinding
from gateway.oidc.finding import Level as ProviderLevel

# ok: nothing to do.  warning: works, but not as it should.  error: something does not work.
Level = Literal["ok", "warning", "error"]

PAGE = "docs/guides/doctor.md"

# The groups from outside in, each with the ids of its findings.  An id is stable, and the anchor of
# its section in PAGE.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "gateway": ("gateway-running",),
    "public_url": (
        "public-url-dns",
        "public-url-connect",
        "public-url-https",
        "public-url-certificate",
        "public-url-expiry",
        "public-url-gateway",
    ),
    "proxy": (
        "proxy-host",
        "proxy-scheme",
        "proxy-client-address",
        "proxy-trusted",
        "proxy-forged-address",
        "proxy-fields",
    ),
    "clock": ("clock-public-url", "clock-provider"),
    "providers": (
        "provider-discovery",
        "provider-issuer",
        "provider-endpoints",
        "provider-code-flow",
        "provider-demands",
        "provider-pkce",
        "provider-signing-algorithms",
        "provider-client-authentication",
        "provider-keys",
        "provider-scopes",
        "provider-refresh",
        "provider-userinfo",
        "provider-claims",
        "provider-sign-out",
        "provider-back-channel-logout",
        "provider-standards",
        "provider-redirect-uri",
        "provider-post-logout-redirect-uri",
        "provider-client-secret",
        "provider-reaches-us",
    ),
    "directory": ("directory-answers", "directory-search"),
    "cookies": ("cookie-domain", "cookie-secure"),
    "store": (
        "store-secret",
        "store-round-trip",
        "store-file",
        "store-disk",
        "store-version",
        "store-eviction",
        "store-persistence",
    ),
    "upstreams": ("upstream-answer", "upstream-around"),
    "configuration": ("configuration-warning",),
    "checks": ("check-unfinished",),
}
_GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        id: One of `GROUPS`.
        about: The URL, provider, store or upstream it is about; ``""`` if there is only one.
        says: What is so.  May quote what others sent, so it is escaped before it is printed.
        do: What to do; ``""`` if nothing.
    """

    level: Level
    id: str
    about: str
    says: str
    do: str = ""

    @property
    def group(self) -> str:
        """The group in `GROUPS`.

        Raises:
            KeyError: There is no such finding.
        """
        return _GROUP_OF[self.id]

    @property
    def page(self) -> str:
        """The section of the documentation that explains it."""
        return f"{PAGE}#{self.id}"


_LEVELS: Mapping[ProviderLevel, Level] = {
    "ok": "ok",
    "note": "ok",
    "warning": "warning",
    "problem": "error",
}


def from_provider(found: ProviderFinding, name: str, about: str) -> Finding:
    """The finding `name` that says what `gatepost provider` would."""
    return Finding(_LEVELS[found.level], name, about, found.says, found.do)
