"""Browser sessions: rules (`session`), cookie (`ticket`), sealing, life cycle (`manager`)."""

from gateway.sealing.sealer import Sealer
from gateway.sessions.device import device_name
from gateway.sessions.endings import Ended
from gateway.sessions.manager import SessionManager
from gateway.sessions.record import SessionInfo
from gateway.sessions.session import Limits, ProviderTokens, Session

__all__ = [
    "Ended",
    "Limits",
    "ProviderTokens",
    "Sealer",
    "Session",
    "SessionInfo",
    "SessionManager",
    "device_name",
]
