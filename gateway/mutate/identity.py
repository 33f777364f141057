"""The identity fields for one upstream, built once per identity and reused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.bounded import remember
from gateway.model import Identity
from gateway.mutate.templates import Template

Claims = Mapping[str, object]
Sign = Callable[[Claims], str]

_REMEMBERED = 8192
# An app takes a moment to verify, and its clock may differ from the gateway's.
_MIN_LIFE_S = 10


@dataclass(frozen=True, slots=True)
class AssertionRules:
    """The content of one upstream's assertion; `ttl_s` is its lifetime."""

    header: str
    issuer: str
    audience: str
    ttl_s: int


class IdentityFields:
    """Builds an upstream's identity lines, signed assertion included.

    Signing is the slowest step of a request, so the lines are reused for half the lifetime of
    their assertion.
    """

    def __init__(
        self,
        of_identity: Mapping[str, Template],
        always: Mapping[str, Template],
        assertion: AssertionRules | None,
        sign: Sign,
        new_id: Callable[[], str],
    ) -> None:
        """Send `of_identity` if the request has an identity, and `always` for every request."""
        self._always = tuple(always.items())
        self._all = (*of_identity.items(), *self._always)
        self._assertion = assertion
        self._sign = sign
        self._new_id = new_id
        self._kept: dict[int, tuple[Identity, float, bytes]] = {}

    def lines(self, identity: Identity, now: float) -> bytes:
        """The field lines for `identity` at `now`; for anonymous, those that are always sent."""
        kept = self._kept.get(id(identity))
        # The entry keeps the identity alive, so that its id() cannot be reused for another one.
        if kept is not None and kept[0] is identity and now < kept[1]:
            return kept[2]
        lines = self._make(identity, now)
        rules, made_at = self._assertion, int(now)
        half_life_s = life_s(identity, rules.ttl_s, made_at) / 2 if rules else 300.0
        kept = identity, made_at + half_life_s, lines
        remember(self._kept, id(identity), kept, _REMEMBERED)
        return lines

    def _make(self, identity: Identity, now: float) -> bytes:
        lines = []
        for name, template in self._always if identity.is_anonymous else self._all:
            value = template.fill(identity)
            if value is not None:
                lines.append(f"{name}: {value}\r\n")
        rules = self._assertion
        if rules is not None and not identity.is_anonymous:
            claims = assertion_claims(identity, rules, now=int(now), token_id=self._new_id())
            lines.append(f"{rules.header}: {self._sign(claims)}\r\n")
        return "".join(lines).encode()


def life_s(identity: Identity, ttl_s: int, now: int) -> int:
    """Lifetime in seconds of an assertion made at `now`: `ttl_s`, or less if the proof expires.

    At least 10, if `ttl_s` allows.  A proof accepted just before its end, or a token within the
    leeway after it, would otherwise come with an assertion that has already expired.
    """
    if identity.expires_at is None:
        return ttl_s
    return max(min(ttl_s, identity.expires_at - now), min(ttl_s, _MIN_LIFE_S))


def assertion_claims(
    identity: Identity, rules: AssertionRules, *, now: int, token_id: str
) -> dict[str, object]:
    """The claims of the assertion (RFC 7519), without those the identity lacks."""
    claims: dict[str, object] = {
        "iss": rules.issuer,
        "aud": rules.audience,
        "sub": identity.subject,
        "user": identity.user,
        "email": identity.email,
        "name": identity.name,
        "groups": list(identity.groups),
        "roles": list(identity.roles),
        "scope": " ".join(sorted(identity.scopes)) or None,
        "credential": identity.credential,
        "provider": identity.provider or None,
        "account_id": identity.account_id,
        "external_id": identity.external_id,
        "sid": identity.session_id,
        "acr": identity.acr,
        "amr": list(identity.amr) or None,
        "auth_time": identity.authenticated_at,
        "iat": now,
        "nbf": now,
        "exp": now + life_s(identity, rules.ttl_s, now),
        "jti": token_id,
    }
    return {name: value for name, value in claims.items() if value is not None}
