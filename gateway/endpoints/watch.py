"""What those who administer the gateway can see of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gateway.record.report import GatewayReport
from gateway.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Watch:
    """What is served, and what came of it.

    Attributes:
        settings: Also with the routes that are not enforced.
        report: Asks all workers.
        explain: What would happen to a request with these options of `gatepost explain`, as that
            prints it as JSON.  Raises ValueError with what is wrong with an option.
    """

    settings: Settings
    report: Callable[[], Awaitable[GatewayReport]]
    explain: Callable[[Mapping[str, object]], Awaitable[Mapping[str, object]]]
