"""The account page's section for secrets that are sent to apps: set or removed, never shown."""

from collections.abc import Mapping, Sequence, Set

from gateway.accounts.account import MAX_SECRET
from gateway.accounts.manager import Accounts
from gateway.endpoints.deps import Deps
from gateway.endpoints.own_act import own_act
from gateway.errors import GatewayError
from gateway.message.request import Request
from gateway.sessions.session import Session

_FIELDS = frozenset({"secret_name", "secret"})


class BadSecretError(GatewayError):
    """The secret cannot be stored or sent."""

    reason = "invalid-request"
    status = 400


class OwnSecrets:
    """Secrets that the configuration sends to apps, stored with each user's account."""

    name = "secrets"

    def __init__(self, deps: Deps, accounts: Accounts, names: Sequence[str]) -> None:
        """Let users set the secrets in `names`."""
        self._deps = deps
        self._accounts = accounts
        self._names = names

    async def shown(self, request: Request, session: Session) -> Mapping[str, object] | None:
        """The secrets by name, and whether each is set."""
        held = session.identity.secrets
        rows = [{"name": name, "is_set": name in held} for name in self._names]
        return {"rows": rows} if rows else None

    def takes(self, fields: Set[str]) -> bool:
        """``secret_name`` and ``secret``."""
        return fields == _FIELDS

    async def act(self, request: Request, session: Session, form: Mapping[str, str]) -> None:
        """Set the secret; an empty one removes the existing one.

        Raises:
            BadSecretError: No app is sent a secret with this name, or the secret is not one line.
            StoreUnavailableError: The secret could not be saved.
        """
        name, secret = form["secret_name"], form["secret"].strip()
        account_id = session.identity.account_id
        if name not in self._names or account_id is None:
            raise BadSecretError(f"no secret {name!r} is sent to an app")
        if len(secret) > MAX_SECRET or not secret.isprintable():
            raise BadSecretError("a secret is one line of text")

        what = "secret.set" if secret else "secret.remove"
        async with own_act(self._deps, request, session, what, name=name):
            await self._accounts.change(account_id, lambda it: it.with_secret(name, secret or None))
