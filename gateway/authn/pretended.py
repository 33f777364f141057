"""A dry run's authenticators: they read requests as usual, but their lookups are faked."""

from collections.abc import Callable

from gateway.authn.authenticator import Authenticator, Outcome, Pending
from gateway.message.request import Request


class PretendedAuthenticator:
    """Reads requests as `real` does, but asks `worth` and not a store or issuer.

    See Authenticator.
    """

    def __init__(self, real: Authenticator, worth: Callable[[str], Outcome | None]) -> None:
        """`worth` returns the outcome for a kind of credential; None to look it up after all."""
        self._real = real
        self._worth = worth
        self.credential = real.credential
        self.fields = real.fields
        self.cookies = real.cookies

    def recognises(self, field: bytes, value: bytes) -> bool:
        """See Authenticator.recognises."""
        return self._real.recognises(field, value)

    def judge(self, request: Request) -> Outcome | Pending:
        """See Authenticator.judge."""
        outcome = self._real.judge(request)
        if isinstance(outcome, Pending):
            return self._worth(self.credential) or outcome
        return outcome
