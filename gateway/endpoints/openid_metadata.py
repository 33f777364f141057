"""What the gateway's metadata says of OpenID Connect (OpenID Connect Discovery 1.0, section 3)."""

from collections.abc import Iterable

from gateway.authserver.client import Client
from gateway.authserver.grant import OFFLINE
from gateway.authserver.id_token_keys import ALGORITHMS
from gateway.authserver.person_claims import CLAIMS_OF_SCOPE, OPENID
from gateway.authserver.request import PROMPTS
from gateway.endpoints.client_assertion import ALGORITHMS as PROOF_ALGORITHMS

_OF_PERSON = sorted({name for names in CLAIMS_OF_SCOPE.values() for name in names})
_OF_SIGN_IN = ("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "sid")


def openid_members(issuer: str, clients: Iterable[Client]) -> dict[str, object]:
    """The members for `clients` of the configuration, and for any others."""
    found: dict[str, object] = {
        "jwks_uri": f"{issuer}/jwks",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "end_session_endpoint": f"{issuer}/end_session",
        "scopes_supported": [OPENID, *CLAIMS_OF_SCOPE, OFFLINE],
        "claims_supported": [*_OF_SIGN_IN, *_OF_PERSON],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "prompt_values_supported": list(PROMPTS),
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        # Clients assume that it is (section 3).
        "request_uri_parameter_supported": False,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }
    if any(client.keys for client in clients):
        found["token_endpoint_auth_signing_alg_values_supported"] = list(PROOF_ALGORITHMS)
    return found
