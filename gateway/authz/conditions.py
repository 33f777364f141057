"""The policy conditions by name: one frozen dataclass each, one line each in `CONDITIONS`.

A condition reads `Facts` and nothing else: no I/O, no clock.  If it needs a new fact, the
authenticate stage gathers it.  Adding a condition is adding a class and its line here, a setting
of the same name, and rows to the table in ``tests/authz/test_conditions.py``.

`of` takes the value as the settings have it and gives the conditions it stands for, all of which
must hold: one, but for mappings.
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
from gateway.authz.request_conditions import HeaderIs, IpIn, MethodIs
from gateway.authz.sign_in_conditions import AcrIs, AmrHas, SignedInWithin

# In the order they are checked, and told, within an item.
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
    "acr": AcrIs,
    "amr": AmrHas,
    "max_age": SignedInWithin,
}
