"""Notes in the journal what commands do."""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from gateway.cli.opened import Kept

if TYPE_CHECKING:
    from gateway.record.journal import Acting


def by_command(
    kept: Kept, action: str, target_id: str, *, name: str = "", user: str = ""
) -> "AbstractAsyncContextManager[Acting]":
    """Do in the block what a command does; see Journal.act."""
    from gateway.record.journal import COMMAND_LINE, Target

    return kept.journal.act(COMMAND_LINE, action, Target(target_id, name, user))
