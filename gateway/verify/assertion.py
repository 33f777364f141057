"""What an assertion must be, and the identity it states; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHM = "ES256"
TYPE = "gatepost+jwt"
# RFC 7515, section 7.1.  A server that joins repeated fields puts a comma between them.
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class InvalidAssertionError(Exception):
    """The request has no assertion, or not a valid one; the message says why, for your log."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking, as the gateway states it.

    Attributes:
        user: The user's name, as in `Remote-User`.
        subject: The provider's permanent identifier of the user (``sub``).
        groups: Empty if there are none, and so are `roles`.
        account_id: The gateway's permanent identifier of the account; None for programs.
        external_id: Your app's own identifier of the account, if the gateway knows it.
        provider: The name of the provider in the gateway's configuration, if there is one.
        credential: How the user proved it: ``session``, ``bearer``, ``api_key``, ``token``.
        claims: All claims of the assertion.
    """

    user: str
    subject: str
    credential: str
    email: str | None = None
    name: str | None = None
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    account_id: str | None = None
    external_id: str | None = None
    provider: str | None = None
    claims: Mapping[str, object] = field(
        default_factory=lambda: MappingProxyType({}), repr=False, hash=False
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """What an assertion is held against; `leeway_s` is how far the clocks may differ."""

    issuer: str
    audience: str
    leeway_s: int


def key_id(assertion: str) -> str:
    """The ``kid`` of an assertion that is not verified yet.

    What has the wrong shape, algorithm or type is refused here, before it can cause a fetch.

    Raises:
        InvalidAssertionError: It can be no assertion of the gateway's.
    """
    if not _COMPACT.fullmatch(assertion):
        raise InvalidAssertionError("not one JWT in compact form")
    try:
        header = jws.extract_compact(assertion.encode()).headers()
    except (JoseError, ValueError) as error:
        raise InvalidAssertionError(f"unreadable: {error}") from error
    if header.get("alg") != ALGORITHM:
        raise InvalidAssertionError(f"alg is {header.get('alg')!r}, not {ALGORITHM!r}")
    if header.get("typ") != TYPE:
        raise InvalidAssertionError(f"typ is {header.get('typ')!r}, not {TYPE!r}")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise InvalidAssertionError("no kid")
    return kid


def read_assertion(assertion: str, key: ECKey, expected: Expected, now: int) -> Identity:
    """The identity in `assertion`, which `key_id` has read, if `key` signed it and all claims hold.

    Raises:
        InvalidAssertionError: Signature, issuer, audience or times are wrong or missing.
    """
    registry = jwt.JWTClaimsRegistry(
        now=now,
        leeway=expected.leeway_s,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.audience},
        exp={"essential": True},
        nbf={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    )
    try:
        claims = jwt.decode(assertion, key, algorithms=[ALGORITHM]).claims
        registry.validate(claims)
    except (JoseError, ValueError) as error:
        raise InvalidAssertionError(str(error)) from error
    return _identity(claims)


def _identity(claims: Mapping[str, object]) -> Identity:
    return Identity(
        user=_required(claims, "user"),
        subject=_required(claims, "sub"),
        credential=_required(claims, "credential"),
        email=_text(claims, "email"),
        name=_text(claims, "name"),
        groups=_texts(claims, "groups"),
        roles=_texts(claims, "roles"),
        account_id=_text(claims, "account_id"),
        external_id=_text(claims, "external_id"),
        provider=_text(claims, "provider"),
        claims=MappingProxyType(dict(claims)),
    )


def _required(claims: Mapping[str, object], name: str) -> str:
    value = _text(claims, name)
    if not value:
        raise InvalidAssertionError(f"no claim {name!r}")
    return value


def _text(claims: Mapping[str, object], name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidAssertionError(f"the claim {name!r} is not a text")
    return value


def _texts(claims: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = claims.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidAssertionError(f"the claim {name!r} is not a list of texts")
    return tuple(value)
