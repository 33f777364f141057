"""The ways a sign-in can fail, each with its own public reason."""

from gateway.errors import GatewayError, ProviderUnavailableError


class SignInError(GatewayError):
    """A sign-in ended without a session; never raised directly."""


class StateMismatchError(SignInError):
    """The response carries a `state` that no flow of this browser has."""

    reason = "state-mismatch"
    status = 400


class FlowExpiredError(SignInError):
    """The sign-in was started too long ago."""

    reason = "flow-expired"
    status = 400


class NonceMismatchError(SignInError):
    """The ID token was issued for another sign-in (OpenID Connect Core 1.0, section 3.1.3.7)."""

    reason = "nonce-mismatch"
    status = 400


class IssuerMismatchError(SignInError):
    """The response, or the discovery document, comes from another issuer (RFC 9207)."""

    reason = "issuer-mismatch"
    status = 400


class TenantRemovedError(IssuerMismatchError):
    """The user's tenant is not listed any more; `reason` is inherited."""


class IssuerMisconfiguredError(IssuerMismatchError, ProviderUnavailableError):
    """The document at the configured issuer belongs to another issuer: `issuer` is wrong.

    Sign-ins fail until you correct the file; existing sessions continue.
    """

    reason = "issuer-misconfigured"
    status = 502


class TokenTooLargeError(SignInError):
    """The provider sent a token that exceeds the gateway's limit."""

    reason = "provider-token-too-large"
    status = 502


class InvalidIdTokenError(SignInError):
    """The ID token is missing, not signed by the provider, or not meant for this gateway."""

    reason = "invalid-id-token"
    status = 502


class ProviderRefusedError(SignInError):
    """The provider responded with an error (RFC 6749, section 4.1.2.1)."""

    reason = "provider-error"
    status = 403


class AccessRefusedError(ProviderRefusedError):
    """The user, or a rule of the provider, refused access: ``access_denied``."""

    reason = "access-refused"
    status = 403


class CodeRefusedError(SignInError):
    """The token endpoint did not accept the code (RFC 6749, section 5.2)."""

    reason = "code-refused"
    status = 400


class ClientRefusedError(SignInError):
    """The token endpoint does not know this client, or its secret is wrong."""

    reason = "client-refused"
    status = 502


class UserMissingError(SignInError):
    """No claim names the user."""

    reason = "user-missing"
    status = 403


class SubjectMismatchError(SignInError):
    """Userinfo or a later ID token is about another subject."""

    reason = "subject-mismatch"
    status = 400


class StepUpImpossibleError(SignInError):
    """A rule asks when the user signed in, which the provider cannot tell."""

    reason = "step-up-impossible"
    status = 403


class UnknownProviderError(SignInError):
    """No provider with this name is configured."""

    reason = "unknown-provider"
    status = 404


class SignInLoopError(SignInError):
    """Several sign-ins completed within seconds in one browser: its session is not kept."""

    reason = "sign-in-loop"
    status = 508


class SignInUnfinishedError(SignInError):
    """The provider signed the user in, but the store failed before there was a session."""

    reason = "sign-in-unfinished"
    status = 503


class RefreshRefusedError(SignInError):
    """The provider says the grant has ended: ``invalid_grant`` (RFC 6749, section 5.2)."""

    reason = "refresh-refused"
    status = 401


class UserinfoRefusedError(ProviderUnavailableError):
    """Userinfo refuses the access token (RFC 6750, section 3.1); `reason` is inherited."""


class UserinfoThrottledError(ProviderUnavailableError):
    """Too many requests came with one user's token; others may go on.  `reason` is inherited."""
