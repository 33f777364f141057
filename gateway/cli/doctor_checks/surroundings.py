"""What all checks of `gatepost doctor` share."""

from dataclasses import dataclass, field

from gateway.oidc.http import ProviderHttp
from gateway.sealing.sealer import Sealer
from gateway.settings.schema import Settings
from gateway.storage.store import Clock

# How long one call may take, to whatever it goes.
STEP_S = 5.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The configuration, and how to ask what is around it.

    Attributes:
        warnings: Those of `gatepost check`.
        sealer: The gateway's secrets; None if there are none yet, or this user cannot read them.
        why_no_sealer: Why there is no sealer; ``""`` if no gateway has made one yet.
        not_running: Why no gateway runs on this machine; ``""`` if one does.
    """

    settings: Settings
    warnings: tuple[str, ...]
    sealer: Sealer | None = field(repr=False)
    why_no_sealer: str
    not_running: str
    http: ProviderHttp
    clock: Clock
