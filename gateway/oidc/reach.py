"""Calls to one provider the way its settings say: at its internal address."""

from collections.abc import Mapping

from gateway.oidc.http import Answer, ProviderHttp
from gateway.oidc.internal_url import Addresses


def reached(http: ProviderHttp, addresses: Addresses) -> ProviderHttp:
    """`http` for the calls to the provider at `addresses`; they share its connections."""
    return _Reached(http, addresses)


class _Reached(ProviderHttp):
    def __init__(self, http: ProviderHttp, addresses: Addresses) -> None:
        super().__init__()
        self._http = http
        self._addresses = addresses

    async def send(
        self,
        method: str,
        url: str,
        fields: Mapping[str, str],
        body: bytes | None,
        timeout_s: float | None = None,
    ) -> Answer:
        """See ProviderHttp.send."""
        return await self._http.send(method, self._addresses.called(url), fields, body, timeout_s)
