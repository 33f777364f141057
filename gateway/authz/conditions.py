"""The policy conditions by name: one frozen dataclass and one line in `CONDITIONS` each.

A condition reads only `Facts`, and does no I/O: the time is `facts.now`.  A new fact is a new field
of `Facts`, which ``pipeline/decisions.py`` fills, or of the identity, which ``authn`` makes.
docs/contributing.md says what to add for a new condition.
`of` takes the value from the settings and returns the conditions for it, all of which must hold:
one, except for mappings.
"""

from gateway.authz.condition import Condition
from gateway.authz.identity_conditions import (
    ClaimIs,
    CredentialIs,
    EmailDomainIs,
    EmailIs,
    HasRole,
    HasScope,
    InGroup,
    ProviderIs,
    UserIs,
)
from gateway.authz.message_conditions import McpMethodIs, McpToolIs
from gateway.authz.request_conditions import CountryIs, HeaderIs, IpIn, MethodIs, TimeWithin
from gateway.authz.sign_in_conditions import AcrIs, AmrHas, SignedInWithin
from gateway.authz.when.condition import When

# In the order in which they are checked and reported within an item.
CONDITIONS: dict[str, type[Condition]] = {
    "user": UserIs,
    "email": EmailIs,
    "email_domain": EmailDomainIs,
    "group": InGroup,
    "role": HasRole,
    "scope": HasScope,
    "claim": ClaimIs,
    "provider": ProviderIs,
    "credential": CredentialIs,
    "ip": IpIn,
    "method": MethodIs,
    "header": HeaderIs,
    "mcp_method": McpMethodIs,
    "mcp_tool": McpToolIs,
    "time": TimeWithin,
    "country": CountryIs,
    "when": When,
    "acr": AcrIs,
    "amr": AmrHas,
    "max_age": SignedInWithin,
}
