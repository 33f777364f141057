"""Credentials that are not the gateway's, on routes that leave them to the app to judge."""

import re
from collections.abc import Collection, Iterable

from gateway.authn.authenticator import Authenticator
from gateway.authn.unrecognised import AUTHORIZATION
from gateway.credentials.shape import carries_own, decode_basic, split_scheme
from gateway.message.fields import Fields, fold
from gateway.message.request import Request
from gateway.oidc.bearer_issuer import is_jwt, stated_issuer

# What stands between the tokens of a value.  "=" does too: what pads a signature is not signed.
_BETWEEN = re.compile(r"[^A-Za-z0-9._-]+")


class Foreign:
    """Tells the credentials of others from those that are the gateway's, in whatever spelling.

    In doubt a credential is the gateway's: one that is read differently here and in the app
    would otherwise get past the gateway's judgement.
    """

    def __init__(
        self,
        kinds: Iterable[Authenticator],
        issuers: Iterable[str],
        *,
        introspects: bool = False,
        lost: Iterable[bytes] = (),
    ) -> None:
        """Know `kinds`, all that are configured, and the tokens of `issuers`.

        Where one of them `introspects`, every Bearer token that is no JWT may be its own.  Fields
        with the names `lost` never reach the app, so that it could judge nothing in them.
        """
        self._kinds = tuple(kinds)
        self._issuers = frozenset(issuers)
        self._introspects = introspects
        self._lost = frozenset(map(fold, lost))

    def own_part(self, request: Request, guarded: Collection[bytes]) -> Request | None:
        """`request` without its foreign credentials; None where it has none, or a field repeated.

        `guarded` are names in lower case of the fields that state a credential.
        """
        foreign = set()
        # RFC 9110, section 7.6.1: what Connection names ends here.
        lost = self._lost.union(map(fold, request.fields.tokens(b"connection")))
        for name in guarded:
            values = request.fields.all(name)
            if len(values) > 1:
                return None
            if values and fold(name) not in lost and self._is_foreign(name, values[0]):
                foreign.add(name)
        if not foreign:
            return None
        return _with_fields(
            request, Fields(it for it in request.fields.items if it[0].lower() not in foreign)
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
    """Whether an Authorization value may hold a token that only its issuer can read."""
    scheme, token = split_scheme(value)
    return scheme in (b"", b"bearer") and not is_jwt(token.decode("latin-1"))


def _tokens(value: bytes) -> list[str]:
    """Whatever in `value` an app may take for a JWT: quoted, cut, after any scheme or in Basic."""
    scheme, credential = split_scheme(value)
    texts = [value, decode_basic(credential)] if scheme == b"basic" else [value]
    words = [word for text in texts for word in _BETWEEN.split(text.decode("latin-1"))]
    return [word for word in words if "." in word]


def _with_fields(request: Request, fields: Fields) -> Request:
    return Request(
        method=request.method,
        target=request.target,
        fields=fields,
        host=request.host,
        public_url=request.public_url,
        client=request.client,
        request_id=request.request_id,
        received_at=request.received_at,
        http_1_0=request.http_1_0,
    )
