"""Calls to one provider as its settings say: internal address, TLS, proxy."""

from collections.abc import Mapping

from gateway.oidc.client_tls import ClientTls
from gateway.oidc.http import DIRECT, Answer, ProviderHttp, Way
from gateway.oidc.internal_url import Addresses
from gateway.oidc.proxies import proxy_for
from gateway.settings.provider_reach import ProviderTlsSettings


def reached(
    http: ProviderHttp,
    addresses: Addresses,
    tls: ProviderTlsSettings | None = None,
    proxy: str | None = None,
) -> ProviderHttp:
    """`http` for the calls to the provider at `addresses`; they share its connections.

    Without a `proxy`, the environment's counts.
    """
    own_tls = None if tls is None or tls == ProviderTlsSettings() else ClientTls(tls)
    return _Reached(http, addresses, own_tls, proxy)


class _Reached(ProviderHttp):
    def __init__(
        self, http: ProviderHttp, addresses: Addresses, tls: ClientTls | None, proxy: str | None
    ) -> None:
        super().__init__()
        self._http = http
        self._addresses = addresses
        self._tls = tls
        self._proxy = proxy

    async def send(
        self,
        method: str,
        url: str,
        fields: Mapping[str, str],
        body: bytes | None,
        timeout_s: float | None = None,
        way: Way = DIRECT,
    ) -> Answer:
        """See ProviderHttp.send; `way` is the provider's."""
        called = self._addresses.called(url)
        way = Way(
            tls=None if self._tls is None else self._tls.context(),
            proxy=proxy_for(called, self._proxy),
        )
        return await self._http.send(method, called, fields, body, timeout_s, way)
