"""Calls to one provider as its settings say: internal address, TLS, proxy."""

from dataclasses import replace

from gateway.oidc.client_tls import ClientTls
from gateway.oidc.http import Answer, Call, ProviderHttp, Way
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

    async def send(self, call: Call) -> Answer:
        """See ProviderHttp.send; the way is the provider's."""
        url = self._addresses.called(call.url)
        way = Way(
            tls=None if self._tls is None else self._tls.context(),
            proxy=proxy_for(url, self._proxy),
        )
        return await self._http.send(replace(call, url=url, way=way))
