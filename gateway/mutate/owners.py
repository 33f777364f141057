"""The owners of an app's cookies: tags that reveal no identity, and one request's cookies."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256

from gateway.message.request import Request
from gateway.model import Identity
from gateway.mutate import cookies
from gateway.mutate.cookies import EVERYWHERE, MARK, OwnNames, SetCookie, Tags
from gateway.mutate.jar import NO_JAR, Jar, decode_jar

# RFC 6265bis, section 5.5: browsers cap cookie lifetimes at this.
LONGEST_S = 400 * 86400
_REMEMBERED = 8192
_NAMES = object()

Digests = Callable[..., tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class OwnCookies:
    """The gateway's own cookies, as far as they concern the app's.

    Attributes:
        names: Names of all of them.
        jar: Name of the jar cookie.
        note: Name prefix of notes.
        open_jar: Opens a jar cookie given its name and value; None if it is not ours.
        set_note: The Set-Cookie field for a note with a given name and value.
        place: Where cookies are kept unless they say otherwise: below the public URL.
        partitioned: Whether notes are kept separately for each surrounding site.
    """

    names: OwnNames
    jar: Callable[[Request], str]
    note: Callable[[Request], str]
    open_jar: Callable[[str, str], bytes | None]
    set_note: Callable[[Request, str, str], tuple[str, str]]
    place: Callable[[Request], cookies.Place] = lambda _: EVERYWHERE
    partitioned: bool = False


class CookieOwners:
    """Identifies the owners of an app's cookies by tags."""

    def __init__(self, digests: Digests, own: OwnCookies) -> None:
        """Use `digests`: keyed hex digests of a purpose and parts, newest key first."""
        self.own = own
        self._tags = lru_cache(maxsize=_REMEMBERED)(
            lambda *parts: tuple(
                digest[: cookies.TAG_CHARS].encode() for digest in digests("cookie-owner", *parts)
            )
        )
        self._keys = lru_cache(maxsize=_REMEMBERED)(
            lambda *parts: tuple(digest[:16] for digest in digests("cookie-account", *parts))
        )
        self._opened = lru_cache(maxsize=_REMEMBERED)(self._open)

    def of(self, request: Request, owner: Identity | None) -> "OwnedCookies":
        """The cookies of `request`; `owner` may be anonymous, or None if unknown."""
        return OwnedCookies(self, request, owner)

    def keys(self, identity: Identity) -> tuple[str, ...]:
        """The account's keys in the jar, one for each secret, newest first."""
        return self._keys(*_parts(identity))

    def tags(self, identity: Identity, request: Request) -> Tags:
        """The tags of the owner `identity` in the browser that sent `request`."""
        if identity.is_anonymous:
            return self._tags("nobody")
        jar = self.jar(request)
        return self._tags(*_parts(identity), jar.seed, str(jar.generation(self.keys(identity))))

    def jar(self, request: Request) -> Jar:
        """The jar that the browser sent, or an empty one."""
        derived = request.fields.derived
        found: Jar | None = derived.get(self)
        if found is None:
            name = self.own.jar(request)
            found = derived[self] = self._first_jar(name, request.cookies(name))
        return found

    def _first_jar(self, name: str, values: Iterable[str]) -> Jar:
        for value in values:
            try:
                return self._opened(name, value)
            except ValueError:
                continue  # From another version, or not ours: treated as absent.
        return NO_JAR

    def _open(self, name: str, value: str) -> Jar:
        """The jar in one of our cookies.

        Raises:
            ValueError: It holds no jar.  Raised because lru_cache keeps no exceptions, and clients
                can make up any number of jars.
        """
        data = self.own.open_jar(name, value)
        if data is None:
            raise ValueError("not a jar")
        return decode_jar(data)


def _parts(identity: Identity) -> tuple[str, ...]:
    if identity.account_id is not None:
        return "account", identity.account_id
    return "identity", identity.issuer, identity.subject


