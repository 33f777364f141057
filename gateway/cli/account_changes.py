"""Opens the accounts for a command, and notes in the journal what it changes."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gateway.cli.by_command import by_command
from gateway.cli.opened import Kept, load_settings, with_kept

if TYPE_CHECKING:
    from gateway.accounts.desk import AccountDesk, Found

_T = TypeVar("_T")


def look(config: Path | None, use: "Callable[[AccountDesk], Awaitable[_T]]") -> "_T":
    """What `use` finds in the accounts."""

    async def run(kept: Kept) -> _T:
        from gateway.accounts.desk import AccountDesk

        return await use(AccountDesk(kept.accounts))

    return with_kept(load_settings(config), run)


def change(
    config: Path | None, action: str, name: str, use: "Callable[[AccountDesk], Awaitable[Found]]"
) -> "Found":
    """The account that `use` changes; the journal has `action`, done to `name` of that account."""

    async def run(kept: Kept) -> "Found":
        from gateway.accounts.desk import AccountDesk

        return await noted(kept, action, name, lambda: use(AccountDesk(kept.accounts)))

    return with_kept(load_settings(config), run)


async def noted(
    kept: Kept, action: str, name: str, use: "Callable[[], Awaitable[Found]]"
) -> "Found":
    """As `change`, for a command that opens the store itself."""
    from gateway.record.journal import Target

    async with by_command(kept, action, name) as acting:
        found = await use()
        acting.target = Target.of_account(found.account_id, found.account, name)
    return found
