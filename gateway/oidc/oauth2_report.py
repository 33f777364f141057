"""Findings about a provider of plain OAuth 2.0, which publishes nothing that could be read."""

from gateway.errors import GatewayError
from gateway.oidc.finding import Finding
from gateway.oidc.http import ProviderHttp
from gateway.oidc.registration import Names, OAuth2, Registration

_NOT_FOUND = frozenset({301, 302, 307, 308, 404, 405, 410})


async def examine_oauth2(
    registration: Registration, oauth2: OAuth2, http: ProviderHttp
) -> tuple[Finding, ...]:
    """What can be told without a user: the endpoints, whether they answer, and what they give."""
    lists = [it.endpoint for it in oauth2.groups]
    asked = [oauth2.userinfo_endpoint, oauth2.emails_endpoint, *lists]
    answers = [await _asked(registration.name, url, http) for url in asked if url]
    return (
        Finding("note", "discovery", "none: plain OAuth 2.0, without keys and sign-out"),
        # A host that cannot be reached is one problem, however many addresses it has.
        *dict.fromkeys(answers),
        Finding("note", "claims", f"users are known by {' or '.join(oauth2.subject)}, as text"),
        Finding("note", "claims", _groups(registration, lists, oauth2.roles_in)),
        Finding("note", "refresh", f"users are asked about again every {oauth2.recheck_s:g} s"),
    )


async def _asked(name: str, url: str, http: ProviderHttp) -> Finding:
    """Ask for a document without a token, which must be refused."""
    try:
        status = (await http.get(url)).status
    except GatewayError as error:
        says = str(error).removeprefix(f'provider "{name}": ')
        do = "make sure that this machine can reach that address and the provider responds there"
        return Finding("problem", "endpoints", says, do)
    if status in _NOT_FOUND:
        do = "compare the address with the provider's documentation"
        return Finding("problem", "endpoints", f"{url} is {status}", do)
    return Finding("ok", "endpoints", f"{url} answers ({status} without a token)")


def _groups(registration: Registration, lists: list[str], within: Names) -> str:
    if lists:
        also = f", and roles in {', '.join(within)}" if within else ""
        return f"groups from {', '.join(lists)}{also}"
    claim = " or ".join(registration.claims.groups)
    return f"groups from the claim {claim} of userinfo, if it has it"
