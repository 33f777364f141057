"""Loads the certificates and keys that the configuration names, to find errors at startup.

OpenSSL reports an unusable file late and with little detail.
"""

import ssl
from collections.abc import Iterator

_NO_CERTIFICATE = "contains no readable certificate (PEM)"
_NO_KEY = "contains no readable private key (PEM)"
_ENCRYPTED = "is encrypted: use a key without a passphrase"
_NOT_ITS_KEY = frozenset({"KEY_TYPE_MISMATCH", "KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"})
# OpenSSL's security level refuses short keys and broken signature algorithms.
_TOO_WEAK = frozenset({"CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "EE_KEY_TOO_SMALL"})


class _EncryptedError(Exception):
    """OpenSSL needs a passphrase, and would prompt for it on the terminal."""


def certificates_problem(file: str) -> str:
    """Why `file` has no usable certificates; ``""`` if it has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(file)
    except OSError:
        return _NO_CERTIFICATE
    return "" if context.cert_store_stats()["x509"] else _NO_CERTIFICATE


def pair_problems(cert_file: str, key_file: str) -> Iterator[tuple[str, str]]:
    """Why a key does not work with its certificate: the setting to fix, and the problem."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file, _no_passphrase)
    except _EncryptedError:
        yield "key_file", _ENCRYPTED
    except ssl.SSLError as error:
        if error.reason in _TOO_WEAK:
            yield "cert_file", f"is too weak: {error.reason.lower().replace('_', ' ')}"
        elif error.reason in _NOT_ITS_KEY:
            yield "key_file", f"is not the key of the first certificate in {cert_file!r}"
        else:
            yield "key_file", _NO_KEY
    except OSError as error:
        yield "key_file", f"cannot be read: {error.strerror}"


def _no_passphrase() -> str:
    raise _EncryptedError
