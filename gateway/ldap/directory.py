"""One directory, asked in threads of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from gateway.errors import ProviderUnavailableError
from gateway.ldap.connection import connected
from gateway.ldap.look_up import proven, still_there
from gateway.ldap.plan import plan_of
from gateway.model import Identity
from gateway.settings.ldap import LdapSettings

_T = TypeVar("_T")

_THREADS = 8
# Connecting, TLS, two or three binds and searches: none may take all of its time.
_STEPS = 4


class Directory:
    """Asks a directory about people.

    Attributes:
        settings: Those it was made from.
        has_answered: Whether it has answered the last time it was asked.
        failure: Why it did not; empty if it did, or was not asked.
    """

    def __init__(self, settings: LdapSettings) -> None:
        self.settings = settings
        self.has_answered = False
        self.failure = ""
        self._plan = plan_of(settings)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ldap")

    @property
    def issuer(self) -> str:
        """The issuer of its people."""
        return self._plan.issuer

    @property
    def recheck_s(self) -> float | None:
        """How often to ask about who is signed in, in seconds; None if it cannot be asked."""
        return self._plan.recheck_s if self._plan.can_search else None

    async def find(self, user: str, password: str) -> Identity | None:
        """Who typed `user` and `password`; None if either is wrong.

        Raises:
            ProviderUnavailableError: The directory cannot tell.
        """
        return await self._run(partial(proven, self._plan, user, password))

    async def ask_again(self, previous: Identity) -> Identity | None:
        """Who `previous` is by now; None if the person may not be signed in any more.

        When and how the person signed in stays as it was.

        Raises:
            ProviderUnavailableError: The directory cannot tell.
        """
        found = await self._run(partial(still_there, self._plan, previous))
        if found is None or found.subject_key() != previous.subject_key():
            return None
        return replace(
            found,
            authenticated_at=previous.authenticated_at,
            acr=previous.acr,
            amr=previous.amr,
            scopes=previous.scopes,
        )

    async def try_connection(self) -> None:
        """Connect, with TLS where it is asked for.

        Raises:
            ProviderUnavailableError: That fails.
        """
        await self._run(self._connected)

    async def try_searcher(self) -> int:
        """Bind the account that searches, and search; how many people the base has, at most 2.

        Raises:
            ProviderUnavailableError: One of both fails, or a search for groups.
        """
        return await self._run(self._searched)

    def close(self) -> None:
        """Start nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _connected(self) -> None:
        with connected(self._plan):
            pass

    def _searched(self) -> int:
        plan = self._plan
        with connected(plan) as connection:
            connection.bind_searcher()
            wanted = plan.filter.replace("{user}", "*")
            found = connection.search(plan.base, "SUBTREE", wanted, (plan.subject,), 1)
            if not plan.groups.attribute:
                # Every sign-in searches here, and fails if the base does not exist.
                groups = plan.groups
                connection.search(groups.base, "SUBTREE", "(objectClass=*)", (groups.name,), 1)
            return len(found.entries) + (not found.is_whole)

    async def _run(self, work: Callable[[], _T]) -> _T:
        try:
            found = await self._run_in_thread(work)
        except ProviderUnavailableError as error:
            self.has_answered, self.failure = False, str(error)
            raise
        self.has_answered, self.failure = True, ""
        return found

    async def _run_in_thread(self, work: Callable[[], _T]) -> _T:
        loop = asyncio.get_running_loop()
        try:
            # A thread cannot be stopped: it ends by its own limits, and occupies one of a few.
            async with asyncio.timeout(self._plan.timeout_s * _STEPS):
                return await loop.run_in_executor(self._threads, work)
        except TimeoutError as error:
            raise ProviderUnavailableError("ldap: no answer in time") from error
        except RuntimeError as error:
            # A reload has closed it meanwhile.
            raise ProviderUnavailableError(f"ldap: {error}") from error
