"""Applies account settings, and the effects of account changes on sessions."""

from gateway.accounts.account import Account
from gateway.accounts.entrance import Rules
from gateway.accounts.hooks import Hooks
from gateway.accounts.manager import Accounts
from gateway.accounts.provisioning import HookProvisioning
from gateway.assembly.background import BackgroundTasks
from gateway.kinds import LDAP, LOCAL
from gateway.model import Identity
from gateway.sessions.all_sessions import AllSessions
from gateway.settings.accounts import AccountSettings
from gateway.settings.schema import Settings
from gateway.storage.store import Clock


def ways_in(settings: Settings) -> frozenset[str]:
    """The names that sessions have as their provider, under `settings`."""
    local = [LOCAL] if settings.has_local_accounts else []
    directory = [] if settings.ldap is None else [LDAP]
    return frozenset((*settings.providers, *local, *directory))


class AccountPolicy:
    """Keeps accounts in line with the current configuration."""

    def __init__(self, accounts: Accounts, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock
        self._settings = AccountSettings()
        self._hooks: Hooks | None = None
        self._closing = BackgroundTasks()

    def hooks_of(self, settings: AccountSettings) -> Hooks | None:
        """The hooks of `settings`; reuses the current ones if the settings are the same.

        Raises:
            SettingsError: A package that a hook needs is not installed.
        """
        if self._hooks is not None and settings.hooks == self._settings.hooks:
            return self._hooks
        return Hooks(settings.hooks, self._clock) if settings.hooks else None

    def follow(
        self, settings: AccountSettings, hooks: Hooks | None, ways_in: frozenset[str] | None
    ) -> None:
        """Apply `settings` to new accounts and tell apps with `hooks`; for `ways_in`, see Rules."""
        before, self._hooks, self._settings = self._hooks, hooks, settings
        self._accounts.rules = Rules(
            only_invited=settings.provision == "invited",
            links_by_email=settings.link_by_verified_email,
            ways_in=ways_in,
        )
        self._accounts.provisioning = (
            None if hooks is None else HookProvisioning(self._accounts, hooks)
        )
        if before is not None and before is not hooks:
            self._closing.start(before.close())

    def refuses(self, identity: Identity) -> bool:
        """Whether `identity` is of a session that began in a way which is gone from the file."""
        return identity.session_id is not None and self._accounts.rules.refuses(identity.provider)

    async def aclose(self) -> None:
        """Close the hooks' connections."""
        await self._closing.aclose()
        if self._hooks is not None:
            await self._hooks.close()


def connect_sessions(accounts: Accounts, sessions: AllSessions) -> None:
    """Apply every change that this process makes to `accounts` to `sessions`."""

    async def changed(_account_id: str, before: Account, after: Account) -> None:
        if after.is_client or before.is_client:
            # A person with the same subject at the issuer may have sessions; a client has none.
            return
        if after.is_disabled:
            await sessions.end_all_of({*before.subjects, *after.subjects})
            return
        if after.merged_into is None:
            # Identities that no longer belong to the account.
            await sessions.end_all_of(set(before.subjects) - set(after.subjects))
        if before.kept != after.kept or after.took(before):
            await sessions.doubt_account({*before.subjects, *after.subjects})

    accounts.on_change(changed)
