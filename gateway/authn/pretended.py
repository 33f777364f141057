"""Credentials that are read as ever, and whose worth is pretended: for a dry run."""

from collections.abc import Mapping

from gateway.authn.authenticator import Authenticator, Outcome, Pending
from gateway.message.request import Request


class PretendedAuthenticator:
    """Reads requests as `real` does, and looks nothing up that `worth` says; see Authenticator."""

    def __init__(self, real: Authenticator, worth: Mapping[str, Outcome]) -> None:
        """Take what `worth` has for this kind of credential, as of each request, for the truth."""
        self._real = real
        self._worth = worth
        self.credential = real.credential
        self.fields = real.fields
        self.cookies = real.cookies

    def recognises(self, field: bytes, value: bytes) -> bool:
        """See Authenticator.recognises."""
        return self._real.recognises(field, value)

    def judge(self, request: Request) -> Outcome | Pending:
        """See Authenticator.judge; what the store or an issuer would be asked is pretended."""
        outcome = self._real.judge(request)
        if isinstance(outcome, Pending):
            return self._worth.get(self.credential, outcome)
        return outcome
