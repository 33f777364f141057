"""The words every stage shares: who is asking, and what was decided.

Nothing here imports another gateway module.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

_NOTHING: Mapping[str, object] = MappingProxyType({})
_NO_SECRETS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking, as proven by one credential.  Anonymous is an Identity too, never None.

    Times are seconds since the epoch.

    Attributes:
        user: The name the app is told; unique among accounts.
        subject: The issuer's stable identifier (OIDC Core 1.0, section 2, ``sub``).
        issuer: Who vouches for the subject; ``""`` for anonymous.
        provider: The configured name of the provider; ``""`` where none was involved.
        credential: How it was proven: ``session``, ``bearer``, ``api_key``, ``token``,
            ``anonymous``.
        email: Only ever an address the provider marked verified (or is trusted to verify).
        scopes: OAuth scopes granted to this credential (RFC 6749, section 3.3).
        claims: What the provider said, ID token and userinfo merged.
        unreadable: Names of facts (``groups``, ``email``, a claim's pointer, ...) that the
            provider gave in a shape we cannot read, or that userinfo failed to give: these
            satisfy no `allow` and meet every `deny`.  ``"*"`` stands for all claims;
            ``groups[]`` and ``roles[]`` for more of them than can be read.
        session_id: Digest that names the session in logs and in the assertion's ``sid``.
        client: The app's name in the configuration; None for what is no app's token.
        key_id: Names the API key in its owner's list; None for any other credential.
        routes: Names of the routes the credential is good for; None for all.
        secrets: Kept with the account, by name, for apps that know only their own credentials.
        authenticated_at: When the person proved who they are (``auth_time``).
        expires_at: When the proof lapses; None if it does not.
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
    authenticated_at: int | None = None
    expires_at: int | None = None
    access_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    secrets: Mapping[str, str] = field(default_factory=lambda: _NO_SECRETS, repr=False)

    def subject_key(self) -> tuple[str, str]:
        """The issuer and its subject, which name one person or client."""
        return self.issuer, self.subject

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody has been proven to be asking."""
        return self.credential == "anonymous"


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What is kept with an account, beside what a provider says of the person.

    Attributes:
        user: The person's name; None where the identity's own is the name.
        external_id: The app's own key of the person.
        roles: Held besides those the provider gives.
        secrets: By name.
        is_disabled: Whether nobody may act by the account.
    """

    account_id: str
    user: str | None = None
    external_id: str | None = None
    roles: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=lambda: _NO_SECRETS, repr=False)
    is_disabled: bool = False

    def added_to(self, identity: Identity) -> Identity:
        """`identity`, as its provider said, with what the account has."""
        return replace(
            identity,
            account_id=self.account_id,
            user=self.user or identity.user,
            external_id=self.external_id or identity.external_id,
            roles=tuple(dict.fromkeys((*identity.roles, *self.roles))),
            secrets=self.secrets,
        )


ANONYMOUS = Identity(user="", subject="", issuer="", credential="anonymous")


@dataclass(frozen=True, slots=True)
class Allow:
    """The request may go upstream."""

    reason: str = "allowed"


@dataclass(frozen=True, slots=True)
class Deny:
    """The request may not go upstream.  `reason` is public; `detail` is for the log."""

    reason: str
    detail: str = ""
    status: int = 403


@dataclass(frozen=True, slots=True)
class SignIn:
    """Nobody is proven to be asking, and the route wants somebody."""

    reason: str = "sign-in-required"


@dataclass(frozen=True, slots=True)
class StepUp:
    """The identity would do if it were proven anew: stronger (`acr`, `amr`) or later (`max_age`).

    Attributes:
        acr: Values any of which would do; asked for as ``acr_values``.
        max_age_s: Seconds since sign-in at most; asked for as ``max_age``.
    """

    reason: str
    acr: tuple[str, ...] = ()
    max_age_s: int | None = None


Decision = Allow | Deny | SignIn | StepUp
