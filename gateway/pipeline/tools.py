"""What a pipeline works with besides the configuration's rules."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.endpoints.doctor import Doctor
from gateway.endpoints.table import Endpoints
from gateway.endpoints.well_known import WellKnown
from gateway.pipeline.admit import SessionTools
from gateway.pipeline.forward_auth import ForwardAuth
from gateway.pipeline.oauth2_proxy import OAuth2ProxyAuth
from gateway.record.audit_writer import AuditWriter
from gateway.record.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Tools:
    """What the pipeline needs besides the configuration.

    Attributes:
        monotonic: Seconds of a clock that never jumps.
        well_known: Endpoints outside the gateway's own prefix; None if there are none.
        user_header: The attribute of an identity that apps get as the user.
        forward_auth: How proxies ask; None if they may not.
        doctor: Tells `gatepost doctor` how its requests arrive; None if it may not ask.
        knows_client: Whether there is a client of this name, whose tokens are good.
        oauth2_proxy: Answers for oauth2-proxy, if it is to: questions, and all else below /oauth2/.
    """

    endpoints: Endpoints
    metrics: Metrics
    audit: AuditWriter
    sessions: SessionTools
    new_request_id: Callable[[], str]
    trace_parent: Callable[[str | None], str]
    monotonic: Callable[[], float]
    knows_client: Callable[[str], bool] = lambda _name: False
    well_known: WellKnown | None = None
    user_header: str = "user"
    forward_auth: ForwardAuth | None = None
    doctor: Doctor | None = None
    oauth2_proxy: tuple[OAuth2ProxyAuth, Endpoints] | None = None
