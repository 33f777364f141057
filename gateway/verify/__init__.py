"""For apps behind the gateway: verify ``Gatepost-Assertion`` and learn who is asking.

Needs joserfc and the standard library, and imports nothing else of the gateway.
"""

from gateway.verify.asgi import AsgiMiddleware
from gateway.verify.assertion import Identity, InvalidAssertionError
from gateway.verify.keys import KeysUnavailableError
from gateway.verify.verifier import Verifier, verify_assertion
from gateway.verify.wsgi import WsgiMiddleware

__all__ = [
    "AsgiMiddleware",
    "Identity",
    "InvalidAssertionError",
    "KeysUnavailableError",
    "Verifier",
    "WsgiMiddleware",
    "verify_assertion",
]
