"""The pipeline of a configuration, apart from the world: an empty store, and no provider."""

import secrets
from collections.abc import Callable

from gateway.assembly.lasting import load_lasting
from gateway.assembly.providers import bearer_of
from gateway.assembly.serving import Configuration, clock, pipeline_of
from gateway.authn import Outcome
from gateway.authn.pretended import PretendedAuthenticator
from gateway.authz.access import Access
from gateway.errors import ProviderUnavailableError
from gateway.limits import RateTable
from gateway.oidc.http import Answer, Call, ProviderHttp
from gateway.pipeline.pipeline import Pipeline
from gateway.record.audit_writer import AuditWriter
from gateway.record.metrics import Metrics
from gateway.sealing.sealer import MIN_SECRET_BYTES
from gateway.sessions import Sealer
from gateway.settings.schema import Settings
from gateway.storage.memory import MemoryStore


async def pipeline_apart(
    settings: Settings,
    audit: AuditWriter,
    worth: Callable[[str], Outcome | None],
    access_of: Callable[[Access], Access] = lambda access: access,
    rates: RateTable | None = None,
) -> Pipeline:
    """A pipeline of `settings` that writes nothing and connects to nothing.

    `worth` is what each kind of credential proves, as PretendedAuthenticator has it; requests are
    counted in `rates`, if given.
    """
    sealer = Sealer((secrets.token_bytes(MIN_SECRET_BYTES),))
    http = _NoProviderHttp()
    lasting = await load_lasting(
        settings, sealer, MemoryStore(clock), http, Metrics(), audit, rates or RateTable(), clock
    )
    bearer = bearer_of(settings, http, lasting.accounts, clock)
    config = Configuration(
        settings, lasting.providers, lasting.apps, sealer, bearer, lasting.directories
    )
    pipeline, _ = pipeline_of(
        config, lasting, lambda real: PretendedAuthenticator(real, worth), access_of
    )
    return pipeline


class _NoProviderHttp(ProviderHttp):
    """Fails every call."""

    async def send(self, call: Call) -> Answer:
        """See ProviderHttp.send."""
        raise ProviderUnavailableError(f"{call.method} {call.url}: a dry run asks no provider")
