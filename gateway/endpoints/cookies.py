"""The gateway's own cookies in one browser: their names, and sealed values in them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.message.cookies import clear_cookie, set_cookie
from gateway.message.request import Request
from gateway.mutate.cookies import pairs_of
from gateway.sealing.sealer import Sealer

# RFC 6265, section 6.1: browsers keep cookies of at least this size, name and value together.
MAX_COOKIE_BYTES = 4096
_MAX_READ = 50


@dataclass(frozen=True, slots=True)
class CookieRules:
    """How cookies are named and marked.

    Attributes:
        name: Of the session cookie, without prefix; the others are named after it.
        domain: Of the session cookie; the others stay with their host.
        same_site: Of the session cookie.  The others are ``lax``, since the answer of a provider
            is a navigation that starts at another site, or ``none`` where they are partitioned.
        session_s: How long a browser keeps the session cookie.
        partitioned: Whether each site that has the app in a frame gets cookies of its own.
    """

    name: str = "gatepost"
    domain: str | None = None
    same_site: str = "lax"
    session_s: int = 7 * 86400
    partitioned: bool = False

    def session_name(self, request: Request) -> str:
        """Name of the session cookie on the host that was asked."""
        # RFC 6265bis, section 4.1.3.2: the prefix keeps sibling hosts from planting one.
        return f"__Host-{self.name}" if is_secure(request) and self.domain is None else self.name

    def own_name(self, request: Request, purpose: str) -> str:
        """Name of another cookie of ours, which never has a domain."""
        prefix = "__Host-" if is_secure(request) else ""
        return f"{prefix}{self.name}-{purpose}"

    def session_cookie(self, request: Request, value: str) -> tuple[str, str]:
        """The field that gives the browser its session."""
        return set_cookie(
            self.session_name(request),
            value,
            secure=is_secure(request),
            max_age_s=self.session_s,
            domain=self.domain,
            same_site=self.same_site,
            partitioned=self.partitioned,
        )

    def no_session_cookie(self, request: Request) -> tuple[str, str]:
        """The field that takes the session away from the browser."""
        return clear_cookie(
            self.session_name(request),
            secure=is_secure(request),
            domain=self.domain,
            partitioned=self.partitioned,
        )

    def own_cookie(
        self, request: Request, name: str, value: str, max_age_s: int, domain: str | None = None
    ) -> tuple[str, str]:
        """The field that sets a cookie of ours other than the session's."""
        return set_cookie(
            name,
            value,
            secure=is_secure(request),
            max_age_s=max_age_s,
            domain=domain,
            same_site="none" if self.partitioned else "lax",
            partitioned=self.partitioned,
        )

    def no_own_cookie(self, request: Request, name: str) -> tuple[str, str]:
        """The field that clears a cookie of ours other than the session's."""
        return clear_cookie(name, secure=is_secure(request), partitioned=self.partitioned)


def is_secure(request: Request) -> bool:
    """Whether the browser talks https to the public URL, so that Secure cookies come back."""
    return request.public_url.startswith("https://")


def names_beginning(request: Request, prefix: str) -> Iterator[str]:
    """Names of the cookies sent that begin with `prefix`, each once, of the first fifty."""
    yield from dict.fromkeys(name for name, _ in cookies_beginning(request, prefix))


def cookies_beginning(request: Request, prefix: str) -> list[tuple[str, str]]:
    """Names and values of the cookies sent whose names begin with `prefix`, the first fifty.

    Read in one go: a client may send thousands of others.
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
    """`data` as the value of the cookie `name`; it opens under no other name and purpose."""
    return _written(sealer.seal(purpose, data, context=name.encode()))


def open_sealed(sealer: Sealer, purpose: str, name: str, value: str) -> bytes | None:
    """What `seal` was given, or None where `value` is not its work."""
    if len(value) > MAX_COOKIE_BYTES or not value.isascii():
        return None
    try:
        sealed = urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        return None
    # What is sealed has one spelling, so that whatever was changed is answered alike.
    if _written(sealed) != value:
        return None
    return sealer.open_sealed(purpose, sealed, context=name.encode())


def _written(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()
