"""Why a connection failed, in a few plain words."""

import os
import ssl


def reason_of(error: Exception) -> str:
    """The reason of `error`, of the operating system or of TLS, without numbers."""
    match error:
        case TimeoutError():
            return "no answer in time"
        case ssl.SSLCertVerificationError():
            return f"the certificate is refused: {error.verify_message}"
        case ssl.SSLError():
            return (error.reason or "TLS failed").replace("_", " ").lower()
        case OSError() if error.errno and error.errno > 0:
            # asyncio writes a text of its own, with the address, into `strerror`.
            return os.strerror(error.errno).lower()
        case OSError():
            # Name resolution has negative numbers, and texts of its own.
            return (error.strerror or "no address accepts the connection").lower()
        case _:
            return "the connection was closed"
