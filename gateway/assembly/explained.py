"""Explains made-up requests to those who administer a running gateway, as `gatepost explain`."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gateway.settings.schema import Settings
from gateway.storage.store import Clock

if TYPE_CHECKING:
    from gateway.assembly.pretence import Pretence


class Explainer:
    """Explains one request after the other, each in a thread: it builds a whole pipeline."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()

    async def explain(self, settings: Settings, options: Mapping[str, Any]) -> dict[str, Any]:
        """The explanation as JSON; `options` are members of `Pretence`.

        Raises:
            PretenceError: An option is not valid.
        """
        from gateway.assembly.pretence import Pretence  # Few gateways ever explain.

        pretence, now = Pretence(**options), self._clock()
        async with self._turn:
            return await asyncio.to_thread(_explained, settings, pretence, now)


def _explained(settings: Settings, pretence: "Pretence", now: float) -> dict[str, Any]:
    from gateway.assembly.explanation import explain_all

    # In a loop of its own, so that requests do not wait for it.
    return asyncio.run(explain_all(settings, pretence, now)).as_json()
