"""Tells the app of an account before anybody acts by it: once, on however many workers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from gateway.accounts.account import Account
from gateway.accounts.errors import ExternalIdTakenError
from gateway.accounts.hook_event import HookAnswer, HookEvent
from gateway.accounts.hooks import Hooks
from gateway.accounts.manager import Accounts
from gateway.errors import HookFailedError
from gateway.model import Identity

_log = logging.getLogger(__name__)

# Longer than the hooks together may take, and not much: others wait for a worker that is killed.
_LONGER_S = 5.0
_WAIT_S = 60.0
_POLL_S = 0.1

Sleep = Callable[[float], Awaitable[None]]


class HookProvisioning:
    """Runs the hooks of the configuration; see Provisioning."""

    def __init__(self, accounts: Accounts, hooks: Hooks, sleep: Sleep = asyncio.sleep) -> None:
        self._accounts = accounts
        self._hooks = hooks
        self._sleep = sleep

    async def entering(
        self, account_id: str, account: Account, identity: Identity, *, signs_in: bool
    ) -> None:
        """See Provisioning.entering."""
        if not account.is_provisioned and self._hooks.has("create"):
            await self._create(account_id, identity)
        elif signs_in and account.signed_in(identity).seen != account.seen:
            await self.updated(account_id, account, identity)
        if signs_in:
            await self._run("sign_in", account_id, account, identity)

    async def updated(self, account_id: str, account: Account, identity: Identity) -> None:
        """See Provisioning.updated."""
        if not account.is_provisioned and self._hooks.has("create"):
            return  # The app learns all of it when the account is first used.
        await self._run("update", account_id, account, identity)

    async def _create(self, account_id: str, identity: Identity) -> None:
        """Run the hooks for a new account, or wait for the worker that does.

        The account is marked only after they have run: if this worker is killed in between, they
        run again, with the same idempotency key.
        """
        records = self._accounts.records
        waited_s = 0.0
        while True:
            lock = await records.lock(
                "provision", account_id, ttl_s=self._hooks.longest_s("create") + _LONGER_S
            )
            if lock is not None:
                break
            if await self._is_provisioned(account_id):
                return
            if waited_s >= _WAIT_S:
                raise HookFailedError(f"account {account_id}: another worker is not done with it")
            waited_s += _POLL_S
            await self._sleep(_POLL_S)
        try:
            _, account = await records.get(account_id)
            if account is None or account.is_provisioned:
                return
            await self._run("create", account_id, account, identity)
            await self._accounts.change(account_id, lambda it: replace(it, is_provisioned=True))
        finally:
            await records.unlock(lock)

    async def _is_provisioned(self, account_id: str) -> bool:
        _, account = await self._accounts.records.get(account_id)
        return account is not None and account.is_provisioned

    async def _run(self, event: str, account_id: str, account: Account, identity: Identity) -> None:
        if not self._hooks.has(event):
            return
        answer = await self._hooks.run(HookEvent(event, account_id, identity, account.external_id))
        await self._keep(account_id, answer)

    async def _keep(self, account_id: str, answer: HookAnswer) -> None:
        """Keep what the app answered with the account."""
        if answer.external_id is not None:
            try:
                await self._accounts.set_external_id(account_id, answer.external_id)
            except ExternalIdTakenError as error:
                # Both persons would be one user of the app.
                _log.error("account %s: a hook answered the external id of another", account_id)
                raise HookFailedError(f"account {account_id}: the external id is taken") from error
        if answer.roles is not None:
            roles = answer.roles
            await self._accounts.change(account_id, lambda it: replace(it, roles=roles))
