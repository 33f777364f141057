"""Credentials that are not the gateway's, on routes that let the app judge them."""

import re
from collections.abc import Collection, Iterable

from gateway.authn.authenticator import Authenticator
from gateway.authn.unrecognised import AUTHORIZATION
from gateway.credentials.shape import carries_own, decode_basic, split_scheme
from gateway.message.fields import Fields, fold
from gateway.message.request import Request
from gateway.oidc.bearer_issuer import is_jwt, stated_issuer

# Separators between tokens in a value.  "=" is one too, because padding is not signed.
_BETWEEN = re.compile(r"[^A-Za-z0-9._-]+")


class Foreign:
    """Tells foreign credentials from the gateway's own, in every spelling.

    In doubt a credential counts as the gateway's.  Otherwise one that the gateway and the app
    read differently could bypass the gateway's checks.
    """

    def __init__(
        self,
        kinds: Iterable[Authenticator],
        issuers: Iterable[str],
        *,
        introspects: bool = False,
        lost: Iterable[bytes] = (),
    ) -> None:
        """Know `kinds`, which are all configured kinds, and the tokens of `issuers`.

        If an issuer `introspects`, any Bearer token that is not a JWT may be its own.  Fields named
        in `lost` never reach the app, so the app cannot judge a credential in them.
        """
        self._kinds = tuple(kinds)
        self._issuers = frozenset(issuers)
        self._introspects = introspects
        self._lost = frozenset(map(fold, lost))

    def own_part(self, request: Request, guarded: Collection[bytes]) -> Request | None:
        """`request` without its foreign credentials, or None if it has none or repeats a field.

        `guarded` are the lower-case names of the fields that can carry a credential.
        """
        foreign = set()
        # RFC 9110, section 7.6.1: fields named in Connection are not forwarded.
        lost = self._lost.union(map(fold, request.fields.tokens(b"connection")))
        for name in guarded:
            values = request.fields.all(name)
            if len(values) > 1:
                return None
            if values and fold(name) not in lost and self._is_foreign(name, values[0]):
                foreign.add(name)
        if not foreign:
            return None
        return request.changed(
            fields=Fields(it for it in request.fields.items if it[0].lower() not in foreign)
        )

    def _is_foreign(self, name: bytes, value: bytes) -> bool:
        if not value.strip() or carries_own(value):
            return False
        if any(kind.recognises(name, value) for kind in self._kinds):
            return False
        if self._introspects and name == AUTHORIZATION and _is_opaque(value):
            return False
        return self._issuers.isdisjoint(map(stated_issuer, _tokens(value)))


def _is_opaque(value: bytes) -> bool:
    """Whether an Authorization value may hold an opaque token, which only its issuer can read."""
    scheme, token = split_scheme(value)
    return scheme in (b"", b"bearer") and not is_jwt(token.decode("latin-1"))


def _tokens(value: bytes) -> list[str]:
    """All parts of `value` that an app may take for a JWT: quoted, cut, after a scheme, Basic."""
    scheme, credential = split_scheme(value)
    texts = [value, decode_basic(credential)] if scheme == b"basic" else [value]
    words = [word for text in texts for word in _BETWEEN.split(text.decode("latin-1"))]
    return [word for word in words if "." in word]
