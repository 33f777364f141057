"""The gateway's own cookies: their names, attributes and sealed values."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.authn.session import cookie_name
from gateway.message.cookies import clear_cookie, set_cookie
from gateway.message.public_url import base_of
from gateway.message.request import Request
from gateway.mutate.cookies import pairs_of
from gateway.sealing.sealer import Sealer

# RFC 6265, section 6.1: browsers accept cookies of at least this size, name and value together.
MAX_COOKIE_BYTES = 4096
_MAX_READ = 50


@dataclass(frozen=True, slots=True)
class CookieRules:
    """Names and attributes of the gateway's cookies.

    Attributes:
        name: Name of the session cookie without prefix; the other names derive from it.
        domain: Domain of the session cookie; the others are for one host.
        same_site: SameSite of the session cookie.  The others are ``lax``, because a provider's
            response is a cross-site navigation, or ``none`` if they are partitioned.
        session_s: How long browsers keep the session cookie.
        partitioned: Whether each site that embeds the app in a frame gets cookies of its own.
    """

    name: str = "gatepost"
    domain: str | None = None
    same_site: str = "lax"
    session_s: int = 7 * 86400
    partitioned: bool = False

    def session_name(self, request: Request) -> str:
        """Name of the session cookie on the requested host."""
        return cookie_name(self.name, request.public_url, self.domain)

    def own_name(self, request: Request, purpose: str) -> str:
        """Name of another of our cookies, which never has a domain."""
        return f"{cookie_name(self.name, request.public_url, None)}-{purpose}"

    def session_cookie(self, request: Request, value: str) -> tuple[str, str]:
        """The Set-Cookie field for the session."""
        return set_cookie(
            self.session_name(request),
            value,
            secure=is_secure(request),
            path=path_of(request),
            max_age_s=self.session_s,
            domain=self.domain,
            same_site=self.same_site,
            partitioned=self.partitioned,
        )

    def no_session_cookie(self, request: Request) -> tuple[str, str]:
        """The Set-Cookie field that deletes the session cookie."""
        return clear_cookie(
            self.session_name(request),
            secure=is_secure(request),
            path=path_of(request),
            domain=self.domain,
            partitioned=self.partitioned,
        )

    def own_cookie(
        self, request: Request, name: str, value: str, max_age_s: int, domain: str | None = None
    ) -> tuple[str, str]:
        """The Set-Cookie field for another of our cookies."""
        return set_cookie(
            name,
            value,
            secure=is_secure(request),
            path=path_of(request),
            max_age_s=max_age_s,
            domain=domain,
            same_site="none" if self.partitioned else "lax",
            partitioned=self.partitioned,
        )

    def no_own_cookie(self, request: Request, name: str) -> tuple[str, str]:
        """The Set-Cookie field that deletes another of our cookies."""
        return clear_cookie(
            name,
            secure=is_secure(request),
            path=path_of(request),
            partitioned=self.partitioned,
        )


def is_secure(request: Request) -> bool:
    """Whether the public URL is https, so that browsers send Secure cookies."""
    return request.public_url.startswith("https://")


def path_of(request: Request) -> str:
    """The Path of all of our cookies: with a path, other apps of the host get none of them."""
    return base_of(request.public_url) or "/"


def names_beginning(request: Request, prefix: str) -> Iterator[str]:
    """Distinct names of the request's cookies that begin with `prefix`, fifty at most."""
    yield from dict.fromkeys(name for name, _ in cookies_beginning(request, prefix))


def cookies_beginning(request: Request, prefix: str) -> list[tuple[str, str]]:
    """Names and values of the request's cookies whose names begin with `prefix`, fifty at most.

    Reads the field in one pass, because a client may send thousands of other cookies.
    """
    wanted = prefix.encode()
    found: dict[tuple[str, str], None] = {}
    for pair in pairs_of(request.fields.all(b"cookie")):
        if pair.startswith(wanted) and len(found) < _MAX_READ:
            name, _, value = pair.partition(b"=")
            key = name.rstrip(b" \t").decode("ascii", "replace")
            found[(key, value.strip(b' \t"').decode("ascii", "replace"))] = None
    return list(found)


def seal(sealer: Sealer, purpose: str, name: str, data: bytes) -> str:
    """`data` as a value of the cookie `name`; it opens for no other name or purpose."""
    return _written(sealer.seal(purpose, data, context=name.encode()))


def open_sealed(sealer: Sealer, purpose: str, name: str, value: str) -> bytes | None:
    """The data that `seal` was given, or None if `value` is not from it."""
    if len(value) > MAX_COOKIE_BYTES or not value.isascii():
        return None
    try:
        sealed = urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        return None
    # Only one spelling is valid, so every modified value gets the same response.
    if _written(sealed) != value:
        return None
    return sealer.open_sealed(purpose, sealed, context=name.encode())


def _written(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()
