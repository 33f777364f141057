"""The hooks of `accounts.hooks`: an app learns of an account before its first request."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from gateway.accounts.hook_event import HookAnswer, HookEvent
from gateway.accounts.http_hook import HttpHook
from gateway.accounts.sql_hook import SqlHook
from gateway.errors import HookFailedError
from gateway.settings.accounts import HookSettings

__all__ = ["HookAnswer", "HookEvent", "Hooks"]

_log = logging.getLogger(__name__)


class Hook(Protocol):
    """One thing to do for an account."""

    @property
    def name(self) -> str:
        """What it is called in the log."""

    @property
    def timeout_s(self) -> float:
        """How long it may take, in seconds."""

    async def run(self, event: HookEvent) -> HookAnswer:
        """Do it; raises HookFailedError where it cannot be done."""

    async def close(self) -> None:
        """Close every connection."""


class Hooks:
    """Every hook of one configuration, in its order."""

    def __init__(self, settings: Sequence[HookSettings], clock: Callable[[], float]) -> None:
        """Connect to nothing yet."""
        self._hooks = [(it.on, _hook(it, clock)) for it in settings]

    def has(self, event: str) -> bool:
        """Whether any hook runs on `event`."""
        return any(event in on for on, _ in self._hooks)

    def longest_s(self, event: str) -> float:
        """How long the hooks for `event` may take together."""
        return sum(it.timeout_s for on, it in self._hooks if event in on)

    async def run(self, event: HookEvent) -> HookAnswer:
        """Run each hook that is for `event`, one after the other; what a later one answers counts.

        A hook may have run before, since after a failure all run again.  Each is told the
        external id that the one before it answered.

        Raises:
            HookFailedError: One failed; those after it did not run.
        """
        answer = HookAnswer()
        for index, (on, hook) in enumerate(self._hooks):
            if event.event not in on:
                continue
            known = event.external_id if answer.external_id is None else answer.external_id
            try:
                answer = answer.then(await hook.run(replace(event, external_id=known)))
            except HookFailedError as error:
                message = f"accounts.hooks[{index}]: {hook.name}: {event.event}: {error}"
                _log.warning("account %s: %s", event.account_id, message)
                raise HookFailedError(message) from None
        return answer

    async def close(self) -> None:
        """Close every connection."""
        for _, hook in self._hooks:
            await hook.close()


def _hook(settings: HookSettings, clock: Callable[[], float]) -> Hook:
    if settings.http is not None:
        return HttpHook(settings.http, clock)
    assert settings.sql is not None  # noqa: S101 - the settings see to it
    return SqlHook(settings.sql)
