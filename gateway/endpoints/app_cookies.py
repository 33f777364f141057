"""Puts an app's cookies in order when a user signs in or out in a browser."""

import secrets
from collections.abc import Callable, Iterable

from gateway.endpoints.cookies import CookieRules, is_secure, open_sealed, path_of, seal
from gateway.message.request import Request
from gateway.message.response import FieldList
from gateway.model import Identity
from gateway.mutate.cookies import EVERYWHERE, OwnNames, Place, Tags, expired
from gateway.mutate.jar import Jar, encode_jar
from gateway.mutate.owners import (
    LONGEST_S,
    CookieOwners,
    OwnCookies,
    marked_sent,
    readable_sent,
)
from gateway.sealing.sealer import Sealer
from gateway.sessions.session import Session

_PURPOSE = "cookie-jar"
_SEED_BYTES = 12


class AppCookies:
    """Maintains the jar of each browser, and expires cookies where it can.

    Attributes:
        own: The gateway's own cookies.
        owners: Identifies the owners of the app's cookies.
    """

    def __init__(
        self,
        rules: CookieRules,
        sealer: Sealer,
        names: Iterable[bytes],
        new_seed: Callable[[], str] = lambda: secrets.token_urlsafe(_SEED_BYTES),
    ) -> None:
        """Use `names`, the names of the gateway's own cookies."""
        self._rules = rules
        self._sealer = sealer
        self._new_seed = new_seed
        self.own = OwnCookies(
            names=OwnNames(names),
            # With the session's domain, if any, so that a sign-out on one host counts on all.
            jar=lambda request: f"{rules.session_name(request)}-jar",
            note=lambda request: rules.own_name(request, "at-"),
            open_jar=lambda name, value: open_sealed(sealer, _PURPOSE, name, value),
            set_note=lambda request, name, note: rules.own_cookie(request, name, note, LONGEST_S),
            place=_usual_place,
            partitioned=rules.partitioned,
        )
        self.owners = CookieOwners(sealer.digests, self.own)

    def session_before(self, request: Request) -> tuple[str, float] | None:
        """Id and start of the session from the browser's last sign-in.

        None if it is unknown, or a user has signed out in this browser since.
        """
        jar = self.owners.jar(request)
        return (jar.session, float(jar.session_began_at)) if jar.owner and jar.session else None

    def signed_in(self, request: Request, session: Session, *, had_left: bool) -> FieldList:
        """The Set-Cookie fields for a browser in which `session` has just started.

        Args:
            request: The browser's request.
            session: The new session.
            had_left: Whether the previous session was ended by a sign-out elsewhere.
        """
        jar = self.owners.jar(request)
        keys = self.owners.keys(session.identity)
        is_change = jar.owner != "" and jar.owner not in keys
        tags = self.owners.tags(session.identity, request) if had_left and not is_change else ()
        if had_left:
            jar = jar.signed_out((jar.owner,), self._new_seed())
        jar = jar.signed_in(keys[0], self._new_seed(), session.session_id, session.created_at)
        return (
            self._keep(request, jar),
            *(self._without_readable(request) if is_change or had_left else ()),
            *self._without_marked(request, tags),
        )

    def signed_out(self, request: Request, identity: Identity | None) -> FieldList:
        """The fields for a browser whose user signs out; `identity` is None without a session."""
        jar = self.owners.jar(request)
        if identity is not None:
            keys = self.owners.keys(identity)
        elif jar.owner:
            keys = (jar.owner,)
        else:
            return ()
        tags = () if identity is None else self.owners.tags(identity, request)
        return (
            self._keep(request, jar.signed_out(keys, self._new_seed())),
            *self._without_readable(request),
            *self._without_marked(request, tags),
        )

    def _keep(self, request: Request, jar: Jar) -> tuple[str, str]:
        name = self.own.jar(request)
        value = seal(self._sealer, _PURPOSE, name, encode_jar(jar))
        return self._rules.own_cookie(request, name, value, LONGEST_S, self._rules.domain)

    def _without_marked(self, request: Request, tags: Tags) -> FieldList:
        secure = is_secure(request)
        marked = marked_sent(request, tags) if tags else []
        # Many apps set theirs for the whole host, even if only a part of it is theirs.
        places = dict.fromkeys((_usual_place(request), EVERYWHERE))
        return _fields(expired(name, place, secure=secure) for name in marked for place in places)

    def _without_readable(self, request: Request) -> FieldList:
        secure = is_secure(request)
        found = readable_sent(request, self.own)
        return _fields(expired(name, place, secure=secure) for name, place in found)


def _usual_place(request: Request) -> Place:
    return EVERYWHERE if path_of(request) == "/" else Place(path_of(request).encode())


def _fields(values: Iterable[bytes]) -> FieldList:
    """The Set-Cookie fields; skips names that are not UTF-8, which only a client can have made."""
    found = []
    for value in values:
        try:
            found.append(("Set-Cookie", value.decode()))
        except UnicodeDecodeError:
            continue
    return tuple(found)
