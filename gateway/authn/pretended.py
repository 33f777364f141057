"""A dry run's authenticators: they read requests as usual, but their lookups are faked."""

from collections.abc import Mapping

from gateway.authn.authenticator import Authenticator, Outcome, Pending
from gateway.message.request import Request


class PretendedAuthenticator:
    """Reads requests as `real` does, but takes looked-up outcomes from `worth`.

    See Authenticator.
    """

    def __init__(self, real: Authenticator, worth: Mapping[str, Outcome]) -> None:
        """Use the outcome in `worth` for this kind of credential instead of looking it up."""
        self._real = real
        self._worth = worth
        self.credential = real.credential
        self.fields = real.fields
        self.cookies = real.cookies

    def recognises(self, field: bytes, value: bytes) -> bool:
        """See Authenticator.recognises."""
        return self._real.recognises(field, value)

    def judge(self, request: Request) -> Outcome | Pending:
        """See Authenticator.judge; the answer of the store or issuer comes from `worth`."""
        outcome = self._real.judge(request)
        if isinstance(outcome, Pending):
            return self._worth.get(self.credential, outcome)
        return outcome
