"""Signature algorithms of tokens."""

from typing import Literal

# All asymmetric algorithms; a test keeps this and gateway.oidc.keys in step.  "none" is left out
# because it proves nothing, and HMAC because a published key can be no secret and a shared one
# proves no issuer (RFC 8725, section 3.1).
Algorithm = Literal[
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
]
