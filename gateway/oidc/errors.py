"""How a sign-in can fail, each with its own public reason."""

from gateway.errors import GatewayError, ProviderUnavailableError


class SignInError(GatewayError):
    """A sign-in ended without a session; never raised directly."""


class StateMismatchError(SignInError):
    """The answer carries a `state` that no flow of this browser asked for."""

    reason = "state-mismatch"
    status = 400


class FlowExpiredError(SignInError):
    """The sign-in was begun too long ago."""

    reason = "flow-expired"
    status = 400


class NonceMismatchError(SignInError):
    """The ID token was issued for another sign-in (OpenID Connect Core 1.0, section 3.1.3.7)."""

    reason = "nonce-mismatch"
    status = 400


class IssuerMismatchError(SignInError):
    """The answer, or the discovery document, comes from another issuer (RFC 9207)."""

    reason = "issuer-mismatch"
    status = 400


class IssuerMisconfiguredError(IssuerMismatchError, ProviderUnavailableError):
    """What is published at the configured issuer is not that issuer's: `issuer` is wrong.

    No sign-in succeeds until the file is put right; sessions go on meanwhile.
    """

    reason = "issuer-misconfigured"
    status = 502


class TokenTooLargeError(SignInError):
    """The provider gave a token that is larger than any the gateway keeps."""

    reason = "provider-token-too-large"
    status = 502


class InvalidIdTokenError(SignInError):
    """The ID token is missing, not signed by the provider, or not meant for this gateway."""

    reason = "invalid-id-token"
    status = 502


class ProviderRefusedError(SignInError):
    """The provider answered with an error (RFC 6749, section 4.1.2.1)."""

    reason = "provider-error"
    status = 403


class AccessRefusedError(ProviderRefusedError):
    """The person, or a rule of the provider, said no: ``access_denied``."""

    reason = "access-refused"
    status = 403


class CodeRefusedError(SignInError):
    """The token endpoint did not accept the code (RFC 6749, section 5.2)."""

    reason = "code-refused"
    status = 400


class ClientRefusedError(SignInError):
    """The token endpoint does not know this client, or not by this secret."""

    reason = "client-refused"
    status = 502


class UserMissingError(SignInError):
    """No claim says who the user is."""

    reason = "user-missing"
    status = 403


class SubjectMismatchError(SignInError):
    """Userinfo or a later ID token speaks of another subject."""

    reason = "subject-mismatch"
    status = 400


class UnknownProviderError(SignInError):
    """No provider of that name is configured."""

    reason = "unknown-provider"
    status = 404


class SignInLoopError(SignInError):
    """Several sign-ins completed within seconds in one browser: its session does not stick."""

    reason = "sign-in-loop"
    status = 508


class RefreshRefusedError(SignInError):
    """The provider says the grant is over: ``invalid_grant`` (RFC 6749, section 5.2)."""

    reason = "refresh-refused"
    status = 401


class UserinfoRefusedError(ProviderUnavailableError):
    """The access token does not open userinfo (RFC 6750, section 3.1); `reason` stays."""
