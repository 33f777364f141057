"""Why somebody has no account to act by."""

from gateway.errors import AccountError, GatewayError, StoreUnavailableError


class UserTakenError(AccountError):
    """The user name belongs to another account."""

    reason = "user-taken"
    status = 403


class NotInvitedError(AccountError):
    """Only linked and invited identities get an account."""

    reason = "not-invited"
    status = 403


class EmailAmbiguousError(AccountError):
    """More than one account has the verified address, so that it is unknown which one to join."""

    reason = "email-ambiguous"
    status = 403


class ExternalIdTakenError(GatewayError):
    """The app's own key of a person is that of another account."""

    reason = "external-id-taken"
    status = 409


class NoSuchAccountError(GatewayError):
    """There is no account of that id or user name."""

    reason = "no-such-account"
    status = 404


class NoSuchInvitationError(GatewayError):
    """The invitation was taken up or taken back."""

    reason = "invitation-unknown"
    status = 404


class SubjectTakenError(GatewayError):
    """Somebody acts by another account already."""

    reason = "subject-taken"
    status = 409


class UnreadableError(StoreUnavailableError):
    """A record was written under another key, or is damaged."""
