"""The types that all stages share: the identity behind a request, and the decision on it.

Nothing here imports another gateway module.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

_NOTHING: Mapping[str, object] = MappingProxyType({})
_NO_SECRETS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity behind a request, proven by one credential.

    Anonymous is an Identity too, never None.  Times are seconds since the epoch.

    Attributes:
        user: The name sent to the app; unique among accounts.
        subject: The issuer's stable identifier (OIDC Core 1.0, section 2, ``sub``).
        issuer: The issuer of `subject`; ``""`` for anonymous.
        provider: The provider's name in the configuration; ``""`` if none was involved.
        credential: The kind that proved it: ``session``, ``bearer``, ``api_key``, ``token`` or
            ``anonymous``.
        email: Only set to an address that the provider marked verified (or is trusted to verify).
        scopes: OAuth scopes granted to this credential (RFC 6749, section 3.3).
        claims: The provider's claims, ID token and userinfo merged.
        unreadable: Names of facts (``groups``, ``email``, a claim's pointer, ...) that the
            provider sent in a shape we cannot read, or that userinfo failed to return.  These
            satisfy no `allow` and meet every `deny`.  ``"*"`` stands for all claims;
            ``groups[]`` and ``roles[]`` mean that the list has entries we cannot read.
        session_id: Digest that names the session in logs and in the assertion's ``sid``.
        client: The app's name in the configuration; None if the credential is no app's token.
        key_id: Names the API key in its owner's list; None for any other credential.
        routes: Names of the routes that the credential is valid for; None for all.
        resources: URLs that it was asked for (RFC 8707); it is valid on their origins only.  Empty
            for all.
        secrets: The account's secrets by name, for apps that accept only their own credentials.
        authenticated_at: When the user last proved who they are (``auth_time``).
        expires_at: When the credential expires; None if it does not.
    """

    user: str
    subject: str
    issuer: str
    credential: str
    provider: str = ""
    email: str | None = None
    name: str | None = None
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()
    account_id: str | None = None
    external_id: str | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    claims: Mapping[str, object] = field(default_factory=lambda: _NOTHING, repr=False)
    unreadable: frozenset[str] = frozenset()
    session_id: str | None = None
    client: str | None = None
    key_id: str | None = None
    routes: frozenset[str] | None = None
    resources: tuple[str, ...] = ()
    authenticated_at: int | None = None
    expires_at: int | None = None
    access_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    secrets: Mapping[str, str] = field(default_factory=lambda: _NO_SECRETS, repr=False)

    def subject_key(self) -> tuple[str, str]:
        """The issuer and the subject, which together identify one person or client."""
        return self.issuer, self.subject

    @property
    def is_anonymous(self) -> bool:
        """Whether no credential proved an identity."""
        return self.credential == "anonymous"


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What the store keeps with an account, in addition to the provider's claims.

    Attributes:
        user: The user name; None to use the identity's own.
        external_id: The app's own key for this user.
        roles: Roles in addition to those from the provider.
        groups: Groups in addition to those from the provider.
        secrets: Secrets by name.
        is_refused: Whether the identity may not act by the account.
    """

    account_id: str
    user: str | None = None
    external_id: str | None = None
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=lambda: _NO_SECRETS, repr=False)
    is_refused: bool = False

    def added_to(self, identity: Identity) -> Identity:
        """`identity`, as its provider described it, with the account's facts added."""
        return replace(
            identity,
            account_id=self.account_id,
            user=self.user or identity.user,
            external_id=self.external_id or identity.external_id,
            roles=tuple(dict.fromkeys((*identity.roles, *self.roles))),
            groups=tuple(dict.fromkeys((*identity.groups, *self.groups))),
            secrets=self.secrets,
        )


ANONYMOUS: Final = Identity(user="", subject="", issuer="", credential="anonymous")


@dataclass(frozen=True, slots=True)
class Allow:
    """The request may go upstream."""

    reason: str = "allowed"


@dataclass(frozen=True, slots=True)
class Deny:
    """The request may not go upstream.  `reason` is public; `detail` is only logged."""

    reason: str
    detail: str = ""
    status: int = 403


@dataclass(frozen=True, slots=True)
class SignIn:
    """The request is anonymous, and the route requires an identity."""

    reason: str = "sign-in-required"


@dataclass(frozen=True, slots=True)
class StepUp:
    """The identity would be allowed after a new proof: a stronger (`acr`, `amr`) or newer one.

    Attributes:
        acr: Values of which any one is enough; requested as ``acr_values``.
        max_age_s: Largest age of the sign-in in seconds; requested as ``max_age``.
        amr: Methods of which any one is enough.  OpenID Connect cannot request one, so this is for
            the gateway's own sign-in alone.
    """

    reason: str
    acr: tuple[str, ...] = ()
    max_age_s: int | None = None
    amr: tuple[str, ...] = ()


Decision = Allow | Deny | SignIn | StepUp
