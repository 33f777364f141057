"""The providers of the matrix.

To add one, write how it is started and what it does not offer, and a line here and in
scripts/setup-providers.
"""

from tests.providers import (
    canaille,
    dex,
    gitea,
    glewlwyd,
    hydra,
    keycloak,
    node_oidc_provider,
    zitadel_example,
)
from tests.providers.provider import Kind

KINDS: dict[str, Kind] = {
    it.installed: it
    for it in (
        node_oidc_provider.OIDC_PROVIDER_8,
        node_oidc_provider.OIDC_PROVIDER_9,
        keycloak.KEYCLOAK,
        canaille.CANAILLE,
        dex.DEX,
        hydra.HYDRA,
        gitea.GITEA,
        glewlwyd.GLEWLWYD,
        zitadel_example.ZITADEL_EXAMPLE,
    )
}

# The columns of the matrix, and what each means.
SCENARIOS = {
    "sign-in": "a person signs in and the app gets who it is",
    "groups": "groups or roles arrive at the app, and rules see them",
    "refresh": "the session is refreshed before the access token ends",
    "logout": "signing out at Gatepost signs out at the provider, and comes back",
    "back-channel": "signing out at the provider ends the session at Gatepost",
    "keys": "a new signing key is found without a restart",
    "wrong secret": "a wrong client secret is told to the person and in the log",
    "report": "`gatepost provider` finds no problem",
}


def offering(scenario: str) -> list[str]:
    """The providers that a scenario is tested with."""
    return [name for name, kind in KINDS.items() if scenario not in kind.lacks]


def lacking(scenario: str) -> list[str]:
    """The providers that do not offer a scenario."""
    return [name for name, kind in KINDS.items() if scenario in kind.lacks]