class OwnedCookies:
    """The app's cookies in one request and its response.  Computed only when needed."""

    _tags: Tags | None = None

    def __init__(self, owners: CookieOwners, request: Request, owner: Identity | None) -> None:
        self._owners = owners
        self._request = request
        self._owner = owner

    def from_app(self, raw: bytes) -> tuple[bytes, ...]:
        """The Set-Cookie values for the browser in place of one from the app."""
        cookie = cookies.parse_set_cookie(raw)
        if cookie.is_deletion(self._request.received_at):
            return self._deleted(raw, cookie)
        if cookie.is_http_only:
            return self._http_only(cookie)
        return self._readable(raw, cookie)

    def tags(self) -> Tags:
        """The owner's tags; empty if the owner is unknown."""
        if self._tags is None:
            owner = self._owner
            self._tags = () if owner is None else self._owners.tags(owner, self._request)
        return self._tags

    def _deleted(self, raw: bytes, cookie: SetCookie) -> tuple[bytes, ...]:
        # Apps may delete a cookie without repeating HttpOnly, so delete both kinds.
        names = [cookies.marked(cookie.name, tag) for tag in self.tags()]
        gone = [name for name in names if name == names[0] or name in self._names_sent()]
        return raw, *(cookie.named(name) for name in gone)

    def _http_only(self, cookie: SetCookie) -> tuple[bytes, ...]:
        tags = self.tags()
        if not tags:
            # Public routes work while the store is down, but then the owner is unknown and the
            # cookie could end up with someone else.
            return ()
        name, *older = [cookies.marked(cookie.name, tag) for tag in tags]
        return cookie.named(name), *self._expired(cookie, (cookie.name, *older))

    def _readable(self, raw: bytes, cookie: SetCookie) -> tuple[bytes, ...]:
        if cookies.is_marked(cookie.name):
            return ()
        answer = (raw, *self._note(cookie))
        if not any(MARK in name for name in self._names_sent()):
            return answer
        names = [cookies.marked(cookie.name, tag) for tag in self.tags()]
        return *answer, *self._expired(cookie, names)

    def _expired(self, cookie: SetCookie, names: Sequence[bytes]) -> list[bytes]:
        """Deletes of the cookie's other kind, since a cookie is either HttpOnly or not."""
        place = cookie.place(self._request.target.path.encode())
        sent = self._names_sent()
        return [
            cookies.expired(name, place, secure=self._is_secure()) for name in names if name in sent
        ]

    def _note(self, cookie: SetCookie) -> tuple[bytes, ...]:
        """A note for a cookie that is not sent at sign-in or sign-out, to clear it there."""
        place = cookie.place(self._request.target.path.encode())
        strict = cookie.attributes.get(b"samesite", b"").lower() == b"strict"
        if place == self._owners.own.place(self._request) and not strict:
            return ()
        note = cookies.encode_note(cookie.name, place).decode()
        name = self._owners.own.note(self._request) + sha256(note.encode()).hexdigest()[:16]
        if name.encode() in self._names_sent():
            return ()
        _, value = self._owners.own.set_note(self._request, name, note)
        return (value.encode(),)

    def _names_sent(self) -> frozenset[bytes]:
        fields = self._request.fields
        names: frozenset[bytes] | None = fields.derived.get(_NAMES)
        if names is None:
            pairs = cookies.pairs_of(fields.all(b"cookie"))
            names = fields.derived[_NAMES] = frozenset(map(cookies.name_of, pairs))
        return names

    def _is_secure(self) -> bool:
        return self._request.public_url.startswith("https://")


def readable_sent(request: Request, own: OwnCookies) -> list[tuple[bytes, cookies.Place]]:
    """The cookies in a request that scripts can read, and those that its notes name."""
    found: dict[tuple[bytes, cookies.Place], None] = {}
    usual = own.place(request)
    notes_at = replace(usual, partitioned=own.partitioned)
    prefix = own.note(request).encode()
    for pair in cookies.pairs_of(request.fields.all(b"cookie")):
        name = cookies.name_of(pair)
        if name.startswith(prefix):
            note = cookies.decode_note(pair.partition(b"=")[2])
            found[(name, notes_at)] = None
            if note is not None and not own.names.covers(note[0]):
                found[note] = None
        elif not own.names.covers(name) and not cookies.is_marked(name):
            found[(name, usual)] = None
    return list(found)


def marked_sent(request: Request, tags: Tags) -> list[bytes]:
    """Names of the request's cookies that are marked with one of `tags`."""
    endings = tuple(MARK + tag for tag in tags)
    names = map(cookies.name_of, cookies.pairs_of(request.fields.all(b"cookie")))
    return [name for name in dict.fromkeys(names) if name.endswith(endings)]
